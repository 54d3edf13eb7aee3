//! Attempts: recorded in blocks by event, and indexed by endpoint.
//!
//! The index is not written with every batch, which would cost a row per endpoint: the batch leaves
//! a piece of journal instead, and when enough has gathered the journal is turned into blocks of
//! the index, each with many attempts of one endpoint. Whoever reads looks at both.

use std::collections::BTreeMap;

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
    limits,
    store::embedded::EmbeddedOptions,
};

/// Writes the attempts of a batch: a block for each event, or several where bodies are large, and a
/// piece of journal.
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
        for part in parts(&records) {
            let Some(first) = part.first().map(|record| record.id.id()) else {
                continue;
            };
            block.clear();
            block = blocks::pack(part.iter().copied(), block)?;
            let key = keys::attempts(application, position, first);
            writing.put(TableName::Attempts(bucket), &key, &block)?;
        }
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

/// The attempts of one event, cut so that the bodies of a part stay small; one body alone may be larger.
fn parts<'list, 'record>(
    mut rest: &'list [&'record AttemptRecord],
) -> impl Iterator<Item = &'list [&'record AttemptRecord]> {
    core::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|record| {
            let is_first = bytes == 0;
            bytes += record.body.len();
            is_first || bytes <= limits::ATTEMPTS_ROW_BODIES_BYTES
        });
        let (part, behind) = rest.split_at_checked(fitting.count().max(1))?;
        rest = behind;
        Some(part)
    })
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
    writing.scan(TableName::Journal, (&from, &until), false, |key, piece| {
        pieces.push(key.to_vec());
        read_journal(shard, piece, |entry| entries.push(entry))?;
        Ok(true)
    })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        application::ApplicationKey,
        attempt::{AttemptResult, Timing, Trigger},
        id::AttemptId,
        outcome::OutcomeKind,
    };
    use crate::time::{Now, Span};

    fn record(id: u128, body_bytes: usize) -> AttemptRecord {
        AttemptRecord {
            timing: Timing::default(),
            id: AttemptId::new(Id::from_value(id)),
            endpoint: EndpointKey {
                application: ApplicationKey {
                    shard: ShardId::new(1),
                    ordinal: 1,
                },
                ordinal: 1,
            },
            position: EventPosition::new(1),
            number: 1,
            trigger: Trigger::Schedule,
            started_at: Now::default(),
            duration: Span::ZERO,
            outcome: OutcomeKind::Status(200),
            resent: false,
            result: AttemptResult::Succeeded,
            body: vec![b'x'; body_bytes].into(),
        }
    }

    #[test]
    fn attempts_are_cut_where_their_bodies_get_large_and_none_is_left_out() {
        let most = limits::ATTEMPTS_ROW_BODIES_BYTES;
        for (bodies, expected) in [
            (vec![], vec![]),
            (vec![0; 500], vec![500]),
            (vec![most, 0, 0], vec![3]),
            (vec![most - 1, 1, 1], vec![2, 1]),
            (vec![0, most + 1, 0, 1], vec![2, 2]),
            (vec![most + 1, most + 1], vec![1, 1]),
            (vec![16 * 1024; 33], vec![15, 15, 3]),
        ] {
            let records: Vec<_> = (1..).zip(&bodies).map(|(id, n)| record(id, *n)).collect();
            let list: Vec<_> = records.iter().collect();
            let cut: Vec<_> = parts(&list).collect();
            let lengths: Vec<_> = cut.iter().map(|part| part.len()).collect();
            assert_eq!(lengths, expected, "{bodies:?}");
            let ids = cut.concat().into_iter().map(|record| record.id);
            assert!(ids.eq(list.iter().map(|record| record.id)));
        }
    }
}
