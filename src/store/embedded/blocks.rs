//! Blocks of attempts: what one batch recorded of one event, packed. Each attempt is told by its
//! difference to the one before it, which makes most of them a few dozen bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    grown::{decode_grown, encode_grown},
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptRecord, AttemptResult, Holder, RetryWait, Timing, Trigger},
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

/// What a block has since it is told why each attempt was made when it was.
#[derive(Serialize, Deserialize)]
struct TimingRow {
    step: u16,
    /// From then to its start, in microseconds.
    late_us: i64,
    /// The number of what held it; 0 for nothing.
    held_by: u8,
    next: Option<NextRow>,
}

/// A wait, in microseconds.
#[derive(Serialize, Deserialize)]
struct NextRow {
    scheduled_us: i64,
    /// To that.
    jitter_us: i64,
    asked_us: Option<i64>,
}

impl From<&AttemptRecord> for TimingRow {
    fn from(record: &AttemptRecord) -> Self {
        let timing = &record.timing;
        Self {
            step: timing.step,
            late_us: record.started_at.steady.since(timing.due).as_micros(),
            held_by: timing.held_by.map_or(0, Holder::number),
            next: timing.next.map(|wait| NextRow {
                scheduled_us: wait.scheduled.as_micros(),
                jitter_us: wait.jittered.as_micros() - wait.scheduled.as_micros(),
                asked_us: wait.asked.map(Span::as_micros),
            }),
        }
    }
}

impl TimingRow {
    fn read(self, started_at: Timestamp) -> Result<Timing, Fault> {
        let holder = |number| match number {
            0 => Ok(None),
            number => Holder::from_number(number)
                .map(Some)
                .ok_or_else(|| Fault::damaged(WHAT)),
        };
        Ok(Timing {
            step: self.step,
            due: started_at.plus(Span::from_micros(self.late_us.saturating_neg())),
            held_by: holder(self.held_by)?,
            next: self.next.map(|next| RetryWait {
                scheduled: Span::from_micros(next.scheduled_us),
                jittered: Span::from_micros(next.scheduled_us.saturating_add(next.jitter_us)),
                asked: next.asked_us.map(Span::from_micros),
            }),
        })
    }
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
    let mut timings = Vec::with_capacity(records.len());
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
            timings.push(TimingRow::from(record));
            row
        })
        .collect();
    encode_grown(&rows, &timings, out)
}

/// Unpacks a block of an event.
pub(super) fn unpack(
    application: ApplicationKey,
    position: EventPosition,
    bytes: &[u8],
) -> Result<Vec<AttemptRecord>, Fault> {
    let read = decode_grown(bytes, WHAT)?;
    let (rows, timings): (Vec<AttemptRow<'_>>, Option<Vec<TimingRow>>) = read;
    // Of attempts that were packed before it is not known.
    let mut timings = timings.unwrap_or_default().into_iter();
    let mut last = (0_u128, 0_i64, 0_i64);
    let records = rows.into_iter().map(|row| {
        last = (
            last.0.wrapping_add(row.id_step),
            last.1.wrapping_add(row.steady_step),
            last.2.wrapping_add(row.wall_step),
        );
        let started_at = Timestamp::from_micros(last.1);
        let timing = timings.next().map(|row| row.read(started_at)).transpose()?;
        Ok(AttemptRecord {
            timing: timing.unwrap_or_default(),
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
    use crate::{domain::id::ShardId, store::embedded::rows};

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
            timing: Timing {
                step: 2,
                due: Timestamp::from_micros(-7_000),
                held_by: Some(Holder::Probe),
                next: Some(RetryWait {
                    scheduled: Span::from_seconds(5),
                    jittered: Span::from_micros(4_100_000),
                    asked: Some(Span::from_seconds(60)),
                }),
            },
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

    #[test]
    fn a_block_of_before_is_read_and_nobody_knows_why_its_attempts_were_made() {
        let application = ApplicationKey {
            shard: ShardId::new(1),
            ordinal: 2,
        };
        let position = EventPosition::new(3);
        let before = vec![AttemptRow {
            id_step: 9,
            endpoint: 7,
            number: 2,
            steady_step: 2,
            wall_step: 3,
            duration_us: 55,
            outcome: OutcomeKind::Reset.code(),
            resent: false,
            trigger: 0,
            result: ResultRow::Failed,
            body: b"x",
        }];
        let first = rows::encode(&before, Vec::new()).expect("it fits");
        let read = unpack(application, position, &first).expect("it is read as before");
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].timing, Timing::default());
    }
}
