//! Attempts that somebody asked for and that are still to come.

use super::{
    endpoints::endpoint_at,
    expunge,
    fault::Fault,
    keys::{self, Reader},
    memory::Memory,
    reading::event_at,
    rows,
    tables::{Reading, TableName, Writing},
};
use crate::domain::{
    change::ChangeResult, delivery::Resend, endpoint::EndpointKey, event::EventPosition,
    page::OwedResend,
};

const WHAT: &str = "the row of an attempt that was asked for";

/// Writes that an attempt is owed, if there is such an endpoint, and something to send.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    row: Resend,
) -> Result<ChangeResult, Fault> {
    if expunge::is_payload_gone(writing, memory, row.endpoint.application, row.position)? {
        return Ok(ChangeResult::Stale);
    }
    let known = endpoint_at(writing, row.endpoint)?;
    if known.is_some_and(|endpoint| !endpoint.is_deleted()) {
        let value = rows::encode(&row.attempts, Vec::new())?;
        let key = keys::resend(row.endpoint, row.position);
        writing.put(TableName::Resends, &key, &value)?;
    }
    Ok(ChangeResult::Fresh)
}

/// Writes that an attempt is owed no more.
pub(super) fn delete(
    writing: &mut Writing<'_>,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<(), Fault> {
    let key = keys::resend(endpoint, position);
    writing.remove(TableName::Resends, &key).map(drop)
}

/// Writes that nothing is owed to an endpoint any more.
pub(super) fn delete_all(writing: &mut Writing<'_>, endpoint: EndpointKey) -> Result<(), Fault> {
    let mut positions = Vec::new();
    let (first, last) = ends(endpoint);
    writing.scan(TableName::Resends, (&first, &last), false, |key, _| {
        positions.push(read_key(key)?.1);
        Ok(true)
    })?;
    for position in positions {
        delete(writing, endpoint, position)?;
    }
    Ok(())
}

/// Every attempt that is owed, to any endpoint.
pub(super) fn all(writing: &mut Writing<'_>) -> Result<Vec<(EndpointKey, EventPosition)>, Fault> {
    let mut found = Vec::new();
    writing.scan(TableName::Resends, (&[0], &[0xff; 19]), false, |key, _| {
        found.push(read_key(key)?);
        Ok(true)
    })?;
    Ok(found)
}

/// Whether an attempt is owed.
pub(super) fn is_owed(
    reading: &mut Reading,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<bool, Fault> {
    reading.has(TableName::Resends, &keys::resend(endpoint, position))
}

/// The attempts that are owed to an endpoint, with their events where these have a payload.
pub(super) fn of_endpoint(
    reading: &mut Reading,
    endpoint: EndpointKey,
) -> Result<Vec<OwedResend>, Fault> {
    let mut found = Vec::new();
    let (first, last) = ends(endpoint);
    reading.scan(TableName::Resends, (&first, &last), false, |key, row| {
        let (endpoint, position) = read_key(key)?;
        found.push(Resend {
            endpoint,
            position,
            attempts: read(row)?,
        });
        Ok(true)
    })?;
    let mut with_events = Vec::with_capacity(found.len());
    for resend in found {
        let event = event_at(reading, endpoint.application, resend.position)?;
        let whole = event.filter(|(_, has_payload)| *has_payload);
        with_events.push((resend, whole.map(|(event, _)| event)));
    }
    Ok(with_events)
}

/// The key of a row, read back.
pub(super) fn read_key(key: &[u8]) -> Result<(EndpointKey, EventPosition), Fault> {
    let mut reader = Reader(key);
    let parts = reader.endpoint().zip(reader.position());
    parts.ok_or_else(|| Fault::damaged(WHAT))
}

/// The attempts that were made before.
pub(super) fn read(row: &[u8]) -> Result<u16, Fault> {
    rows::decode(row, WHAT)
}

fn ends(endpoint: EndpointKey) -> ([u8; 18], [u8; 18]) {
    let key = |position| keys::resend(endpoint, EventPosition::new(position));
    (key(0), key(u64::MAX))
}
