//! A rig for the engine: an engine and a memory store, driven turn by turn, with attempts answered
//! by the test. No network, no clock, no threads.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID, Registration},
        attempt::{AttemptHandle, AttemptRequest},
        command::{Answer, Command, NewEndpoint, NewEvent, Reply, RequestHandle},
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        id::{EndpointId, EventId, ShardId},
        observation::Observation,
        ordering::{Ordering, OrderingKey},
        outcome::{Outcome, OutcomeKind},
        page::{ApplicationState, ShardState},
        secret::Secret,
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    store::{
        Completion, Store as _,
        memory::{MemoryOptions, MemoryStore},
    },
    time::{Now, Span, Timestamp},
};

/// The engine with its hands tied to a memory store.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) now: Now,
    /// Attempts that were sent and not answered, in order.
    pub(crate) sent: VecDeque<AttemptRequest>,
    pub(crate) cancelled: Vec<AttemptHandle>,
    pub(crate) replies: BTreeMap<u64, Reply>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) stopped: bool,
    /// How many attempts were sent so far, answered or not.
    pub(crate) sent_count: usize,
    /// How many attempts had been sent when a batch failed, for each that did.
    pub(crate) failed_after: Vec<usize>,
    /// Batches that fail, by how many commits from now.
    pub(crate) fail_commit_in: Option<usize>,
    /// Whether completions wait for [`Rig::complete`] instead of coming at once.
    pub(crate) hold_completions: bool,
    completions: Vec<Completion>,
    requests: u64,
    /// Turns so far.
    turns: u64,
}

impl Rig {
    /// What the engine counts is what there is; looked at for a test's first turns, since the largest tests
    /// have too many.
    fn audit(&mut self) {
        self.turns += 1;
        if self.turns < 2_000 {
            assert_eq!(self.engine.audit(), None);
        }
    }

    /// A rig with the application `default`.
    pub(crate) fn new(options: Options) -> Self {
        Self::with_store(options, MemoryOptions::default())
    }

    /// A rig over a store with these limits.
    pub(crate) fn with_store(options: Options, store: MemoryOptions) -> Self {
        let mut rig = Self {
            engine: Engine::new(options),
            store: MemoryStore::new(store),
            now: Now::at(Timestamp::from_millis(1_764_000_000_000)),
            sent: VecDeque::new(),
            cancelled: Vec::new(),
            replies: BTreeMap::new(),
            observations: Vec::new(),
            stopped: false,
            sent_count: 0,
            failed_after: Vec::new(),
            fail_commit_in: None,
            hold_completions: false,
            completions: Vec::new(),
            requests: 0,
            turns: 0,
        };
        for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
            let input = rig.acquire(shard);
            rig.turn(vec![input]);
        }
        rig.application(DEFAULT_APPLICATION_UID);
        rig
    }

    pub(crate) fn acquire(&mut self, shard: ShardId) -> Input {
        let (epoch, state) = self.store.acquire(shard).expect("the store has the shard");
        Input::ShardAcquired(shard, epoch, Box::new(state))
    }

    /// One turn with these inputs, and the turns that follow from what the store completes.
    pub(crate) fn turn(&mut self, inputs: Vec<Input>) {
        let mut inputs = inputs;
        loop {
            let mut effects = Vec::new();
            for input in inputs.drain(..) {
                self.engine.step(self.now, input, &mut effects);
            }
            self.engine.step(self.now, Input::TurnEnd, &mut effects);
            self.audit();
            for effect in effects {
                inputs.extend(self.carry(effect));
            }
            self.store
                .flush(&mut self.completions)
                .expect("it never fails");
            if !self.hold_completions {
                inputs.extend(self.completions.drain(..).map(input_of));
            }
            if inputs.is_empty() {
                return;
            }
        }
    }

    /// Lets the completions that were held come.
    pub(crate) fn complete(&mut self) {
        self.complete_with(Vec::new());
    }

    /// Lets the completions that were held come, and these inputs behind them in the same turn.
    pub(crate) fn complete_with(&mut self, more: Vec<Input>) {
        let held = self.completions.drain(..).map(input_of);
        let inputs = held.chain(more).collect();
        self.turn(inputs);
    }

    fn carry(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Commit(batch) => {
                let fails = self.fail_commit_in.map(|left| left == 0);
                self.fail_commit_in = self.fail_commit_in.and_then(|left| left.checked_sub(1));
                if fails == Some(true) {
                    self.failed_after.push(self.sent_count);
                    return Some(Input::CommitFailed(batch.shard, batch.handle));
                }
                self.store.submit(batch);
            }
            Effect::Load(load, request) => self.store.load(load, request),
            Effect::Send(request) => {
                self.sent_count += 1;
                self.sent.push_back(request);
            }
            Effect::CancelSend(attempt) => self.cancelled.push(attempt),
            Effect::Reply(request, reply) => {
                assert!(
                    self.replies.insert(request.number(), reply).is_none(),
                    "answered once"
                );
            }
            Effect::Notify(observation) => self.observations.push(observation),
            Effect::ReleaseShard(shard) => {
                self.store.release(shard);
                return Some(self.acquire(shard));
            }
            Effect::Stopped => self.stopped = true,
        }
        None
    }

    /// Sends a command and gives the number its reply will have.
    pub(crate) fn command(&mut self, command: Command) -> u64 {
        self.requests += 1;
        self.turn(vec![Input::Command(
            RequestHandle::new(self.requests),
            command,
        )]);
        self.requests
    }

    /// Creates or finds an application.
    pub(crate) fn application(&mut self, uid: &str) -> ApplicationKey {
        let request = self.command(Command::CreateApplication {
            uid: Some(uid.into()),
            registration: Registration::default(),
        });
        match self.replies.get(&request) {
            Some(Ok(Answer::Application { key, .. })) => *key,
            other => panic!("no application: {other:?}"),
        }
    }

    /// Registers an endpoint under the path `name`; tells its id and whether it is new.
    pub(crate) fn endpoint(
        &mut self,
        application: ApplicationKey,
        name: &str,
    ) -> (EndpointId, bool) {
        let request = self.command(new_endpoint(application, name));
        match self.replies.get(&request) {
            Some(Ok(Answer::Endpoint { id, fresh })) => (*id, *fresh),
            other => panic!("no endpoint: {other:?}"),
        }
    }

    /// Accepts an event.
    pub(crate) fn event(&mut self, application: ApplicationKey) -> EventId {
        let request = self.command(new_event(application));
        match self.replies.get(&request) {
            Some(Ok(Answer::Event { id, .. })) => *id,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// Accepts an event with an ordering key.
    pub(crate) fn keyed_event(&mut self, application: ApplicationKey, key: &str) -> EventId {
        let Command::AcceptEvent(mut event) = new_event(application) else {
            unreachable!("it is one")
        };
        event.besides.ordering_key = Some(OrderingKey::of(key));
        let request = self.command(Command::AcceptEvent(event));
        match self.replies.get(&request) {
            Some(Ok(Answer::Event { id, .. })) => *id,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// Makes an endpoint that keeps such an order.
    pub(crate) fn endpoint_in_order(
        &mut self,
        application: ApplicationKey,
        ordering: Ordering,
    ) -> EndpointId {
        let Command::CreateEndpoint(mut new) = new_endpoint(application, "a") else {
            unreachable!("it is one")
        };
        new.ordering = ordering;
        let request = self.command(Command::CreateEndpoint(new));
        match self.replies.get(&request) {
            Some(Ok(Answer::Endpoint { id, .. })) => *id,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Answers the attempt that was sent first.
    pub(crate) fn answer(&mut self, kind: OutcomeKind) -> AttemptRequest {
        let request = self.sent.pop_front().expect("an attempt is in flight");
        self.done(&request, kind);
        request
    }

    /// Answers this attempt.
    pub(crate) fn done(&mut self, request: &AttemptRequest, kind: OutcomeKind) {
        let outcome = Outcome::without_reply(kind, Span::from_millis(1));
        self.turn(vec![Input::AttemptDone(request.attempt, outcome)]);
    }

    /// Lets time go by, waking the engine at each of its deadlines.
    pub(crate) fn advance(&mut self, span: Span) {
        let until = self.now.steady.plus(span);
        while let Some(deadline) = self.engine.next_deadline().filter(|at| *at <= until) {
            assert!(
                deadline >= self.now.steady || !self.hold_completions,
                "deadlines lie ahead"
            );
            self.now = Now::at(deadline.max(self.now.steady));
            self.turn(vec![Input::DeadlineReached]);
        }
        self.now = Now::at(until);
        self.turn(Vec::new());
    }

    /// The shard of endpoints and events is lost, with all that is not durable, and acquired again.
    pub(crate) fn lose_shard(&mut self) {
        let shard = ShardId::new(1);
        self.turn(vec![Input::ShardLost(shard)]);
        let lost: Vec<_> = self.sent.drain(..).collect();
        let input = self.acquire(shard);
        self.turn(vec![input]);
        // Nobody asks any more what became of these; their places are free now.
        for request in lost {
            self.done(&request, OutcomeKind::Status(503));
        }
    }

    /// The process ends and another one begins over the same store, with these options; nobody tells it
    /// what became of attempts in flight.
    pub(crate) fn restart(&mut self, options: Options) {
        self.engine = Engine::new(options);
        self.sent.clear();
        for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
            self.store.release(shard);
            let input = self.acquire(shard);
            self.turn(vec![input]);
        }
    }

    /// What the store would give of an application if its shard were acquired now; the engine's epoch
    /// is over then.
    pub(crate) fn recovered(&mut self, application: ApplicationKey) -> ApplicationState {
        match self.store.acquire(application.shard) {
            Ok((_, ShardState::Data { applications, .. })) => applications
                .into_iter()
                .find(|state| state.key == application)
                .expect("the application is there"),
            other => panic!("no data shard: {other:?}"),
        }
    }

    /// The paths that the attempts in flight go to, in the order they were sent.
    pub(crate) fn flying(&self) -> Vec<String> {
        self.sent.iter().map(path).collect()
    }

    /// The console lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.observations.iter().map(ToString::to_string).collect()
    }
}

/// The settings of production, but that nothing is held back from a receiver that fails, and that its endpoint
/// is not disabled for it.
pub(crate) fn undaunted() -> Options {
    Options {
        circuit_breaker: None,
        disable_after: None,
        ..Options::default()
    }
}

/// The path an attempt goes to, without its slash.
pub(crate) fn path(request: &AttemptRequest) -> String {
    request
        .target
        .url
        .path_and_query()
        .trim_start_matches('/')
        .to_owned()
}

/// The command that registers an endpoint under the path `name`, on a host of its own.
pub(crate) fn new_endpoint(application: ApplicationKey, name: &str) -> Command {
    let mut hash = [0; 32];
    for (slot, byte) in hash.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    Command::CreateEndpoint(Box::new(NewEndpoint {
        uid: None,
        filter: Filter::default(),
        headers: Vec::new(),
        is_enabled: true,
        throttle_rate: None,
        ordering: Ordering::default(),
        application,
        url: EndpointUrl::parse(&format!("http://{name}.receiver.test/{name}")).expect("valid"),
        secret: Secret::new(vec![7; 32]).expect("valid"),
        body_format: BodyFormat::Payload,
        original_url_sha256: Some(hash),
        registration: Bytes::new(),
        details: Bytes::new(),
    }))
}

/// The command that accepts an event.
pub(crate) fn new_event(application: ApplicationKey) -> Command {
    Command::AcceptEvent(Box::new(NewEvent {
        uid: None,
        application,
        event_type: ORDER_RECEIVED.into(),
        channels: Vec::new(),
        besides: Besides::default(),
        payload: Payload {
            content_type: JSON.into(),
            bytes: Bytes::from_static(b"[1]"),
        },
    }))
}

fn input_of(completion: Completion) -> Input {
    match completion {
        Completion::Committed(batch) => Input::Committed(batch),
        Completion::CommitFailed(shard, batch) => Input::CommitFailed(shard, batch),
        Completion::Loaded(load, page) => Input::Loaded(load, page),
        Completion::LoadFailed(load) => Input::LoadFailed(load),
        Completion::Mode(mode) => Input::StoreMode(mode),
    }
}
