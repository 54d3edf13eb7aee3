//! Access to the portal: a token for the customers of one application, which is a key of the API
//! that reaches no further and ends by itself.

use axum::{extract::Request, response::Response};
use http::{StatusCode, header::HOST, uri::Authority};
use serde_json::json;

use super::{
    body,
    called::{Called, Since},
    faults::Faults,
    fields::Fields,
    key::{ended, made, recalled},
    once::{Makes, replayed_if},
    told,
};
use crate::{
    limits,
    server::{
        api_key::{ApiKey, Scope},
        backend::Backend,
        problem::Problem,
    },
    time::Span,
};

/// `POST /api/v1/auth/app-portal-access/{app}`: 200 with a URL and the token in it.
pub(super) async fn access<B: Backend>(called: Called<B>, request: Request) -> Response {
    granted(called, request)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn granted<B: Backend>(called: Called<B>, request: Request) -> Result<Response, Problem> {
    let Since { object, gone } = called.application_since()?;
    let application = object;
    let origin = origin_of(&request);
    let body = body::read_or_empty(request).await?;
    let body = if body.is_empty() { "{}".into() } else { body };
    let mut fields = Fields::of(&body, Faults::default())?;
    // The set of flags has no effect yet: nothing here is shown to some callers only.
    fields.names("featureFlags", limits::PORTAL_FLAGS_MAX);
    let (least, most) = (limits::PORTAL_TOKEN_S_MIN, limits::PORTAL_TOKEN_S_MAX);
    let seconds = fields.whole("expiry", (least, most));
    let is_read_only = fields.flag("readOnly");
    fields.not_yet(&["application", "capabilities", "sessionId"]);
    fields.finish()?;
    clear_expired(&called).await?;
    let seconds = seconds.unwrap_or(limits::PORTAL_TOKEN_S);
    let life = Span::from_seconds(i64::try_from(seconds).unwrap_or(0));
    let new = ApiKey {
        name: "portal".to_owned(),
        scope: if is_read_only {
            Scope::Read
        } else {
            Scope::Admin
        },
        application: Some(application.id),
        expires_at: Some(called.keys.now().wall.plus(life)),
        rate: None,
        hint: String::new(),
        is_portal: true,
        seed: None,
    };
    let place = (Makes::PortalToken, application.id.id());
    let made = match gone {
        None => made(&called, new, (place, &body)).await?,
        Some(unknown) => recalled(&called, (place, &body), unknown).await?,
    };
    let token = made.key;
    // Behind `#`, so that no server is sent it and no log keeps it.
    let url = format!("{origin}/portal#key={token}");
    let answer = told(StatusCode::OK, &json!({ "url": url, "token": token }))?;
    Ok(replayed_if(made.is_replayed, answer))
}

/// Where the caller reached this server, as far as it says.
fn origin_of(request: &Request) -> String {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let host = host.or_else(|| request.uri().authority().cloned());
    host.map_or_else(String::new, |host| {
        let port = host
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        format!("http://{}{port}", host.host())
    })
}

/// Deletes tokens that have expired, a few at a time, so that they don't fill the directory.
async fn clear_expired<B: Backend>(called: &Called<B>) -> Result<(), Problem> {
    let now = called.keys.now().wall;
    let reads = called.backend.reads();
    let over = called.keys.all(reads, |known| {
        known.key.is_portal && known.key.is_expired(now)
    })?;
    for known in over.iter().take(limits::PORTAL_TOKENS_CLEARED_MAX) {
        if let Err(refusal) = ended(called, known).await {
            // Another request was faster, or the token to come is refused for the same reason.
            tracing::debug!(%refusal, "an expired token was not deleted");
        }
    }
    Ok(())
}
