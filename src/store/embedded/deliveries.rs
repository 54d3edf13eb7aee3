//! How deliveries stand, read from what the file has of them.

use std::sync::Arc;

use super::{
    audit, blocks,
    fault::Fault,
    keys, reader,
    reading::{bare_event_in, bare_events_between, bucket_at},
    resends, rows,
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        attempt::{AttemptRecord, AttemptResult},
        delivery::{self, DeliveryFacts, DeliveryState},
        endpoint::{Endpoint, EndpointKey},
        event::{Event, EventPosition},
        history::DeliveryEntry,
        id::Id,
        task::{Candidate, Candidates},
    },
    time::Timestamp,
};

/// An event as seen from an endpoint; its state is told by the one function that tells it. `None` if
/// the event is gone.
pub(super) fn entry_of(
    reading: &mut Reading,
    known: &Endpoint,
    position: EventPosition,
) -> Result<Option<DeliveryEntry>, Fault> {
    let application = known.key.application;
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    entry_in(reading, known, (bucket, position))
}

/// The same of an event of a bucket.
pub(super) fn entry_in(
    reading: &mut Reading,
    known: &Endpoint,
    (bucket, position): (u32, EventPosition),
) -> Result<Option<DeliveryEntry>, Fault> {
    let application = known.key.application;
    let Some((event, has_payload)) = bare_event_in(reading, bucket, (application, position))?
    else {
        return Ok(None);
    };
    let (state, _) = seen(reading, bucket, known, (&event, has_payload))?;
    Ok(Some(DeliveryEntry {
        event: event.id,
        accepted_wall: event.accepted_wall,
        state,
    }))
}

/// Events that may go to an endpoint and have a payload, and how their deliveries stand.
pub(super) fn candidates(
    reading: &mut Reading,
    endpoint: EndpointKey,
    (from, until): (EventPosition, EventPosition),
    limit: usize,
) -> Result<Candidates, Fault> {
    let end = from.plus(u64::try_from(limit).unwrap_or(u64::MAX));
    let application = endpoint.application;
    let until = end.min(until).min(reader::end_of(reading, application)?);
    let mut found = Vec::new();
    let known = reader::endpoint_at(reading, endpoint)?;
    if let Some(known) = known {
        for (bucket, event) in bare_events_between(reading, application, (from, until))? {
            let (state, newest) = seen(reading, bucket, &known, (&event, true))?;
            found.push(Candidate {
                state,
                attempts: newest.as_ref().map_or(0, |record| record.number),
                last_outcome: newest.map(|record| record.outcome),
                event: Arc::new(event),
            });
        }
    }
    Ok(Candidates { found, until })
}

/// How the delivery of an event stands, told by the one function that tells it, and its very last
/// attempt.
fn seen(
    reading: &mut Reading,
    bucket: u32,
    endpoint: &Endpoint,
    (event, has_payload): (&Event, bool),
) -> Result<(Option<DeliveryState>, Option<AttemptRecord>), Fault> {
    let (key, position) = (endpoint.key, event.position);
    let last = last_attempts(reading, bucket, key, position)?;
    let row = keys::delivery(key, position);
    let open = reading.read(TableName::Open, &row, rows::read_open)?;
    let state = delivery::state(DeliveryFacts {
        subscribed: endpoint.matched(event),
        open_due: open.map(|(row, _)| Timestamp::from_micros(row.due)),
        resend: resends::is_owed(reading, key, position)?,
        last_result: last.moved,
        other_end: audit::other_end(reading, bucket, &row)?,
        deleted: endpoint.is_deleted(),
        expunged: !has_payload,
    });
    Ok((state, last.newest))
}

/// The last attempts of a delivery.
#[derive(Default)]
struct LastAttempts {
    /// The very last one.
    newest: Option<AttemptRecord>,
    /// The result of the last one that moved it.
    moved: Option<AttemptResult>,
}

/// Looks for the last attempts of a delivery, from the newest block of its event back.
fn last_attempts(
    reading: &mut Reading,
    bucket: u32,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<LastAttempts, Fault> {
    let application = endpoint.application;
    let first = keys::attempts(application, position, Id::default());
    let last = keys::attempts(application, position, Id::from_value(u128::MAX));
    let range = (first.as_slice(), last.as_slice());
    let mut found = LastAttempts::default();
    reading.scan(TableName::Attempts(bucket), range, true, |_, block| {
        let records = blocks::unpack(application, position, block)?;
        let mut newest_first = records.into_iter().rev();
        for record in newest_first
            .by_ref()
            .filter(|record| record.endpoint == endpoint)
        {
            if record.result != AttemptResult::Failed {
                found.moved = Some(record.result);
            }
            found.newest.get_or_insert(record);
            if found.moved.is_some() {
                break;
            }
        }
        Ok(found.moved.is_none())
    })?;
    Ok(found)
}
