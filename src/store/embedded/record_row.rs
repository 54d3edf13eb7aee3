//! Rows of records, which the directory has by their kinds and names.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    memory::{ALL, Memory},
    rows::{NowRow, decode, encode},
    tables::{Reading, TableName, Writing},
};
use crate::domain::{
    change::ChangeResult,
    id::{Id, ShardId},
    record::{Record, RecordKind},
};

#[derive(Serialize, Deserialize)]
struct RecordRow<'row> {
    id: u128,
    revision: u32,
    body: &'row [u8],
    created_at: NowRow,
    updated_at: NowRow,
}

const WHAT: &str = "a record of the directory";

/// The number of a kind in keys, which never changes.
const fn number(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::EventType => 1,
        RecordKind::ApiKey => 2,
    }
}

fn key(kind: RecordKind, name: &str) -> Vec<u8> {
    [&[number(kind)], name.as_bytes()].concat()
}

fn row(record: &Record) -> Result<Vec<u8>, Fault> {
    let row = RecordRow {
        id: record.id.value(),
        revision: record.revision,
        body: &record.body,
        created_at: record.created_at.into(),
        updated_at: record.updated_at.into(),
    };
    encode(&row, Vec::new())
}

/// A record from its key and row.
pub(super) fn record(key: &[u8], row: &[u8]) -> Result<Record, Fault> {
    let (kind, name) = key.split_first().ok_or_else(|| Fault::damaged(WHAT))?;
    let kind = match kind {
        1 => RecordKind::EventType,
        2 => RecordKind::ApiKey,
        _ => return Err(Fault::damaged(WHAT)),
    };
    let name = core::str::from_utf8(name).map_err(|_| Fault::damaged(WHAT))?;
    let row: RecordRow<'_> = decode(row, WHAT)?;
    Ok(Record {
        kind,
        name: name.into(),
        id: Id::from_value(row.id),
        body: Bytes::copy_from_slice(row.body),
        revision: row.revision,
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    })
}

/// Writes a record: a new one if its name is free, a changed one in place of the revision before.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    new: &Arc<Record>,
) -> Result<ChangeResult, Fault> {
    let place = key(new.kind, &new.name);
    let known = writing.read(TableName::Records, &place, |row| record(&place, row))?;
    let mut written = Record::clone(new);
    match (known, new.revision) {
        (None, 1) => {
            let count = memory.records.entry(new.kind).or_default();
            if *count >= new.kind.count_max() {
                return Ok(ChangeResult::Full);
            }
            *count += 1;
        }
        (Some(known), 1) => return Ok(ChangeResult::Existing(known.id)),
        (Some(known), revision) if known.revision.saturating_add(1) == revision => {
            written.id = known.id;
            written.created_at = known.created_at;
        }
        (None | Some(_), _) => return Ok(ChangeResult::Stale),
    }
    memory.note_id(ShardId::DIRECTORY, written.id);
    writing.put(TableName::Records, &place, &row(&written)?)?;
    Ok(ChangeResult::Fresh)
}

/// Takes a record away.
pub(super) fn delete(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    (kind, name): (RecordKind, &str),
    revision: u32,
) -> Result<ChangeResult, Fault> {
    let place = key(kind, name);
    let known = writing.read(TableName::Records, &place, |row| record(&place, row))?;
    if known.is_none_or(|known| known.revision != revision) {
        return Ok(ChangeResult::Stale);
    }
    writing.remove(TableName::Records, &place)?;
    let count = memory.records.entry(kind).or_default();
    *count = count.saturating_sub(1);
    Ok(ChangeResult::Fresh)
}

/// How many records there are of each kind.
pub(super) fn counts(reading: &mut Reading) -> Result<BTreeMap<RecordKind, usize>, Fault> {
    let mut counts = BTreeMap::new();
    reading.scan(TableName::Records, ALL, false, |key, row| {
        *counts.entry(record(key, row)?.kind).or_default() += 1;
        Ok(true)
    })?;
    Ok(counts)
}

/// The record of this kind and name.
pub(super) fn named(
    reading: &mut Reading,
    kind: RecordKind,
    name: &str,
) -> Result<Option<Arc<Record>>, Fault> {
    let place = key(kind, name);
    reading.read(TableName::Records, &place, |row| {
        Ok(Arc::new(record(&place, row)?))
    })
}

/// All records of a kind, in the order of their names.
pub(super) fn records(reading: &mut Reading, kind: RecordKind) -> Result<Vec<Arc<Record>>, Fault> {
    let (from, until) = ([number(kind)], [number(kind).saturating_add(1)]);
    let mut found = Vec::new();
    reading.scan(TableName::Records, (&from, &until), false, |key, row| {
        found.push(Arc::new(record(key, row)?));
        Ok(true)
    })?;
    Ok(found)
}
