//! Journals without a process: what an engine was told, written and read back, and run again.
//!
//! Goal: a replay finds the first thing that an engine does otherwise. Method: an engine over the
//! memory store whose inputs are recorded, run again with the same options and with others.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::ApplicationKey,
        audit::{Act, NewAuditEntry},
        command::{Command, NewEndpoint, RequestHandle},
        event::EventPosition,
        id::{EndpointId, EventId, Id, ShardId},
        outcome::{Outcome, OutcomeKind},
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    journal::{
        explain::{Explanation, Fact, Held, Waits},
        frame::{Content, Opening, read_content},
        lives::Lives,
        replay::Difference,
        steps::{Step, StepWriter},
        trace::Record,
    },
    sim::whatif::{Figures, Traffic},
    store::{Completion, Reads as _, Store as _, memory::MemoryStore},
    time::{Now, Span, Timestamp},
};

use crate::support::rig::{new_endpoint, new_event};

/// The only application there is.
const APPLICATION: ApplicationKey = ApplicationKey {
    shard: ShardId::new(1),
    ordinal: 0,
};

/// An engine over a memory store, and all that it is told.
struct Recorded {
    engine: Engine,
    store: MemoryStore,
    writer: StepWriter,
    contents: Vec<Vec<u8>>,
    opening: Opening,
    now: Now,
    /// What the engine is told next.
    next: Vec<Input>,
    /// What attempts meet.
    status: u16,
}

impl Recorded {
    fn new(options: Options) -> Self {
        let now = Now::at(Timestamp::from_millis(1_764_000_000_000));
        let opening = Opening {
            life: 1,
            program: "test".to_owned(),
            options: options.clone(),
            begun: now,
            has_bodies: false,
            turns_before: 0,
            records_before: 0,
            hash_before: 0,
        };
        Self {
            engine: Engine::new(options),
            store: MemoryStore::default(),
            writer: StepWriter::new(1, 0, now, false),
            contents: Vec::new(),
            opening,
            now,
            next: Vec::new(),
            status: 500,
        }
    }

    /// Turns until nothing is to be told any more; attempts fail, if nothing else is said.
    fn run(&mut self) {
        while !self.next.is_empty() {
            self.now = Now::at(self.now.steady.plus(Span::from_millis(50)));
            let mut effects = Vec::new();
            for input in std::mem::take(&mut self.next) {
                self.writer.input(self.now, &input);
                self.engine.step(self.now, input, &mut effects);
            }
            self.engine.step(self.now, Input::TurnEnd, &mut effects);
            self.writer.turn_ended(self.now, &effects);
            let contents = &mut self.contents;
            self.writer
                .take_content(|content| contents.push(content.to_vec()));
            for effect in effects {
                match effect {
                    Effect::Commit(batch) => self.store.submit(batch),
                    Effect::Load(load, request) => self.store.load(load, request),
                    Effect::Send(request) => {
                        let kind = OutcomeKind::Status(self.status);
                        let outcome = Outcome::without_reply(kind, Span::ZERO);
                        self.next.push(Input::AttemptDone(request.attempt, outcome));
                    }
                    _ => {}
                }
            }
            let mut done = Vec::new();
            self.store.flush(&mut done).expect("it never fails");
            self.next.extend(done.into_iter().map(|done| match done {
                Completion::Committed(batch) => Input::Committed(batch),
                Completion::CommitFailed(shard, batch) => Input::CommitFailed(shard, batch),
                Completion::Loaded(load, page) => Input::Loaded(load, page),
                Completion::LoadFailed(load) => Input::LoadFailed(load),
                Completion::Mode(mode) => Input::StoreMode(mode),
            }));
        }
    }

    /// An endpoint, an event that fails, and a retry that fails.
    fn with_a_retry() -> Self {
        let mut recorded = Self::with_an_event(Options::default(), 1);
        while recorded.engine.stats().retried < 2 {
            let due = recorded.engine.next_deadline().expect("a retry waits");
            recorded.now = Now::at(due.max(recorded.now.steady));
            recorded.next.push(Input::DeadlineReached);
            recorded.run();
        }
        // The last result goes to the store with the next batch.
        recorded.now = Now::at(recorded.now.steady.plus(Span::from_seconds(1)));
        recorded.next.push(Input::DeadlineReached);
        recorded.run();
        recorded
    }

    /// An endpoint and events that come at once and fail.
    fn with_an_event(options: Options, events: usize) -> Self {
        let mut recorded = Self::with_an_endpoint(options, |_| ());
        for number in 0..events {
            let request = RequestHandle::new(number as u64);
            let event = Input::Command(request, new_event(APPLICATION));
            recorded.next.push(event);
        }
        recorded.run();
        recorded
    }

    /// An endpoint that is made with this difference.
    fn with_an_endpoint(options: Options, differs: impl FnOnce(&mut NewEndpoint)) -> Self {
        let mut recorded = Self::new(options);
        for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
            let (epoch, state) = recorded.store.acquire(shard).expect("there is one");
            recorded
                .next
                .push(Input::ShardAcquired(shard, epoch, Box::new(state)));
        }
        recorded.run();
        let application = Command::CreateApplication {
            uid: Some("a".into()),
            registration: Default::default(),
        };
        let mut endpoint = new_endpoint(APPLICATION, "x");
        if let Command::CreateEndpoint(new) = &mut endpoint {
            differs(new);
        }
        for command in [application, endpoint] {
            recorded.asked(command);
        }
        recorded
    }

    /// Something is asked for, and done.
    fn asked(&mut self, command: Command) {
        let request = RequestHandle::new(0);
        self.next.push(Input::Command(request, command));
        self.run();
    }

    /// Time goes on, and what is due is done.
    fn wait(&mut self, span: Span) {
        self.now = Now::at(self.now.steady.plus(span));
        self.next.push(Input::DeadlineReached);
        self.run();
    }

    /// What the journal tells of the deliveries to the one endpoint, in the order of the events.
    fn explained(&self) -> Vec<Vec<Fact>> {
        let ids = |kind: u64| {
            let mut found = Vec::new();
            for content in &self.contents {
                let content = read_content(content).expect("as it was written");
                let Content::Steps(steps) = content else {
                    continue;
                };
                for step in steps {
                    if let Step::Turn(_, turn) = step {
                        let records = turn.effects.into_iter();
                        found.extend(records.filter(|record| record.kind == kind));
                    }
                }
            }
            found
        };
        let endpoint = ids(201).first().map(|record| record.first);
        let endpoint = EndpointId::new(Id::from_value(endpoint.expect("one was made")));
        let of_event = |record: Record| {
            let event = EventId::new(Id::from_value(record.first));
            let mut explanation = Explanation::new(event, endpoint);
            explanation.take(Content::Opening(Box::new(self.opening.clone())));
            for content in &self.contents {
                explanation.take(read_content(content).expect("as it was written"));
            }
            let facts = explanation.finish().into_iter();
            facts.map(|(_, fact)| fact).collect()
        };
        ids(203).into_iter().map(of_event).collect()
    }

    /// The figures of the recorded run, and those of its traffic under other options.
    fn tried(&self, options: Options) -> (Figures, Figures) {
        let mut traffic = Traffic::default();
        traffic.take(Content::Opening(Box::new(self.opening.clone())));
        for content in &self.contents {
            traffic.take(read_content(content).expect("as it was written"));
        }
        traffic.run(options).expect("it begins with its store")
    }

    /// Runs it again with other options.
    fn replayed(&self, change: impl FnOnce(&mut Options)) -> Result<u64, Box<Difference>> {
        let mut opening = self.opening.clone();
        change(&mut opening.options);
        let mut lives = Lives::default();
        lives.take(Content::Opening(Box::new(opening)))?;
        for content in &self.contents {
            let content = read_content(content).expect("as it was written");
            lives.take(content)?;
        }
        let (ended, _) = lives.finish();
        let life = ended.first().expect("one life");
        assert_eq!(life.stats.retried, 2);
        assert_eq!(life.replayed.hash, life.recorded_hash);
        Ok(life.replayed.hash)
    }
}

#[test]
fn the_same_options_do_the_same_and_a_longer_wait_is_the_first_difference() {
    let recorded = Recorded::with_a_retry();
    let hash = recorded.replayed(|_| ()).expect("equal");
    assert_eq!(hash, recorded.writer.so_far().hash);

    let changed = recorded.replayed(|options| {
        let longer = options.retry.waits[0].as_micros() + 1_000;
        options.retry.waits[0] = Span::from_micros(longer);
    });
    let difference = changed.expect_err("the first wait is another one");
    let (was, is) = (
        difference.recorded.expect("a record"),
        difference.replayed.expect("a record"),
    );
    // The row of the retry, or the attempt that is to be retried: both tell when it is due.
    assert_eq!((was.kind, is.kind), (204, 204), "{difference:?}");
    assert_eq!((was.first, was.second), (is.first, is.second));
    let later = is.value - was.value;
    assert!(
        (800..=1_200).contains(&later),
        "a millisecond and its jitter: {later}"
    );
    assert_eq!((was.sequence, was.time), (is.sequence, is.time));

    // Another seed gives other ids; another width of the window decides nothing here.
    assert!(recorded.replayed(|options| options.seed += 1).is_err());
    assert_eq!(
        recorded.replayed(|options| options.window_max = 2),
        Ok(hash)
    );
}

#[test]
fn an_attempt_that_came_late_is_explained_by_what_held_it() {
    let held = |options: Options| -> Vec<Option<Held>> {
        let told = Recorded::with_an_event(options, 2).explained();
        let first_attempts = told.iter().map(|facts| {
            let attempt = facts.iter().find_map(|fact| match fact {
                Fact::Attempt {
                    number: 1, held, ..
                } => Some(held.map(|(_, held)| held)),
                _ => None,
            });
            attempt.expect("an attempt was made")
        });
        first_attempts.collect()
    };
    // A new endpoint has earned one at a time.
    assert_eq!(held(Options::default()), [None, Some(Held::Window(1))]);
    let one_slot = Options {
        send_slots: 1,
        ..Options::default()
    };
    assert_eq!(held(one_slot), [None, Some(Held::AllSlots(1))]);
}

#[test]
fn what_is_skipped_is_explained_once_though_it_is_asked_twice() {
    let mut recorded = Recorded::with_a_retry();
    let application = APPLICATION;
    let endpoint = recorded.store.endpoints(application, 0, 1);
    let endpoint = endpoint.expect("readable").remove(0).id;
    let position = EventPosition::default();
    let event = recorded.store.event(application, position);
    let event = event.expect("it is there").id;
    for number in 70..72 {
        let command = Command::SetAside(Box::new(NewAuditEntry {
            application,
            endpoint,
            position,
            event,
            act: Act::Skip,
            by: "admin".into(),
            reason: "secret reason".into(),
        }));
        let request = RequestHandle::new(number);
        recorded.next.push(Input::Command(request, command));
        recorded.run();
    }
    let told = recorded.explained().remove(0);
    let skipped = told
        .iter()
        .filter(|fact| **fact == Fact::SetAside(Act::Skip));
    assert_eq!(skipped.count(), 1, "{told:?}");
    let text = recorded.contents.concat();
    let words = text.windows(6).filter(|window| window == b"secret");
    assert_eq!(words.count(), 0, "why is not recorded");
    assert!(recorded.replayed(|_| ()).is_ok());
}

#[test]
fn a_retry_is_explained_by_its_wait_and_its_jitter() {
    let told = Recorded::with_a_retry().explained();
    let waits: Vec<_> = told[0]
        .iter()
        .filter_map(|fact| match fact {
            Fact::RetryAt { wait, .. } => *wait,
            _ => None,
        })
        .collect();
    let scheduled: Vec<_> = waits.iter().map(|wait| wait.scheduled).collect();
    assert_eq!(
        scheduled,
        [Some(Span::from_seconds(5)), Some(Span::from_seconds(300))]
    );
    for wait in waits {
        assert_eq!(Some(wait.whole), wait.jittered, "nobody asked for more");
        assert_ne!(wait.jittered, wait.scheduled);
        let text = wait.to_string();
        assert!(text.contains("the jitter moves it by"), "{text}");
    }
}

/// How many attempts were made of a delivery that waits at the end, and what it waits for.
fn waits(told: &[Fact]) -> Option<(u16, Waits)> {
    match told.last()? {
        Fact::Waits { attempts, why } => Some((*attempts, *why)),
        _ => None,
    }
}

#[test]
fn what_was_never_tried_is_explained_by_what_keeps_it() {
    let recorded = Recorded::with_an_event(Options::default(), 12);
    let told = recorded.explained();
    for behind in [&told[10], &told[11]] {
        assert!(behind.contains(&Fact::Acknowledged), "{behind:?}");
        assert_eq!(waits(behind), Some((0, Waits::Circuit)), "{behind:?}");
        let text = behind.last().expect("a fact").to_string();
        assert_eq!(
            text,
            "no attempt is made up to the end of the journal: the circuit of the endpoint is not closed"
        );
    }

    let mut recorded = Recorded::with_an_endpoint(Options::default(), |_| ());
    let mut event = new_event(APPLICATION);
    if let Command::AcceptEvent(new) = &mut event {
        new.besides.deliver_after = Some(Span::from_seconds(3_600));
    }
    recorded.asked(event);
    let told = recorded.explained();
    let Some((0, Waits::NotDue(until))) = waits(&told[0]) else {
        panic!("{told:?}");
    };
    assert!(
        (3_590..=3_600).contains(&(until.as_millis() / 1_000)),
        "{until:?}"
    );
}

#[test]
fn what_waits_for_its_retry_is_explained_by_what_has_held_it_since() {
    let mut recorded = Recorded::with_an_event(Options::default(), 10);
    recorded.wait(Span::from_millis(100));
    let told = recorded.explained();
    let Some((1, Waits::NotDue(until))) = waits(&told[0]) else {
        panic!("{told:?}");
    };
    assert!((1..=6).contains(&(until.as_millis() / 1_000)), "{until:?}");
    // Its retry is due, and the circuit still open.
    recorded.wait(Span::from_seconds(8));
    let told = recorded.explained();
    assert_eq!(waits(&told[0]), Some((1, Waits::Circuit)), "{told:?}");
    let text = told[0].last().expect("a fact").to_string();
    assert!(text.starts_with("no further attempt is made"), "{text}");
}

#[test]
fn an_event_that_is_not_for_the_endpoint_is_no_delivery_that_waits() {
    let others: [fn(&mut NewEndpoint); 2] = [
        |new| new.filter.event_types = vec!["Another".into()],
        |new| new.is_enabled = false,
    ];
    for differs in others {
        let mut recorded = Recorded::with_an_endpoint(Options::default(), differs);
        recorded.asked(new_event(APPLICATION));
        assert_eq!(recorded.explained(), [[]]);
    }
}

#[test]
fn what_has_ended_waits_for_nothing() {
    let mut recorded = Recorded::with_an_event(
        Options {
            circuit_breaker: None,
            ..Options::default()
        },
        1,
    );
    for _ in 0..20 {
        recorded.wait(Span::from_seconds(2 * 86_400));
    }
    let told = recorded.explained();
    assert_eq!(waits(&told[0]), None, "{told:?}");
}

#[test]
fn what_is_asked_by_hand_counts_neither_in_the_recorded_figures_nor_in_the_others() {
    let mut recorded = Recorded::with_an_endpoint(Options::default(), |_| ());
    recorded.status = 200;
    recorded.asked(new_event(APPLICATION));
    recorded.wait(Span::from_millis(100));
    recorded.wait(Span::from_seconds(3_600));
    let endpoint = recorded.store.endpoints(APPLICATION, 0, 1);
    let endpoint = endpoint.expect("readable").remove(0).id;
    let event = recorded.store.event(APPLICATION, EventPosition::default());
    recorded.asked(Command::Resend {
        endpoint,
        event: Arc::clone(event.expect("it is there")),
        attempts: 1,
    });
    recorded.wait(Span::from_seconds(60));
    assert_eq!(recorded.engine.stats().attempts, 2, "it was sent again");
    let (was, would_be) = recorded.tried(Options::default());
    for figures in [was, would_be] {
        assert_eq!((figures.attempts, figures.succeeded), (1, 1), "{figures:?}");
        assert!(figures.p99_ms < 1_000, "{figures:?}");
    }
}

#[test]
fn what_a_policy_lets_expire_is_told() {
    let mut recorded = Recorded::with_an_event(Options::default(), 1);
    for _ in 0..3 {
        recorded.wait(Span::from_seconds(3_600));
    }
    let mut policy = Options::default();
    policy.retry.waits = vec![Span::from_seconds(3_600)];
    policy.expires_after = Span::from_seconds(600);
    let (was, would_be) = recorded.tried(policy);
    assert_eq!(
        (was.expired, would_be.expired),
        (0, 1),
        "{was:?} {would_be:?}"
    );
    assert_eq!((would_be.succeeded, would_be.exhausted), (0, 0));
}
