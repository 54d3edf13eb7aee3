//! `fanfare receive`: a receiver for trying things out.
//!
//! It shows what came and answers as it was told. It keeps nothing and trusts nothing: what is
//! shown was freed of control characters, bodies and connections are bounded, slow senders are cut.

#![expect(
    clippy::disallowed_methods,
    reason = "a receiver of its own, outside the engine: it waits on the real clock"
)]

mod delay;
mod show;

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
use tokio::sync::Notify;

pub use self::delay::Delay;
use self::show::{Answer, Delivery};
use super::{
    bind::bind,
    failure::Failure,
    intake::{serve_each, whole},
    say,
    signals::Signals,
};
use crate::config::listen::ListenAddress;

/// Where the receiver listens if nothing else is said.
const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_877);

const EXAMPLES: &str = "\
Examples:
  Show what comes and answer 200
    fanfare receive

  Fail every delivery, after two seconds
    fanfare receive --status 500 --delay 2s

  Close the connection without an answer, on another port
    fanfare receive --listen 9000 --close

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
        let (listener, bound) = bind(address).await?;
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
