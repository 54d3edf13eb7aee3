//! The routes: which path and method goes where, and what all others hear.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{
    HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use tower::ServiceExt as _;

use super::{
    access::Access,
    backend::Backend,
    catalogue::Catalogue,
    key_ring::KeyRing,
    metrics::{Answers, Metrics},
    original,
    problem::{Code, Problem},
    v1,
};
use crate::{
    limits,
    policy::{address::AddressPolicy, header::HOP},
    runtime::handle::Readiness,
};

/// Which routes a listener has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// All of them.
    Whole,
    /// Those of callers, where operators have a listener of their own: no metrics, and of the API
    /// nothing that is about all applications.
    Callers,
}

/// What the routes share.
#[derive(Clone, Debug)]
pub struct ServerState<B> {
    /// The engine.
    pub backend: B,
    /// Who may use the original routes.
    pub original_access: Access,
    /// Who may use API v1.
    pub api_access: Access,
    /// The catalogue of event types.
    pub catalogue: Catalogue,
    /// The keys of the API.
    pub keys: KeyRing,
    /// Where may be sent to, for whoever makes an endpoint; what is dialled is judged by the transport.
    pub targets: Arc<AddressPolicy>,
    /// What is counted for operators.
    pub metrics: Metrics,
    /// Which of the routes there are.
    pub face: Face,
}

const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
const ORIGINAL_REGISTER: &str = "/api/webhooks";
const ORIGINAL_TEST: &str = "/api/webhooks/test";
/// Paths of the original server, which takes them in any case.
const ORIGINAL_PATHS: [&str; 2] = [ORIGINAL_REGISTER, ORIGINAL_TEST];

/// All routes.
pub fn router<B: Backend>(state: ServerState<B>) -> Router {
    let answers = state.metrics.answers.clone();
    let of_operators = match state.face {
        Face::Whole => Router::new().route(METRICS, get(metrics::<B>)),
        Face::Callers => Router::new(),
    };
    let inner = of_operators
        .route(HEALTHZ, get(healthz))
        .route(READYZ, get(readyz::<B>))
        .route(ORIGINAL_REGISTER, post(original::register::<B>))
        .route(ORIGINAL_TEST, post(original::test::<B>))
        .merge(v1::routes(state.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state);
    // The outer router knows no path: everything passes the normalising of its path first.
    Router::new().fallback(|request| counted(answers, enter(inner, request)))
}

/// Counts what becomes of a request.
async fn counted(answers: Answers, answer: impl Future<Output = Response>) -> Response {
    let owed = answers.begin();
    let response = answer.await;
    owed.given(&response);
    response
}

/// Refuses what is too long, brings the path into its one spelling and looks for its route.
async fn enter(inner: Router, mut request: Request) -> Response {
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > limits::REQUEST_TARGET_BYTES_MAX) {
        let most = limits::REQUEST_TARGET_BYTES_MAX;
        let message = format!("path and query may have {most} bytes together");
        return Problem::new(Code::TargetTooLong, message).into_response();
    }
    // HTTP/1.1's parser counts fields itself; HTTP/2's counts only bytes.
    if request.headers().len() > limits::REQUEST_HEADERS_MAX {
        let most = limits::REQUEST_HEADERS_MAX;
        let message = format!("a request may have {most} header fields");
        return Problem::new(Code::HeadTooLarge, message).into_response();
    }
    if request.headers().contains_key(HOP) {
        let message = "this is a delivery of Fanfare's: it leads back to a server of the same kind, and \
                       goes no further; give the endpoint another URL";
        return Problem::new(Code::LoopDetected, message).into_response();
    }
    if let Some(uri) = normalized(request.uri()) {
        *request.uri_mut() = uri;
    }
    match inner.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The target with one trailing slash taken off and an original path in small letters; `None`
/// where it is so already.
fn normalized(uri: &Uri) -> Option<Uri> {
    let given = uri.path();
    let path = match given.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() && !shorter.ends_with('/') => shorter,
        _ => given,
    };
    let path = ORIGINAL_PATHS
        .into_iter()
        .find(|original| original.eq_ignore_ascii_case(path))
        .unwrap_or(path);
    if path == given {
        return None;
    }
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().ok()
}

/// 200 as long as the process lives.
async fn healthz() -> Response {
    told(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// 200 while commands are taken, else 503 with the reason.
async fn readyz<B: Backend>(State(state): State<ServerState<B>>) -> Response {
    match state.backend.readiness() {
        Readiness::Ready => told(StatusCode::OK, r#"{"status":"ready"}"#),
        Readiness::Starting => told(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"not ready","reason":"starting"}"#,
        ),
        Readiness::Draining => told(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"not ready","reason":"shutting down"}"#,
        ),
    }
}

/// What a scraper reads.
async fn metrics<B: Backend>(State(state): State<ServerState<B>>, request: Request) -> Response {
    if let Err(refusal) = state.metrics.access.check(request.headers()) {
        return state.keys.refusal(refusal, &request).into_response();
    }
    state.metrics.show(&state.backend, request.headers()).await
}

fn told(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn not_found() -> Response {
    let message =
        "there is no such path here: docs/api.md and docs/original-server.md name those there are";
    Problem::new(Code::NotFound, message).into_response()
}

/// 405, or 204 for a question about the API; which methods there are stands in `Allow` either way.
async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS && uri.path().starts_with("/api/v1/") {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    let message = "this path takes other methods: see the Allow header";
    Problem::new(Code::MethodNotAllowed, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(target: &'static str) -> String {
        let uri = Uri::from_static(target);
        normalized(&uri).unwrap_or(uri).to_string()
    }

    #[test]
    fn an_original_path_has_one_spelling_and_others_keep_theirs() {
        for (given, expected) in [
            ("/API/WebHooks", "/api/webhooks"),
            ("/api/webhooks/", "/api/webhooks"),
            ("/api/webhooks/TEST/?a=B", "/api/webhooks/test?a=B"),
            ("/healthz/", "/healthz"),
            ("/HEALTHZ", "/HEALTHZ"),
            ("/api/webhooks//", "/api/webhooks//"),
            ("//api/webhooks", "//api/webhooks"),
            ("/api//webhooks", "/api//webhooks"),
            ("/x/../api/webhooks", "/x/../api/webhooks"),
            ("/", "/"),
            ("//", "//"),
        ] {
            assert_eq!(path_of(given), expected);
        }
    }
}
