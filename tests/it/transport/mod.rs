//! The production transport against real sockets of the loopback address, in real time.
//!
//! Each test plays one receiver's behaviour byte by byte. Where a deadline must pass it is a short
//! one; all others are far beyond what a test takes.

#![expect(
    clippy::disallowed_methods,
    reason = "a test that hangs must end, and sockets keep real time"
)]

mod addresses;
mod certificates;
mod connections;
mod hostile;
mod late;
mod names;
mod proxies;
mod replies;
mod robustness;
mod scarce;
mod tap;
mod tls;

use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use fanfare::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptHandle, AttemptRequest},
        endpoint::{BodyFormat, EndpointKey, Target},
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition, Payload},
        id::{EndpointId, EventId, Id},
        outcome::Outcome,
        secret::Secret,
    },
    policy::address::{AddressPolicy, Vetted},
    time::Timestamp,
    transport::{
        Transport as _,
        dial::{Dialed, Dialer, TcpDialer},
        hyper_transport::{HyperTransport, TransportOptions},
        resolver::{ResolveError, Resolver},
    },
};
use tokio::{net::TcpStream, task::LocalSet, time::timeout};

/// Runs a test on one thread, as production runs a cell; fails it if it hangs.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let test = async { timeout(Duration::from_secs(20), test).await };
    let ended = LocalSet::new().block_on(&runtime, test);
    assert!(ended.is_ok(), "the test hangs");
}

/// Waits until `holds`, which something else in this runtime brings about.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

/// Options for receivers on the loopback network, with long deadlines.
fn options() -> TransportOptions {
    TransportOptions {
        address_policy: AddressPolicy {
            allowed: vec!["127.0.0.0/8".parse().expect("a network")],
            ..AddressPolicy::default()
        },
        attempt_timeout_ms: 15_000,
        ..TransportOptions::default()
    }
}

/// The same with a deadline that a test can wait for.
fn impatient() -> TransportOptions {
    TransportOptions {
        attempt_timeout_ms: 300,
        ..options()
    }
}

/// Knows a fixed answer for each name; all other names don't exist.
#[derive(Clone, Default)]
struct Book(Vec<(&'static str, Vec<IpAddr>)>);

impl Resolver for Book {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, addresses)| addresses.clone())
            .ok_or(ResolveError::NotFound)
    }
}

/// What a dialer is told to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Dial it.
    Open,
    /// Fail as an address does where nobody listens.
    Refuse,
    /// Never come to an end.
    Silent,
    /// Dial it, but find somebody else at the other end.
    Swapped,
    /// Be a bug.
    Panic,
}

/// A dialer that remembers what it was asked for and plays a line for each address.
#[derive(Clone)]
struct Switchboard {
    dials: Rc<RefCell<Vec<SocketAddr>>>,
    line: fn(IpAddr) -> Line,
}

impl Switchboard {
    fn new(line: fn(IpAddr) -> Line) -> Self {
        Self {
            dials: Rc::default(),
            line,
        }
    }

    fn dials(&self) -> Vec<SocketAddr> {
        self.dials.borrow().clone()
    }
}

impl Dialer for Switchboard {
    type Stream = TcpStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<TcpStream>> {
        let asked = address.into_inner();
        self.dials.borrow_mut().push(asked);
        match (self.line)(asked.ip()) {
            Line::Open => TcpDialer.dial(address).await,
            Line::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
            Line::Silent => pending().await,
            Line::Swapped => {
                let dialed = TcpDialer.dial(address).await?;
                let peer = SocketAddr::new(IpAddr::from([127, 9, 9, 9]), asked.port());
                Ok(Dialed { peer, ..dialed })
            }
            Line::Panic => panic!("injected by a test"),
        }
    }
}

/// A transport and what a test needs to use it.
struct Sender<D: Dialer = TcpDialer, R: Resolver = Book> {
    transport: HyperTransport<R, D>,
    dialer: D,
    started: u64,
}

impl Sender {
    fn new(options: TransportOptions) -> Self {
        Self::with(options, Book::default(), TcpDialer)
    }
}

impl<D: Dialer + Clone, R: Resolver> Sender<D, R> {
    fn with(options: TransportOptions, resolver: R, dialer: D) -> Self {
        let transport = HyperTransport::with_dialer(options, resolver, dialer.clone());
        Self {
            transport: transport.expect("valid options"),
            dialer,
            started: 0,
        }
    }

    /// Starts an attempt with a small payload.
    fn start(&mut self, target: &Arc<Target>) -> AttemptHandle {
        self.start_event(target, event(b"{\"n\":1}"))
    }

    fn start_event(&mut self, target: &Arc<Target>, event: Event) -> AttemptHandle {
        self.started += 1;
        let attempt = AttemptHandle::new(self.started);
        self.transport.start(AttemptRequest {
            attempt,
            target: Arc::clone(target),
            event: Arc::new(event),
            number: 1,
            is_by_hand: false,
            stamp: Timestamp::from_millis(1_700_000_000_500),
            steady: Timestamp::ZERO,
        });
        attempt
    }

    /// The outcomes that come next, at least one.
    async fn outcomes(&mut self) -> Vec<(AttemptHandle, Outcome)> {
        let mut done = Vec::new();
        poll_fn(|context| self.transport.poll_outcomes(context, &mut done)).await;
        done
    }

    /// One attempt from start to outcome; nothing else may be in flight.
    async fn attempt(&mut self, target: &Arc<Target>) -> Outcome {
        let attempt = self.start(target);
        self.only(attempt).await
    }

    /// The one outcome that comes, which must be this attempt's.
    async fn only(&mut self, attempt: AttemptHandle) -> Outcome {
        let mut outcomes = self.outcomes().await;
        assert_eq!(outcomes.len(), 1);
        let (handle, outcome) = outcomes.remove(0);
        assert_eq!(handle, attempt);
        outcome
    }
}

fn target(url: &str) -> Arc<Target> {
    endpoint(0, 1, url, BodyFormat::Payload)
}

fn endpoint(ordinal: u32, revision: u32, url: &str, body_format: BodyFormat) -> Arc<Target> {
    Arc::new(Target {
        endpoint: EndpointKey {
            application: ApplicationKey::default(),
            ordinal,
        },
        id: EndpointId::default(),
        revision,
        url: EndpointUrl::parse(url).expect(url),
        secret: Secret::new(vec![7; 32]).expect("valid"),
        older_secrets: Vec::new(),
        headers: Vec::new(),
        body_format,
    })
}

fn event(payload: &[u8]) -> Event {
    Event {
        id: EventId::new(Id::from_value(0x1234)),
        application: ApplicationKey::default(),
        position: EventPosition::new(0),
        uid: None,
        event_type: "OrderReceived".into(),
        channels: Vec::new(),
        payload: Payload {
            content_type: "application/json".into(),
            bytes: Bytes::copy_from_slice(payload),
        },
        accepted_at: Timestamp::ZERO,
        accepted_wall: Timestamp::ZERO,
        expires_at: Timestamp::MAX,
        besides: None,
    }
}
