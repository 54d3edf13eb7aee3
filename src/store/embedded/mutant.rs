//! Mutants: the store with one mistake in it, each of which a simulation must find. They exist only
//! in builds with the feature `mutants`, which no release has; see `tests/sim/mutants.rs`.

use std::{
    io,
    sync::{Arc, PoisonError},
};

use redb::{Database, Durability, WriteTransaction};

use super::{
    EmbeddedStore,
    disk::{Disk, DiskFile, Space},
    fault::Fault,
    memory::Memory,
    names,
    tables::{self, TableName, Writing},
};
use crate::domain::{
    change::{Batch, Change, UniqueKey},
    page::ApplicationState,
};

/// A mistake that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Three of four groups are told of before they are synced.
    AcknowledgesBeforeTheSync,
    /// The names of events are committed before the events are.
    CommitsNamesFirst,
    /// What was unsettled is not looked for when a shard is acquired.
    SkipsTheRecoveryScan,
    /// Batches of a shard's former owner are taken.
    TakesOlderEpochs,
    /// One in eight rows of waiting deliveries is not written.
    LosesOpenRows,
    /// A row that gets a new due time keeps the old one too.
    KeepsOldDueTimes,
    /// Buckets go although deliveries in them wait.
    DropsOpenBuckets,
    /// The index by endpoint forgets one entry in each fill.
    ForgetsIndexEntries,
    /// The pair of times that steady time goes on from is not kept.
    ForgetsTheClock,
    /// Idempotency keys of before are not known when the store is opened.
    ForgetsKeysAtStart,
    /// Only the keys of the present day are looked at.
    ForgetsYesterdaysKeys,
    /// The pair of times that steady time goes on from goes when it is read.
    TakesTheClockAlong,
    /// A sync that failed is tried again in place, and believed then.
    SyncsAgainInPlace,
    /// It is not noted who skipped or parked a delivery.
    ForgetsAuditEntries,
    /// The row of a delivery that was skipped or parked stays.
    KeepsRowsOfSkipped,
    /// The header fields of an endpoint are not written when it is changed.
    ForgetsHeaderFields,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::AcknowledgesBeforeTheSync,
        Self::CommitsNamesFirst,
        Self::SkipsTheRecoveryScan,
        Self::TakesOlderEpochs,
        Self::LosesOpenRows,
        Self::KeepsOldDueTimes,
        Self::DropsOpenBuckets,
        Self::ForgetsIndexEntries,
        Self::ForgetsTheClock,
        Self::ForgetsKeysAtStart,
        Self::ForgetsYesterdaysKeys,
        Self::TakesTheClockAlong,
        Self::SyncsAgainInPlace,
        Self::ForgetsAuditEntries,
        Self::KeepsRowsOfSkipped,
        Self::ForgetsHeaderFields,
    ];
}

impl Memory {
    /// Whether the store makes this mistake.
    pub(super) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

/// The disk, whose syncs are tried again where the store makes that mistake.
pub(super) fn disk(disk: Arc<dyn Disk>, mutant: Option<Mutant>) -> Arc<dyn Disk> {
    match mutant {
        Some(Mutant::SyncsAgainInPlace) => Arc::new(InsistentDisk(disk)),
        _ => disk,
    }
}

/// A disk that takes no for an answer once.
#[derive(Debug)]
struct InsistentDisk(Arc<dyn Disk>);

#[derive(Debug)]
struct InsistentFile(Arc<dyn DiskFile>);

impl Disk for InsistentDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(InsistentFile(self.0.open(name)?)))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.0.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.0.sync_folder()
    }

    fn space(&self) -> io::Result<Space> {
        self.0.space()
    }
}

impl DiskFile for InsistentFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync().or_else(|_| self.0.sync())
    }
}

impl EmbeddedStore {
    /// What goes wrong when it is opened, if it makes such a mistake.
    pub(super) fn mistake_at_start(&mut self) -> Result<(), Fault> {
        self.memory.mutant = self.options.mutant;
        if self.memory.has(Mutant::ForgetsKeysAtStart) {
            self.memory.once.clear();
        }
        if !self.memory.has(Mutant::TakesTheClockAlong) {
            return Ok(());
        }
        let file = self.file.0.read().unwrap_or_else(PoisonError::into_inner);
        let database = file.as_ref().ok_or_else(Fault::closed)?.database()?;
        let transaction = tables::begin(database)?;
        let mut writing = Writing::new(&transaction);
        writing.remove(TableName::State, b"c")?;
        drop(writing);
        Ok(transaction.commit()?)
    }
}

/// The transaction of a group, which is not synced if the store makes that mistake.
pub(super) fn weakened(
    mut transaction: WriteTransaction,
    memory: &mut Memory,
) -> Result<WriteTransaction, Fault> {
    memory.groups += 1;
    if memory.has(Mutant::AcknowledgesBeforeTheSync) && !memory.groups.is_multiple_of(4) {
        transaction.set_durability(Durability::None)?;
    }
    Ok(transaction)
}

/// Commits the names of a group's events by themselves, if the store makes that mistake.
pub(super) fn commit_names(
    database: &Database,
    memory: &Memory,
    batches: &[Box<Batch>],
) -> Result<(), Fault> {
    if !memory.has(Mutant::CommitsNamesFirst) {
        return Ok(());
    }
    let bucket = memory
        .buckets
        .last_key_value()
        .map_or(0, |(bucket, _)| *bucket);
    let transaction = tables::begin(database)?;
    let mut writing = Writing::new(&transaction);
    for change in batches.iter().flat_map(|batch| &batch.changes) {
        if let Change::PutEvent(event) = change.bare()
            && let Some(uid) = event.uid.clone()
        {
            let application = event.application;
            let name = names::unique(&UniqueKey::EventUid { application, uid });
            if !writing.has(TableName::Names, &name)? {
                let leads_to = names::to_event(event.id.id(), event.position, bucket);
                writing.put(TableName::Names, &name, &leads_to)?;
            }
        }
    }
    drop(writing);
    Ok(transaction.commit()?)
}

/// A change as it is written: that of an endpoint without its header fields, if the store makes that mistake.
pub(super) fn written(memory: &Memory, mut change: Change) -> Change {
    if let Change::UpdateEndpoint(endpoint) = &mut change
        && memory.has(Mutant::ForgetsHeaderFields)
    {
        let target = &mut Arc::make_mut(endpoint).target;
        Arc::make_mut(target).headers.clear();
    }
    change
}

/// What a shard is acquired with where nobody looked for what was unsettled.
pub(super) fn skip_scan(memory: &Memory, applications: &mut [ApplicationState]) {
    if memory.has(Mutant::SkipsTheRecoveryScan) {
        for state in applications {
            state.watermark = state.next_position;
            state.events.clear();
            for endpoint in &mut state.endpoints {
                endpoint.lane = None;
                endpoint.settled.clear();
            }
        }
    }
}
