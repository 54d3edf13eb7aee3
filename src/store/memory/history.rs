//! Lists and history read from the data shard. Plain scans: this store is small and the reference.

use std::sync::Arc;

use super::{data::DataShard, event_log::EventRow};
use crate::domain::{
    application::ApplicationKey,
    attempt::AttemptRecord,
    change::UniqueKey,
    endpoint::{Endpoint, EndpointKey},
    event::EventPosition,
    history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name, Order},
    id::Id,
};

impl DataShard {
    /// The endpoint of an application with this name.
    pub(super) fn endpoint_named(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Option<Arc<Endpoint>> {
        let id = self.id_named(name, |uid| UniqueKey::EndpointUid { application, uid })?;
        let mut endpoints = self.applications.get(&application)?.endpoints.values();
        let found = endpoints.find(|rows| rows.endpoint().id.id() == id)?;
        Some(Arc::clone(found.endpoint()))
    }

    /// The event of an application with this name.
    pub(super) fn event_named(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Option<EventEntry> {
        let id = self.id_named(name, |uid| UniqueKey::EventUid { application, uid })?;
        let mut rows = self.rows(application);
        rows.find(|row| row.event.id.id() == id).map(entry)
    }

    /// A part of the events of an application.
    pub(super) fn event_entries(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Vec<EventEntry> {
        let asked = self.events_asked(application, query);
        part(asked.collect(), query)
            .into_iter()
            .map(entry)
            .collect()
    }

    /// A part of the events of an endpoint's application, as seen from there.
    pub(super) fn deliveries(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Vec<DeliveryEntry> {
        let Some(rows) = self.endpoint(endpoint) else {
            return Vec::new();
        };
        let asked = self.events_asked(endpoint.application, query);
        let entries = part(asked.collect(), query);
        let entries = entries.into_iter().map(|row| DeliveryEntry {
            event: row.event.id,
            accepted_wall: row.event.accepted_wall,
            state: rows.state_of(row),
        });
        entries.collect()
    }

    /// A part of the attempts to an endpoint.
    pub(super) fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Vec<AttemptEntry> {
        let rows = self.rows(endpoint.application);
        let attempts = rows.flat_map(|row| row.attempts.iter().map(move |record| (row, record)));
        self.entries(
            attempts.filter(|(_, record)| record.endpoint == endpoint),
            query,
        )
    }

    /// A part of the attempts for an event.
    pub(super) fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Vec<AttemptEntry> {
        let rows = self.applications.get(&application);
        let row = rows.and_then(|rows| rows.events.get(position));
        let attempts = row
            .into_iter()
            .flat_map(|row| row.attempts.iter().map(move |record| (row, record)));
        self.entries(attempts, query)
    }

    fn rows(&self, application: ApplicationKey) -> impl Iterator<Item = &EventRow> + '_ {
        let rows = self.applications.get(&application);
        rows.into_iter()
            .flat_map(|rows| rows.events.from(EventPosition::default()))
    }

    /// The events of an application between the ends of a query, oldest first.
    fn events_asked(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> impl Iterator<Item = &EventRow> + '_ {
        let rows = self.applications.get(&application);
        rows.into_iter()
            .flat_map(move |rows| rows.events.above(query.above))
            .take_while(move |row| query.below.is_none_or(|below| row.event.id.id() < below))
    }

    fn entries<'row>(
        &self,
        attempts: impl Iterator<Item = (&'row EventRow, &'row AttemptRecord)>,
        query: HistoryQuery,
    ) -> Vec<AttemptEntry> {
        let asked = attempts.filter(|(_, record)| query.contains(record.id.id()));
        let mut asked: Vec<_> = asked.collect();
        asked.sort_unstable_by_key(|(_, record)| record.id);
        let shown = part(asked, query).into_iter();
        shown
            .map(|(row, record)| {
                let endpoint = self.endpoint(record.endpoint);
                AttemptEntry {
                    record: record.clone(),
                    event: Arc::new(row.event.without_payload()),
                    endpoint: endpoint.map(|rows| rows.endpoint().id).unwrap_or_default(),
                }
            })
            .collect()
    }

    fn id_named(&self, name: &Name, key: impl FnOnce(Arc<str>) -> UniqueKey) -> Option<Id> {
        match name {
            Name::Id(id) => Some(*id),
            Name::Uid(uid) => self.unique.get(&key(Arc::clone(uid))).copied(),
        }
    }
}

fn entry(row: &EventRow) -> EventEntry {
    EventEntry {
        event: Arc::clone(&row.event),
        has_payload: !row.expunged,
    }
}

/// The part of a list, given oldest first, that a query asks for.
pub(super) fn part<T>(mut entries: Vec<T>, query: HistoryQuery) -> Vec<T> {
    if query.order == Order::NewestFirst {
        entries.reverse();
    }
    entries.truncate(query.limit);
    entries
}
