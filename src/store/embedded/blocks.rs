//! Blocks of attempts: what one batch recorded of one event, packed. Each attempt is told by its
//! difference to the one before it, which makes most of them a few dozen bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{fault::Fault, rows};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptRecord, AttemptResult, Trigger},
        endpoint::EndpointKey,
        event::EventPosition,
        id::{AttemptId, Id},
        outcome::OutcomeKind,
    },
    time::{Now, Span, Timestamp},
};

const WHAT: &str = "a block of attempts";

#[derive(Serialize, Deserialize)]
struct AttemptRow<'row> {
    /// To the id before, or to nothing.
    id_step: u128,
    endpoint: u32,
    number: u16,
    /// To the times of the attempt before, or to nothing, in microseconds.
    steady_step: i64,
    wall_step: i64,
    duration_us: i64,
    outcome: u64,
    resent: bool,
    /// 0 by the schedule, 1 by hand.
    trigger: u8,
    result: ResultRow,
    #[serde(borrow)]
    body: &'row [u8],
}

#[derive(Serialize, Deserialize)]
enum ResultRow {
    Succeeded,
    /// How long after the start of the attempt, in microseconds.
    RetryAfter(i64),
    Exhausted,
    Failed,
}

/// Packs attempts of one event, in the order of their ids.
pub(super) fn pack<'record>(
    records: impl ExactSizeIterator<Item = &'record AttemptRecord>,
    out: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let mut last = (0, 0, 0);
    let rows: Vec<AttemptRow<'_>> = records
        .map(|record| {
            let id = record.id.id().value();
            let (steady, wall) = (
                record.started_at.steady.as_micros(),
                record.started_at.wall.as_micros(),
            );
            let row = AttemptRow {
                id_step: id.wrapping_sub(last.0),
                endpoint: record.endpoint.ordinal,
                number: record.number,
                steady_step: steady.wrapping_sub(last.1),
                wall_step: wall.wrapping_sub(last.2),
                duration_us: record.duration.as_micros(),
                outcome: record.outcome.code(),
                resent: record.resent,
                trigger: match record.trigger {
                    Trigger::Schedule => 0,
                    Trigger::Manual => 1,
                },
                result: match record.result {
                    AttemptResult::Succeeded => ResultRow::Succeeded,
                    AttemptResult::RetryAt(due) => {
                        ResultRow::RetryAfter(due.as_micros().wrapping_sub(steady))
                    }
                    AttemptResult::Exhausted => ResultRow::Exhausted,
                    AttemptResult::Failed => ResultRow::Failed,
                },
                body: &record.body,
            };
            last = (id, steady, wall);
            row
        })
        .collect();
    rows::encode(&rows, out)
}

/// Unpacks a block of an event.
pub(super) fn unpack(
    application: ApplicationKey,
    position: EventPosition,
    bytes: &[u8],
) -> Result<Vec<AttemptRecord>, Fault> {
    let rows: Vec<AttemptRow<'_>> = rows::decode(bytes, WHAT)?;
    let mut last = (0_u128, 0_i64, 0_i64);
    let records = rows.into_iter().map(|row| {
        last = (
            last.0.wrapping_add(row.id_step),
            last.1.wrapping_add(row.steady_step),
            last.2.wrapping_add(row.wall_step),
        );
        Ok(AttemptRecord {
            id: AttemptId::new(Id::from_value(last.0)),
            endpoint: EndpointKey {
                application,
                ordinal: row.endpoint,
            },
            position,
            number: row.number,
            trigger: match row.trigger {
                0 => Trigger::Schedule,
                1 => Trigger::Manual,
                _ => return Err(Fault::damaged(WHAT)),
            },
            started_at: Now {
                steady: Timestamp::from_micros(last.1),
                wall: Timestamp::from_micros(last.2),
            },
            duration: Span::from_micros(row.duration_us),
            outcome: OutcomeKind::from_code(row.outcome).ok_or_else(|| Fault::damaged(WHAT))?,
            resent: row.resent,
            result: match row.result {
                ResultRow::Succeeded => AttemptResult::Succeeded,
                ResultRow::RetryAfter(wait) => {
                    AttemptResult::RetryAt(Timestamp::from_micros(last.1.wrapping_add(wait)))
                }
                ResultRow::Exhausted => AttemptResult::Exhausted,
                ResultRow::Failed => AttemptResult::Failed,
            },
            body: Bytes::copy_from_slice(row.body),
        })
    });
    records.collect()
}

/// One entry of the journal and of the index: which attempt, of which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    /// The endpoint it went to.
    pub(super) endpoint: EndpointKey,
    /// Its event.
    pub(super) position: EventPosition,
    /// The attempt.
    pub(super) id: Id,
}

/// Adds an entry to a piece of the journal of its shard.
pub(super) fn push_journal(entry: IndexEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(&entry.endpoint.application.ordinal.to_be_bytes());
    out.extend_from_slice(&entry.endpoint.ordinal.to_be_bytes());
    push_index(entry.position, entry.id, out);
}

/// Adds an entry to a block of the index of its endpoint.
pub(super) fn push_index(position: EventPosition, id: Id, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.number().to_be_bytes());
    out.extend_from_slice(&id.value().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ShardId;

    #[test]
    fn a_block_comes_back_as_it_was() {
        let application = ApplicationKey {
            shard: ShardId::new(1),
            ordinal: 2,
        };
        let position = EventPosition::new(3);
        let record = |id: u128, outcome, result| AttemptRecord {
            id: AttemptId::new(Id::from_value(id)),
            endpoint: EndpointKey {
                application,
                ordinal: 7,
            },
            position,
            number: 2,
            trigger: if id.is_multiple_of(2) {
                Trigger::Schedule
            } else {
                Trigger::Manual
            },
            started_at: Now {
                steady: Timestamp::from_micros(-1_000),
                wall: Timestamp::from_micros(i64::MAX),
            },
            duration: Span::from_micros(55),
            outcome,
            resent: true,
            result,
            body: Bytes::from_static(b"no"),
        };
        let due = Timestamp::from_micros(9_000_000);
        let records = [
            record(1 << 90, OutcomeKind::Status(200), AttemptResult::Succeeded),
            record(
                (1 << 90) + 1,
                OutcomeKind::Timeout { after_ms: 30_000 },
                AttemptResult::RetryAt(due),
            ),
            record((1 << 90) + 2, OutcomeKind::Reset, AttemptResult::Failed),
            record(u128::MAX, OutcomeKind::Refused, AttemptResult::Exhausted),
        ];
        let bytes = pack(records.iter(), Vec::new()).expect("it fits");
        let read = unpack(application, position, &bytes).expect("it is whole");
        assert_eq!(
            format!("{records:?}"),
            format!("{read:?}").replace("vec!", "")
        );
        assert!(unpack(application, position, &bytes[..bytes.len() - 1]).is_err());
    }
}
