//! Applies one change of a batch: each kind to the rows it means.

use std::sync::Arc;

use super::{
    audit,
    buckets::bucket_of,
    circuits, directory, endpoints, expunge,
    fault::Fault,
    keys, lane_row,
    memory::{self, Memory},
    names, once, ordered, outbox, record_row, resends,
    rows::{self, OpenRow},
    tables::{TableName, Writing},
    tasks,
};
use crate::{
    domain::{
        change::{Change, ChangeResult, UniqueKey},
        delivery::{LaneRow, OpenDelivery},
        endpoint::EndpointKey,
        event::{Event, EventPosition},
        outbox::OutboxRow,
    },
    time::{Now, Timestamp},
};

/// Applies one change of a batch that was accepted.
pub(super) fn change(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    change: Change,
    now: Now,
) -> Result<ChangeResult, Fault> {
    match change {
        Change::Once(key, change) => return once::apply(writing, memory, &key, *change, now),
        Change::PutApplication(application) => {
            return directory::put(writing, memory, &application);
        }
        Change::UpdateApplication(application) => {
            return directory::update(writing, &application);
        }
        Change::PutRecord(record) => return record_row::put(writing, memory, &record),
        Change::DeleteRecord {
            kind,
            name,
            revision,
        } => return record_row::delete(writing, memory, (kind, &name), revision),
        Change::PutEndpoint { endpoint, unique } => {
            return endpoints::put(writing, memory, &endpoint, unique.as_ref());
        }
        Change::UpdateEndpoint(endpoint) => return endpoints::update(writing, &endpoint),
        Change::DeleteEndpoint { endpoint, from } => {
            put_lane(writing, memory, endpoint, None)?;
            circuits::put(writing, endpoint, None)?;
            return endpoints::delete(writing, endpoint, from);
        }
        Change::Told(change, row) => return told(writing, memory, (*change, &row), now),
        Change::PutOutbox(row) => outbox::put(writing, memory, &row)?,
        Change::DeleteOutbox(id) => outbox::delete(writing, id)?,
        Change::Refuse(_) => return Ok(ChangeResult::Stale),
        Change::PutTask(task) => return tasks::put(writing, memory, &task),
        Change::UpdateTask(task) => return tasks::update(writing, &task),
        Change::PutEvent(event) => return put_event(writing, memory, &event),
        Change::SetEndpointState {
            endpoint,
            state,
            from,
        } => endpoints::set_state(writing, endpoint, state, from)?,
        Change::PutOpen(row) => return put_open_unless_gone(writing, memory, row),
        Change::DeleteOpen { endpoint, position } => {
            delete_open(writing, memory, endpoint, position)?;
        }
        Change::Expunge {
            application,
            position,
        } => expunge::payload(writing, memory, application, position)?,
        Change::ExpungeAttempt {
            application,
            position,
            attempt,
        } => expunge::attempt(writing, memory, (application, position), attempt)?,
        Change::PutResend(row) => return resends::put(writing, memory, row),
        Change::DeleteResend { endpoint, position } => {
            resends::delete(writing, endpoint, position)?;
        }
        Change::Expire { endpoint, position } => {
            expire(writing, memory, (endpoint, position), now)?;
        }
        Change::SetAside(entry) => return audit::set_aside(writing, memory, &entry, now),
        Change::PutLane { endpoint, .. }
        | Change::DeleteLane { endpoint }
        | Change::PutOrdered { endpoint, .. }
        | Change::PutCircuit { endpoint, .. } => of_lane(writing, memory, endpoint, &change)?,
        Change::Watermark {
            application,
            position,
        } => {
            let progress = memory.progress(application);
            progress.watermark = progress.watermark.max(position);
            memory.dirty.applications.insert(application);
        }
    }
    Ok(ChangeResult::Fresh)
}

/// Applies a change, and writes that another shard is told of it if it was written.
fn told(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    (told, row): (Change, &OutboxRow),
    now: Now,
) -> Result<ChangeResult, Fault> {
    let result = change(writing, memory, told, now)?;
    if result == ChangeResult::Fresh {
        outbox::put(writing, memory, row)?;
    }
    Ok(result)
}

/// The position of an event is used, whether or not the event is written.
pub(super) fn pass(memory: &mut Memory, event: &Event) {
    let application = event.application;
    memory.dirty.applications.insert(application);
    memory.progress(application).next_position = event.position.plus(1);
}

/// Writes an event if its name is free; its position is used either way.
fn put_event(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    event: &Arc<Event>,
) -> Result<ChangeResult, Fault> {
    let (application, position) = (event.application, event.position);
    pass(memory, event);
    let Some((bucket, _)) = memory.buckets.last_key_value() else {
        return Err(Fault::damaged("the list of buckets"));
    };
    let bucket = *bucket;
    let id = event.id.id();
    if let Some(uid) = event.uid.clone() {
        let name = names::unique(&UniqueKey::EventUid { application, uid });
        let existing = writing.read(TableName::Names, &name, |value| {
            names::event(value).ok_or_else(|| Fault::damaged("a name"))
        })?;
        // A name whose bucket is gone leads nowhere any more: it is free.
        let existing = existing.filter(|(.., of)| memory.buckets.contains_key(of));
        #[cfg(feature = "mutants")]
        let existing = existing.filter(|(found, ..)| *found != id);
        if let Some((existing, ..)) = existing {
            return Ok(ChangeResult::Existing(existing));
        }
        let leads_to = names::to_event(id, position, bucket);
        writing.put(TableName::Names, &name, &leads_to)?;
        memory.named_since += 1;
    }
    let progress = memory.progress(application);
    if progress.newest_span.is_none_or(|(_, of)| of != bucket) {
        progress.newest_span = Some((position, bucket));
        let key = memory::span(application, position);
        writing.put(TableName::Spans, &key, &bucket.to_be_bytes())?;
        let key = memory::span_of_bucket(bucket, application);
        writing.put(TableName::Spans, &key, &position.number().to_be_bytes())?;
    }
    let key = keys::event(application, position);
    let row = rows::event_row(event, Vec::with_capacity(128))?;
    writing.put(TableName::Events(bucket), &key, &row)?;
    writing.put(TableName::Payloads(bucket), &key, &event.payload.bytes)?;
    if let Some(known) = memory.buckets.get_mut(&bucket) {
        let bytes = row.len() + event.payload.bytes.len() + 2 * key.len();
        known.bytes += u64::try_from(bytes).unwrap_or(0);
        memory.dirty.buckets.insert(bucket);
    }
    memory.note_id(application.shard, id);
    Ok(ChangeResult::Fresh)
}

/// Writes or replaces the row of a delivery, unless a task came upon what was taken away meanwhile.
fn put_open_unless_gone(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    row: OpenDelivery,
) -> Result<ChangeResult, Fault> {
    let (application, position) = (row.endpoint.application, row.position);
    if row.reopened_after.is_some()
        && expunge::is_payload_gone(writing, memory, application, position)?
    {
        return Ok(ChangeResult::Stale);
    }
    put_open(writing, memory, row)?;
    Ok(ChangeResult::Fresh)
}

/// Writes or replaces the row of a delivery whose event and endpoint exist.
fn put_open(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    row: OpenDelivery,
) -> Result<(), Fault> {
    let (endpoint, position) = (row.endpoint, row.position);
    #[cfg(feature = "mutants")]
    if memory.has(super::mutant::Mutant::LosesOpenRows) && position.number() % 8 == 3 {
        return Ok(());
    }
    let application = endpoint.application;
    let Some(bucket) = bucket_of(writing, memory, application, position)? else {
        return Ok(());
    };
    let event = keys::event(application, position);
    if !writing.has(TableName::Events(bucket), &event)?
        || !writing.has(TableName::Endpoints, &keys::endpoint(endpoint))?
    {
        return Ok(());
    }
    let key = keys::delivery(endpoint, position);
    if let Some(before) = open_row(writing, &key)? {
        let due = Timestamp::from_micros(before.due);
        #[cfg(not(feature = "mutants"))]
        let goes = true;
        #[cfg(feature = "mutants")]
        let goes = !memory.has(super::mutant::Mutant::KeepsOldDueTimes);
        if goes {
            writing.remove(TableName::Retry, &keys::retry(endpoint, due, position))?;
        }
    } else {
        if let Some(known) = memory.buckets.get_mut(&bucket) {
            known.open += 1;
            memory.dirty.buckets.insert(bucket);
        }
        memory.progress(application).open_rows += 1;
        memory.dirty.applications.insert(application);
    }
    writing.put(TableName::Open, &key, &rows::open_row(row)?)?;
    // What a task sent again has not ended any more.
    if row.reopened_after.is_some() {
        writing.remove(TableName::Expired(bucket), &key)?;
    }
    let key = keys::retry(endpoint, row.due, position);
    writing.put(TableName::Retry, &key, &[])
}

/// Takes the row of a delivery away.
pub(super) fn delete_open(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<(), Fault> {
    let key = keys::delivery(endpoint, position);
    let Some(before) = open_row(writing, &key)? else {
        return Ok(());
    };
    writing.remove(TableName::Open, &key)?;
    ordered::delete(writing, memory, (endpoint, position))?;
    let due = Timestamp::from_micros(before.due);
    writing.remove(TableName::Retry, &keys::retry(endpoint, due, position))?;
    let progress = memory.progress(endpoint.application);
    progress.open_rows = progress.open_rows.saturating_sub(1);
    memory.dirty.applications.insert(endpoint.application);
    if let Some(bucket) = bucket_of(writing, memory, endpoint.application, position)?
        && let Some(known) = memory.buckets.get_mut(&bucket)
    {
        known.open = known.open.saturating_sub(1);
        memory.dirty.buckets.insert(bucket);
    }
    Ok(())
}

fn open_row(writing: &mut Writing<'_>, key: &[u8]) -> Result<Option<OpenRow>, Fault> {
    writing.read(TableName::Open, key, |row| Ok(rows::read_open(row)?.0))
}

/// Takes the row of a delivery away and notes that it expired.
fn expire(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    (endpoint, position): (EndpointKey, EventPosition),
    now: Now,
) -> Result<(), Fault> {
    delete_open(writing, memory, endpoint, position)?;
    if let Some(bucket) = bucket_of(writing, memory, endpoint.application, position)? {
        let key = keys::delivery(endpoint, position);
        writing.put(TableName::Expired(bucket), &key, &[])?;
        memory.note_write(bucket, now);
    }
    Ok(())
}

/// Applies a change of where a lane stands or of what is kept beside it.
fn of_lane(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    endpoint: EndpointKey,
    change: &Change,
) -> Result<(), Fault> {
    match change {
        Change::PutLane { row, .. } => put_lane(writing, memory, endpoint, Some(row)),
        Change::PutCircuit { circuit, .. } => circuits::put(writing, endpoint, *circuit),
        Change::PutOrdered {
            position, order, ..
        } => ordered::put(writing, memory, (endpoint, *position), *order),
        // No other is of a lane.
        _ => put_lane(writing, memory, endpoint, None),
    }
}

/// Writes where a lane stands, or that it no longer lags.
fn put_lane(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    endpoint: EndpointKey,
    lane: Option<&LaneRow>,
) -> Result<(), Fault> {
    let key = keys::endpoint(endpoint);
    if !writing.has(TableName::Endpoints, &key)? {
        return Ok(());
    }
    let before = writing.read(
        TableName::Lanes,
        &key,
        |row| Ok(lane_row::read(row)?.cursor),
    )?;
    match lane {
        Some(row) => {
            let row = lane_row::write(row)?;
            writing.put(TableName::Lanes, &key, &row)?;
        }
        None => {
            writing.remove(TableName::Lanes, &key)?;
        }
    }
    memory.note_lane(endpoint, before, lane.map(|row| row.cursor));
    Ok(())
}
