//! Mutants: the store with one mistake in it, each of which a simulation must find. They exist only
//! in builds with the feature `mutants`, which no release has; see `tests/sim/mutants.rs`.

use redb::{Database, Durability, WriteTransaction};

use super::{
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
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
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
    ];
}

impl Memory {
    /// Whether the store makes this mistake.
    pub(super) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
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
