//! The simulated disk: the memory store behind a queue that takes time, and whose commits can fail.
//!
//! Everything is done in the order it was asked for; an answer comes when the disk is done with it.
//! Late pages only arrive later, never earlier: what a load saw stays as it was.

use super::{scenario::Faults, witness::Witness};
use crate::{
    domain::{
        change::{Batch, Epoch},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    engine::io::Input,
    random::Stream,
    store::{
        AcquireError, Completion, Store as _,
        memory::{MemoryOptions, MemoryStore},
    },
    time::{Span, Timestamp},
};

/// The shortest and the longest time for one batch or page, in microseconds.
const LATENCY_US: (u64, u64) = (100, 2_000);
/// How much later a late page comes at most, in microseconds.
const LATE_US_MAX: u64 = 200_000;

/// A store that takes time.
#[derive(Debug)]
pub(super) struct Disk {
    store: MemoryStore,
    faults: Faults,
    latency: Stream,
    lateness: Stream,
    /// When it has done all that it was asked.
    free_at: Timestamp,
    commits: u64,
    done: Vec<Completion>,
}

impl Disk {
    /// An empty disk.
    pub(super) fn new(seed: u64, options: MemoryOptions, faults: Faults) -> Self {
        Self {
            store: MemoryStore::new(options),
            faults,
            latency: Stream::new(seed, "disk", 0, 0),
            lateness: Stream::new(seed, "late loads", 0, 0),
            free_at: Timestamp::ZERO,
            commits: 0,
            done: Vec::new(),
        }
    }

    /// The store, to look at.
    pub(super) const fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// Takes a shard over.
    ///
    /// # Errors
    /// [`AcquireError`] if there is no such shard.
    pub(super) fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.store.acquire(shard)
    }

    /// Gives a shard up.
    pub(super) fn release(&mut self, shard: ShardId) {
        self.store.release(shard);
    }

    /// Commits a batch, or fails as the scenario has it: before anything was written, or after
    /// everything was. Gives what the engine hears, and when.
    pub(super) fn commit(
        &mut self,
        batch: Box<Batch>,
        now: Timestamp,
        witness: &mut Witness,
    ) -> (Timestamp, Input) {
        self.commits += 1;
        let failing = self.faults.failing_commits.iter();
        let failing = failing
            .copied()
            .find(|failing| failing.number == self.commits);
        let (shard, handle) = (batch.shard, batch.handle);
        if failing.is_some_and(|failing| !failing.is_durable) {
            self.store.release(shard);
        }
        let at = self.done_at(now);
        let facts = Witness::read(&batch);
        self.store.submit(batch);
        let input = match self.complete() {
            Some(Completion::Committed(batch)) => {
                witness.durable(facts, &batch.results, at);
                if failing.is_some() {
                    self.store.release(shard);
                    Input::CommitFailed(shard, handle)
                } else {
                    Input::Committed(batch)
                }
            }
            _ => Input::CommitFailed(shard, handle),
        };
        if matches!(input, Input::CommitFailed(..)) {
            witness.happened.failed_commits += 1;
        }
        (at, input)
    }

    /// Loads a page. Gives what the engine hears, and when.
    pub(super) fn load(
        &mut self,
        load: LoadHandle,
        request: PageRequest,
        now: Timestamp,
        witness: &mut Witness,
    ) -> (Timestamp, Input) {
        match request {
            PageRequest::Events { .. } => witness.happened.event_pages += 1,
            PageRequest::Open { .. } => witness.happened.open_pages += 1,
        }
        let mut at = self.done_at(now);
        if self.faults.late_loads {
            at = at.plus(micros(self.lateness.between(0, LATE_US_MAX)));
        }
        self.store.load(load, request);
        let input = match self.complete() {
            Some(Completion::Loaded(load, page)) => Input::Loaded(load, page),
            _ => Input::LoadFailed(load),
        };
        (at, input)
    }

    /// When what is asked now is done.
    fn done_at(&mut self, now: Timestamp) -> Timestamp {
        let (shortest, longest) = LATENCY_US;
        let latency = micros(self.latency.between(shortest, longest));
        self.free_at = self.free_at.max(now).plus(latency);
        self.free_at
    }

    /// Completes the one thing that was asked.
    fn complete(&mut self) -> Option<Completion> {
        // The memory store never fails.
        self.store.flush(&mut self.done).ok()?;
        self.done.pop()
    }
}

/// A span of that many microseconds.
fn micros(count: u64) -> Span {
    Span::from_micros(i64::try_from(count).unwrap_or(i64::MAX))
}
