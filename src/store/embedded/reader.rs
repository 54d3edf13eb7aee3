//! Lists and history, read from snapshots of the file beside the engine and the writer.

use std::sync::Arc;

use super::{
    attempts::{attempt_in, records_of},
    audit, deliveries, directory, endpoint_row, endpoints,
    fault::Fault,
    keys, listing, names,
    reading::{bare_event_at, bare_event_in, bucket_at, event_at, first_from, id_at},
    record_row,
    recovery::endpoint_rows,
    rows::{self, ProgressRow},
    shared_file::{SharedFile, Source},
    tables::{Reading, TableName},
    tasks,
};
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        audit::AuditEntry,
        change::UniqueKey,
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey},
        event::EventPosition,
        history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name, Order},
        id::{EndpointId, Id},
        record::{Record, RecordKind},
        task::{Candidates, Task},
    },
    store::{ReadError, Reads},
};

/// Reads the file of an open store; cheap to clone, good on any thread.
#[derive(Clone, Debug)]
pub struct EmbeddedReader {
    source: Source,
}

impl EmbeddedReader {
    /// Of an open file.
    pub(super) const fn new(file: SharedFile) -> Self {
        Self {
            source: Source::File(file),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&mut Reading) -> Result<T, Fault>) -> Result<T, ReadError> {
        self.source.read(look).map_err(ReadError::from)
    }
}

impl Reads for EmbeddedReader {
    fn as_of_one_moment(&self, look: &mut dyn FnMut(&dyn Reads)) -> Result<(), ReadError> {
        let look = |source| look(&Self { source });
        Ok(self.source.read_of_one_moment(look)?)
    }

    fn application(&self, name: &Name) -> Result<Option<Arc<Application>>, ReadError> {
        self.read(|reading| directory::application(reading, name))
    }

    fn applications(&self, query: HistoryQuery) -> Result<Vec<Arc<Application>>, ReadError> {
        self.read(|reading| directory::applications(reading, query))
    }

    fn record(&self, kind: RecordKind, name: &str) -> Result<Option<Arc<Record>>, ReadError> {
        self.read(|reading| record_row::named(reading, kind, name))
    }

    fn records(&self, kind: RecordKind) -> Result<Vec<Arc<Record>>, ReadError> {
        self.read(|reading| record_row::records(reading, kind))
    }

    fn endpoint(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<Arc<Endpoint>>, ReadError> {
        self.read(|reading| endpoints::named(reading, application, name))
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        self.read(|reading| {
            let vault = Arc::clone(&reading.vault);
            let mut found = Vec::new();
            endpoint_rows(reading, application, from, |key, row| {
                if found.len() < limit {
                    found.push(Arc::new(endpoint_row::endpoint(&vault, key, row)?));
                }
                Ok(found.len() < limit)
            })?;
            Ok(found)
        })
    }

    fn endpoints_by_id(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        self.read(|reading| endpoints::by_id(reading, application, query))
    }

    fn event(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<EventEntry>, ReadError> {
        self.read(|reading| {
            let position = match name {
                Name::Id(id) => place_of(reading, application, *id)?,
                Name::Uid(uid) => {
                    let key = names::unique(&UniqueKey::EventUid {
                        application,
                        uid: Arc::clone(uid),
                    });
                    let found =
                        reading.read(TableName::Names, &key, |row| Ok(names::event(row)))?;
                    let found = found.flatten();
                    let Some((id, position, _)) = found else {
                        return Ok(None);
                    };
                    (id_at(reading, application, position)? == Some(id)).then_some(position)
                }
            };
            match position {
                Some(position) => entry_at(reading, application, position),
                None => Ok(None),
            }
        })
    }

    fn events(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<EventEntry>, ReadError> {
        self.read(|reading| {
            let positions = positions(reading, application, query)?;
            let mut entries = Vec::with_capacity(positions.len());
            for (_, position) in positions {
                entries.extend(entry_at(reading, application, position)?);
            }
            Ok(entries)
        })
    }

    fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.read(|reading| {
            let Some(known) = endpoint_at(reading, endpoint)? else {
                return Ok(Vec::new());
            };
            let mut entries = Vec::new();
            let mut rest = query;
            loop {
                let listed = listing::list(reading, endpoint, rest)?;
                for (position, id) in &listed {
                    let place = (endpoint.application, *position);
                    // What stands in the index may be of an event that is gone.
                    let Some(bucket) = bucket_at(reading, place.0, place.1)? else {
                        continue;
                    };
                    let record = attempt_in(reading, bucket, place, *id)?;
                    let event = bare_event_in(reading, bucket, place)?;
                    if let (Some(record), Some((event, _))) = (record, event) {
                        entries.push(AttemptEntry {
                            record,
                            event: Arc::new(event),
                            endpoint: known.id,
                        });
                    }
                }
                // A page that is not full is the last one, so the gone ones are made up for.
                let last = listed.last().map(|(_, id)| *id);
                if listed.len() < rest.limit || entries.len() >= query.limit {
                    return Ok(entries);
                }
                match query.order {
                    Order::NewestFirst => rest.below = last,
                    Order::OldestFirst => rest.above = last,
                }
                rest.limit = query.limit - entries.len();
            }
        })
    }

    fn delivery_state(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError> {
        self.read(|reading| {
            let known = endpoint_at(reading, endpoint)?;
            let entry = known.map(|known| deliveries::entry_of(reading, &known, position));
            Ok(entry.transpose()?.flatten().and_then(|entry| entry.state))
        })
    }

    fn deliveries(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<DeliveryEntry>, ReadError> {
        self.read(|reading| {
            let Some(known) = endpoint_at(reading, endpoint)? else {
                return Ok(Vec::new());
            };
            let positions = positions(reading, endpoint.application, query)?.into_iter();
            let entries = positions.map(|place| deliveries::entry_in(reading, &known, place));
            let entries: Result<Vec<_>, Fault> = entries.collect();
            Ok(entries?.into_iter().flatten().collect())
        })
    }

    fn candidates(
        &self,
        endpoint: EndpointKey,
        span: (EventPosition, EventPosition),
        limit: usize,
    ) -> Result<Candidates, ReadError> {
        self.read(|reading| deliveries::candidates(reading, endpoint, span, limit))
    }

    fn audit(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.read(|reading| audit::of_endpoint(reading, endpoint, query))
    }

    fn next_position(&self, application: ApplicationKey) -> Result<EventPosition, ReadError> {
        self.read(|reading| end_of(reading, application))
    }

    fn task(&self, id: Id) -> Result<Option<Arc<Task>>, ReadError> {
        self.read(|reading| tasks::by_id(reading, id))
    }

    fn tasks(&self, query: HistoryQuery) -> Result<Vec<Arc<Task>>, ReadError> {
        self.read(|reading| tasks::list(reading, query))
    }

    fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.read(|reading| {
            let Some(event) = bare_event_at(reading, application, position)? else {
                return Ok(Vec::new());
            };
            let event = Arc::new(event);
            let records = records_of(reading, application, position, query)?;
            let mut entries = Vec::with_capacity(records.len());
            for record in records {
                let key = keys::endpoint(record.endpoint);
                let endpoint = reading.read(TableName::Endpoints, &key, endpoint_row::id)?;
                entries.push(AttemptEntry {
                    record,
                    event: Arc::clone(&event),
                    endpoint: endpoint.unwrap_or_else(EndpointId::default),
                });
            }
            Ok(entries)
        })
    }
}

/// An endpoint by its key.
pub(super) fn endpoint_at(
    reading: &mut Reading,
    key: EndpointKey,
) -> Result<Option<Arc<Endpoint>>, Fault> {
    let vault = Arc::clone(&reading.vault);
    reading.read(TableName::Endpoints, &keys::endpoint(key), |row| {
        Ok(Arc::new(endpoint_row::endpoint(&vault, key, row)?))
    })
}

/// An event as a list shows it.
fn entry_at(
    reading: &mut Reading,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<EventEntry>, Fault> {
    let found = event_at(reading, application, position)?;
    Ok(found.map(|(event, has_payload)| EventEntry { event, has_payload }))
}

/// The place behind the newest event of an application.
pub(super) fn end_of(
    reading: &mut Reading,
    application: ApplicationKey,
) -> Result<EventPosition, Fault> {
    let key = [&b"p"[..], &keys::application(application)].concat();
    let row: Option<ProgressRow> = reading.read(TableName::State, &key, |row| {
        rows::decode(row, "the table of states")
    })?;
    Ok(EventPosition::new(row.unwrap_or_default().next_position))
}

/// The place of the event with this id.
fn place_of(
    reading: &mut Reading,
    application: ApplicationKey,
    id: Id,
) -> Result<Option<EventPosition>, Fault> {
    let end = end_of(reading, application)?;
    let position = first_from(reading, application, id, end)?;
    let found = position < end && id_at(reading, application, position)? == Some(id);
    Ok(found.then_some(position))
}

/// The id behind an id.
const fn above(id: Id) -> Id {
    Id::from_value(id.value().saturating_add(1))
}

/// The places of the events that a query asks for, each with its bucket.
fn positions(
    reading: &mut Reading,
    application: ApplicationKey,
    query: HistoryQuery,
) -> Result<Vec<(u32, EventPosition)>, Fault> {
    let end = end_of(reading, application)?;
    let above = match query.above {
        Some(id) => first_from(reading, application, above(id), end)?,
        None => EventPosition::default(),
    };
    let below = match query.below {
        Some(id) => first_from(reading, application, id, end)?,
        None => end,
    };
    let span = (above, below);
    let is_backwards = query.order == Order::NewestFirst;
    let mut spans = super::reading::spans_between(reading, application, span)?;
    if is_backwards {
        spans.reverse();
    }
    let mut found = Vec::new();
    for (bucket, from, until) in spans {
        let first = keys::event(application, from);
        let last = keys::event(application, EventPosition::new(until.number() - 1));
        let range = (first.as_slice(), last.as_slice());
        reading.scan(TableName::Events(bucket), range, is_backwards, |key, _| {
            found.push((bucket, super::reading::position_of(key)?));
            Ok(found.len() < query.limit)
        })?;
        if found.len() >= query.limit {
            break;
        }
    }
    Ok(found)
}
