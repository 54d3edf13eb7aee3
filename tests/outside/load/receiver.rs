//! The receiver of all endpoints: checks the signature of each request, notes it and answers as its
//! endpoint's behaviour says.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use standardwebhooks::Webhook;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::ledger::{Ledger, hash_of};

/// How an endpoint answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Always 200.
    Accept,
    /// 500 to the first attempt of one message in so many.
    RefuseFirst(u64),
    /// The same, and 500 to every attempt of one message in the second number.
    RefuseSome(u64, u64),
    /// Answers nothing until the server was killed, then 200.
    HangUntilKill,
}

impl Behaviour {
    /// The status for an attempt of a message; `None` for none.
    fn answer(self, ledger: &Ledger, event: &str, number: usize) -> Option<u16> {
        let drawn = hash_of(event.as_bytes());
        let first = number == 0;
        match self {
            Self::RefuseFirst(one_in) if first && drawn.is_multiple_of(one_in) => Some(500),
            Self::RefuseSome(_, one_in) if (drawn >> 32).is_multiple_of(one_in) => Some(500),
            Self::RefuseSome(one_in, _) if first && drawn.is_multiple_of(one_in) => Some(500),
            Self::HangUntilKill if ledger.seen().kills.is_empty() => None,
            _ => Some(200),
        }
    }
}

/// The secret of an endpoint.
pub(crate) fn secret(endpoint: usize) -> String {
    let byte = u8::try_from(endpoint + 1).expect("few endpoints");
    format!("whsec_{}", BASE64_STANDARD.encode([byte; 32]))
}

struct Shared {
    ledger: Arc<Ledger>,
    endpoints: Vec<(Behaviour, Webhook)>,
}

/// Starts the receiver; gives where it listens. Endpoint `n` has the path `/n`.
pub(crate) fn start(
    runtime: &Runtime,
    ledger: Arc<Ledger>,
    behaviours: &[Behaviour],
) -> SocketAddr {
    let endpoints = behaviours.iter().enumerate();
    let endpoints = endpoints.map(|(number, behaviour)| {
        let webhook = Webhook::new(&secret(number)).expect("a secret");
        (*behaviour, webhook)
    });
    let shared = Arc::new(Shared {
        ledger,
        endpoints: endpoints.collect(),
    });
    let routes = Router::new()
        .route("/{endpoint}", post(receive))
        .with_state(shared);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(async move { axum::serve(listener, routes).await });
    address
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(endpoint): Path<usize>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let ledger = &shared.ledger;
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let (Some(message), Some((behaviour, webhook))) = (id, shared.endpoints.get(endpoint)) else {
        ledger.fault(format!("a request without an id or to endpoint {endpoint}"));
        return StatusCode::BAD_REQUEST;
    };
    if let Err(error) = webhook.verify(&body, &headers) {
        ledger.fault(format!("{message} at endpoint {endpoint}: {error}"));
    }
    let event = event_of(&body).unwrap_or_else(|| "none".to_owned());
    let number = ledger.receive(message, endpoint, &event, &body);
    let Some(status) = behaviour.answer(ledger, &event, number) else {
        return core::future::pending().await;
    };
    ledger.answer(message, endpoint, number, status);
    StatusCode::from_u16(status).expect("a status")
}

/// The event that a payload names.
fn event_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value.get("event")?.as_str().map(ToOwned::to_owned)
}
