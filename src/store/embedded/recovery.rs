//! What a shard is acquired with. It is bounded: the events that may be unsettled are those from
//! the watermark on, which the ring bounds; what lies before shows as rows of lanes and deliveries.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    blocks, circuits, endpoint_row,
    fault::Fault,
    keys::{self, Reader},
    lane_row,
    memory::{ALL, Memory, Progress},
    ordered, outbox,
    reading::{events_between, spans_between},
    resends, rows,
    tables::{Reading, TableName},
    tasks,
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        delivery::LaneRow,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
        page::{ApplicationState, EndpointRecovery, ShardState},
    },
    time::Timestamp,
};

/// The state of a shard.
pub(super) fn state(
    reading: &mut Reading,
    memory: &Memory,
    shard: ShardId,
) -> Result<ShardState, Fault> {
    let known = memory.shards.get(&shard);
    let last_id = known.map(|known| known.last_id).unwrap_or_default();
    if shard == ShardId::DIRECTORY {
        return directory(reading, last_id);
    }
    let mut applications = Vec::new();
    for (ordinal, progress) in known.into_iter().flat_map(|known| &known.applications) {
        let key = ApplicationKey {
            shard,
            ordinal: *ordinal,
        };
        applications.push(application(reading, progress, key)?);
    }
    #[cfg(feature = "mutants")]
    super::mutant::skip_scan(memory, &mut applications);
    Ok(ShardState::Data {
        applications,
        outbox: outbox::of_shard(reading, shard)?,
        last_id,
    })
}

fn directory(reading: &mut Reading, last_id: Id) -> Result<ShardState, Fault> {
    let mut applications = Vec::new();
    reading.scan(TableName::Applications, ALL, false, |key, row| {
        let key = Reader(key).application();
        let key = key.ok_or_else(|| Fault::damaged("the row of an application"))?;
        applications.push(Arc::new(rows::application(key, row)?));
        Ok(true)
    })?;
    Ok(ShardState::Directory {
        applications,
        last_id,
    })
}

fn application(
    reading: &mut Reading,
    progress: &Progress,
    key: ApplicationKey,
) -> Result<ApplicationState, Fault> {
    let mut events = Vec::new();
    let (from, until) = (progress.watermark, progress.next_position);
    events_between(reading, key, (from, until), |event| {
        events.push(event);
        Ok(true)
    })?;
    let existing: Vec<EventPosition> = events.iter().map(|event| event.position).collect();
    let mut settled = settled(reading, key, (from, until), &existing)?;
    let mut lanes = lanes(reading, key)?;
    let mut circuits = circuits::of_application(reading, whole(key))?;
    let vault = Arc::clone(&reading.vault);
    let mut endpoints = Vec::new();
    endpoint_rows(reading, key, 0, |endpoint_key, row| {
        endpoints.push(Arc::new(endpoint_row::endpoint(&vault, endpoint_key, row)?));
        Ok(true)
    })?;
    let last = endpoints.last().map(|endpoint| endpoint.key.ordinal);
    let mut recovered = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let ordinal = endpoint.key.ordinal;
        let open_due = first_due(reading, endpoint.key)?;
        // Of a deleted one only the rows that are still to be taken away matter.
        if endpoint.is_deleted() && open_due.is_none() {
            continue;
        }
        recovered.push(EndpointRecovery {
            lane: lanes.remove(&ordinal),
            circuit: circuits.remove(&ordinal),
            ordered: ordered::of_endpoint(reading, endpoint.key)?,
            settled: settled.remove(&ordinal).unwrap_or_default(),
            open_due,
            resends: resends::of_endpoint(reading, endpoint.key)?,
            endpoint,
        });
    }
    Ok(ApplicationState {
        key,
        next_position: progress.next_position,
        next_endpoint: last.map_or(0, |last| last.saturating_add(1)),
        watermark: progress.watermark,
        open_rows: progress.open_rows,
        events,
        endpoints: recovered,
        tasks: tasks::under_way(reading, key)?,
    })
}

/// Looks at the endpoints of an application in the order of their ordinals, from one on.
pub(super) fn endpoint_rows(
    reading: &mut Reading,
    application: ApplicationKey,
    ordinal: u32,
    mut look: impl FnMut(EndpointKey, &[u8]) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let from = keys::endpoint(EndpointKey {
        application,
        ordinal,
    });
    let (_, until) = whole(application);
    let range = (from.as_slice(), until.as_slice());
    reading.scan(TableName::Endpoints, range, false, |key, row| {
        let endpoint = Reader(key).endpoint();
        look(
            endpoint.ok_or_else(|| Fault::damaged("the row of an endpoint"))?,
            row,
        )
    })
}

/// The keys of all endpoints of an application.
fn whole(application: ApplicationKey) -> ([u8; 10], [u8; 10]) {
    let endpoint = |ordinal| EndpointKey {
        application,
        ordinal,
    };
    (
        keys::endpoint(endpoint(0)),
        keys::endpoint(endpoint(u32::MAX)),
    )
}

fn lanes(
    reading: &mut Reading,
    application: ApplicationKey,
) -> Result<BTreeMap<u32, LaneRow>, Fault> {
    const WHAT: &str = "the row of a lane";
    let mut lanes = BTreeMap::new();
    let (from, until) = whole(application);
    let range = (from.as_slice(), until.as_slice());
    reading.scan(TableName::Lanes, range, false, |key, row| {
        let endpoint = Reader(key).endpoint();
        let endpoint = endpoint.ok_or_else(|| Fault::damaged(WHAT))?;
        lanes.insert(endpoint.ordinal, lane_row::read(row)?);
        Ok(true)
    })?;
    Ok(lanes)
}

/// Which events of a span were attempted, expired or wait, for each endpoint, in order.
fn settled(
    reading: &mut Reading,
    application: ApplicationKey,
    (from, until): (EventPosition, EventPosition),
    existing: &[EventPosition],
) -> Result<BTreeMap<u32, Vec<EventPosition>>, Fault> {
    let mut settled: BTreeMap<u32, Vec<EventPosition>> = BTreeMap::new();
    for (bucket, from, until) in spans_between(reading, application, (from, until))? {
        let first = keys::attempts(application, from, Id::default());
        let last = keys::attempts(application, until, Id::default());
        let range = (first.as_slice(), last.as_slice());
        reading.scan(TableName::Attempts(bucket), range, false, |key, block| {
            let position = Reader(key.get(6..).unwrap_or_default()).position();
            let position = position.ok_or_else(|| Fault::damaged("a block of attempts"))?;
            for record in blocks::unpack(application, position, block)? {
                // One by hand that failed beside the schedule leaves the walk what it has to do.
                if record.result == AttemptResult::Failed {
                    continue;
                }
                settled
                    .entry(record.endpoint.ordinal)
                    .or_default()
                    .push(position);
            }
            Ok(true)
        })?;
        mark(
            reading,
            TableName::Expired(bucket),
            application,
            (from, until),
            &mut settled,
        )?;
    }
    mark(
        reading,
        TableName::Open,
        application,
        (from, until),
        &mut settled,
    )?;
    for positions in settled.values_mut() {
        positions.sort_unstable();
        positions.dedup();
        // Rows may name places that have no event; nobody waits there.
        positions.retain(|position| existing.binary_search(position).is_ok());
    }
    Ok(settled)
}

/// Adds the deliveries of a table that is keyed by them.
fn mark(
    reading: &mut Reading,
    table: TableName,
    application: ApplicationKey,
    (from, until): (EventPosition, EventPosition),
    settled: &mut BTreeMap<u32, Vec<EventPosition>>,
) -> Result<(), Fault> {
    let first = keys::event(application, from);
    let last = keys::event(application, until);
    reading.scan(table, (&first, &last), false, |key, _| {
        let mut reader = Reader(key.get(6..).unwrap_or_default());
        let (Some(position), Some(endpoint)) = (reader.position(), reader.u32()) else {
            return Err(Fault::damaged("the row of a delivery"));
        };
        settled.entry(endpoint).or_default().push(position);
        Ok(true)
    })
}

/// When the first waiting delivery of an endpoint is due.
fn first_due(reading: &mut Reading, endpoint: EndpointKey) -> Result<Option<Timestamp>, Fault> {
    let first = keys::retry(
        endpoint,
        Timestamp::from_micros(i64::MIN),
        EventPosition::default(),
    );
    let last = keys::retry(endpoint, Timestamp::MAX, EventPosition::new(u64::MAX));
    let mut due = None;
    reading.scan(TableName::Retry, (&first, &last), false, |key, _| {
        due = Reader(key.get(10..).unwrap_or_default()).time();
        Ok(false)
    })?;
    Ok(due)
}

/// A payload's bytes as they stand in the file.
pub(super) fn payload(row: &[u8]) -> Bytes {
    Bytes::copy_from_slice(row)
}
