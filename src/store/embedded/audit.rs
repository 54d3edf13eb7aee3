//! What was done with deliveries by hand: that they ended so, and the entries that tell who did it.
//!
//! Entries stand with the bucket of their event and go with it, by endpoint and then by id.

use serde::{Deserialize, Serialize};

use super::{
    apply::delete_open,
    buckets::bucket_of,
    fault::Fault,
    keys::{self, Reader},
    memory::Memory,
    rows::{NowRow, decode, encode},
    tables::{Reading, TableName, Writing},
};
use crate::{
    domain::{
        audit::{Act, AuditEntry},
        change::ChangeResult,
        delivery::OtherEnd,
        endpoint::EndpointKey,
        event::EventPosition,
        history::{HistoryQuery, Order},
        id::{AuditId, EventId, Id},
    },
    time::Now,
};

const WHAT: &str = "an entry of the audit";

#[derive(Serialize, Deserialize)]
struct AuditRow<'row> {
    event: u128,
    position: u64,
    act: u8,
    at: NowRow,
    #[serde(borrow)]
    by: &'row str,
    reason: &'row str,
}

/// An entry as a row.
fn row(entry: &AuditEntry) -> Result<Vec<u8>, Fault> {
    let row = AuditRow {
        event: entry.event.id().value(),
        position: entry.position.number(),
        act: entry.act.number(),
        at: entry.at.into(),
        by: &entry.by,
        reason: &entry.reason,
    };
    encode(&row, Vec::new())
}

/// An entry from its key and row.
pub(super) fn entry(key: &[u8], row: &[u8]) -> Result<AuditEntry, Fault> {
    let damaged = || Fault::damaged(WHAT);
    let mut reader = Reader(key);
    let (endpoint, id) = (reader.endpoint(), reader.id());
    let row: AuditRow<'_> = decode(row, WHAT)?;
    Ok(AuditEntry {
        id: AuditId::new(id.ok_or_else(damaged)?),
        endpoint: endpoint.ok_or_else(damaged)?,
        position: EventPosition::new(row.position),
        event: EventId::new(Id::from_value(row.event)),
        act: Act::from_number(row.act).ok_or_else(damaged)?,
        at: row.at.into(),
        by: row.by.into(),
        reason: row.reason.into(),
    })
}

/// Ends a delivery that has a row, and notes who did it.
pub(super) fn set_aside(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    set_aside: &AuditEntry,
    now: Now,
) -> Result<ChangeResult, Fault> {
    let (endpoint, position) = (set_aside.endpoint, set_aside.position);
    let id = set_aside.id.id();
    memory.note_id(endpoint.application.shard, id);
    let key = keys::delivery(endpoint, position);
    let bucket = bucket_of(writing, memory, endpoint.application, position)?;
    let Some(bucket) = bucket else {
        return Ok(ChangeResult::Stale);
    };
    if !writing.has(TableName::Open, &key)? {
        return Ok(ChangeResult::Stale);
    }
    #[cfg(not(feature = "mutants"))]
    let goes = true;
    #[cfg(feature = "mutants")]
    let goes = !memory.has(super::mutant::Mutant::KeepsRowsOfSkipped);
    if goes {
        delete_open(writing, memory, endpoint, position)?;
    }
    let end = OtherEnd::SetAside(set_aside.act);
    writing.put(TableName::Expired(bucket), &key, &[end.number()])?;
    #[cfg(feature = "mutants")]
    if memory.has(super::mutant::Mutant::ForgetsAuditEntries) {
        return Ok(ChangeResult::Fresh);
    }
    let entry = row(set_aside)?;
    writing.put(TableName::Audit(bucket), &keys::index(endpoint, id), &entry)?;
    memory.note_write(bucket, now);
    Ok(ChangeResult::Fresh)
}

/// How a delivery ended otherwise than by an attempt.
pub(super) fn other_end(
    reading: &mut Reading,
    bucket: u32,
    delivery: &[u8],
) -> Result<Option<OtherEnd>, Fault> {
    reading.read(TableName::Expired(bucket), delivery, read_end)
}

/// The end that a row tells. The first form, of those that expired, is empty.
pub(super) fn read_end(row: &[u8]) -> Result<OtherEnd, Fault> {
    let number = row.first().copied().unwrap_or(OtherEnd::Expired.number());
    let end = OtherEnd::from_number(number).filter(|_| row.len() <= 1);
    end.ok_or_else(|| Fault::damaged("the end of a delivery"))
}

/// A part of what was done by hand with deliveries of an endpoint.
pub(super) fn of_endpoint(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
) -> Result<Vec<AuditEntry>, Fault> {
    let first = keys::index(endpoint, query.above.unwrap_or_default());
    let last = query.below.unwrap_or(Id::from_value(u128::MAX));
    let last = keys::index(endpoint, last);
    let is_backwards = query.order == Order::NewestFirst;
    let mut found = Vec::new();
    for table in reading.tables()? {
        if !matches!(table, TableName::Audit(_)) {
            continue;
        }
        let mut left = query.limit;
        reading.scan(table, (&first, &last), is_backwards, |key, row| {
            let entry = entry(key, row)?;
            if query.contains(entry.id.id()) {
                found.push(entry);
                left -= 1;
            }
            Ok(left > 0)
        })?;
    }
    found.sort_unstable_by_key(|entry| entry.id);
    if is_backwards {
        found.reverse();
    }
    found.truncate(query.limit);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_entry_comes_back_from_its_row_and_the_first_form_never_changes() {
        let whole = AuditEntry {
            id: AuditId::new(Id::from_value(7)),
            endpoint: EndpointKey::default(),
            position: EventPosition::new(300),
            event: EventId::new(Id::from_value(9)),
            act: Act::Park,
            at: Now {
                steady: Timestamp::from_micros(1),
                wall: Timestamp::from_micros(2),
            },
            by: "admin".into(),
            reason: "é".into(),
        };
        let bytes = row(&whole).expect("it fits");
        let expected = [
            1, 9, 172, 2, 2, 2, 4, 5, b'a', b'd', b'm', b'i', b'n', 2, 0xc3, 0xa9,
        ];
        assert_eq!(bytes, expected);
        let key = keys::index(whole.endpoint, whole.id.id());
        assert_eq!(entry(&key, &bytes).expect("whole"), whole);
        for end in 0..bytes.len() {
            assert!(entry(&key, &bytes[..end]).is_err(), "{end}");
        }
        assert!(entry(&key[1..], &bytes).is_err());
    }

    #[test]
    fn an_empty_row_is_of_a_delivery_that_expired() {
        assert_eq!(read_end(&[]).expect("known"), OtherEnd::Expired);
        let parked = OtherEnd::SetAside(Act::Park);
        assert_eq!(read_end(&[2]).expect("known"), parked);
        assert!(read_end(&[3]).is_err() && read_end(&[1, 1]).is_err());
    }
}
