//! API v1 at the level of HTTP: the real routes on the real engine over the memory store.

#![expect(
    clippy::indexing_slicing,
    reason = "an answer without the field that is looked at fails its test, as it should"
)]

mod access;
mod applications;
mod deliveries;
mod endpoint_changes;
mod endpoints;
mod event_types;
mod history;
mod keys;
mod later;
mod lists;
mod messages;
mod once;
mod operational;
mod ordering;
mod original_face;
mod portal;
mod published;
mod recovery;
mod set_aside;
mod shedding;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body};
use fanfare::{
    domain::{
        application::ApplicationKey,
        command::{Command, Refusal, Reply},
        id::ShardId,
        outcome::OutcomeKind,
    },
    engine::{Figures, options::Options},
    policy::address::AddressPolicy,
    runtime::{
        clock::{Clock, ManualClock},
        handle::{Handle, Readiness, Work},
    },
    server::{
        access::Access,
        backend::Backend,
        catalogue::Catalogue,
        key_ring::KeyRing,
        metrics::Metrics,
        router::{Face, ServerState, router},
    },
    store::Reads,
    time::{Now, Span, Timestamp},
    transport::{
        Transport,
        hyper_transport::{HyperTransport, TransportOptions},
        resolver::SystemResolver,
    },
};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    memory_transport::{MemoryTransport, Sent},
    running,
    stall::Stall,
};

/// The admin key of every test.
const KEY: &str = "0123456789abcdef0123456789abcdef";
/// 2025-11-24T16:00:00Z.
const START_MS: i64 = 1_764_000_000_000;

/// A clock whose wall hand a test can move alone.
#[derive(Clone)]
struct TestClock {
    steady: ManualClock,
    wall_ahead: Arc<Mutex<Span>>,
}

impl TestClock {
    fn start() -> Self {
        Self {
            steady: ManualClock::starting_at(Timestamp::from_millis(START_MS)),
            wall_ahead: Arc::default(),
        }
    }

    /// Puts the wall clock so far ahead of steady time.
    fn set_wall_ahead(&self, ahead: Span) {
        *self.wall_ahead.lock().expect("no panic") = ahead;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let steady = self.steady.now().steady;
        let wall = steady.plus(*self.wall_ahead.lock().expect("no panic"));
        Now { steady, wall }
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        self.steady.sleep_until(deadline).await;
    }
}

/// An engine that answers, unless it was told to refuse everything.
#[derive(Clone)]
struct Host {
    handle: Handle,
    refusal: Arc<Mutex<Option<Refusal>>>,
    /// What is refused before it is asked.
    early_refusals: Arc<Mutex<Vec<(Work, Refusal)>>>,
}

impl Backend for Host {
    async fn command(&self, command: Command) -> Reply {
        let refusal = *self.refusal.lock().expect("no panic");
        match refusal {
            Some(refusal) => Err(refusal),
            None => self.handle.command(command).await,
        }
    }

    fn early_refusal(&self, shard: Option<ShardId>, work: Work) -> Option<Refusal> {
        let early = self.early_refusals.lock().expect("no panic");
        let found = early.iter().find(|(one, _)| *one == work);
        let told = found.map(|(_, refusal)| *refusal);
        told.or_else(|| self.handle.early_refusal(shard, work))
    }

    fn readiness(&self) -> Readiness {
        self.handle.readiness()
    }

    fn default_application(&self) -> Option<ApplicationKey> {
        self.handle.default_application()
    }

    fn now(&self) -> Now {
        self.handle.now()
    }

    async fn figures(&self) -> Option<Box<Figures>> {
        self.handle.figures().await
    }

    fn reads(&self) -> &(dyn Reads + Send + Sync) {
        self.handle.reads()
    }
}

/// A server with its engine.
struct Api {
    router: Router,
    host: Host,
    clock: TestClock,
}

impl Answer {
    /// The body of an answer that says that all went well.
    fn fine(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        self.json()
    }

    /// The status and code of a refusal, whose shape is checked.
    fn refusal(&self) -> (u16, String) {
        let said = self.json();
        assert_eq!(said["status"], self.status.as_u16(), "{said}");
        assert_eq!(said["type"], "about:blank");
        assert!(said["title"].is_string(), "{said}");
        let media_type = if self.status == 422 {
            assert!(said["detail"].is_array(), "{said}");
            "application/json"
        } else {
            assert!(said["detail"].is_string(), "{said}");
            "application/problem+json"
        };
        assert_eq!(self.header("content-type"), media_type);
        let code = said["code"].as_str().expect("a code");
        (self.status.as_u16(), code.to_owned())
    }

    /// The fields at fault, as `place.of.field: type`, sorted.
    fn faults(&self) -> Vec<String> {
        assert_eq!(self.refusal(), (422, "validation_error".to_owned()));
        let said = self.json();
        let faults = said["detail"].as_array().expect("a list").iter();
        let mut faults: Vec<String> = faults
            .map(|fault| {
                assert!(fault["msg"].is_string(), "{fault}");
                let loc = fault["loc"].as_array().expect("a list").iter();
                let loc: Vec<&str> = loc.map(|part| part.as_str().expect("a text")).collect();
                let kind = fault["type"].as_str().expect("a text");
                format!("{}: {kind}", loc.join("."))
            })
            .collect();
        faults.sort();
        faults
    }
}

/// Lets receivers on this machine be sent to.
fn loopback() -> AddressPolicy {
    let allowed = vec!["127.0.0.0/8".parse().expect("valid")];
    AddressPolicy {
        allowed,
        ..AddressPolicy::default()
    }
}

impl Api {
    /// With a network in memory on which every attempt meets `kind` at once.
    async fn start(kind: OutcomeKind) -> Self {
        let script = Box::new(move |_: &_| (Duration::ZERO, kind));
        Self::with_transport(MemoryTransport::new(script, Sent::default())).await
    }

    /// With an application `a`, over real sockets to receivers on this machine.
    async fn sending() -> Self {
        let transport = HyperTransport::new(
            TransportOptions {
                address_policy: loopback(),
                ..TransportOptions::default()
            },
            SystemResolver,
        );
        let api = Self::with_transport(transport.expect("a transport")).await;
        api.application("a").await;
        api
    }

    async fn with_transport<T: Transport + 'static>(transport: T) -> Self {
        // Endpoints of these tests fail for weeks.
        let options = Options {
            circuit_breaker: None,
            disable_after: None,
            ..Options::default()
        };
        Self::with_options(transport, options).await
    }

    async fn with_options<T: Transport + 'static>(transport: T, options: Options) -> Self {
        Self::stalling(transport, options, Stall::default()).await
    }

    /// Over a store that may stall.
    async fn stalling<T: Transport + 'static>(
        transport: T,
        options: Options,
        stall: Stall,
    ) -> Self {
        let clock = TestClock::start();
        let started = running::start_stalling(options, clock.clone(), transport, None, stall);
        let (handle, _) = started.await;
        let host = Host {
            handle,
            refusal: Arc::default(),
            early_refusals: Arc::default(),
        };
        let state = ServerState {
            backend: host.clone(),
            original_access: Access::Open,
            api_access: Access::key(KEY),
            catalogue: Catalogue::default(),
            targets: Arc::new(loopback()),
            keys: KeyRing::new({
                let clock = clock.clone();
                move || clock.now()
            }),
            metrics: Metrics::new(Access::Open),
            face: Face::Whole,
        };
        Self {
            router: router(state),
            host,
            clock,
        }
    }

    /// Refuses every command from now on.
    fn refuse(&self, refusal: Refusal) {
        *self.host.refusal.lock().expect("no panic") = Some(refusal);
    }

    /// Lets time go by, and gives the engine its turns.
    async fn advance(&self, span: Span) {
        self.clock.steady.advance(span);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits in real time until so many attempts are recorded and can be read.
    async fn attempts(&self, count: u64) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let stats = self.host.handle.stats();
                if stats.attempts >= count && stats.in_flight == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
        waited.await.expect("the attempts end");
        // The results go to the store when they have waited long enough for company.
        self.advance(Span::from_millis(20)).await;
    }

    /// Waits in real time until no attempt is in flight, and until what came of them can be read.
    async fn settled(&self) {
        let count = self.host.handle.stats().attempts;
        self.attempts(count).await;
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(keyed(Method::GET, path).body(Body::empty()).expect("valid"))
            .await
    }

    async fn post_raw(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = keyed(Method::POST, path).header("content-type", "application/json");
        self.ask(request.body(body.into()).expect("valid")).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_raw(path, body.to_string()).await
    }

    /// Sends a body by a method, and asks for this revision of what is changed.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Answer {
        let mut request = keyed(method, path).header("content-type", "application/json");
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        self.ask(request.body(body.to_string().into()).expect("valid"))
            .await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &body, None).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &body, None).await
    }

    /// Makes an application of this uid.
    async fn application(&self, uid: &str) -> Value {
        let body = json!({ "name": uid, "uid": uid });
        self.post("/api/v1/app", body).await.fine()
    }

    /// Makes an endpoint of this uid and gives what was answered.
    async fn endpoint(&self, application: &str, uid: &str, url: &str) -> Value {
        let path = format!("/api/v1/app/{application}/endpoint");
        self.post(&path, json!({ "url": url, "uid": uid }))
            .await
            .fine()
    }

    /// Offers a message and gives its id.
    async fn message(&self, application: &str, number: usize) -> String {
        let path = format!("/api/v1/app/{application}/msg");
        let body = json!({ "eventType": "order.made", "payload": { "number": number } });
        let said = self.post(&path, body).await.fine();
        said["id"].as_str().expect("an id").to_owned()
    }
}

/// A request with the admin key.
fn keyed(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {KEY}"))
}

/// Runs a test inside a local set.
async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}
