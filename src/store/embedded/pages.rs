//! The pages that an engine loads.

use super::{
    deliveries,
    fault::Fault,
    keys::{self, Reader},
    memory::Memory,
    reading::{event_at, events_between},
    rows,
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        application::ApplicationKey,
        delivery::OpenDelivery,
        endpoint::EndpointKey,
        event::EventPosition,
        page::{Page, PageRequest},
    },
    time::Timestamp,
};

/// Reads a page.
pub(super) fn page(
    reading: &mut Reading,
    memory: &Memory,
    request: PageRequest,
) -> Result<Page, Fault> {
    match request {
        PageRequest::Events {
            application,
            from,
            limit,
        } => events(reading, memory, application, from, limit),
        PageRequest::Open {
            endpoint,
            after,
            limit,
        } => open(reading, endpoint, after, limit),
        PageRequest::Candidates {
            endpoint,
            from,
            until,
            limit,
        } => {
            let candidates = deliveries::candidates(reading, endpoint, (from, until), limit)?;
            Ok(Page::Candidates(candidates))
        }
    }
}

/// The events of a span that exist.
fn events(
    reading: &mut Reading,
    memory: &Memory,
    application: ApplicationKey,
    from: EventPosition,
    limit: usize,
) -> Result<Page, Fault> {
    let Some(progress) = memory.progress_of(application) else {
        return Ok(Page::Events {
            events: Vec::new(),
            until: EventPosition::default(),
        });
    };
    let end = from.plus(u64::try_from(limit).unwrap_or(u64::MAX));
    let until = end.min(progress.next_position);
    let mut events = Vec::new();
    events_between(reading, application, (from, until), |event| {
        events.push(event);
        Ok(true)
    })?;
    Ok(Page::Events { events, until })
}

/// Waiting deliveries of an endpoint behind a place, with their events.
fn open(
    reading: &mut Reading,
    endpoint: EndpointKey,
    after: Option<(Timestamp, EventPosition)>,
    limit: usize,
) -> Result<Page, Fault> {
    let mut found = Vec::new();
    let mut more = false;
    let (due, position) =
        after.unwrap_or((Timestamp::from_micros(i64::MIN), EventPosition::new(0)));
    let first = keys::retry(endpoint, due, position);
    let last = keys::retry(endpoint, Timestamp::MAX, EventPosition::new(u64::MAX));
    reading.scan(TableName::Retry, (&first, &last), false, |key, _| {
        if after.is_some() && key == first {
            return Ok(true);
        }
        if found.len() >= limit {
            more = true;
            return Ok(false);
        }
        let mut reader = Reader(key.get(10..).unwrap_or_default());
        let (Some(due), Some(position)) = (reader.time(), reader.position()) else {
            return Err(Fault::damaged("the row of a waiting delivery"));
        };
        found.push((due, position));
        Ok(true)
    })?;
    let mut rows = Vec::with_capacity(found.len());
    for (due, position) in found {
        let key = keys::delivery(endpoint, position);
        let row = reading.read(TableName::Open, &key, rows::read_open)?;
        let event = event_at(reading, endpoint.application, position)?;
        let (Some((row, reopened)), Some((event, true))) = (row, event) else {
            continue;
        };
        let reopened_until = reopened.map(|row| Timestamp::from_micros(row.expires_at));
        let delivery = OpenDelivery {
            endpoint,
            due,
            position,
            attempts: row.attempts,
            event: event.id,
            expires_at: reopened_until.unwrap_or(event.expires_at),
            reopened_after: reopened.map(|row| row.after),
        };
        rows.push((delivery, event));
    }
    Ok(Page::Open { rows, more })
}
