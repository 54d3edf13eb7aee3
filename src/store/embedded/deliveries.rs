//! How a delivery stands, read from what the file has of it.

use super::{
    blocks,
    fault::Fault,
    keys,
    reading::{bare_event_in, bucket_at},
    resends,
    rows::{self, OpenRow},
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        attempt::AttemptResult,
        delivery::{self, DeliveryFacts},
        endpoint::{Endpoint, EndpointKey},
        event::EventPosition,
        history::DeliveryEntry,
        id::Id,
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
    let (endpoint, application) = (known.key, known.key.application);
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    let Some((event, has_payload)) = bare_event_in(reading, bucket, (application, position))?
    else {
        return Ok(None);
    };
    let subscribed = known.matched(&event);
    let facts = if subscribed {
        let key = keys::delivery(endpoint, position);
        let open: Option<OpenRow> = reading.read(TableName::Open, &key, |row| {
            rows::decode(row, "the row of a waiting delivery")
        })?;
        let expired = reading.read(TableName::Expired(bucket), &key, |_| Ok(()))?;
        DeliveryFacts {
            subscribed,
            open_due: open.map(|row| Timestamp::from_micros(row.due)),
            resend: resends::is_owed(reading, endpoint, position)?,
            last_result: last_result(reading, bucket, endpoint, position)?,
            expired: expired.is_some(),
            deleted: known.is_deleted(),
            expunged: !has_payload,
        }
    } else {
        DeliveryFacts::default()
    };
    Ok(Some(DeliveryEntry {
        event: event.id,
        accepted_wall: event.accepted_wall,
        state: delivery::state(facts),
    }))
}

/// The result of the last attempt of a delivery, from the newest block of its event back.
fn last_result(
    reading: &mut Reading,
    bucket: u32,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<Option<AttemptResult>, Fault> {
    let application = endpoint.application;
    let first = keys::attempts(application, position, Id::default());
    let last = keys::attempts(application, position, Id::from_value(u128::MAX));
    let range = (first.as_slice(), last.as_slice());
    let mut found = None;
    reading.scan(TableName::Attempts(bucket), range, true, |_, block| {
        let records = blocks::unpack(application, position, block)?;
        let mut newest_first = records.iter().rev();
        let record = newest_first
            .find(|record| record.endpoint == endpoint && record.result != AttemptResult::Failed);
        found = record.map(|record| record.result);
        Ok(found.is_none())
    })?;
    Ok(found)
}
