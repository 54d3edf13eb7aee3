//! Record: what was decided is gathered into batches, one at a time per shard, and made durable.
//!
//! Changes that somebody waits for go at the end of the turn; results of attempts join them or go by
//! themselves a moment later. Losing a gathered result can only repeat an attempt.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Engine, io::Effect, lane::Place, on_commit::OnCommit, options::Options, pressure::Pressure,
};
use crate::{
    domain::{
        attempt::AttemptRecord,
        change::{Batch, BatchHandle, Change, Epoch},
        command::RequestHandle,
        event::EventPosition,
        id::{Id, IdSource, ShardId},
        outbox::OutboxRow,
    },
    limits,
    random::Stream,
    time::{Now, Span, Timestamp},
};

/// How long positions that moved by themselves wait for a batch. A restart that reads older ones looks at more
/// events, and what they stand for can't be let go; nothing else.
const POSITIONS_DELAY: Span = Span::from_millis(1_000);

/// What is being written of one shard.
#[derive(Debug)]
pub(super) struct ShardLog {
    shard: ShardId,
    epoch: Epoch,
    ids: IdSource,
    random: Stream,
    changes: Vec<Change>,
    attempts: Vec<AttemptRecord>,
    /// What to do once each of `changes` is durable.
    then: Vec<OnCommit>,
    /// Deliveries in line whose end is gathered, by their lanes.
    ended: Vec<(usize, EventPosition)>,
    /// Bytes that the gathered changes hold, roughly.
    bytes: usize,
    /// How many these may be.
    bytes_max: usize,
    /// Whether somebody waits for what is gathered.
    urgent: bool,
    /// When the oldest of the gathered results came.
    oldest: Option<Timestamp>,
    /// Since when a watermark or a lane's row is ahead of what was written.
    moved_at: Option<Timestamp>,
    /// Lanes whose row must be written.
    dirty: Vec<usize>,
    submitted: VecDeque<Submitted>,
    /// Batches that came back, and lists of what was to be done then, for their memory.
    spare: Vec<(Box<Batch>, Vec<OnCommit>)>,
}

/// A batch on its way to the store.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) handle: BatchHandle,
    /// What to do once each of its changes is durable.
    pub(super) then: Vec<OnCommit>,
    /// Deliveries in line that end with it, by their lanes.
    pub(super) ended: Vec<(usize, EventPosition)>,
}

impl ShardLog {
    /// The log of a shard that was just acquired.
    pub(super) fn new(options: &Options, shard: ShardId, epoch: Epoch, last_id: Id) -> Self {
        Self {
            shard,
            epoch,
            ids: IdSource::new(shard, last_id),
            random: Stream::new(options.seed, "id", shard.number(), epoch.number()),
            changes: Vec::new(),
            attempts: Vec::new(),
            then: Vec::new(),
            ended: Vec::new(),
            bytes: 0,
            bytes_max: bytes_max(options),
            urgent: false,
            oldest: None,
            moved_at: None,
            dirty: Vec::new(),
            submitted: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// The next id of this shard.
    pub(super) fn next_id(&mut self, now: Now) -> Id {
        self.ids.next(&mut self.random, now.steady)
    }

    /// Whether the next batch is as large as it may be.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    /// Bytes that the gathered changes hold, roughly.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How full it is.
    pub(super) const fn pressure(&self) -> Pressure {
        Pressure::of(self.bytes, self.bytes_max)
    }

    /// Batches on their way to the store.
    pub(super) fn batches_in_flight(&self) -> usize {
        self.submitted.len()
    }

    /// Gathers a change that somebody waits for.
    pub(super) fn gather_urgent(&mut self, change: Change, then: OnCommit, bytes: usize) {
        self.urgent = true;
        self.changes.push(change);
        self.then.push(then);
        self.bytes += size_of::<Change>() + bytes;
    }

    /// Gathers a change that may wait for company.
    pub(super) fn gather(&mut self, change: Change, now: Now) {
        self.changes.push(change);
        self.then.push(OnCommit::Nothing);
        self.bytes += size_of::<Change>();
        self.oldest.get_or_insert(now.steady);
    }

    /// Gathers what is told of an attempt, beside its record.
    pub(super) fn gather_outbox(&mut self, row: Arc<OutboxRow>, now: Now) {
        self.bytes += size_of::<Change>() + row.payload.len();
        self.then.push(OnCommit::Outbox(row.id));
        self.changes.push(Change::PutOutbox(row));
        self.oldest.get_or_insert(now.steady);
    }

    /// Gathers the record of an attempt; it may wait for company.
    pub(super) fn gather_attempt(&mut self, record: AttemptRecord, now: Now) {
        self.bytes += size_of::<AttemptRecord>() + record.body.len();
        self.attempts.push(record);
        self.oldest.get_or_insert(now.steady);
    }

    /// Notes that a delivery in line ends with what is gathered, which goes at once if that is awaited.
    pub(super) fn gather_end(&mut self, delivery: (usize, EventPosition), is_awaited: bool) {
        self.ended.push(delivery);
        self.urgent |= is_awaited;
    }

    /// The lane's row is written with the next batch.
    pub(super) fn mark_dirty(&mut self, lane: usize) {
        self.dirty.push(lane);
    }

    /// A watermark or a lane moved: it is written with the next batch, or by itself before long.
    pub(super) fn positions_moved(&mut self, now: Now) {
        self.moved_at.get_or_insert(now.steady);
    }

    /// Whether nothing is gathered or on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.submitted.is_empty() && self.is_empty()
    }

    /// Whether nothing is gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.attempts.is_empty()
    }

    /// When the gathered results must go, if a batch may go at all.
    pub(super) fn deadline(&self, delay: Span) -> Option<Timestamp> {
        self.has_room().then(|| self.due_at(delay)).flatten()
    }

    /// When what is gathered has waited long enough.
    fn due_at(&self, delay: Span) -> Option<Timestamp> {
        let results = self.oldest.map(|oldest| oldest.plus(delay));
        let moved = self.moved_at.map(|moved| moved.plus(POSITIONS_DELAY));
        results.into_iter().chain(moved).min()
    }

    /// Whether a batch must go now.
    fn is_due(&self, delay: Span, now: Now) -> bool {
        self.urgent
            || self.bytes >= (self.bytes_max / 4).max(1)
            || self.due_at(delay).is_some_and(|due| due <= now.steady)
    }

    /// Whether another batch may be on its way.
    pub(super) fn has_room(&self) -> bool {
        self.submitted.len() < limits::BATCHES_IN_FLIGHT_MAX
    }

    /// Takes the oldest batch on its way, if it is this one.
    pub(super) fn take_submitted(&mut self, handle: BatchHandle) -> Option<Submitted> {
        if self.submitted.front()?.handle == handle {
            self.submitted.pop_front()
        } else {
            None
        }
    }

    /// Whether this batch is on its way.
    pub(super) fn has_submitted(&self, handle: BatchHandle) -> bool {
        self.submitted
            .iter()
            .any(|submitted| submitted.handle == handle)
    }

    /// Keeps a batch that came back, and the list of what was to be done then, for their memory.
    pub(super) fn reuse(&mut self, mut batch: Box<Batch>, mut then: Vec<OnCommit>) {
        if self.spare.len() < limits::BATCHES_IN_FLIGHT_MAX {
            batch.changes.clear();
            batch.attempts.clear();
            batch.results.clear();
            then.clear();
            self.spare.push((batch, then));
        }
    }

    /// Everybody who waits for something gathered or on its way.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RequestHandle> + '_ {
        let submitted = self.submitted.iter().flat_map(|submitted| &submitted.then);
        submitted.chain(&self.then).filter_map(OnCommit::request)
    }

    /// Makes a batch of what is gathered.
    fn submit(&mut self, handle: BatchHandle, now: Now) -> Box<Batch> {
        let (mut batch, mut then) = self.spare.pop().unwrap_or_else(|| {
            let batch = Box::new(Batch {
                handle,
                shard: self.shard,
                epoch: self.epoch,
                now,
                changes: Vec::new(),
                attempts: Vec::new(),
                results: Vec::new(),
            });
            (batch, Vec::new())
        });
        batch.handle = handle;
        batch.epoch = self.epoch;
        batch.now = now;
        core::mem::swap(&mut batch.changes, &mut self.changes);
        core::mem::swap(&mut batch.attempts, &mut self.attempts);
        core::mem::swap(&mut then, &mut self.then);
        self.submitted.push_back(Submitted {
            handle,
            then,
            ended: core::mem::take(&mut self.ended),
        });
        self.bytes = 0;
        self.urgent = false;
        self.oldest = None;
        self.moved_at = None;
        batch
    }
}

/// Bytes of changes that may be gathered.
const fn bytes_max(options: &Options) -> usize {
    #[cfg(feature = "mutants")]
    if matches!(
        options.mutant,
        Some(super::mutant::Mutant::GathersWithoutBound)
    ) {
        return usize::MAX;
    }
    options.batch_bytes_max
}

impl Engine {
    /// Emits the batches that are due. `all` makes everything gathered due.
    pub(super) fn record(&mut self, all: bool, now: Now, out: &mut Vec<Effect>) {
        let mut shards = core::mem::take(&mut self.shard_list);
        for shard in &shards {
            self.record_shard(*shard, all, now, out);
        }
        core::mem::swap(&mut shards, &mut self.shard_list);
        self.keep_time(now, out);
    }

    /// Writes what time it is if nothing was written for long, or if the wall clock was stepped: a
    /// restart goes on from the pair that was written last.
    fn keep_time(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(every) = self.options.heartbeat else {
            return;
        };
        let last = *self.last_batch.get_or_insert(now);
        let gone = now.steady.since(last.steady);
        let step = now.wall.since(last.wall).as_micros() - gone.as_micros();
        let step_max = Span::from_millis(limits::CLOCK_STEP_MS);
        let is_due = gone >= every || step.abs() > step_max.as_micros();
        let log = self.logs.get(&ShardId::DIRECTORY);
        if self.shutdown.is_none() && is_due && log.is_some_and(ShardLog::has_room) {
            self.submit(ShardId::DIRECTORY, now, out);
        }
    }

    /// Submits what is gathered of a shard.
    fn submit(&mut self, shard: ShardId, now: Now, out: &mut Vec<Effect>) {
        let handle = BatchHandle::new(self.next_handle());
        if let Some(log) = self.logs.get_mut(&shard) {
            self.last_batch = Some(now);
            out.push(Effect::Commit(log.submit(handle, now)));
        }
    }

    /// When the time must be written.
    pub(super) fn heartbeat_deadline(&self) -> Option<Timestamp> {
        let every = self.options.heartbeat?;
        let log = self.logs.get(&ShardId::DIRECTORY);
        log.filter(|log| log.has_room())?;
        Some(self.last_batch?.steady.plus(every))
    }

    /// Emits the next batch of a shard if it is due.
    fn record_shard(&mut self, shard: ShardId, all: bool, now: Now, out: &mut Vec<Effect>) {
        let wants_load = self.next_open_load(shard).is_some() || self.wants_candidates(shard);
        let delay = self.options.record_delay;
        let Some(log) = self.logs.get(&shard) else {
            return;
        };
        let due = log.is_due(delay, now) || ((all || wants_load) && !log.is_empty());
        if due && log.has_room() {
            self.gather_positions(shard, now);
            self.submit(shard, now, out);
        }
        self.load_open_rows(shard, now, out);
        self.load_candidates(shard, out);
    }

    /// The first lane of a shard that has run out of open rows.
    fn next_open_load(&self, shard: ShardId) -> Option<(ShardId, usize)> {
        if self.open_loads.is_empty() {
            return None;
        }
        let lanes = (shard, 0)..=(shard, usize::MAX);
        self.open_loads.range(lanes).next().copied()
    }

    /// Adds the rows of moved lanes and the watermarks, so that they fit what is in the batch.
    fn gather_positions(&mut self, shard: ShardId, now: Now) {
        let Some(log) = self.logs.get_mut(&shard) else {
            return;
        };
        for index in core::mem::take(&mut log.dirty) {
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                continue;
            };
            if !core::mem::take(&mut lane.row_dirty) {
                continue;
            }
            let endpoint = lane.endpoint.key;
            let change = if lane.place == Place::Lagging {
                Change::PutLane {
                    endpoint,
                    row: lane.done.row(),
                }
            } else {
                Change::DeleteLane { endpoint }
            };
            log.gather(change, now);
        }
        self.registry.each_of(shard, |entry| {
            if entry.acquired && entry.watermark != entry.ring.base() {
                entry.watermark = entry.ring.base();
                log.gather(
                    Change::Watermark {
                        application: entry.application.key,
                        position: entry.watermark,
                    },
                    now,
                );
            }
        });
    }

    /// Asks for the open rows that lanes of this shard have run out of. Everything gathered was
    /// submitted before, unless too many batches are on their way: then the loads wait.
    fn load_open_rows(&mut self, shard: ShardId, now: Now, out: &mut Vec<Effect>) {
        if self.open_loads.is_empty() || self.logs.get(&shard).is_none_or(|log| !log.is_empty()) {
            return;
        }
        while let Some(wanted) = self.next_open_load(shard) {
            self.open_loads.remove(&wanted);
            self.load_open_rows_of(wanted.1, now, out);
        }
    }
}
