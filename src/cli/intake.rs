//! What the commands that receive deliveries share: connections within bounds, and bodies read whole.

#![expect(
    clippy::disallowed_methods,
    reason = "receivers outside the engine: they wait on the real clock"
)]

use core::{convert::Infallible, error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::say;
use crate::limits;

/// The wait after a failed accept, as when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections and answers each request; an answer that is an error closes its connection.
/// When this future is dropped, so are the connections.
pub(super) async fn serve_each<F, A, B, E>(listener: &TcpListener, answer: F) -> Infallible
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= limits::RECEIVER_CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, answer.clone()));
            }
            Err(error) => {
                say(&format!("a connection was lost: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end; how it ends is the sender's affair.
async fn connection<F, A, B, E>(stream: TcpStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    let head_timeout = Duration::from_millis(limits::RECEIVER_HEAD_TIMEOUT_MS);
    server
        .http1()
        .timer(TokioTimer::new())
        // Who closes its side after a request still waits for the answer.
        .half_close(true)
        .header_read_timeout(head_timeout)
        .max_headers(limits::REQUEST_HEADERS_MAX);
    server.http2().timer(TokioTimer::new());
    let service = service_fn(answer);
    _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// It is over `limits::RECEIVER_BODY_BYTES_MAX`.
    TooLarge,
    /// It did not come within `limits::REQUEST_BODY_TIMEOUT_MS`.
    TooSlow,
    /// It broke off.
    Broken,
}

impl BodyFault {
    /// What its sender is answered.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// What is told of it.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "the body is over 1 MiB",
            Self::TooSlow => "the body did not come in time",
            Self::Broken => "the body broke off",
        }
    }
}

/// Reads a whole body.
///
/// # Errors
/// [`BodyFault`], the sender's fault.
pub(super) async fn whole(body: Incoming) -> Result<Bytes, BodyFault> {
    let body = Limited::new(body, limits::RECEIVER_BODY_BYTES_MAX);
    let deadline = Duration::from_millis(limits::REQUEST_BODY_TIMEOUT_MS);
    match tokio::time::timeout(deadline, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Ok(Err(_)) => Err(BodyFault::Broken),
        Err(_) => Err(BodyFault::TooSlow),
    }
}
