//! The store's host: it hands the store what the engine asks in groups, each of which takes time,
//! and tells what came of it when that time is over.
//!
//! What is asked while the store works is the next group, as on the thread of production. A group is
//! written when it is begun and told of when it is done: a process that dies in between leaves
//! behind what nobody has heard of. Late pages only arrive later; what a load saw stays as it was.

use core::fmt::Debug;
use std::{collections::BTreeSet, sync::Arc};

use super::{
    faults::{FailingCommit, Faults, LifeEnd},
    ledger::BatchFacts,
    seen::Moment,
    simulated_disk::SimulatedDisk,
    witness::Witness,
};
use crate::{
    domain::{
        change::{Batch, Change, Epoch, StoreMode},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    engine::io::Input,
    limits,
    random::Stream,
    store::{
        AcquireError, Completion, Reads, Store,
        embedded::{EmbeddedOptions, EmbeddedStore, file::OpenError},
        memory::MemoryStore,
    },
    time::{Now, Span, Timestamp},
};

/// The shortest and the longest time for one group or page of a quick disk, in microseconds.
const LATENCY_US: (u64, u64) = (100, 2_000);
/// How much later a late page comes at most, in microseconds.
const LATE_US_MAX: u64 = 200_000;

/// A store that a simulation can host.
pub(super) trait Hosted: Store + Reads + Debug {}
impl<S: Store + Reads + Debug> Hosted for S {}

/// A store that takes time.
#[derive(Debug)]
pub(super) struct StoreHost {
    /// `None` while the process is down.
    store: Option<Box<dyn Hosted>>,
    disk: Option<SimulatedDisk>,
    faults: Faults,
    latency: Stream,
    lateness: Stream,
    /// What the next group is made of.
    asked: Vec<Asked>,
    /// When it has done all that it was asked.
    free_at: Timestamp,
    /// When the next group begins.
    planned_at: Option<Timestamp>,
    commits: u64,
    /// Groups with events in this life.
    groups: u64,
    mode: StoreMode,
    /// Whether the witness hears of batches.
    pub(super) is_watched: bool,
    /// Facts of batches that were told, kept for their memory.
    spare: Vec<BatchFacts>,
}

/// Something that the next group has.
#[derive(Debug)]
enum Asked {
    /// A batch, how it fails, and the shard whose holder waits for it.
    Batch(BatchFacts, Option<FailingCommit>, Option<ShardId>),
    Load,
}

/// What came of a group.
pub(super) enum Flushed {
    /// What the engine hears, and when.
    Told(Vec<(Timestamp, Input)>),
    /// The process is gone with it.
    Ended,
}

impl StoreHost {
    /// A host without a store.
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            store: None,
            disk: None,
            faults,
            latency: Stream::new(seed, "disk", 0, 0),
            lateness: Stream::new(seed, "late loads", 0, 0),
            asked: Vec::new(),
            free_at: Timestamp::ZERO,
            planned_at: None,
            commits: 0,
            groups: 0,
            mode: StoreMode::Normal,
            is_watched: true,
            spare: Vec::new(),
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.faults = Faults::default();
    }

    /// Begins with a memory store.
    pub(super) fn host_memory(&mut self, store: MemoryStore) {
        self.store = Some(Box::new(store));
    }

    /// Goes on with a store of that disk that somebody else has opened.
    pub(super) fn host(&mut self, store: Box<dyn Hosted>, disk: &SimulatedDisk) {
        self.store = Some(store);
        self.disk = Some(disk.clone());
    }

    /// Opens the embedded store of a disk; gives its last pair of times.
    ///
    /// # Errors
    /// [`OpenError`]
    pub(super) fn open(
        &mut self,
        disk: &SimulatedDisk,
        options: &EmbeddedOptions,
    ) -> Result<Option<Now>, OpenError> {
        let store = EmbeddedStore::open(Arc::new(disk.clone()), options.clone())?;
        let clock = store.last_clock();
        self.store = Some(Box::new(store));
        self.disk = Some(disk.clone());
        Ok(clock)
    }

    /// The process is gone, and with it everything that was not told.
    pub(super) fn close(&mut self) {
        self.store = None;
        self.asked.clear();
        self.free_at = Timestamp::ZERO;
        self.planned_at = None;
        self.groups = 0;
        self.mode = StoreMode::Normal;
    }

    /// Whether nothing can be written.
    pub(super) fn is_full(&self) -> bool {
        self.mode == StoreMode::ReadOnly
    }

    /// Batches that are still to be written, but those of a holder that has lost its shard.
    pub(super) fn batches_asked(&self) -> usize {
        let asked = self.asked.iter();
        asked
            .filter(|asked| matches!(asked, Asked::Batch(_, _, Some(_))))
            .count()
    }

    /// The process has ended, and the memory store goes on without it: nobody waits for what was asked.
    pub(super) fn outlive(&mut self) {
        let mut shards = Vec::new();
        if let Some(store) = &mut self.store {
            // Nothing is written any more, and a memory store can't fail.
            let _ = store.flush(&mut Vec::new());
            shards.extend((0..=store.data_shards()).map(ShardId::new));
        }
        for shard in shards {
            self.release(shard);
        }
        self.asked.clear();
        self.planned_at = None;
    }

    /// The store, to look at; `None` while the process is down.
    pub(super) fn store(&self) -> Option<&dyn Reads> {
        let store = self.store.as_deref()?;
        Some(store)
    }

    /// How many shards of data there are.
    pub(super) fn data_shards(&self) -> u16 {
        self.store.as_ref().map_or(0, |store| store.data_shards())
    }

    /// When the group in progress is done, if there is one.
    pub(super) fn busy_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.free_at).filter(|free_at| *free_at > now)
    }

    /// Takes a shard over.
    ///
    /// # Errors
    /// [`AcquireError`]
    pub(super) fn acquire(
        &mut self,
        shard: ShardId,
    ) -> Option<Result<(Epoch, ShardState), AcquireError>> {
        Some(self.store.as_mut()?.acquire(shard))
    }

    /// Gives a shard up.
    pub(super) fn release(&mut self, shard: ShardId) {
        for asked in &mut self.asked {
            if let Asked::Batch(_, _, holder) = asked {
                holder.take_if(|holder| *holder == shard);
            }
        }
        if let Some(store) = &mut self.store {
            store.release(shard);
        }
    }

    /// Asks for a batch to be committed; the layer `core` may have it fail.
    pub(super) fn submit(&mut self, batch: Box<Batch>) {
        let Some(store) = &mut self.store else {
            return;
        };
        self.commits += 1;
        let failing = self.faults.failing_commits.iter();
        let failing = failing
            .copied()
            .find(|failing| failing.number == self.commits);
        if failing.is_some_and(|failing| !failing.is_durable) {
            store.release(batch.shard);
        }
        let mut facts = self.spare.pop().unwrap_or_default();
        if self.is_watched {
            facts.take(&batch);
        }
        let asked = Asked::Batch(facts, failing, Some(batch.shard));
        self.asked.push(asked);
        store.submit(batch);
    }

    /// Asks for a page.
    pub(super) fn load(&mut self, load: LoadHandle, request: PageRequest, witness: &mut Witness) {
        match request {
            PageRequest::Events { .. } => witness.happened.event_pages += 1,
            PageRequest::Open { .. } => witness.happened.open_pages += 1,
            PageRequest::Candidates { .. } => {}
        }
        if let Some(store) = &mut self.store {
            self.asked.push(Asked::Load);
            store.load(load, request);
        }
    }

    /// When the next group begins, if that is not planned yet.
    pub(super) fn plan(&mut self, now: Timestamp) -> Option<Timestamp> {
        let look = Span::from_millis(i64::try_from(limits::DISK_LOOK_MS).unwrap_or(i64::MAX));
        let next = if !self.asked.is_empty() {
            now.max(self.free_at)
        } else if self.mode != StoreMode::Normal && self.store.is_some() {
            // A full disk is looked at every now and then.
            now.plus(look).max(self.free_at)
        } else {
            return None;
        };
        if self.planned_at.is_some_and(|planned| planned <= next) {
            return None;
        }
        self.planned_at = Some(next);
        Some(next)
    }

    /// Does what was asked, if a group begins at this time.
    pub(super) fn flush(&mut self, now: Moment, witness: &mut Witness) -> Flushed {
        let Some(store) = self.store.as_mut() else {
            return Flushed::Told(Vec::new());
        };
        if self.planned_at.is_none_or(|planned| planned > now.real) {
            return Flushed::Told(Vec::new());
        }
        self.planned_at = None;
        let asked = core::mem::take(&mut self.asked);
        let (shortest, longest) = self.faults.latency_us.unwrap_or(LATENCY_US);
        let latency = micros(self.latency.between(shortest, longest));
        if !asked.is_empty() {
            self.free_at = now.real.plus(latency);
        }
        let mut done = Vec::new();
        let flushed = store.flush(&mut done);
        let is_dead = self.disk.as_ref().is_some_and(SimulatedDisk::is_dead);
        if is_dead || flushed.is_err() {
            witness.unsure(asked.into_iter().filter_map(Asked::facts).collect());
            witness.failure = flushed.err().map(|failure| failure.reason);
            return Flushed::Ended;
        }
        let has_events = asked.iter().any(|asked| {
            matches!(asked, Asked::Batch(facts, ..)
                if facts.changes.iter().any(|(_, change)| matches!(change, Change::PutEvent(_))))
        });
        self.groups += u64::from(has_events);
        let at = self.free_at;
        let told = self.tell(asked, done, (now, at), witness);
        let life = self.faults.lives.get(witness.life);
        if has_events && life.is_some_and(|life| life.end == LifeEnd::Untold(self.groups)) {
            return Flushed::Ended;
        }
        Flushed::Told(told)
    }

    /// Makes inputs of what the store completed.
    fn tell(
        &mut self,
        asked: Vec<Asked>,
        done: Vec<Completion>,
        (now, at): (Moment, Timestamp),
        witness: &mut Witness,
    ) -> Vec<(Timestamp, Input)> {
        let mut asked = asked.into_iter();
        // When one is told to have failed, all later ones of its shard are. What the store refuses it refuses for
        // all of that owner; the next owner's may stand in the same group.
        let mut failed = BTreeSet::new();
        let mut told = Vec::with_capacity(done.len());
        let mut unsure = Vec::new();
        for completion in done {
            let mut arrives_at = at;
            let input = match completion {
                Completion::Committed(batch) => {
                    let (mut facts, failing) = match asked.next() {
                        Some(Asked::Batch(facts, failing, _)) => (facts, failing),
                        _ => (BatchFacts::of(&batch), None),
                    };
                    witness.durable(&mut facts, &batch.results, now.later(at));
                    if self.spare.len() < limits::BATCHES_IN_FLIGHT_MAX {
                        self.spare.push(facts);
                    }
                    if failing.is_some() || failed.contains(&batch.shard) {
                        self.release(batch.shard);
                        failed.insert(batch.shard);
                        Input::CommitFailed(batch.shard, batch.handle)
                    } else {
                        Input::Committed(batch)
                    }
                }
                Completion::CommitFailed(shard, handle) => {
                    unsure.extend(asked.next().and_then(Asked::facts));
                    Input::CommitFailed(shard, handle)
                }
                Completion::Loaded(load, page) => {
                    drop(asked.next());
                    if self.faults.late_loads {
                        arrives_at = at.plus(micros(self.lateness.between(0, LATE_US_MAX)));
                        witness.happened.late_loads += 1;
                    }
                    if self.faults.failing_loads && self.lateness.below(10) == 0 {
                        witness.happened.failed_loads += 1;
                        Input::LoadFailed(load)
                    } else {
                        Input::Loaded(load, page)
                    }
                }
                Completion::LoadFailed(load) => {
                    drop(asked.next());
                    Input::LoadFailed(load)
                }
                Completion::Mode(mode) => {
                    self.mode = mode;
                    arrives_at = at.max(now.real);
                    Input::StoreMode(mode)
                }
            };
            if matches!(input, Input::CommitFailed(..)) {
                witness.happened.failed_commits += 1;
            }
            told.push((arrives_at, input));
        }
        if self.mode == StoreMode::ReadOnly
            && let Some(store) = self.store()
        {
            // What a full disk refused may be there all the same.
            witness.unsure(unsure);
            witness.reconcile(store, now);
        }
        told
    }
}

impl Asked {
    fn facts(self) -> Option<BatchFacts> {
        match self {
            Self::Batch(facts, ..) => Some(facts),
            Self::Load => None,
        }
    }
}

/// A span of that many microseconds.
fn micros(count: u64) -> Span {
    Span::from_micros(i64::try_from(count).unwrap_or(i64::MAX))
}
