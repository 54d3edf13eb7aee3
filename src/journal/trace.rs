//! The trace: every input and effect of a run as a record of fixed layout, hashed as it goes.
//! Simulated runs, live ones and their replays write the same records.
//!
//! The hash covers nothing else, neither the seed nor the totals: two runs with the same hash did
//! the same things at the same times.

mod change_record;
mod record;

use xxhash_rust::xxh3::Xxh3;

pub(super) use self::change_record::endpoint_value;
use self::change_record::{application_value, change_record, delivery_value, micros};
pub use self::record::{Line, RECORD_BYTES, Record, VIRTUAL_BEGINNING};
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest, AttemptResult},
        change::{Batch, ChangeResult},
        command::{Answer, Command},
        id::{EventId, Id},
        outcome::Outcome,
        page::{Page, PageRequest},
    },
    engine::io::{Effect, Input},
    time::Timestamp,
};

/// The kinds of records that tell of effects and of what a batch holds.
const EFFECTS: core::ops::Range<u64> = 100..300;

/// Bytes of records that wait until they are hashed together.
const UNHASHED_BYTES_MAX: usize = 64 * RECORD_BYTES;

/// Told of each record as it is written.
pub type Listener = Box<dyn FnMut(&Record)>;

/// A running trace.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3,
    /// The bytes of the last records, which are not in the hash yet: many at once cost less than one by one.
    unhashed: Vec<u8>,
    sequence: u64,
    now: Timestamp,
    listener: Option<Listener>,
    /// Whether records of effects are kept until somebody takes them.
    keeps_effects: bool,
    kept: Vec<Record>,
}

impl Trace {
    /// The hash so far, as 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = self.hash.clone();
        hash.update(&self.unhashed);
        format!("{:016x}", hash.digest())
    }

    /// The hash so far.
    #[must_use]
    pub fn digest(&mut self) -> u64 {
        self.take_in();
        self.hash.digest()
    }

    /// Takes what is left over into the hash.
    fn take_in(&mut self) {
        self.hash.update(&self.unhashed);
        self.unhashed.clear();
    }

    /// How many records there are.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.sequence
    }

    /// Keeps the records of effects to come, until they are forgotten.
    pub const fn keep_effects(&mut self) {
        self.keeps_effects = true;
    }

    /// What is kept.
    #[must_use]
    pub fn kept(&self) -> &[Record] {
        &self.kept
    }

    /// Forgets what is kept.
    pub fn forget_kept(&mut self) {
        self.kept.clear();
    }

    /// Tells `listener` of each record to come.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Sets the time of the records to come.
    pub const fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Takes an input in.
    pub fn input(&mut self, input: &Input) {
        let record = match input {
            Input::Command(request, command) => {
                Record::new(command_kind(command), 0, request.number(), 0_u64)
            }
            Input::ShardAcquired(shard, epoch, _) => {
                Record::new(10, epoch.number(), shard.number(), 0_u64)
            }
            Input::ShardLost(shard) => Record::new(11, 0, shard.number(), 0_u64),
            Input::Committed(batch) => return self.committed(batch),
            Input::CommitFailed(shard, batch) => Record::new(21, 0, batch.number(), shard.number()),
            Input::Loaded(load, page) => {
                let (rows, more) = match &**page {
                    Page::Events { events, until } => (events.len(), until.number()),
                    Page::Open { rows, more } => (rows.len(), (*more).into()),
                    Page::Candidates(seen) => (seen.found.len(), seen.until.number()),
                };
                let rows = u64::try_from(rows).unwrap_or(u64::MAX);
                Record::new(30, more, load.number(), rows)
            }
            Input::LoadFailed(load) => Record::new(31, 0, load.number(), 0_u64),
            Input::StoreMode(mode) => Record::new(32, *mode as u64, 0_u64, 0_u64),
            Input::AttemptDone(attempt, outcome) => return self.attempt_done(*attempt, outcome),
            // Turns and deadlines show in the times of what follows from them.
            Input::DeadlineReached | Input::TurnEnd => return,
            Input::Shutdown(deadline) => Record::new(50, micros(*deadline), 0_u64, 0_u64),
        };
        self.write(&record);
    }

    /// Takes an effect in.
    pub fn effect(&mut self, effect: &Effect) {
        let record = match effect {
            Effect::Commit(batch) => return self.commit(batch),
            Effect::Load(load, request) => match request {
                PageRequest::Events {
                    application, from, ..
                } => Record::new(
                    110,
                    load.number(),
                    application_value(*application),
                    from.number(),
                ),
                PageRequest::Open {
                    endpoint, after, ..
                } => {
                    let after = after.map_or(0, |(due, _)| micros(due));
                    Record::new(111, load.number(), endpoint_value(*endpoint), after)
                }
                PageRequest::Candidates { endpoint, from, .. } => {
                    let delivery = delivery_value(*endpoint, *from);
                    Record::new(112, load.number(), delivery, 0_u64)
                }
            },
            Effect::Send(request) => return self.send(request),
            Effect::CancelSend(attempt) => Record::new(121, 0, attempt.number(), 0_u64),
            Effect::Reply(request, reply) => {
                let (value, id) = match reply {
                    Ok(Answer::Application { id, .. }) => (1, id.id()),
                    Ok(Answer::Endpoint { id, fresh }) => (2 + u64::from(*fresh), id.id()),
                    Ok(Answer::Event { id, .. }) => (4, id.id()),
                    Ok(Answer::NameTaken { id }) => (5, *id),
                    Ok(Answer::Record { id }) => (6, *id),
                    Ok(Answer::Replayed { id }) => (7, *id),
                    Ok(Answer::Resend) => (8, Id::default()),
                    Ok(Answer::Expunged) => (9, Id::default()),
                    Ok(Answer::Task { id }) => (10, id.id()),
                    Ok(Answer::Present(_)) => (11, Id::default()),
                    Ok(Answer::SetAside { id }) => (12, id.id()),
                    Err(_) => (0, Id::default()),
                };
                Record::new(130, value, request.number(), id.value())
            }
            Effect::Notify(_) => Record::new(140, 0, 0_u64, 0_u64),
            Effect::ReleaseShard(shard) => Record::new(150, 0, shard.number(), 0_u64),
            Effect::Stopped => Record::new(160, 0, 0_u64, 0_u64),
        };
        self.write(&record);
    }

    /// An attempt goes out.
    pub fn send(&mut self, request: &AttemptRequest) {
        let value = (request.attempt.number() << 16) | u64::from(request.number);
        let (event, endpoint) = (request.event.id.id(), request.target.id.id());
        self.write(&Record::new(120, value, event.value(), endpoint.value()));
    }

    /// An attempt is over.
    pub fn attempt_done(&mut self, attempt: AttemptHandle, outcome: &Outcome) {
        let code = outcome.kind.code();
        self.write(&Record::new(40, code, attempt.number(), 0_u64));
    }

    /// A producer has an answer to its ask with this number, with a status or none.
    pub fn producer_answered(&mut self, number: u32, status: u16) {
        self.write(&Record::new(310, status.into(), number, 0_u64));
    }

    /// An operator has an answer to what it did by hand, by its number, with a status or none.
    pub fn operator_answered(&mut self, number: u32, status: u16) {
        self.write(&Record::new(311, status.into(), number, 0_u64));
    }

    /// A receiver has its request of this count, about an event.
    pub fn receipt(&mut self, receiver: u32, count: u64, event: EventId) {
        self.write(&Record::new(320, count, event.id().value(), receiver));
    }

    /// Takes in what happened to the process itself: what it was, and how far the disk had come.
    pub fn event_of_life(&mut self, kind: u64, life: u64, operations: u64, syncs: u64) {
        self.write(&Record::new(300 + kind, life, operations, syncs));
    }

    /// A batch goes to the store: itself, then all it holds.
    pub fn commit(&mut self, batch: &Batch) {
        let shard = batch.shard.number();
        self.write(&Record::new(
            100,
            batch.epoch.number(),
            batch.handle.number(),
            shard,
        ));
        for change in &batch.changes {
            let record = change_record(change);
            self.write(&record);
        }
        for attempt in &batch.attempts {
            let (result, due) = match attempt.result {
                AttemptResult::Succeeded => (1, 0),
                AttemptResult::Exhausted => (2, 0),
                AttemptResult::RetryAt(due) => (3, micros(due)),
                AttemptResult::Failed => (4, 0),
            };
            let id = attempt.id.id().value();
            self.write(&Record::new(
                220 + result,
                due,
                id,
                delivery_value(attempt.endpoint, attempt.position),
            ));
        }
    }

    /// A batch is durable: itself, then what the store said to each change.
    fn committed(&mut self, batch: &Batch) {
        let shard = batch.shard.number();
        self.write(&Record::new(
            20,
            batch.epoch.number(),
            batch.handle.number(),
            shard,
        ));
        for result in &batch.results {
            let (value, id) = match result {
                ChangeResult::Fresh => continue,
                ChangeResult::Existing(id) => (1, *id),
                ChangeResult::Full => (2, Id::default()),
                ChangeResult::Stale => (3, Id::default()),
                ChangeResult::Replayed(id) => (4, *id),
                ChangeResult::Reused => (5, Id::default()),
            };
            self.write(&Record::new(22, value, id.value(), 0_u64));
        }
    }

    fn write(&mut self, record: &Record) {
        let record = Record {
            time: self.now,
            sequence: self.sequence,
            ..*record
        };
        self.sequence += 1;
        if self.unhashed.len() >= UNHASHED_BYTES_MAX {
            self.take_in();
        }
        self.unhashed.extend_from_slice(&record.to_bytes());
        if self.keeps_effects && EFFECTS.contains(&record.kind) {
            self.kept.push(record);
        }
        if let Some(listener) = &mut self.listener {
            listener(&record);
        }
    }
}

/// What a command is told as.
fn command_kind(command: &Command) -> u64 {
    match command {
        Command::CreateApplication { .. } => 1,
        Command::CreateEndpoint(_) => 2,
        Command::AcceptEvent(_) => 3,
        Command::UpdateApplication { .. } => 4,
        Command::UpdateEndpoint(_) => 5,
        Command::DeleteEndpoint { .. } => 6,
        Command::DeleteApplication { .. } => 7,
        Command::PutRecord { .. } => 8,
        Command::DeleteRecord { .. } => 9,
        Command::Resend { .. } => 60,
        Command::Expunge { .. } => 61,
        Command::Recall(_) => 62,
        Command::StartTask(_) => 63,
        Command::CancelTask(_) => 64,
        Command::Present(..) => 65,
        Command::SetAside(_) => 66,
        // Whether it is done once shows in the result of its change.
        Command::Once(_, command) => command_kind(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        attempt::AttemptHandle,
        outcome::{Outcome, OutcomeKind},
    };
    use crate::time::Span;

    fn hash_of(inputs: &[(i64, u64, OutcomeKind)]) -> String {
        let mut trace = Trace::default();
        for (time, attempt, kind) in inputs {
            trace.set_now(Timestamp::from_micros(*time));
            let outcome = Outcome::without_reply(*kind, Span::ZERO);
            trace.input(&Input::AttemptDone(AttemptHandle::new(*attempt), outcome));
        }
        trace.hash()
    }

    #[test]
    fn the_hash_is_of_all_records_whenever_it_is_asked_for() {
        let (mut asked_often, mut asked_once) = (Trace::default(), Trace::default());
        for attempt in 0..200 {
            let outcome = || Outcome::without_reply(OutcomeKind::Refused, Span::ZERO);
            for trace in [&mut asked_often, &mut asked_once] {
                trace.input(&Input::AttemptDone(AttemptHandle::new(attempt), outcome()));
            }
            let asked_anew = asked_once.hash();
            assert_eq!(format!("{:016x}", asked_often.digest()), asked_anew);
            assert_eq!(asked_often.hash(), asked_anew);
        }
    }

    #[test]
    fn the_hash_depends_on_time_order_ids_and_outcomes() {
        let refused = OutcomeKind::Refused;
        let base = hash_of(&[(5, 1, refused), (6, 2, refused)]);
        assert_eq!(base, hash_of(&[(5, 1, refused), (6, 2, refused)]));
        for other in [
            [(5, 1, refused), (7, 2, refused)],
            [(5, 2, refused), (6, 1, refused)],
            [(5, 1, refused), (6, 3, refused)],
            [(5, 1, refused), (6, 2, OutcomeKind::Status(200))],
        ] {
            assert_ne!(base, hash_of(&other));
        }
        assert_eq!(base.len(), 16);
    }
}
