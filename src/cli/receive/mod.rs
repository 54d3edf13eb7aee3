//! `fanfare receive`: a receiver for trying things out.
//!
//! It shows what came and answers as it was told. It keeps nothing and trusts nothing: what is
//! shown was freed of control characters, bodies and connections are bounded, slow senders are cut.

#![expect(
    clippy::disallowed_methods,
    reason = "a receiver of its own, outside the engine: it waits on the real clock"
)]

mod delay;
mod misbehave;
mod show;

use core::convert::Infallible;
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::Notify, task::JoinSet};

use self::show::{Answer, Delivery};
pub use self::{
    delay::Delay,
    misbehave::{Ending, Misbehaviour, misbehave},
};
use super::{
    bind::bind,
    failure::Failure,
    intake::{serve_each, whole},
    output::escaped,
    say,
    signals::Signals,
};
use crate::{config::listen::ListenAddress, limits};

/// Where the receiver listens if nothing else is said.
const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_877);

/// The wait after a failed accept, as when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  Show what comes and answer 200
    fanfare receive

  Fail every delivery, after two seconds
    fanfare receive --status 500 --delay 2s

  Close the connection without an answer, on another port
    fanfare receive --listen 9000 --close

  Misbehave, to see how a sender takes it: a body without end
    fanfare receive --misbehave endless-body

  One JSON object per delivery, to work with
    fanfare receive --json | jq .webhook_id";

/// Arguments of `fanfare receive`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ReceiveArguments {
    /// Where to listen: address and port, or a port alone [default: 127.0.0.1:9877]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<ListenAddress>,
    /// The status to answer
    #[arg(long, value_name = "STATUS", default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u16).range(200..=599), conflicts_with = "close")]
    pub status: u16,
    /// How long to wait before the answer, as 2s, 500ms or 1m
    #[arg(long, value_name = "TIME", default_value_t = Delay::NONE)]
    pub delay: Delay,
    /// Close the connection without an answer
    #[arg(long)]
    pub close: bool,
    /// Misbehave, byte for byte, whatever is asked: to test senders
    #[arg(long, value_name = "HOW", conflicts_with_all = ["status", "delay", "close"])]
    pub misbehave: Option<Misbehaviour>,
    /// Print one JSON object per delivery
    #[arg(long)]
    pub json: bool,
}

/// What is done with each request.
struct Behaviour {
    answer: Answer,
    delay: Duration,
    is_json: bool,
    /// Told when nobody reads our output any more.
    unread: Notify,
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("told to close")]
struct Closed;

/// Receives until a signal ends it, or until nobody reads what it prints.
pub(super) fn receive(arguments: &ReceiveArguments) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Operation(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let address = arguments
        .listen
        .map_or(LISTEN_DEFAULT, |listen| listen.over(LISTEN_DEFAULT));
    // Clap took only statuses that exist.
    let status = StatusCode::from_u16(arguments.status).unwrap_or(StatusCode::OK);
    let behaviour = Arc::new(Behaviour {
        answer: if arguments.close {
            Answer::Close
        } else {
            Answer::Status(status)
        },
        delay: arguments.delay.duration(),
        is_json: arguments.json,
        unread: Notify::new(),
    });
    let answering = Arc::clone(&behaviour);
    runtime.block_on(async {
        let mut signals = Signals::listen().map_err(failed)?;
        let (listener, bound) = bind(address, "--listen").await?;
        if let Some(how) = arguments.misbehave {
            say(&format!("receives on http://{bound} and misbehaves ({how}); Ctrl-C ends it"));
            return tokio::select! {
                biased;
                () = signals.next() => Ok(()),
                () = behaviour.unread.notified() => Ok(()),
                never = misbehave_to_each(&listener, how, &behaviour) => match never {},
            };
        }
        say(&format!(
            "receives on http://{bound} and {}; Ctrl-C ends it",
            behaviour.answer
        ));
        tokio::select! {
            biased;
            () = signals.next() => Ok(()),
            () = behaviour.unread.notified() => Ok(()),
            never = serve_each(&listener, move |request| answer(request, Arc::clone(&answering))) => {
                match never {}
            }
        }
    })
}

/// Misbehaves on each connection, and prints each request that came.
async fn misbehave_to_each(
    listener: &TcpListener,
    how: Misbehaviour,
    behaviour: &Arc<Behaviour>,
) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= limits::RECEIVER_CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let Ok((mut stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let behaviour = Arc::clone(behaviour);
        connections.spawn(async move {
            let heard = |request: &[u8]| behaviour.show(request, how);
            if misbehave(&mut stream, how, heard).await == Ending::Reset {
                // What is still in flight is lost, and the other side is told so.
                _ = stream.set_zero_linger();
            } else {
                _ = stream.shutdown().await;
            }
        });
    }
}

impl Behaviour {
    /// Prints a request that is answered by misbehaving.
    fn show(&self, request: &[u8], how: Misbehaviour) {
        let text = String::from_utf8_lossy(request);
        let line = text.lines().next().unwrap_or_default();
        let shown = if self.is_json {
            let at = jiff::Timestamp::now();
            let object = serde_json::json!({
                "received_at": at.to_string(),
                "request": line,
                "bytes": request.len(),
                "misbehaviour": how.to_string(),
            });
            format!("{object}\n")
        } else {
            format!("{}: {how}\n", escaped(line))
        };
        if io::stdout().lock().write_all(shown.as_bytes()).is_err() {
            self.unread.notify_one();
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    behaviour: Arc<Behaviour>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let received_at = jiff::Timestamp::now();
    let (head, body) = request.into_parts();
    let (body, answer) = match whole(body).await {
        Ok(body) => (Ok(body), behaviour.answer),
        Err(fault) => (Err(fault), Answer::Status(fault.status())),
    };
    let delivery = Delivery {
        received_at,
        head,
        body,
        answer,
        delay: behaviour.delay,
    };
    let shown = if behaviour.is_json {
        delivery.as_json()
    } else {
        delivery.as_text()
    };
    if io::stdout().lock().write_all(shown.as_bytes()).is_err() {
        behaviour.unread.notify_one();
    }
    if !behaviour.delay.is_zero() {
        tokio::time::sleep(behaviour.delay).await;
    }
    match answer {
        Answer::Close => Err(Closed),
        Answer::Status(status) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = status;
            Ok(response)
        }
    }
}
