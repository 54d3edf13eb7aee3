//! One request to the process and its answer, as any client of the API makes it.

use core::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HOST, IF_MATCH},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::stage::Stage;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of the process.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The path behind `/api/v1/`.
    pub(super) path: String,
    pub(super) body: String,
    /// The idempotency key, if there is one.
    pub(super) key: Option<String>,
    /// The revision that is changed, if it must be that one.
    pub(super) revision: Option<u32>,
}

impl Call {
    /// A call without a key, whatever the revision is.
    pub(super) fn new(method: Method, path: String, body: String) -> Self {
        Self {
            method,
            path,
            body,
            key: None,
            revision: None,
        }
    }

    fn into_request(self) -> Option<Request<Body>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("/api/v1/{}", self.path))
            .header(HOST, "fanfare.example")
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(revision) = self.revision {
            request = request.header(IF_MATCH, format!("\"{revision}\""));
        }
        request.body(Body::from(self.body)).ok()
    }
}

/// What a call is answered with.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Whether it is the answer of before, under the same key.
    pub(super) is_replayed: bool,
    pub(super) body: Bytes,
}

/// Posts something of the application; nothing if there is no answer.
pub(super) async fn post(
    stage: &Stage,
    what: &str,
    body: String,
    key: Option<&str>,
) -> Option<Answer> {
    let call = Call {
        key: key.map(str::to_owned),
        ..Call::new(Method::POST, format!("app/default/{what}"), body)
    };
    exchange(stage, call).await
}

/// Makes a call over a connection of its own; nothing if there is no answer.
pub(super) async fn exchange(stage: &Stage, call: Call) -> Option<Answer> {
    let stream = stage.hub.connect()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = spawn_local(async move { drop(connection.await) });
    let request = call.into_request()?;
    let answered = async {
        let response = sender.send_request(request).await.ok()?;
        let (head, body) = response.into_parts();
        let is_replayed = head.headers.contains_key("idempotency-replayed");
        let body = axum::body::to_bytes(Body::new(body), usize::MAX)
            .await
            .ok()?;
        Some(Answer {
            status: head.status,
            is_replayed,
            body,
        })
    };
    let answer = tokio::time::timeout(PATIENCE, answered)
        .await
        .ok()
        .flatten();
    connection.abort();
    answer
}
