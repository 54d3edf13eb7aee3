//! Attempts, read from the blocks of their events.

use super::{
    blocks,
    fault::Fault,
    keys::{self, Reader},
    reading::bucket_at,
    tables::{Reading, TableName},
};
use crate::domain::{
    application::ApplicationKey,
    attempt::AttemptRecord,
    event::EventPosition,
    history::{HistoryQuery, Order},
    id::Id,
};

/// One attempt by its event and id.
pub(super) fn attempt_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
    id: Id,
) -> Result<Option<AttemptRecord>, Fault> {
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    attempt_in(reading, bucket, (application, position), id)
}

/// One attempt of an event of a bucket.
pub(super) fn attempt_in(
    reading: &mut Reading,
    bucket: u32,
    (application, position): (ApplicationKey, EventPosition),
    id: Id,
) -> Result<Option<AttemptRecord>, Fault> {
    let first = keys::attempts(application, position, Id::default());
    let last = keys::attempts(application, position, id);
    let mut found = None;
    let range = (first.as_slice(), last.as_slice());
    reading.scan(TableName::Attempts(bucket), range, true, |_, block| {
        let records = blocks::unpack(application, position, block)?;
        found = records.into_iter().find(|record| record.id.id() == id);
        Ok(false)
    })?;
    Ok(found)
}

/// The attempts of an event, as far as a query asks for them.
pub(super) fn records_of(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
    query: HistoryQuery,
) -> Result<Vec<AttemptRecord>, Fault> {
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(Vec::new());
    };
    let is_backwards = query.order == Order::NewestFirst;
    let first = keys::attempts(application, position, Id::default());
    let last = keys::attempts(
        application,
        position,
        query.below.unwrap_or(Id::from_value(u128::MAX)),
    );
    let mut found: Vec<AttemptRecord> = Vec::new();
    let range = (first.as_slice(), last.as_slice());
    reading.scan(
        TableName::Attempts(bucket),
        range,
        is_backwards,
        |key, block| {
            let mut records = blocks::unpack(application, position, block)?;
            if is_backwards {
                records.reverse();
            }
            let asked = records
                .into_iter()
                .filter(|record| query.contains(record.id.id()));
            found.extend(asked);
            let begin = Reader(key.get(14..).unwrap_or_default()).id();
            let is_over = is_backwards
                && query
                    .above
                    .is_some_and(|above| begin.is_some_and(|id| id <= above));
            Ok(found.len() < query.limit && !is_over)
        },
    )?;
    found.truncate(query.limit);
    Ok(found)
}
