//! What a router answered, read whole.

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::described;

/// What a router answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Asks a router; fails where its answer is not described.
    pub(crate) async fn of(router: &Router, request: Request<Body>) -> Self {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = router.clone().oneshot(request).await.expect("answers");
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let answer = Self {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        };
        described::check(&method, &path, &answer);
        answer
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// A header, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.unwrap_or(Ok("")).expect("text")
    }
}
