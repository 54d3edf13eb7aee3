//! Operational events between two shards of which one is lost: the engine alone, with the test in the
//! place of the store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{Application, ApplicationKey},
        change::{Batch, Change, ChangeResult, Epoch},
        command::RequestHandle,
        id::{ApplicationId, Id, ShardId},
        outbox::OutboxRow,
        page::ShardState,
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    time::{Now, Span, Timestamp},
};

use crate::support::rig::new_endpoint;

/// An engine whose shards are apart, with the test in the place of the store: each batch waits until
/// the test lets it commit or fail.
struct Apart {
    engine: Engine,
    now: Now,
    batches: Vec<Batch>,
}

const CUSTOMERS: ShardId = ShardId::new(1);
const OPERATIONS: ShardId = ShardId::new(2);

impl Apart {
    fn new() -> Self {
        let application = |ordinal, shard, uid: &str| {
            Arc::new(Application {
                key: ApplicationKey { shard, ordinal: 0 },
                id: ApplicationId::new(Id::from_value(ordinal)),
                uid: Some(uid.into()),
                registration: Default::default(),
                is_deleted: false,
                revision: 1,
                created_at: Now::default(),
                updated_at: Now::default(),
            })
        };
        let mut apart = Self {
            engine: Engine::new(Options {
                operational: Some("operations".into()),
                ..Options::default()
            }),
            now: Now::at(Timestamp::from_millis(1_764_000_000_000)),
            batches: Vec::new(),
        };
        let directory = ShardState::Directory {
            applications: vec![
                application(1, CUSTOMERS, "customer"),
                application(2, OPERATIONS, "operations"),
            ],
            last_id: Id::from_value(2),
        };
        apart.turn(acquired(ShardId::DIRECTORY, 1, directory));
        for shard in [CUSTOMERS, OPERATIONS] {
            apart.turn(acquired(shard, 1, empty(Vec::new())));
        }
        apart
    }

    /// One turn; batches are kept, and nothing else comes of it but replies and releases.
    fn turn(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.step(self.now, input, &mut effects);
        self.engine.step(self.now, Input::TurnEnd, &mut effects);
        for effect in effects {
            match effect {
                Effect::Commit(batch) => self.batches.push(*batch),
                Effect::Reply(..) | Effect::ReleaseShard(_) => {}
                other => panic!("not expected: {other:?}"),
            }
        }
    }

    /// The only batch that waits, which is of this shard.
    fn batch(&mut self, shard: ShardId) -> Batch {
        let batch = self.batches.pop().expect("a batch waits");
        assert!(self.batches.is_empty() && batch.shard == shard, "{batch:?}");
        batch
    }

    /// Lets a batch be durable, each change answered with this.
    fn commit(&mut self, mut batch: Batch, result: ChangeResult) {
        batch.results = vec![result; batch.changes.len()];
        batch.changes.clear();
        self.turn(Input::Committed(Box::new(batch)));
    }

    /// Lets what may wait be submitted.
    fn pass(&mut self) {
        self.now = Now::at(self.now.steady.plus(Span::from_millis(50)));
        self.turn(Input::DeadlineReached);
    }

    /// An endpoint is made and durable; gives the row of the outbox that was written with it, and the
    /// key under which the event about it is on its way.
    fn with_one_under_way(&mut self) -> (Arc<OutboxRow>, [u8; 32]) {
        let key = ApplicationKey {
            shard: CUSTOMERS,
            ordinal: 0,
        };
        self.turn(Input::Command(
            RequestHandle::new(1),
            new_endpoint(key, "e"),
        ));
        let batch = self.batch(CUSTOMERS);
        let row = batch.changes.iter().find_map(Change::told).cloned();
        self.commit(batch, ChangeResult::Fresh);
        let sent = self.batch(OPERATIONS);
        let key = once_key(&sent);
        self.batches.push(sent);
        (row.expect("it is told"), key)
    }
}

fn acquired(shard: ShardId, epoch: u64, state: ShardState) -> Input {
    Input::ShardAcquired(shard, Epoch::new(epoch), Box::new(state))
}

/// A shard that holds its application alone, and what it has to tell.
fn empty(outbox: Vec<Arc<OutboxRow>>) -> ShardState {
    let last_id = outbox.last().map(|row| row.id).unwrap_or_default();
    ShardState::Data {
        applications: Vec::new(),
        outbox,
        last_id,
    }
}

/// The key under which the event of a batch is accepted once.
fn once_key(batch: &Batch) -> [u8; 32] {
    let once = batch.changes.iter().find_map(|change| match change {
        Change::Once(once, change) if matches!(**change, Change::PutEvent(_)) => Some(once),
        _ => None,
    });
    once.expect("an event, once").key_sha256
}

#[test]
fn what_was_sent_to_a_shard_that_is_lost_is_sent_again_when_it_comes_back() {
    let mut apart = Apart::new();
    let (row, key) = apart.with_one_under_way();
    let sent = apart.batch(OPERATIONS);
    apart.turn(Input::CommitFailed(OPERATIONS, sent.handle));
    apart.pass();
    assert!(apart.batches.is_empty(), "there is nowhere to send it");
    apart.turn(acquired(OPERATIONS, 2, empty(Vec::new())));
    let again = apart.batch(OPERATIONS);
    assert_eq!(once_key(&again), key);
    // It had been durable though nobody heard: the row goes all the same.
    apart.commit(again, ChangeResult::Replayed(Id::from_value(9)));
    apart.pass();
    let last = apart.batch(CUSTOMERS);
    assert!(matches!(last.changes[..], [Change::DeleteOutbox(id)] if id == row.id));
}

#[test]
fn a_shard_that_is_lost_while_another_is_told_sends_it_again_under_the_same_key() {
    let mut apart = Apart::new();
    let (row, key) = apart.with_one_under_way();
    let sent = apart.batch(OPERATIONS);
    apart.turn(Input::ShardLost(CUSTOMERS));
    // The answer comes while nobody owns the row: it stays for whoever acquires it.
    apart.commit(sent, ChangeResult::Fresh);
    assert!(apart.batches.is_empty());
    apart.turn(acquired(CUSTOMERS, 2, empty(vec![Arc::clone(&row)])));
    let again = apart.batch(OPERATIONS);
    assert_eq!(once_key(&again), key);
    apart.commit(again, ChangeResult::Replayed(Id::from_value(9)));
    apart.pass();
    let last = apart.batch(CUSTOMERS);
    assert!(matches!(last.changes[..], [Change::DeleteOutbox(id)] if id == row.id));
    apart.commit(last, ChangeResult::Fresh);
    apart.pass();
    assert!(apart.batches.is_empty(), "all is told");
}
