//! Reading events: which bucket holds a position, the events of a span, the place of an id.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    fault::Fault,
    keys::{self, Reader},
    memory::{span, span_key},
    recovery::payload,
    rows,
    tables::{Reading, TableName},
};
use crate::domain::{
    application::ApplicationKey,
    event::{Event, EventPosition},
    id::Id,
};

/// A part of an application's events: the bucket that holds it, from where, and to before where.
pub(super) type Span = (u32, EventPosition, EventPosition);

/// The parts that the events of a span are kept in, oldest first.
pub(super) fn spans_between(
    reading: &mut Reading,
    application: ApplicationKey,
    (from, until): (EventPosition, EventPosition),
) -> Result<Vec<Span>, Fault> {
    let mut found: Vec<Span> = Vec::new();
    if from >= until {
        return Ok(found);
    }
    let last = EventPosition::new(until.number() - 1);
    let range = (
        span(application, EventPosition::default()),
        span(application, last),
    );
    reading.scan(
        TableName::Spans,
        (&range.0, &range.1),
        true,
        |key, bucket| {
            let (Some((_, first)), Some(bucket)) = (span_key(key), Reader(bucket).u32()) else {
                return Err(Fault::damaged("the table of spans"));
            };
            let end = found.last().map_or(until, |(_, begin, _)| *begin);
            found.push((bucket, first.max(from), end));
            Ok(first > from)
        },
    )?;
    found.reverse();
    Ok(found)
}

/// The bucket that holds a position, if its event may still be there.
pub(super) fn bucket_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<u32>, Fault> {
    let spans = spans_between(reading, application, (position, position.plus(1)))?;
    Ok(spans.first().map(|(bucket, ..)| *bucket))
}

/// Looks at the events of a span in order, until `look` says false. Events without payload are
/// left out: nobody has anything to do with them.
pub(super) fn events_between(
    reading: &mut Reading,
    application: ApplicationKey,
    span: (EventPosition, EventPosition),
    mut look: impl FnMut(Arc<Event>) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    for (bucket, from, until) in spans_between(reading, application, span)? {
        let mut found = Vec::new();
        let first = keys::event(application, from);
        let last = keys::event(application, EventPosition::new(until.number() - 1));
        reading.scan(
            TableName::Events(bucket),
            (&first, &last),
            false,
            |key, row| {
                found.push((position_of(key)?, row.to_vec()));
                Ok(true)
            },
        )?;
        for (position, row) in found {
            if let Some(payload) = payload_at(reading, bucket, (application, position), &row)?
                && !look(Arc::new(rows::event(application, position, &row, payload)?))?
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The events of a span that have a payload, without its bytes, in order, each with its bucket.
pub(super) fn bare_events_between(
    reading: &mut Reading,
    application: ApplicationKey,
    span: (EventPosition, EventPosition),
) -> Result<Vec<(u32, Event)>, Fault> {
    let mut events = Vec::new();
    for (bucket, from, until) in spans_between(reading, application, span)? {
        let mut found = Vec::new();
        let first = keys::event(application, from);
        let last = keys::event(application, EventPosition::new(until.number() - 1));
        let range = (first.as_slice(), last.as_slice());
        reading.scan(TableName::Events(bucket), range, false, |key, row| {
            let position = position_of(key)?;
            let event = rows::event(application, position, row, Bytes::new())?;
            found.push((event, rows::payload_length(row)? == 0));
            Ok(true)
        })?;
        for (event, is_empty) in found {
            let key = keys::event(application, event.position);
            let length = reading.read(TableName::Payloads(bucket), &key, |row| Ok(row.len()))?;
            if length.is_some_and(|length| is_empty || length > 0) {
                events.push((bucket, event));
            }
        }
    }
    Ok(events)
}

/// The position in the key of an event.
pub(super) fn position_of(key: &[u8]) -> Result<EventPosition, Fault> {
    let position = Reader(key.get(6..).unwrap_or_default()).position();
    position.ok_or_else(|| Fault::damaged("the key of an event"))
}

/// An event and whether its payload is still there; `None` if the event is gone.
pub(super) fn event_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<(Arc<Event>, bool)>, Fault> {
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    let key = keys::event(application, position);
    let row = reading.read(TableName::Events(bucket), &key, |row| Ok(row.to_vec()))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let payload = payload_at(reading, bucket, (application, position), &row)?;
    let has_payload = payload.is_some();
    let event = rows::event(application, position, &row, payload.unwrap_or_default())?;
    Ok(Some((Arc::new(event), has_payload)))
}

/// An event without the bytes of its payload; `None` if it is gone.
pub(super) fn bare_event_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<Event>, Fault> {
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    let key = keys::event(application, position);
    reading.read(TableName::Events(bucket), &key, |row| {
        rows::event(application, position, row, Bytes::new())
    })
}

/// An event of a bucket without the bytes of its payload, and whether these are still there; `None` if
/// the event is gone.
pub(super) fn bare_event_in(
    reading: &mut Reading,
    bucket: u32,
    (application, position): (ApplicationKey, EventPosition),
) -> Result<Option<(Event, bool)>, Fault> {
    let key = keys::event(application, position);
    let found = reading.read(TableName::Events(bucket), &key, |row| {
        let event = rows::event(application, position, row, Bytes::new())?;
        Ok((event, rows::payload_length(row)? == 0))
    })?;
    let Some((event, is_whole)) = found else {
        return Ok(None);
    };
    let payload = reading.read(TableName::Payloads(bucket), &key, |row| Ok(row.is_empty()))?;
    let has_payload = payload.is_some_and(|is_empty| is_whole || !is_empty);
    Ok(Some((event, has_payload)))
}

/// A payload, of an event with this row; `None` if it is gone, with its bucket's or by itself: then an
/// empty row is left, though the event's tells of bytes.
fn payload_at(
    reading: &mut Reading,
    bucket: u32,
    (application, position): (ApplicationKey, EventPosition),
    event: &[u8],
) -> Result<Option<Bytes>, Fault> {
    let key = keys::event(application, position);
    let found = reading.read(TableName::Payloads(bucket), &key, |row| Ok(payload(row)))?;
    let is_whole = rows::payload_length(event)? == 0;
    Ok(found.filter(|bytes| is_whole || !bytes.is_empty()))
}

/// The public id of the event at a position; `None` if it is gone.
pub(super) fn id_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<Id>, Fault> {
    let Some(bucket) = bucket_at(reading, application, position)? else {
        return Ok(None);
    };
    let key = keys::event(application, position);
    reading.read(TableName::Events(bucket), &key, rows::event_id)
}

/// The first position whose event has an id of at least `id`; `end` if there is none.
///
/// Ids grow with positions, so a search by halves finds it, however many events there are. Places
/// without an event, such as those of refused names, lie between.
pub(super) fn first_from(
    reading: &mut Reading,
    application: ApplicationKey,
    id: Id,
    end: EventPosition,
) -> Result<EventPosition, Fault> {
    let spans = spans_between(reading, application, (EventPosition::default(), end))?;
    let Some((_, mut low, _)) = spans.first().copied() else {
        return Ok(end);
    };
    let mut high = end;
    let mut first = end;
    while low < high {
        let middle = EventPosition::new(low.number() + high.since(low) / 2);
        match next_event(reading, application, &spans, middle)? {
            Some((position, found)) if found < id => low = position.plus(1),
            Some((position, _)) => {
                first = position;
                high = middle;
            }
            None => high = middle,
        }
    }
    Ok(first)
}

/// The first event at or behind a position, with its id.
fn next_event(
    reading: &mut Reading,
    application: ApplicationKey,
    spans: &[Span],
    position: EventPosition,
) -> Result<Option<(EventPosition, Id)>, Fault> {
    let start = spans.partition_point(|(_, _, until)| *until <= position);
    for (bucket, from, until) in spans.iter().skip(start) {
        let first = keys::event(application, position.max(*from));
        let last = keys::event(application, EventPosition::new(until.number() - 1));
        let mut found = None;
        reading.scan(
            TableName::Events(*bucket),
            (&first, &last),
            false,
            |key, row| {
                found = Some((position_of(key)?, rows::event_id(row)?));
                Ok(false)
            },
        )?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
