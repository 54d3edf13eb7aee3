//! Journals without a process: what an engine was told, written and read back, and run again.
//!
//! Goal: a replay finds the first thing that an engine does otherwise. Method: an engine over the
//! memory store whose inputs are recorded, run again with the same options and with others.

use fanfare::{
    domain::{
        command::{Command, RequestHandle},
        id::ShardId,
        outcome::{Outcome, OutcomeKind},
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    journal::{
        frame::{Content, Opening, read_content},
        lives::Lives,
        replay::Difference,
        steps::StepWriter,
    },
    store::{Completion, Store as _, memory::MemoryStore},
    time::{Now, Span, Timestamp},
};

use crate::support::rig::{new_endpoint, new_event};

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
        }
    }

    /// Turns until nothing is to be told any more; attempts fail.
    fn run(&mut self) {
        while !self.next.is_empty() {
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
                        let kind = OutcomeKind::Status(500);
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
        let mut recorded = Self::new(Options::default());
        for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
            let (epoch, state) = recorded.store.acquire(shard).expect("there is one");
            recorded
                .next
                .push(Input::ShardAcquired(shard, epoch, Box::new(state)));
        }
        recorded.run();
        let application = Command::CreateApplication {
            uid: Some("a".into()),
            registration: bytes::Bytes::new(),
        };
        let key = fanfare::domain::application::ApplicationKey {
            shard: ShardId::new(1),
            ordinal: 0,
        };
        for (number, command) in [application, new_endpoint(key, "x"), new_event(key)]
            .into_iter()
            .enumerate()
        {
            let request = RequestHandle::new(number as u64);
            recorded.next.push(Input::Command(request, command));
            recorded.run();
        }
        while recorded.engine.stats().retried < 2 {
            let due = recorded.engine.next_deadline().expect("a retry waits");
            recorded.now = Now::at(due.max(recorded.now.steady));
            recorded.next.push(Input::DeadlineReached);
            recorded.run();
        }
        recorded
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
