//! Access to the portal: a token for the customers of one application, which is a key of the API
//! that reaches no further and ends by itself, or when it or all of its session are ended.

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::{StatusCode, header::HOST, uri::Authority};
use serde_json::json;

use super::{
    Answered, application, body,
    called::Called,
    faults::Faults,
    fields::Fields,
    key::{ended, made, put_end, recalled},
    nothing,
    once::{Makes, replayed_if},
    revision::{TRIES, overtaken},
    told,
};
use crate::{
    domain::{command::Refusal, id::ApplicationId},
    limits,
    server::{
        api_key::{ApiKey, Portal},
        backend::Backend,
        capability::{Capabilities, Capability},
        key_ring::KnownKey,
        problem::{Code, FaultKind, Problem},
    },
    time::{Span, Timestamp},
};

/// What a body says of a token.
struct Said {
    life: Span,
    portal: Portal,
    /// The application that is made along with it, if there is none yet.
    application: Option<application::Said>,
}

/// `POST /api/v1/auth/app-portal-access/{app}`: 200 with a URL and the token in it.
pub(super) async fn access<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let mut named = called.application_or_free()?;
    let mut gone = None;
    if matches!(named, Err(None)) {
        let since = called.application_since()?;
        (named, gone) = (Ok(since.object), since.gone);
    }
    let origin = origin_of(&request);
    let body = read_or_empty_object(request).await?;
    let said = judged(&body)?;
    let application = match (named, &said.application) {
        (Ok(known), _) => known,
        (Err(Some(free)), Some(new)) => application::made_along(&called, free, new).await?,
        (Err(_), _) => called.application()?,
    };
    clear_expired(&called).await?;
    let new = ApiKey {
        name: "portal".to_owned(),
        scope: said.portal.scope(),
        application: Some(application.id),
        expires_at: Some(called.keys.now().wall.plus(said.life)),
        rate: None,
        hint: String::new(),
        portal: Some(said.portal),
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

/// The body of a request; who has nothing to say may leave it out.
async fn read_or_empty_object(request: Request) -> Result<Bytes, Problem> {
    let body = body::read_or_empty(request).await?;
    Ok(if body.is_empty() { "{}".into() } else { body })
}

/// Judges a body that asks for a token.
fn judged(body: &Bytes) -> Result<Said, Problem> {
    let mut fields = Fields::of(body, Faults::default())?;
    // The set of flags has no effect yet: nothing here is shown to some callers only.
    fields.names_or_none("featureFlags", limits::PORTAL_FLAGS_MAX);
    let (least, most) = (limits::PORTAL_TOKEN_S_MIN, limits::PORTAL_TOKEN_S_MAX);
    let seconds = fields.whole("expiry", (least, most));
    let is_read_only = fields.flag("readOnly");
    let capabilities = capabilities(&mut fields);
    let session = fields.session("sessionId");
    let application = fields.inside("application").map(|mut inner| {
        let said = application::said(&mut inner);
        fields.take_in(inner);
        said
    });
    fields.finish()?;
    let seconds = seconds.unwrap_or(limits::PORTAL_TOKEN_S);
    Ok(Said {
        life: Span::from_seconds(i64::try_from(seconds).unwrap_or(0)),
        portal: Portal {
            capabilities: if is_read_only {
                Capabilities::view()
            } else {
                capabilities
            },
            session,
        },
        application,
    })
}

/// What the holder of a token may do: everything, unless something is named.
fn capabilities(fields: &mut Fields<'_>) -> Capabilities {
    let names = fields.names_or_none("capabilities", Capability::ALL.len());
    let Some(names) = names else {
        return Capabilities::all();
    };
    let loc = ["body", "capabilities"];
    let parsed: Option<Capabilities> = names.iter().map(|name| Capability::parse(name)).collect();
    match parsed {
        None => {
            let all = Capability::ALL.map(Capability::text).join(", ");
            let message = format!("`capabilities` must hold some of {all}");
            fields.faults.add(&loc, FaultKind::Value, message);
            Capabilities::view()
        }
        Some(set) => {
            if !set.has(Capability::ViewBase) {
                let message = "`capabilities` must hold ViewBase, which every token needs";
                fields.faults.add(&loc, FaultKind::Value, message);
            }
            set
        }
    }
}

/// `POST /api/v1/auth/logout`: 204; the token that it was asked with lets nobody in any more.
pub(super) async fn logout<B: Backend>(called: Called<B>) -> Answered {
    let reads = called.backend.reads();
    let shown = called.caller.key.map(|id| called.keys.named(id, reads));
    let known = shown.transpose()?.flatten();
    let Some(known) = known.filter(|known| known.key.portal.is_some()) else {
        let message = "only tokens of the portal log out: revoke a key with DELETE \
                       /api/v1/key/{key}";
        return Err(Problem::new(Code::Forbidden, message));
    };
    end(&called, known, None).await?;
    Ok(nothing())
}

/// `POST /api/v1/auth/app/{app}/expire-all`: 204 once every token of the application, or of the
/// sessions that are named, ends at the time that was asked for.
pub(super) async fn expire<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let application = called.application()?;
    let body = read_or_empty_object(request).await?;
    let mut fields = Fields::of(&body, Faults::default())?;
    let seconds = fields.whole("expiry", (0, limits::PORTAL_TOKEN_S_MAX));
    let sessions = fields.sessions("sessionIds", limits::PORTAL_SESSIONS_MAX);
    fields.finish()?;
    let span = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    let span = span.filter(|seconds| *seconds > 0).map(Span::from_seconds);
    let at = span.map(|span| called.keys.now().wall.plus(span));
    let is_meant = |known: &KnownKey| is_of(known, application.id, &sessions);
    let tokens = called.keys.all(called.backend.reads(), is_meant)?;
    for some in tokens.chunks(limits::PORTAL_TOKENS_ENDED_AT_ONCE) {
        let ends = some.iter().map(|known| end(&called, Arc::clone(known), at));
        futures::future::try_join_all(ends).await?;
    }
    Ok(nothing())
}

/// Whether a key is a token of this application and of one of these sessions, if any are named.
fn is_of(known: &KnownKey, application: ApplicationId, sessions: &[Arc<str>]) -> bool {
    let Some(portal) = &known.key.portal else {
        return false;
    };
    let is_named = |session: &Arc<str>| sessions.contains(session);
    known.key.application == Some(application)
        && (sessions.is_empty() || portal.session.as_ref().is_some_and(is_named))
}

/// Ends a token at once, or at a time if it does not end before.
async fn end<B: Backend>(
    called: &Called<B>,
    mut known: Arc<KnownKey>,
    at: Option<Timestamp>,
) -> Result<(), Problem> {
    for _ in 0..TRIES {
        let reply = match at {
            None => ended(called, &known).await,
            Some(at) if known.key.expires_at.is_none_or(|end| end > at) => {
                put_end(called, &known, at).await
            }
            Some(_) => Ok(()),
        };
        match reply {
            Ok(()) => return Ok(()),
            Err(Refusal::Stale) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        match called.keys.named(known.record.id, called.backend.reads())? {
            Some(now) => known = now,
            None => return Ok(()),
        }
    }
    Err(overtaken())
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
        known.key.portal.is_some() && known.key.is_expired(now)
    })?;
    for known in over.iter().take(limits::PORTAL_TOKENS_CLEARED_MAX) {
        if let Err(refusal) = ended(called, known).await {
            // Another request was faster, or the token to come is refused for the same reason.
            tracing::debug!(%refusal, "an expired token was not deleted");
        }
    }
    Ok(())
}
