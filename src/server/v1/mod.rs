//! API v1: applications, endpoints, messages and attempts.
//!
//! The shapes are those that the published Svix client libraries expect, so that these drive
//! Fanfare unchanged; `docs/api.md` shows every route with an answer. Fields that have no effect yet
//! are kept and shown again; one that nobody knows is refused by name.
//!
//! Reading order: [`called`] is what a request says before its body, [`body`] and [`fields`] read
//! the body, [`faults`] gathers all that is wrong; then the objects, [`application`], [`endpoint`],
//! [`message`] and [`attempt`]; the lists of the last two are cut into pages by [`page`], whose
//! iterators are [`cursor`]s. [`operations`](mod@operations) is the table of all routes, from which [`description`]
//! makes the API's description, too.

mod application;
mod attempt;
mod audit;
mod blocked;
mod body;
mod called;
mod cursor;
mod delivery;
pub(super) mod description;
mod endpoint;
mod entry;
mod event_type;
mod explain;
mod faults;
mod fields;
mod filter;
mod half_pairs;
mod key;
mod message;
mod once;
mod operation;
mod operations;
mod page;
mod portal;
pub mod probe;
mod query;
mod recovery;
mod revision;
mod scope;
mod status;
mod task;
mod wall_time;

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Serialize;

pub use self::entry::in_place;
pub(super) use self::entry::off_thread;
use self::{operation::Operation, operations::operations};
use super::{
    api_key::Caller,
    backend::Backend,
    problem::{Code, Problem},
    router::{Face, ServerState},
};
use crate::{
    domain::command::{Answer, Refusal},
    runtime::handle::Readiness,
};

/// All routes of API v1, and its page; each asks for the key before anything else, but those that
/// are for everybody.
pub(super) fn routes<B: Backend>(state: ServerState<B>) -> Router<ServerState<B>> {
    let (mut open, mut closed) = (Router::new(), Router::new());
    for Operation { about, route } in operations() {
        if about.is_open {
            open = open.route(about.path, route);
        } else {
            closed = closed.route(about.path, route);
        }
    }
    closed
        .route_layer(from_fn_with_state(state, admit::<B>))
        .merge(open)
        .route(description::PAGE_PATH, get(description::show_page))
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
        Err(problem) => state.keys.refusal(problem, &request).into_response(),
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
    if state.face == Face::Callers && scope::is_of_operators(request.method(), path) {
        let message = "this is for operators, who have an address of their own (`--admin-listen`): \
                       ask there";
        return Err(Problem::new(Code::Forbidden, message));
    }
    if state.backend.readiness() == Readiness::Starting {
        // What is not there yet would be told of as absent, and nobody asks for that again.
        return Err(Refusal::NotReady.into());
    }
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

/// What a route answers: what was asked for, or why there is none.
type Answered = Result<Response, Problem>;

/// An answer in JSON that nobody keeps a copy of.
fn told(status: StatusCode, said: &impl Serialize) -> Answered {
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
