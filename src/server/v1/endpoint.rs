//! Endpoints: made, each with a signing secret of its own.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{body, called::Called, faults::Faults, fields::Fields, taken, told, unexpected};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command, NewEndpoint, Refusal},
        endpoint::{BodyFormat, Endpoint, EndpointState},
        endpoint_url::EndpointUrl,
        history::Name,
        id::EndpointId,
        secret::Secret,
    },
    limits,
    runtime::entropy,
    server::{
        backend::Backend,
        problem::{Code, FaultKind, Problem},
        v1::wall_time,
    },
    signing::{VerificationKey, decode_secret, encode_verification_key},
};

/// `POST /api/v1/app/{app}/endpoint`: 201.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Response {
    created(called, request)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn created<B: Backend>(called: Called<B>, request: Request) -> Result<Response, Problem> {
    let application = called.application()?;
    let body = body::read(request).await?;
    let command = Command::CreateEndpoint(Box::new(judged(&application, &body)?));
    let id = match called.backend.command(command).await {
        Ok(Answer::Endpoint { id, .. }) => id,
        Ok(Answer::NameTaken { id }) => return Err(taken("uid", &EndpointId::new(id))),
        Ok(other) => return Err(unexpected("an endpoint was asked for", Some(other))),
        Err(Refusal::TooManyEndpoints) => return Err(one_too_many()),
        Err(refusal) => return Err(refusal.into()),
    };
    let name = Name::Id(id.id());
    let found = called.backend.reads().endpoint(application.key, &name)?;
    let found = found.ok_or_else(|| unexpected("an endpoint is missing", None))?;
    told(StatusCode::CREATED, &shown(&found))
}

/// `GET /api/v1/app/{app}/endpoint/{endpoint}/secret`: 200 with the key that signs.
pub(super) async fn secret<B: Backend>(called: Called<B>) -> Response {
    let application = called.application();
    let endpoint = application.and_then(|application| called.endpoint(&application));
    let answer = endpoint.and_then(|endpoint| {
        let key = VerificationKey::of(&endpoint.target.secret);
        let key = encode_verification_key(&key);
        told(StatusCode::OK, &json!({ "key": key }))
    });
    answer.unwrap_or_else(Problem::into_response)
}

/// The endpoint that a body asks for.
fn judged(application: &Application, body: &Bytes) -> Result<NewEndpoint, Problem> {
    let mut fields = Fields::of(body, Faults::default())?;
    let url = url(&mut fields);
    let uid = fields.uid("uid", EndpointId::PREFIX);
    let event_types = event_types(&mut fields);
    let given = given_secret(&mut fields);
    let registration = json!({
        "description": fields.text_or_empty("description"),
        "metadata": fields.metadata("metadata"),
    });
    fields.only_false("disabled", "leave it out, then the endpoint is enabled");
    fields.not_yet(&[
        "channels",
        "headers",
        "throttleRate",
        "rateLimit",
        "version",
    ]);
    fields.finish()?;
    let secret = match given {
        Some(secret) => secret,
        None => entropy::secret().map_err(|error| {
            tracing::error!(%error, "an endpoint could not be given a secret");
            Problem::new(Code::Internal, error.to_string())
        })?,
    };
    // A URL that is missing or wrong was told by `finish`.
    let url = url.ok_or_else(|| unexpected("a fault was not told", None))?;
    Ok(NewEndpoint {
        application: application.key,
        url,
        secret,
        body_format: BodyFormat::Payload,
        uid,
        event_types,
        original_url_sha256: None,
        registration: registration.to_string().into(),
    })
}

/// The URL, which is taken as it is or not at all: what a parser would drop or mend is refused.
fn url(fields: &mut Fields<'_>) -> Option<EndpointUrl> {
    let text = fields.required_raw_text("url")?;
    let mut refuse = |message: String| {
        fields
            .faults
            .add(&["body", "url"], FaultKind::Value, message);
        None
    };
    let url = match EndpointUrl::parse(&text) {
        Ok(url) => url,
        Err(error) => return refuse(error.to_string()),
    };
    let is_mended = |sign: char| sign.is_whitespace() || sign.is_control() || sign == '\\';
    let parsed = url::Url::parse(&text).ok()?;
    if text.contains(is_mended) {
        refuse("a URL must not hold spaces, control characters or backslashes".into())
    } else if !parsed.username().is_empty() || parsed.password().is_some() {
        refuse("a URL must not hold a user or password: they would not be sent".into())
    } else if parsed.fragment().is_some() {
        refuse("a URL must not hold a fragment (#…): it would not be sent".into())
    } else {
        Some(url)
    }
}

/// The event types, by their name or by the one that older client libraries use.
fn event_types(fields: &mut Fields<'_>) -> Vec<Arc<str>> {
    let most = limits::ENDPOINT_EVENT_TYPES_MAX;
    let (names, older) = (
        fields.names("eventTypes", most),
        fields.names("filterTypes", most),
    );
    if names.is_some() && older.is_some() {
        let message = "`filterTypes` is an older name of `eventTypes`: send one of them";
        fields
            .faults
            .add(&["body", "filterTypes"], FaultKind::Value, message);
    }
    names.or(older).unwrap_or_default()
}

/// A secret that the caller chose.
fn given_secret(fields: &mut Fields<'_>) -> Option<Secret> {
    let text = fields.raw_text("secret")?;
    let message = match decode_secret(&text) {
        Ok(secret) if secret.expose().iter().any(|byte| *byte != 0) => return Some(secret),
        Ok(_) => "a signing secret must not be all zeros".to_owned(),
        Err(error) => error.to_string(),
    };
    fields
        .faults
        .add(&["body", "secret"], FaultKind::Value, message);
    None
}

fn one_too_many() -> Problem {
    let most = limits::ENDPOINTS_PER_APPLICATION_MAX;
    let message = format!("the application has {most} endpoints, the most there can be");
    Faults::default().and(&["path", "app"], FaultKind::Quota, &message)
}

/// An endpoint as the API shows it.
fn shown(endpoint: &Endpoint) -> Value {
    let mut said: Map<String, Value> =
        serde_json::from_slice(&endpoint.registration).unwrap_or_default();
    let created_at = wall_time::shown(endpoint.created_at.wall);
    let event_types: Vec<&str> = endpoint.event_types.iter().map(|name| &**name).collect();
    let event_types = (!event_types.is_empty()).then_some(event_types);
    json!({
        "id": endpoint.id.to_string(),
        "uid": endpoint.uid.as_deref(),
        "url": endpoint.target.url.text(),
        "description": said.remove("description").unwrap_or_else(|| "".into()),
        "eventTypes": event_types,
        "channels": null,
        "disabled": endpoint.state != EndpointState::Enabled,
        "throttleRate": null,
        "metadata": said.remove("metadata").unwrap_or_else(|| json!({})),
        "createdAt": created_at,
        "updatedAt": created_at,
    })
}
