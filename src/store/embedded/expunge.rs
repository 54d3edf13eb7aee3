//! Taking payloads and reply bodies away.
//!
//! A payload that was taken away leaves an empty row, which no payload is: it tells that nothing is
//! missing by accident.

use super::{
    apply::delete_open,
    blocks,
    buckets::bucket_of,
    fault::Fault,
    keys::{self, Reader},
    memory::Memory,
    tables::{TableName, Writing},
};
use crate::domain::{
    application::ApplicationKey,
    endpoint::EndpointKey,
    event::EventPosition,
    id::{AttemptId, Id},
};

/// The payload of an event goes, and with it the rows of its open deliveries.
pub(super) fn payload(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<(), Fault> {
    let Some(bucket) = bucket_of(writing, memory, application, position)? else {
        return Ok(());
    };
    let key = keys::event(application, position);
    if writing.has(TableName::Payloads(bucket), &key)? {
        writing.put(TableName::Payloads(bucket), &key, &[])?;
    }
    let row = |ordinal| {
        let endpoint = EndpointKey {
            application,
            ordinal,
        };
        keys::delivery(endpoint, position)
    };
    let mut waiting = Vec::new();
    let (first, last) = (row(0), row(u32::MAX));
    writing.scan(TableName::Open, (&first, &last), false, |key, _| {
        let ordinal = Reader(key.get(14..).unwrap_or_default()).u32();
        waiting.push(ordinal.ok_or_else(|| Fault::damaged("the row of a delivery"))?);
        Ok(true)
    })?;
    for ordinal in waiting {
        let endpoint = EndpointKey {
            application,
            ordinal,
        };
        delete_open(writing, memory, endpoint, position)?;
    }
    Ok(())
}

/// Whether the payload of an event was taken away; what retention let go was not.
pub(super) fn is_payload_gone(
    writing: &mut Writing<'_>,
    memory: &Memory,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<bool, Fault> {
    let Some(bucket) = bucket_of(writing, memory, application, position)? else {
        return Ok(false);
    };
    let key = keys::event(application, position);
    let is_empty = |payload: &[u8]| Ok(payload.is_empty());
    let found = writing.read(TableName::Payloads(bucket), &key, is_empty)?;
    Ok(found.unwrap_or(false))
}

/// The body of a reply goes: its block is written anew without it.
pub(super) fn attempt(
    writing: &mut Writing<'_>,
    memory: &Memory,
    (application, position): (ApplicationKey, EventPosition),
    attempt: AttemptId,
) -> Result<(), Fault> {
    let Some(bucket) = bucket_of(writing, memory, application, position)? else {
        return Ok(());
    };
    let first = keys::attempts(application, position, Id::default());
    let last = keys::attempts(application, position, attempt.id());
    let mut found = None;
    let table = TableName::Attempts(bucket);
    writing.scan(table, (&first, &last), true, |key, block| {
        found = Some((key.to_vec(), blocks::unpack(application, position, block)?));
        Ok(false)
    })?;
    let Some((key, mut records)) = found else {
        return Ok(());
    };
    for record in &mut records {
        if record.id == attempt {
            record.body.clear();
        }
    }
    let block = blocks::pack(records.iter(), Vec::new())?;
    writing.put(table, &key, &block)
}
