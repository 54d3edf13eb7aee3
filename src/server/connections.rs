//! Connections: sockets in, requests out, bounded in every direction, and a graceful end.
//!
//! What a client may cost is fixed before it is known: one of `connections_max` places, a head of
//! bounded size in bounded time, a bounded number of requests at once, and no silence for longer
//! than `idle_ms`. A handler that panics costs its own request, nothing else.

#![expect(
    clippy::disallowed_methods,
    reason = "connections are tasks, and their patience is a matter of real time"
)]

use core::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Duration,
};
use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::FutureExt as _;
use http::{
    Request, StatusCode, Version,
    header::{CONTENT_LENGTH, HOST},
    uri::Authority,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::ServiceExt as _;

use super::{
    problem::{Code, Problem},
    watched_stream::WatchedStream,
};
use crate::limits;

/// How the server treats its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// Most connections at once. Over it: new ones wait in the listen queue.
    pub connections_max: usize,
    /// Time for a request's head, and for the first one to begin, in milliseconds.
    pub head_timeout_ms: u64,
    /// Time without a byte moving after which a connection is closed, in milliseconds.
    pub idle_ms: u64,
    /// Time that requests in flight have after the wish to shut down, in milliseconds.
    pub drain_timeout_ms: u64,
}

/// The limits of production.
impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connections_max: limits::SERVER_CONNECTIONS_MAX,
            head_timeout_ms: limits::REQUEST_HEAD_TIMEOUT_MS,
            idle_ms: limits::SERVER_IDLE_MS,
            drain_timeout_ms: limits::DRAIN_TIMEOUT_MS,
        }
    }
}

/// Takes connections until `shutdown`, then lets requests in flight end within the drain timeout.
///
/// The socket listens no more from `shutdown` on. Requests that came by then are answered; what is
/// unanswered when the time is over is broken off. Runs on any runtime of tokio, also on one of a
/// single thread.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let server = Server {
        router,
        protocol: Arc::new(protocol(&options)),
        options,
    };
    let places = server.options.connections_max;
    let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        let next = accept(&listener, &places);
        let (stream, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Ended tasks leave their set, or it would grow.
            Some(_) = tasks.join_next() => continue,
            accepted = next => accepted,
        };
        tasks.spawn(server.clone().converse(stream, place, graceful.watcher()));
    }
    drop(listener);
    let drain = Duration::from_millis(server.options.drain_timeout_ms);
    let ended = async {
        graceful.shutdown().await;
        while tasks.join_next().await.is_some() {}
    };
    if tokio::time::timeout(drain, ended).await.is_err() {
        tracing::warn!("connections were broken off: their time to end is over");
    }
}

/// The next connection, as soon as there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let mut place = None;
    loop {
        let held = match place.take() {
            Some(held) => held,
            None => match Arc::clone(places).acquire_owned().await {
                Ok(held) => held,
                // The semaphore is never closed.
                Err(_) => core::future::pending().await,
            },
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, held),
            Err(error) => {
                // Mostly out of file descriptors: others must end first.
                tracing::warn!(%error, "a connection could not be taken");
                place = Some(held);
                tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// HTTP/1.1 and HTTP/2 with their limits.
fn protocol(options: &ServerOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        // Who closes its side after a request still waits for the answer.
        .half_close(true)
        .header_read_timeout(Duration::from_millis(options.head_timeout_ms))
        .max_headers(limits::REQUEST_HEADERS_MAX)
        .max_buf_size(limits::REQUEST_HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits::SERVER_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits::REQUEST_HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(limits::SERVER_RESET_STREAMS_MAX)
        .max_local_error_reset_streams(limits::SERVER_RESET_STREAMS_MAX);
    builder
}

/// What every connection needs.
#[derive(Clone)]
struct Server {
    router: Router,
    protocol: Arc<Builder<TokioExecutor>>,
    options: ServerOptions,
}

impl Server {
    /// One connection, from its first byte to the end of its lingering.
    async fn converse(self, stream: TcpStream, place: OwnedSemaphorePermit, watcher: Watcher) {
        // A socket that is gone already says so when it is read.
        drop(stream.set_nodelay(true));
        let stream = WatchedStream::new(stream);
        let conduct = Arc::new(Conduct::default());
        let router = &self.router;
        let service = service_fn(|request: Request<Incoming>| {
            conduct.has_asked.store(true, Ordering::Relaxed);
            let conduct = Arc::clone(&conduct);
            let request = request.map(|body| Body::new(WatchedBody { body, conduct }));
            answered(router.clone(), request)
        });
        let connection = self
            .protocol
            .serve_connection(TokioIo::new(stream.clone()), service);
        let head = Duration::from_millis(self.options.head_timeout_ms);
        let idle = Duration::from_millis(self.options.idle_ms);
        let lost_patience = async {
            // The parsers watch over later heads; nobody else over the choice of the protocol.
            tokio::time::sleep(head).await;
            if conduct.has_asked.load(Ordering::Relaxed) {
                stream.idle(idle).await;
            }
        };
        tokio::select! {
            biased;
            result = watcher.watch(connection) => {
                if let Err(error) = &result {
                    tracing::debug!(%error, "a connection ended early");
                }
                if result.is_err() || conduct.left_unread.load(Ordering::Relaxed) {
                    stream.linger().await;
                }
            }
            () = lost_patience => tracing::debug!("a connection was closed: its client is silent"),
        }
        drop(place);
    }
}

/// One connection over a stream that is no socket, for hosts that have none: the same protocol,
/// limits and routes, and no watch over the client's patience.
pub async fn converse_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    options: &ServerOptions,
) {
    let service =
        service_fn(|request: Request<Incoming>| answered(router.clone(), request.map(Body::new)));
    let connection = protocol(options)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = connection {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// What is remembered of a connection.
#[derive(Debug, Default)]
struct Conduct {
    /// A whole head came.
    has_asked: AtomicBool,
    /// A request was answered before its body was read to the end.
    left_unread: AtomicBool,
}

/// A request's body that tells when it is let go before its end.
struct WatchedBody {
    body: Incoming,
    conduct: Arc<Conduct>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            self.conduct.left_unread.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether an HTTP/1.1 request has its one `Host` (RFC 9112, 3.2). Nothing is decided by it; but
/// something between the client and us may have decided by another one.
fn names_one_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
        (Some(host), None) => {
            let host = host.to_str().unwrap_or_default();
            host.parse::<Authority>().is_ok() && !host.contains('@')
        }
    }
}

/// The router's answer, or 500 if it panics or the request has no place to go.
async fn answered(router: Router, request: Request<Body>) -> Result<Response, Infallible> {
    if !names_one_host(&request) {
        let message = "send one `Host` header, with a host and no more than its port";
        return Ok(Problem::new(Code::InvalidHeader, message).into_response());
    }
    let answer = router.oneshot(request);
    // What a handler shares with others it holds no lock on while it waits, so a panic leaves
    // nothing half done there.
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(mut answer)) => {
            if answer.status() == StatusCode::NO_CONTENT {
                // The router tells HEAD the length of everything; of this there is none (RFC 9110, 8.6).
                answer.headers_mut().remove(CONTENT_LENGTH);
            }
            Ok(answer)
        }
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a handler panicked; its request is answered with 500");
            let message = "a fault of the server; its log has more";
            Ok(Problem::new(Code::Internal, message).into_response())
        }
    }
}
