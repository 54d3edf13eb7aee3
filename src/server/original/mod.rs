//! The original server's routes: register an endpoint, try out a delivery.
//!
//! Status by status and message by message as the original server answered; where it differs on
//! purpose `docs/original-server.md` says why. A registration is an endpoint of the application
//! `default`, so everything else about it is the engine's.

mod body;
mod listing;
mod order;
mod registration;

use axum::{
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use self::registration::Registration;
use super::{
    backend::Backend,
    catalogue::{Misfit, UNUSABLE},
    problem::{Code, Problem},
    router::ServerState,
};
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Answer, Command, NewEndpoint, NewEvent, Refusal},
        endpoint::BodyFormat,
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        ordering::Ordering,
    },
    limits,
    runtime::{entropy, handle::Work},
};

/// The media type of every answer of the original server.
const ANSWER_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// `POST /api/webhooks`: 201 for a new URL, 200 for a known one, with all registrations.
pub async fn register<B: Backend>(
    State(state): State<ServerState<B>>,
    request: Request,
) -> Response {
    registered(&state, request)
        .await
        .unwrap_or_else(Problem::into_original_response)
}

async fn registered<B: Backend>(
    state: &ServerState<B>,
    request: Request,
) -> Result<Response, Problem> {
    let_in(state, &request)?;
    let message = body::read(request).await?;
    let registration = Registration::judge(message.value)
        .map_err(|messages| Problem::with_messages(Code::InvalidBody, messages))?;
    let application = default_application(state)?;
    let command = new_endpoint(application, registration)?;
    let status = match state.backend.command(command).await? {
        Answer::Endpoint { fresh: true, .. } => StatusCode::CREATED,
        Answer::Endpoint { fresh: false, .. } => StatusCode::OK,
        other => return Err(unexpected(other)),
    };
    let list = listing::body(state.backend.clone(), application)?;
    Ok(answer(status, list))
}

/// Lets a request in, judged by its head alone.
fn let_in<B: Backend>(state: &ServerState<B>, request: &Request) -> Result<(), Problem> {
    let judged = state.original_access.check(request.headers());
    judged.map_err(|refusal| state.keys.refusal(refusal, request))
}

fn new_endpoint(
    application: ApplicationKey,
    registration: Registration,
) -> Result<Command, Problem> {
    let secret = entropy::secret().map_err(|error| {
        tracing::error!(%error, "an endpoint could not be given a secret");
        Problem::new(Code::Internal, error.to_string())
    })?;
    Ok(Command::CreateEndpoint(Box::new(NewEndpoint {
        uid: None,
        filter: Filter::default(),
        headers: Vec::new(),
        is_enabled: true,
        throttle_rate: None,
        ordering: Ordering::default(),
        application,
        original_url_sha256: Some(Sha256::digest(registration.url.text()).into()),
        url: registration.url,
        secret,
        body_format: BodyFormat::Original {
            token_json: registration.token_json,
        },
        registration: registration.json,
        details: Bytes::new(),
    })))
}

/// `POST /api/webhooks/test`: 202 `{}`; the whole body is delivered to every registered endpoint.
pub async fn test<B: Backend>(State(state): State<ServerState<B>>, request: Request) -> Response {
    tested(&state, request)
        .await
        .unwrap_or_else(Problem::into_original_response)
}

async fn tested<B: Backend>(state: &ServerState<B>, request: Request) -> Result<Response, Problem> {
    let_in(state, &request)?;
    let shard = state.backend.default_application().map(|known| known.shard);
    if let Some(refusal) = state.backend.early_refusal(shard, Work::New) {
        return Err(refusal.into());
    }
    let message = body::read(request).await?;
    let complaints = order::complaints(&message.value);
    if !complaints.is_empty() {
        return Err(Problem::with_messages(Code::InvalidBody, complaints));
    }
    judge_payload(state, &message.json).await?;
    let command = Command::AcceptEvent(Box::new(NewEvent {
        uid: None,
        application: default_application(state)?,
        event_type: ORDER_RECEIVED.into(),
        channels: Vec::new(),
        besides: Besides::default(),
        payload: Payload {
            content_type: JSON.into(),
            bytes: message.json,
        },
    }));
    match state.backend.command(command).await? {
        Answer::Event { .. } => Ok(answer(
            StatusCode::ACCEPTED,
            Bytes::from_static(b"{}").into(),
        )),
        other => Err(unexpected(other)),
    }
}

/// Checks a body where the catalogue asks for it, as it does with messages of the API.
async fn judge_payload<B: Backend>(state: &ServerState<B>, body: &Bytes) -> Result<(), Problem> {
    let reads = state.backend.reads();
    let misfit = state.catalogue.misfit(reads, ORDER_RECEIVED, body);
    let messages = match misfit.await? {
        None => return Ok(()),
        Some(Misfit::Unusable) => vec![UNUSABLE.to_owned()],
        Some(Misfit::Payload(complaints)) => complaints
            .into_iter()
            .take(limits::FAULTS_SHOWN_MAX)
            .map(|complaint| format!("{:?} {}", complaint.path.join("."), complaint.message))
            .collect(),
    };
    Err(Problem::with_messages(Code::InvalidBody, messages))
}

fn default_application<B: Backend>(state: &ServerState<B>) -> Result<ApplicationKey, Problem> {
    let application = state.backend.default_application();
    application.ok_or_else(|| Problem::from(Refusal::NotReady))
}

/// An answer to another question: a fault of ours, told and survived.
fn unexpected(answer: Answer) -> Problem {
    tracing::error!(?answer, "the engine answered another question");
    Problem::new(
        Code::Internal,
        "the engine gave an answer that makes no sense",
    )
}

fn answer(status: StatusCode, body: axum::body::Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, ANSWER_TYPE);
    response
}
