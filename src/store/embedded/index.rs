//! Attempts: recorded in blocks by event, and indexed by endpoint.
//!
//! The index is not written with every batch, which would cost a row per endpoint: the batch leaves
//! a piece of journal instead, and when enough has gathered the journal is turned into blocks of
//! the index, each with many attempts of one endpoint. Whoever reads looks at both.

use std::collections::BTreeMap;

use redb::ReadableTable as _;

use super::{
    blocks::{self, IndexEntry},
    buckets::bucket_of,
    fault::Fault,
    keys::{self, Reader},
    memory::{JOURNAL_ENTRY_BYTES, Memory},
    tables::{TableName, Writing},
};
use crate::{
    domain::{
        attempt::AttemptRecord,
        change::Batch,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
    },
    store::embedded::EmbeddedOptions,
};

/// Writes the attempts of a batch: a block for each event, and a piece of journal.
pub(super) fn record(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    batch: &mut Batch,
) -> Result<(), Fault> {
    let mut by_event: BTreeMap<_, Vec<&AttemptRecord>> = BTreeMap::new();
    for record in &batch.attempts {
        let event = (record.endpoint.application, record.position);
        by_event.entry(event).or_default().push(record);
        memory.note_id(batch.shard, record.id.id());
    }
    let mut journal: Vec<IndexEntry> = Vec::with_capacity(batch.attempts.len());
    let mut block = Vec::new();
    for ((application, position), records) in by_event {
        // Attempts for an event that is gone go with it.
        let Some(bucket) = bucket_of(writing, memory, application, position)? else {
            continue;
        };
        let Some(first) = records.first().map(|record| record.id.id()) else {
            continue;
        };
        block.clear();
        block = blocks::pack(records.iter().copied(), block)?;
        let key = keys::attempts(application, position, first);
        writing.put(TableName::Attempts(bucket), &key, &block)?;
        memory.note_write(bucket, batch.now);
        journal.extend(records.iter().map(|record| IndexEntry {
            endpoint: record.endpoint,
            position,
            id: record.id.id(),
        }));
    }
    batch.attempts.clear();
    journal.sort_unstable_by_key(|entry| entry.id);
    let Some(first) = journal.first().map(|entry| entry.id) else {
        return Ok(());
    };
    let mut piece = Vec::with_capacity(journal.len() * JOURNAL_ENTRY_BYTES);
    for entry in &journal {
        blocks::push_journal(*entry, &mut piece);
    }
    writing.put(
        TableName::Journal,
        &keys::journal(batch.shard, first),
        &piece,
    )?;
    let shard = memory.shards.entry(batch.shard).or_default();
    shard.journaled += journal.len();
    Ok(())
}

/// Turns the journals that have become long into blocks of the index.
pub(super) fn fill(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    options: &EmbeddedOptions,
) -> Result<(), Fault> {
    let long: Vec<ShardId> = memory
        .shards
        .iter()
        .filter(|(_, shard)| shard.journaled >= options.journal_attempts_max)
        .map(|(shard, _)| *shard)
        .collect();
    for shard in long {
        fill_shard(writing, memory, shard)?;
    }
    Ok(())
}

fn fill_shard(writing: &mut Writing<'_>, memory: &mut Memory, shard: ShardId) -> Result<(), Fault> {
    let Some((bucket, _)) = memory.buckets.last_key_value() else {
        return Ok(());
    };
    let bucket = *bucket;
    let (entries, pieces) = journal(writing, shard)?;
    #[cfg(feature = "mutants")]
    let entries = if memory.has(super::mutant::Mutant::ForgetsIndexEntries) {
        entries.into_iter().skip(1).collect()
    } else {
        entries
    };
    for piece in pieces {
        writing.remove(TableName::Journal, &piece)?;
    }
    let mut by_endpoint: BTreeMap<EndpointKey, Vec<(EventPosition, Id)>> = BTreeMap::new();
    for entry in entries {
        let list = by_endpoint.entry(entry.endpoint).or_default();
        list.push((entry.position, entry.id));
    }
    let mut block = Vec::new();
    for (endpoint, list) in by_endpoint {
        let Some((_, first)) = list.first() else {
            continue;
        };
        let head = keys::endpoint(endpoint);
        let before = writing.read(TableName::Heads, &head, |row| Ok(Reader(row).u32()))?;
        block.clear();
        block.extend_from_slice(&before.flatten().unwrap_or(bucket).to_be_bytes());
        for (position, id) in &list {
            blocks::push_index(*position, *id, &mut block);
        }
        writing.put(
            TableName::Index(bucket),
            &keys::index(endpoint, *first),
            &block,
        )?;
        writing.put(TableName::Heads, &head, &bucket.to_be_bytes())?;
    }
    if let Some(shard) = memory.shards.get_mut(&shard) {
        shard.journaled = 0;
    }
    Ok(())
}

/// The journal of a shard in the order of its ids, and the keys of its pieces.
fn journal(
    writing: &mut Writing<'_>,
    shard: ShardId,
) -> Result<(Vec<IndexEntry>, Vec<Vec<u8>>), Fault> {
    let from = keys::journal(shard, Id::default());
    let until = keys::journal(shard, Id::from_value(u128::MAX));
    let mut entries = Vec::new();
    let mut pieces = Vec::new();
    let table = writing.table(TableName::Journal)?;
    for row in table.range::<&[u8]>(from.as_slice()..=until.as_slice())? {
        let (key, value) = row?;
        pieces.push(key.value().to_vec());
        read_journal(shard, value.value(), |entry| entries.push(entry))?;
    }
    Ok((entries, pieces))
}

/// Reads one piece of a shard's journal.
pub(super) fn read_journal(
    shard: ShardId,
    piece: &[u8],
    mut look: impl FnMut(IndexEntry),
) -> Result<(), Fault> {
    let mut reader = Reader(piece);
    while !reader.0.is_empty() {
        let entry = journal_entry(&mut reader, shard);
        look(entry.ok_or_else(|| Fault::damaged("the journal"))?);
    }
    Ok(())
}

fn journal_entry(reader: &mut Reader<'_>, shard: ShardId) -> Option<IndexEntry> {
    let application = crate::domain::application::ApplicationKey {
        shard,
        ordinal: reader.u32()?,
    };
    Some(IndexEntry {
        endpoint: EndpointKey {
            application,
            ordinal: reader.u32()?,
        },
        position: reader.position()?,
        id: reader.id()?,
    })
}
