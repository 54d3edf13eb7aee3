//! What is read from the data shard: pages, its state for an engine, lists and single facts.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    data::{ApplicationRows, DataShard},
    endpoint_rows::EndpointRows,
    event_log::EventRow,
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptRecord, AttemptResult},
        delivery::{self, DeliveryFacts, DeliveryState},
        endpoint::{Endpoint, EndpointKey},
        event::{Event, EventPosition},
        history::{HistoryQuery, Order},
        page::{ApplicationState, EndpointRecovery, OwedResend, Page, ShardState},
    },
    time::Timestamp,
};

impl DataShard {
    /// What an engine starts from.
    pub(super) fn state(&self) -> ShardState {
        let applications = self.applications.iter();
        ShardState::Data {
            applications: applications
                .map(|(key, rows)| ApplicationState {
                    tasks: self.tasks_under_way(*key),
                    ..application_state(*key, rows)
                })
                .collect(),
            outbox: self.outbox.values().cloned().collect(),
            last_id: self.last_id,
        }
    }

    /// The events of a span that exist.
    pub(super) fn events_page(
        &self,
        application: ApplicationKey,
        from: EventPosition,
        limit: usize,
    ) -> Page {
        let Some(rows) = self.applications.get(&application) else {
            return Page::Events {
                events: Vec::new(),
                until: EventPosition::default(),
            };
        };
        let end = from.plus(u64::try_from(limit).unwrap_or(u64::MAX));
        let until = end.min(rows.next_position);
        let events = rows.events.span(from, until).filter(|row| !row.expunged);
        Page::Events {
            events: events.map(|row| Arc::clone(&row.event)).collect(),
            until,
        }
    }

    /// Open rows of an endpoint behind a place, with their events.
    pub(super) fn open_page(
        &self,
        endpoint: EndpointKey,
        after: Option<(Timestamp, EventPosition)>,
        limit: usize,
    ) -> Page {
        let application = self.applications.get(&endpoint.application);
        let endpoint = self.endpoint(endpoint);
        let (Some(application), Some(endpoint)) = (application, endpoint) else {
            return Page::Open {
                rows: Vec::new(),
                more: false,
            };
        };
        let mut behind = endpoint.open_after(after);
        let rows = behind.by_ref().take(limit).filter_map(|row| {
            let event = application.events.get(row.position)?;
            Some((*row, Arc::clone(&event.event)))
        });
        Page::Open {
            rows: rows.collect(),
            more: behind.next().is_some(),
        }
    }

    /// Endpoints of an application in the order of their ordinals.
    pub(super) fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Vec<Arc<Endpoint>> {
        let rows = self.applications.get(&application);
        rows.into_iter()
            .flat_map(|rows| rows.endpoints.range(from..))
            .take(limit)
            .map(|(_, endpoint)| Arc::clone(endpoint.endpoint()))
            .collect()
    }

    /// Endpoints of an application in the order of their ids, which is that of their ordinals.
    pub(super) fn endpoints_by_id(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Vec<Arc<Endpoint>> {
        let rows = self.applications.get(&application);
        let all = rows.into_iter().flat_map(|rows| rows.endpoints.values());
        let asked = all
            .map(EndpointRows::endpoint)
            .filter(|endpoint| query.contains(endpoint.id.id()))
            .cloned();
        match query.order {
            Order::OldestFirst => asked.take(query.limit).collect(),
            Order::NewestFirst => {
                let mut found: Vec<_> = asked.collect();
                found.reverse();
                found.truncate(query.limit);
                found
            }
        }
    }

    /// The state of a delivery.
    pub(super) fn delivery(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Option<DeliveryState> {
        let rows = self.endpoint(endpoint)?;
        let application = self.applications.get(&endpoint.application)?;
        rows.state_of(application.events.get(position)?)
    }

    /// The attempts of an event.
    pub(super) fn attempts(
        &self,
        application: ApplicationKey,
        position: EventPosition,
    ) -> &[AttemptRecord] {
        let rows = self.applications.get(&application);
        let row = rows.and_then(|rows| rows.events.get(position));
        row.map_or(&[], |row| row.attempts.as_slice())
    }

    /// An event.
    pub(super) fn event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
    ) -> Option<&Arc<Event>> {
        let row = self.applications.get(&application)?.events.get(position)?;
        Some(&row.event)
    }
}

impl EndpointRows {
    /// The state of the delivery of an event of its application, by the one function that tells it.
    pub(super) fn state_of(&self, event: &EventRow) -> Option<DeliveryState> {
        let (endpoint, position) = (self.endpoint(), event.event.position);
        let mut newest_first = event.attempts.iter().rev();
        let last = newest_first.find(|record| {
            record.endpoint == endpoint.key && record.result != AttemptResult::Failed
        });
        delivery::state(DeliveryFacts {
            subscribed: endpoint.matched(&event.event),
            open_due: self.due_of(position),
            resend: self.resends.contains_key(&position),
            last_result: last.map(|record| record.result),
            other_end: event.other_end(endpoint.key.ordinal),
            deleted: endpoint.is_deleted(),
            expunged: event.expunged,
        })
    }
}

/// What an engine must know of an application.
fn application_state(key: ApplicationKey, rows: &ApplicationRows) -> ApplicationState {
    let mut settled = settled_by_endpoint(rows);
    let last = rows.endpoints.last_key_value();
    // Of a deleted one only the rows that are still to be taken away matter.
    let endpoints = rows.endpoints.iter().filter(|(_, endpoint)| {
        !endpoint.endpoint().is_deleted() || endpoint.first_due().is_some()
    });
    let endpoints = endpoints.map(|(ordinal, endpoint)| {
        let mut settled = settled.remove(ordinal).unwrap_or_default();
        settled.extend(endpoint.open_from(rows.watermark));
        settled.sort_unstable();
        settled.dedup();
        EndpointRecovery {
            circuit: endpoint.circuit,
            ordered: endpoint.ordered().collect(),
            endpoint: Arc::clone(endpoint.endpoint()),
            lane: endpoint.lane.clone(),
            settled,
            open_due: endpoint.first_due(),
            resends: resends(rows, endpoint),
        }
    });
    let endpoints = endpoints.collect();
    let events = rows.events.from(rows.watermark);
    let events = events.filter(|row| !row.expunged);
    ApplicationState {
        key,
        next_position: rows.next_position,
        next_endpoint: last.map_or(0, |(last, _)| last.saturating_add(1)),
        watermark: rows.watermark,
        open_rows: rows
            .endpoints
            .values()
            .map(|endpoint| u64::try_from(endpoint.open_rows()).unwrap_or(u64::MAX))
            .sum(),
        events: events.map(|row| Arc::clone(&row.event)).collect(),
        endpoints,
        tasks: Vec::new(),
    }
}

/// The attempts that somebody asked for, with their events.
fn resends(rows: &ApplicationRows, endpoint: &EndpointRows) -> Vec<OwedResend> {
    let waiting = endpoint.resends.values();
    let with_event = waiting.map(|resend| {
        let row = rows.events.get(resend.position);
        let row = row.filter(|row| !row.expunged);
        (*resend, row.map(|row| Arc::clone(&row.event)))
    });
    with_event.collect()
}

/// Which events from the watermark on were attempted for, expired or were set aside for each endpoint.
fn settled_by_endpoint(rows: &ApplicationRows) -> BTreeMap<u32, Vec<EventPosition>> {
    let mut settled: BTreeMap<u32, Vec<EventPosition>> = BTreeMap::new();
    for row in rows.events.from(rows.watermark) {
        // One by hand that failed beside the schedule leaves the walk what it has to do.
        let moved = |record: &&AttemptRecord| record.result != AttemptResult::Failed;
        let attempted = row.attempts.iter().filter(moved);
        let attempted = attempted.map(|record| record.endpoint.ordinal);
        let otherwise = row.other_ends.iter().map(|(ordinal, _)| *ordinal);
        for ordinal in attempted.chain(otherwise) {
            settled.entry(ordinal).or_default().push(row.event.position);
        }
    }
    settled
}
