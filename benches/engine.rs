//! Engine deliveries a second on one core: memory store, fan-out 10, every record made.
//!
//! Prints the best of five runs, with the rate of a plain ChaCha fill loop measured beside each, so
//! that a busy machine shows; then criterion measures one run again.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a bench reads the clock, divides and prints"
)]

use std::time::Instant;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use fanfare::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptHandle,
        command::{Answer, Command, NewEndpoint, NewEvent, RequestHandle},
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        id::ShardId,
        outcome::{Outcome, OutcomeKind},
        secret::Secret,
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    random::Stream,
    store::{Completion, Store as _, memory::MemoryStore},
    time::{Now, Span, Timestamp},
};

/// Endpoints that each event goes to.
const FAN_OUT: usize = 10;
/// Events that arrive in one turn.
const EVENTS_PER_TURN: usize = 8;

/// An engine over a memory store, whose attempts all succeed in the next turn.
struct World {
    engine: Engine,
    store: MemoryStore,
    now: Now,
    effects: Vec<Effect>,
    completions: Vec<Completion>,
    flying: Vec<AttemptHandle>,
    application: ApplicationKey,
    body: Bytes,
    delivered: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            engine: Engine::new(Options::default()),
            store: MemoryStore::default(),
            now: Now::at(Timestamp::from_millis(1_764_000_000_000)),
            effects: Vec::new(),
            completions: Vec::new(),
            flying: Vec::new(),
            application: ApplicationKey::default(),
            body: Bytes::from(vec![b'1'; 500]),
            delivered: 0,
        };
        for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
            let (epoch, state) = world.store.acquire(shard).expect("the store has the shard");
            world.step(Input::ShardAcquired(shard, epoch, Box::new(state)));
        }
        world.step(Input::Command(
            RequestHandle::new(0),
            Command::CreateApplication {
                uid: Some("bench".into()),
                registration: Default::default(),
            },
        ));
        world.turn();
        world.turn();
        for number in 0..FAN_OUT {
            let url = format!("http://host-{number}.test/");
            let endpoint = NewEndpoint {
                uid: None,
                filter: Filter::default(),
                headers: Vec::new(),
                is_enabled: true,
                throttle_rate: None,
                ordering: fanfare::domain::ordering::Ordering::default(),
                application: world.application,
                url: EndpointUrl::parse(&url).expect("valid"),
                secret: Secret::new(vec![7; 32]).expect("valid"),
                body_format: BodyFormat::Payload,
                original_url_sha256: None,
                registration: Bytes::new(),
                details: Bytes::new(),
            };
            let command = Command::CreateEndpoint(Box::new(endpoint));
            world.step(Input::Command(RequestHandle::new(1), command));
        }
        world.turn();
        world.turn();
        world
    }

    fn step(&mut self, input: Input) {
        self.engine.step(self.now, input, &mut self.effects);
    }

    /// One turn: what the store and the receivers answered, then the engine's decisions.
    fn turn(&mut self) {
        self.now = Now::at(self.now.steady.plus(Span::from_micros(100)));
        let mut completions = core::mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            match completion {
                Completion::Committed(batch) => self.step(Input::Committed(batch)),
                Completion::Loaded(load, page) => self.step(Input::Loaded(load, page)),
                Completion::CommitFailed(..) | Completion::LoadFailed(_) | Completion::Mode(_) => {
                    panic!("no faults here")
                }
            }
        }
        self.completions = completions;
        let mut flying = core::mem::take(&mut self.flying);
        self.delivered += flying.len() as u64;
        for attempt in flying.drain(..) {
            let outcome = Outcome::without_reply(OutcomeKind::Status(200), Span::from_micros(100));
            self.step(Input::AttemptDone(attempt, outcome));
        }
        self.flying = flying;
        self.step(Input::TurnEnd);
        let mut effects = core::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Commit(batch) => self.store.submit(batch),
                Effect::Load(load, request) => self.store.load(load, request),
                Effect::Send(request) => self.flying.push(request.attempt),
                Effect::Reply(_, Ok(Answer::Application { key, .. })) => self.application = key,
                Effect::Reply(_, reply) => assert!(reply.is_ok(), "{reply:?}"),
                Effect::CancelSend(_)
                | Effect::Notify(_)
                | Effect::ReleaseShard(_)
                | Effect::Stopped => {}
            }
        }
        self.effects = effects;
        self.store
            .flush(&mut self.completions)
            .expect("it never fails");
    }

    /// Delivers at least `count` more.
    fn deliver(&mut self, count: u64) -> u64 {
        let start = self.delivered;
        while self.delivered - start < count {
            for _ in 0..EVENTS_PER_TURN {
                let event = NewEvent {
                    uid: None,
                    application: self.application,
                    event_type: ORDER_RECEIVED.into(),
                    channels: Vec::new(),
                    besides: Besides::default(),
                    payload: Payload {
                        content_type: JSON.into(),
                        bytes: self.body.clone(),
                    },
                };
                let command = Command::AcceptEvent(Box::new(event));
                self.step(Input::Command(RequestHandle::new(2), command));
            }
            self.turn();
        }
        self.delivered - start
    }
}

/// Random words a second from a plain fill loop: the yardstick of the machine at this moment.
fn yardstick() -> f64 {
    let mut stream = Stream::new(1, "yardstick", 0, 0);
    let start = Instant::now();
    let mut sum = 0_u64;
    for _ in 0..20_000_000 {
        sum = sum.wrapping_add(stream.next_u64());
    }
    std::hint::black_box(sum);
    20_000_000.0 / start.elapsed().as_secs_f64()
}

fn main() {
    let mut runs = Vec::new();
    for run in 1..=5 {
        let words = yardstick();
        let mut world = World::new();
        world.deliver(200_000);
        let start = Instant::now();
        let count = world.deliver(3_000_000);
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!("run {run}: {rate:>12.0} deliveries/s   (ChaCha fill: {words:>12.0} words/s)");
        runs.push(rate);
    }
    let best = runs.iter().copied().fold(0.0, f64::max);
    println!("best of five: {best:.0} deliveries/s");

    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(100_000));
    let mut world = World::new();
    world.deliver(200_000);
    group.bench_function("fan-out 10, 100,000 deliveries", |bencher| {
        bencher.iter(|| world.deliver(100_000));
    });
    group.finish();
    criterion.final_summary();
}
