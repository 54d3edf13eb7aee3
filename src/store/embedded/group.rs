//! A group: the batches that are written and synced together. Each is applied whole or not at all;
//! the group is durable whole or not at all.

use std::sync::Arc;

use redb::Database;

use super::{
    buckets,
    fault::Fault,
    keys,
    memory::Memory,
    rows::{self, NowRow, ProgressRow, ShardRow},
    tables::{self, TableName, Writing},
    vault::Vault,
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::{Batch, Change},
        endpoint::EndpointKey,
        event::EventPosition,
        id::ShardId,
    },
    store::{
        accept::{Places, accepts, is_of_directory},
        embedded::EmbeddedOptions,
    },
    time::Now,
};

/// What became of each batch of a group, in order.
pub(super) type Applied = Vec<bool>;

/// Writes a group and makes it durable; tells which batches were taken.
///
/// After an error the memory is ahead of the file: it must be read again.
pub(super) fn commit(
    database: &Database,
    vault: &Arc<Vault>,
    memory: &mut Memory,
    options: &EmbeddedOptions,
    batches: &mut [Box<Batch>],
) -> Result<Applied, Fault> {
    #[cfg(feature = "mutants")]
    super::mutant::commit_names(database, memory, batches)?;
    let transaction = tables::begin(database)?;
    #[cfg(feature = "mutants")]
    let transaction = super::mutant::weakened(transaction, memory)?;
    let mut writing = Writing::new(&transaction);
    writing.vault = Arc::clone(vault);
    let mut applied = Vec::with_capacity(batches.len());
    let mut latest: Option<Now> = None;
    for batch in batches.iter_mut() {
        latest = Some(latest.map_or(batch.now, |now| {
            if batch.now.steady > now.steady {
                batch.now
            } else {
                now
            }
        }));
        applied.push(apply(&mut writing, memory, options, batch)?);
    }
    if let Some(now) = latest {
        super::index::fill(&mut writing, memory, options)?;
        buckets::retain(&mut writing, memory, options, now)?;
        super::once::retain(&mut writing, memory, now)?;
        write_clock(&mut writing, memory, now)?;
    }
    write_state(&mut writing, memory)?;
    drop(writing);
    transaction.commit()?;
    Ok(applied)
}

/// Whether all of a batch can be applied; to the directory go applications alone.
fn fits(writing: &mut Writing<'_>, memory: &Memory, batch: &Batch) -> Result<bool, Fault> {
    if batch.shard == ShardId::DIRECTORY {
        return Ok(batch.attempts.is_empty() && batch.changes.iter().all(is_of_directory));
    }
    accepts(&mut Known { writing, memory }, batch)
}

/// What the file and the memory know of the places of a batch.
struct Known<'a, 'transaction> {
    writing: &'a mut Writing<'transaction>,
    memory: &'a Memory,
}

impl Places for Known<'_, '_> {
    type Error = Fault;

    fn has_endpoint(&mut self, endpoint: EndpointKey) -> Result<bool, Fault> {
        self.writing
            .has(TableName::Endpoints, &keys::endpoint(endpoint))
    }

    fn next_position(&self, application: ApplicationKey) -> EventPosition {
        let progress = self.memory.progress_of(application);
        progress.map_or_else(EventPosition::default, |known| known.next_position)
    }
}

/// Applies a batch; false, and nothing written, if it can't belong to its shard.
fn apply(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    options: &EmbeddedOptions,
    batch: &mut Batch,
) -> Result<bool, Fault> {
    batch.results.clear();
    let shard = memory.shards.get(&batch.shard);
    let allowed = shard.is_some_and(|shard| shard.writer == Some(batch.epoch));
    #[cfg(feature = "mutants")]
    let allowed = allowed || memory.has(super::mutant::Mutant::TakesOlderEpochs);
    if !allowed || !fits(writing, memory, batch)? {
        if let Some(shard) = memory.shards.get_mut(&batch.shard)
            && shard.writer == Some(batch.epoch)
        {
            shard.writer = None;
        }
        return Ok(false);
    }
    memory.dirty.shards.insert(batch.shard);
    if batch
        .changes
        .iter()
        .any(|c| matches!(c.bare(), Change::PutEvent(_)))
    {
        buckets::roll(memory, options, batch.now);
    }
    for change in batch.changes.drain(..) {
        #[cfg(feature = "mutants")]
        let change = super::mutant::written(memory, change);
        let result = super::apply::change(writing, memory, change, batch.now)?;
        batch.results.push(result);
    }
    super::index::record(writing, memory, batch)?;
    Ok(true)
}

/// Writes the pair of times, which a restart goes on from.
fn write_clock(writing: &mut Writing<'_>, memory: &mut Memory, now: Now) -> Result<(), Fault> {
    let last = memory.clock.unwrap_or(now);
    let now = if now.steady < last.steady { last } else { now };
    memory.clock = Some(now);
    #[cfg(feature = "mutants")]
    if memory.has(super::mutant::Mutant::ForgetsTheClock) {
        return Ok(());
    }
    let row = rows::encode(&NowRow::from(now), Vec::new())?;
    writing.put(TableName::State, b"c", &row)
}

/// Writes what changed of shards, applications and buckets.
fn write_state(writing: &mut Writing<'_>, memory: &mut Memory) -> Result<(), Fault> {
    let dirty = core::mem::take(&mut memory.dirty);
    for shard in dirty.shards {
        let Some(known) = memory.shards.get(&shard) else {
            continue;
        };
        let row = ShardRow {
            epoch: known.epoch.number(),
            last_id: known.last_id.value(),
        };
        let key = [&b"s"[..], &shard.number().to_be_bytes()].concat();
        writing.put(TableName::State, &key, &rows::encode(&row, Vec::new())?)?;
    }
    for application in dirty.applications {
        let Some(progress) = memory.progress_of(application) else {
            continue;
        };
        let row = ProgressRow {
            next_position: progress.next_position.number(),
            watermark: progress.watermark.number(),
            open_rows: progress.open_rows,
        };
        let key = [&b"p"[..], &keys::application(application)].concat();
        writing.put(TableName::State, &key, &rows::encode(&row, Vec::new())?)?;
    }
    for bucket in dirty.buckets {
        let key = [&b"b"[..], &bucket.to_be_bytes()].concat();
        match memory.buckets.get(&bucket) {
            Some(row) => writing.put(TableName::State, &key, &rows::encode(row, Vec::new())?)?,
            None => {
                writing.remove(TableName::State, &key)?;
            }
        }
    }
    Ok(())
}
