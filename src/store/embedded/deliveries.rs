//! How a delivery stands, read from what the file has of it.

use super::{
    blocks,
    fault::Fault,
    keys, reader,
    reading::{bucket_at, event_at},
    resends,
    rows::{self, OpenRow},
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        attempt::AttemptResult,
        delivery::{self, DeliveryFacts, DeliveryState},
        endpoint::EndpointKey,
        event::EventPosition,
        id::Id,
    },
    time::Timestamp,
};

/// The state of a delivery, by the one function that tells it.
pub(super) fn state_of(
    reading: &mut Reading,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<Option<DeliveryState>, Fault> {
    let application = endpoint.application;
    let known = reader::endpoint_at(reading, endpoint)?;
    let event = event_at(reading, application, position)?;
    let bucket = bucket_at(reading, application, position)?;
    let (Some(known), Some((event, has_payload)), Some(bucket)) = (known, event, bucket) else {
        return Ok(None);
    };
    let key = keys::delivery(endpoint, position);
    let open: Option<OpenRow> = reading.read(TableName::Open, &key, |row| {
        rows::decode(row, "the row of a waiting delivery")
    })?;
    let expired = reading.read(TableName::Expired(bucket), &key, |_| Ok(()))?;
    let last_result = last_result(reading, bucket, endpoint, position)?;
    Ok(delivery::state(DeliveryFacts {
        subscribed: known.matched(&event),
        open_due: open.map(|row| Timestamp::from_micros(row.due)),
        resend: resends::is_owed(reading, endpoint, position)?,
        last_result,
        expired: expired.is_some(),
        deleted: known.is_deleted(),
        expunged: !has_payload,
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
