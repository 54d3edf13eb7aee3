//! Connections: sockets in, requests out, bounded in every direction, and a graceful end.
//!
//! What a client may cost is fixed before it is known: its share of `connections_max` places, a head of
//! bounded size in bounded time, a bounded number of requests at once, and no silence for longer
//! than `idle_ms`. A handler that panics costs its own request, nothing else.
//!
//! Over its share a client is told so and closed at once, so that nobody takes the places of others.
//! Where all places are taken, a connection that waits for a request makes room for a new one: first the one
//! that idles for longest between requests, since its client knows that it can end, then one on which
//! nothing came, then one whose head is slow. None goes while it had no time to send a head, or while a
//! request is answered. Where none can go, new ones wait in the listen queue, and those that are there end with
//! their answers, one after the other, and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "connections are tasks, and their patience is a matter of real time"
)]

use core::{convert::Infallible, panic::AssertUnwindSafe, pin::pin, time::Duration};
use std::{
    io::Read as _,
    net::{IpAddr, Shutdown},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use http::{
    HeaderValue, Request, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH},
};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use ipnet::IpNet;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::ServiceExt as _;

use super::{
    conduct::{Conduct, Patience},
    head,
    held::Held,
    metrics::OpenConnections,
    places::{NoPlace, Place, Places},
    problem::{Code, Problem},
    unwanted,
    watched_stream::WatchedStream,
};
use crate::limits;

/// How the server treats its clients.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Most connections at once. Over it: one that waits for a request makes room; where none does, new
    /// ones wait in the listen queue, and one ends with its answer.
    pub connections_max: usize,
    /// Most connections of one client, an IPv4 address or an IPv6 /64. Over it: 503, closed at once.
    pub connections_per_address_max: usize,
    /// Where proxies that speak for their clients connect from: they are bounded by `connections_max`
    /// only.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for a request's head, and for the first one to begin, in milliseconds.
    pub head_timeout_ms: u64,
    /// Time without a request, or without a byte moving while one is answered, after which a connection
    /// is closed, in milliseconds.
    pub idle_ms: u64,
    /// Time that requests in flight have after the wish to shut down, in milliseconds.
    pub drain_timeout_ms: u64,
    /// How much of bodies is held at once, by all servers with clones of this.
    pub held: Held,
    /// Counts the connections that are open.
    pub open_connections: OpenConnections,
}

/// The limits of production.
impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connections_max: limits::SERVER_CONNECTIONS_MAX,
            connections_per_address_max: limits::SERVER_CONNECTIONS_PER_ADDRESS_MAX,
            trusted_proxies: Vec::new(),
            head_timeout_ms: limits::REQUEST_HEAD_TIMEOUT_MS,
            idle_ms: limits::SERVER_IDLE_MS,
            drain_timeout_ms: limits::DRAIN_TIMEOUT_MS,
            held: Held::default(),
            open_connections: OpenConnections::default(),
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
    let places = Places::new(
        options.connections_max,
        options.connections_per_address_max,
        options.trusted_proxies.clone(),
    );
    let server = Server {
        router,
        protocol: Arc::new(protocol()),
        options,
    };
    let refusal = refusal().await;
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut waiting: Option<(TcpStream, IpAddr)> = None;
    let pause = Duration::from_millis(limits::ACCEPT_PAUSE_MS);
    loop {
        if let Some((stream, address)) = waiting.take() {
            match places.take(address) {
                Ok(place) => {
                    let client = server.clone().converse(stream, place, graceful.watcher());
                    tasks.spawn(client);
                }
                Err(NoPlace::ForThisClient) => refuse(&stream, &refusal),
                Err(NoPlace::ForAnybody) => waiting = Some((stream, address)),
            }
        }
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Ended tasks leave their set, or it would grow.
            Some(_) = tasks.join_next() => {}
            accepted = accept(&listener), if waiting.is_none() => waiting = Some(accepted),
            // Somebody may have no request any more.
            () = tokio::time::sleep(pause), if waiting.is_some() => {}
        }
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

/// The next connection, and where it comes from.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address.ip()),
            Err(error) => {
                // Mostly out of file descriptors: others must end first.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

/// What a client hears that has too many connections, as it goes over the wire.
async fn refusal() -> Vec<u8> {
    let message = "your address has as many connections here as one may have: close some of them, or \
                   use them for more than one request";
    let (head, body) = Problem::new(Code::Unavailable, message)
        .into_response()
        .into_parts();
    let body = body.collect().await.unwrap_or_default().to_bytes();
    let mut wire = format!("HTTP/1.1 {}\r\nconnection: close\r\n", head.status).into_bytes();
    let length = body.len().into();
    let headers = head.headers.iter().chain([(&CONTENT_LENGTH, &length)]);
    for (name, value) in headers {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(&body);
    wire
}

/// Tells a client why its connection is closed, without waiting for it.
fn refuse(stream: &TcpStream, refusal: &[u8]) {
    tracing::debug!("a connection was refused: its client has as many as it may have");
    let socket = SockRef::from(stream);
    // All of this is a courtesy; a client that is gone misses nothing.
    drop(socket.send(refusal));
    drop(socket.shutdown(Shutdown::Write));
    // What came already would make the kernel reset the connection under the answer.
    drop((&*socket).read(&mut [0; 4 * 1024]));
}

/// HTTP/1.1 and HTTP/2 with their limits.
fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        // Who closes its side after a request still waits for the answer.
        .half_close(true)
        // `Conduct` watches over heads: this one would close connections that wait for a request, too.
        .header_read_timeout(None)
        .max_headers(limits::REQUEST_HEADERS_MAX)
        .max_buf_size(limits::REQUEST_HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits::SERVER_STREAMS_MAX)
        .initial_stream_window_size(limits::SERVER_STREAM_WINDOW)
        .initial_connection_window_size(limits::SERVER_CONNECTION_WINDOW)
        .max_send_buf_size(limits::SERVER_SEND_BUFFER_BYTES)
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
    async fn converse(self, stream: TcpStream, place: Place, watcher: Watcher) {
        let _open = self.options.open_connections.opened();
        // A socket that is gone already says so when it is read.
        drop(stream.set_nodelay(true));
        let conduct = &place.conduct;
        let stream = WatchedStream::new(stream, conduct.clone());
        let router = &self.router;
        let service = service_fn(|mut request: Request<Incoming>| {
            let client = place.client(request.headers());
            request.extensions_mut().insert(client);
            self.options.exchange(router.clone(), conduct, request)
        });
        let connection = self
            .protocol
            .serve_connection(TokioIo::new(stream.clone()), service);
        let patience = Patience {
            head: Duration::from_millis(self.options.head_timeout_ms),
            idle: Duration::from_millis(self.options.idle_ms),
        };
        tokio::select! {
            biased;
            result = watcher.watch(connection) => {
                if let Err(error) = &result {
                    tracing::debug!(%error, "a connection ended early");
                }
                if result.is_err() || conduct.has_left_unread() {
                    stream.linger().await;
                }
            }
            ending = conduct.given_up(patience) => {
                tracing::debug!(?ending, "a connection was closed that waited for its client");
            }
        }
    }
}

/// One connection over a stream that is no socket, for hosts that have none: the same protocol,
/// limits and routes, and no watch over the client but over its heads.
pub async fn converse_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    options: &ServerOptions,
) {
    let conduct = Conduct::new();
    let service = service_fn(|request| options.exchange(router.clone(), &conduct, request));
    let mut protocol = protocol();
    protocol
        .http1()
        .header_read_timeout(Duration::from_millis(options.head_timeout_ms));
    let connection = protocol
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = connection {
        tracing::debug!(%error, "a connection ended early");
    }
}

impl ServerOptions {
    /// One request, to its answer, which says so if the connection ends with it.
    fn exchange(
        &self,
        router: Router,
        conduct: &Conduct,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let is_http_1 = request.version() < Version::HTTP_2;
        let working = conduct.asked(!is_http_1);
        let (mut request, rest) = unwanted::watch(request);
        let counted = self.held.count(&mut request);
        let answer = answered(router, request);
        let conduct = conduct.clone();
        async move {
            let mut answer = answer.await;
            let is_unread = !rest.ended(is_http_1).await;
            if is_unread {
                conduct.leave_unread();
            }
            drop(working);
            if let Ok(answer) = &mut answer
                && is_http_1
                && (is_unread || conduct.leaves())
            {
                close(answer);
            }
            answer.map(|answer| counted.answered(answer))
        }
    }
}

/// Says that the connection ends with this answer.
fn close(answer: &mut Response) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
}

/// The router's answer, or 500 if it panics or the request has no place to go.
async fn answered(router: Router, request: Request<Body>) -> Result<Response, Infallible> {
    if let Err(problem) = head::judge(&request) {
        let mut answer = problem.into_response();
        if request.version() <= Version::HTTP_11 {
            // Where it ends others may see in another place, so nothing is read after it.
            close(&mut answer);
        }
        return Ok(answer);
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
