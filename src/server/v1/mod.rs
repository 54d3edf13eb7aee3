//! API v1: applications, endpoints, messages and attempts.
//!
//! The shapes are those that the published Svix client libraries expect, so that these drive
//! Fanfare unchanged; `docs/api.md` shows every route with an answer. What this version does not
//! have yet is refused by name, never ignored.
//!
//! Reading order: [`called`] is what a request says before its body, [`body`] and [`fields`] read
//! the body, [`faults`] gathers all that is wrong; then the objects, [`application`], [`endpoint`],
//! [`message`] and [`attempt`]; the lists of the last two are cut into pages by [`page`], whose
//! iterators are [`cursor`]s.

mod application;
mod attempt;
mod body;
mod called;
mod cursor;
mod delivery;
mod endpoint;
mod entry;
mod event_type;
mod faults;
mod fields;
mod filter;
mod half_pairs;
mod key;
mod message;
mod once;
mod page;
mod portal;
mod query;
mod revision;
mod scope;
mod status;
mod wall_time;

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Serialize;

use super::{
    api_key::Caller,
    backend::Backend,
    problem::{Code, Problem},
    router::ServerState,
};
use crate::{
    domain::command::{Answer, Refusal},
    runtime::handle::Readiness,
};

/// All routes of API v1; each asks for the key before anything else.
pub(super) fn routes<B: Backend>(state: ServerState<B>) -> Router<ServerState<B>> {
    Router::new()
        .route(
            "/api/v1/app",
            post(application::create::<B>).get(application::list::<B>),
        )
        .route(
            "/api/v1/app/{app}",
            get(application::show::<B>)
                .put(application::put::<B>)
                .patch(application::patch::<B>)
                .delete(application::delete::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint",
            post(endpoint::create::<B>).get(endpoint::list::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}",
            get(endpoint::show::<B>)
                .put(endpoint::put::<B>)
                .patch(endpoint::patch::<B>)
                .delete(endpoint::delete::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}/headers",
            get(endpoint::headers::show::<B>)
                .put(endpoint::headers::put::<B>)
                .patch(endpoint::headers::patch::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}/secret",
            get(endpoint::secret::show::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}/secret/rotate",
            post(endpoint::secret::rotate::<B>),
        )
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}/msg",
            get(delivery::of_endpoint::<B>),
        )
        .route(
            "/api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/resend",
            post(delivery::resend::<B>),
        )
        .route(
            "/api/v1/app/{app}/msg/{message}/endpoint",
            get(delivery::of_message::<B>),
        )
        .route(
            "/api/v1/app/{app}/msg",
            post(message::create::<B>).get(message::list::<B>),
        )
        .route("/api/v1/app/{app}/msg/{message}", get(message::show::<B>))
        .route(
            "/api/v1/app/{app}/msg/{message}/attempt/{attempt}",
            get(attempt::show::<B>),
        )
        .route(
            "/api/v1/app/{app}/attempt/endpoint/{endpoint}",
            get(attempt::of_endpoint::<B>),
        )
        .route(
            "/api/v1/app/{app}/attempt/msg/{message}",
            get(attempt::of_message::<B>),
        )
        .merge(event_type_routes())
        .merge(caller_routes())
        .route_layer(from_fn_with_state(state, admit::<B>))
        // Behind the layer: it asks for no key.
        .route("/api/v1/health", get(health::<B>))
}

/// The routes about who may ask.
fn caller_routes<B: Backend>() -> Router<ServerState<B>> {
    Router::new()
        .route("/api/v1/key", post(key::create::<B>).get(key::list::<B>))
        .route(
            "/api/v1/key/{key}",
            get(key::show::<B>).delete(key::revoke::<B>),
        )
        .route(
            "/api/v1/auth/app-portal-access/{app}",
            post(portal::access::<B>),
        )
}

/// The routes of the catalogue.
fn event_type_routes<B: Backend>() -> Router<ServerState<B>> {
    Router::new()
        .route(
            "/api/v1/event-type",
            post(event_type::create::<B>).get(event_type::list::<B>),
        )
        .route(
            "/api/v1/event-type/{event_type}",
            get(event_type::show::<B>)
                .put(event_type::put::<B>)
                .patch(event_type::patch::<B>)
                .delete(event_type::delete::<B>),
        )
}

/// Lets a request in or refuses it, by its head alone.
async fn admit<B: Backend>(
    State(state): State<ServerState<B>>,
    mut request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if query::names_a_credential(query) {
        let message = "keys don't belong in a URL, which stands in logs: send the key as \
                       `Authorization: Bearer <key>`";
        return Problem::new(Code::CredentialsInUrl, message).into_response();
    }
    match admitted(&state, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks, if it may ask this.
fn admitted<B: Backend>(state: &ServerState<B>, request: &Request) -> Result<Caller, Problem> {
    let reads = state.backend.reads();
    let caller = state
        .api_access
        .caller(request.headers(), &state.keys, reads)?;
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    scope::judge(&caller, request.method(), path)?;
    Ok(caller)
}

/// `GET /api/v1/health`: 204 while commands are taken, else 503.
async fn health<B: Backend>(State(state): State<ServerState<B>>) -> Response {
    match state.backend.readiness() {
        Readiness::Ready => nothing(),
        Readiness::Starting => Problem::from(Refusal::NotReady).into_response(),
        Readiness::Draining => Problem::from(Refusal::ShuttingDown).into_response(),
    }
}

/// An answer in JSON that nobody keeps a copy of.
fn told(status: StatusCode, said: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_string(said).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::new(Code::Internal, "the answer could not be written")
    })?;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// 204.
fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A name that was chosen for something new belongs to something else.
fn taken(field: &str, owner: &impl core::fmt::Display) -> Problem {
    let message = format!("this `{field}` belongs to {owner}: choose another one");
    Problem::new(Code::Conflict, message)
}

/// What was made just now can't be found, or the engine answered another question: ours to mend.
fn unexpected(what: &'static str, answer: Option<Answer>) -> Problem {
    tracing::error!(what, ?answer, "the engine and the store disagree");
    Problem::new(
        Code::Internal,
        "the engine gave an answer that makes no sense",
    )
}
