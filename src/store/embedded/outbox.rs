//! Rows of the outbox: what a shard has to tell another.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    keys::{self, Reader},
    memory::Memory,
    rows::{decode, encode},
    tables::{Reading, TableName, Writing},
};
use crate::domain::{
    id::{Id, ShardId},
    outbox::OutboxRow,
};

const WHAT: &str = "a row of the outbox";

#[derive(Serialize, Deserialize)]
struct Row<'row> {
    event_type: &'row str,
    payload: &'row [u8],
}

/// Writes a row.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    row: &OutboxRow,
) -> Result<(), Fault> {
    memory.note_id(row.id.shard(), row.id);
    writing.put(TableName::Outbox, &keys::outbox(row.id), &value(row)?)
}

/// A row as it is written.
pub(super) fn value(row: &OutboxRow) -> Result<Vec<u8>, Fault> {
    let said = Row {
        event_type: &row.event_type,
        payload: &row.payload,
    };
    encode(&said, Vec::new())
}

/// Takes a row away.
pub(super) fn delete(writing: &mut Writing<'_>, id: Id) -> Result<(), Fault> {
    writing
        .remove(TableName::Outbox, &keys::outbox(id))
        .map(drop)
}

/// A row from its key and value.
pub(super) fn row(key: &[u8], value: &[u8]) -> Result<OutboxRow, Fault> {
    let id = Reader(key.get(2..).unwrap_or_default()).id();
    let id = id.filter(|id| keys::outbox(*id) == key);
    let said: Row<'_> = decode(value, WHAT)?;
    Ok(OutboxRow {
        id: id.ok_or_else(|| Fault::damaged(WHAT))?,
        event_type: said.event_type.into(),
        payload: Bytes::copy_from_slice(said.payload),
    })
}

/// What a shard has to tell, in the order of the ids.
pub(super) fn of_shard(
    reading: &mut Reading,
    shard: ShardId,
) -> Result<Vec<Arc<OutboxRow>>, Fault> {
    let first = shard.number().to_be_bytes();
    let last = [first.as_slice(), &[u8::MAX; 16]].concat();
    let mut found = Vec::new();
    let range = (first.as_slice(), last.as_slice());
    reading.scan(TableName::Outbox, range, false, |key, value| {
        found.push(Arc::new(row(key, value)?));
        Ok(true)
    })?;
    Ok(found)
}
