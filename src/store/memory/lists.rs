//! What a memory store shows of lists and history.

use std::sync::Arc;

use super::MemoryStore;
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        audit::AuditEntry,
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey},
        event::EventPosition,
        history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name},
        id::Id,
        record::{Record, RecordKind},
        task::{Candidates, Task},
    },
    store::{ReadError, Reads},
};

impl Reads for MemoryStore {
    fn as_of_one_moment(&self, look: &mut dyn FnMut(&dyn Reads)) -> Result<(), ReadError> {
        look(self);
        Ok(())
    }

    fn application(&self, name: &Name) -> Result<Option<Arc<Application>>, ReadError> {
        Ok(self.directory.find(name).cloned())
    }

    fn applications(&self, query: HistoryQuery) -> Result<Vec<Arc<Application>>, ReadError> {
        Ok(self.directory.list(query))
    }

    fn record(&self, kind: RecordKind, name: &str) -> Result<Option<Arc<Record>>, ReadError> {
        Ok(self.directory.record(kind, name))
    }

    fn records(&self, kind: RecordKind) -> Result<Vec<Arc<Record>>, ReadError> {
        Ok(self.directory.records(kind))
    }

    fn endpoint(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<Arc<Endpoint>>, ReadError> {
        Ok(self.data.endpoint_named(application, name))
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        Ok(self.data.endpoints(application, from, limit))
    }

    fn endpoints_by_id(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        Ok(self.data.endpoints_by_id(application, query))
    }

    fn event(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<EventEntry>, ReadError> {
        Ok(self.data.event_named(application, name))
    }

    fn events(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<EventEntry>, ReadError> {
        Ok(self.data.event_entries(application, query))
    }

    fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        Ok(self.data.attempts_of_endpoint(endpoint, query))
    }

    fn delivery_state(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError> {
        Ok(self.data.delivery(endpoint, position))
    }

    fn deliveries(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<DeliveryEntry>, ReadError> {
        Ok(self.data.deliveries(endpoint, query))
    }

    fn candidates(
        &self,
        endpoint: EndpointKey,
        span: (EventPosition, EventPosition),
        limit: usize,
    ) -> Result<Candidates, ReadError> {
        Ok(self.data.candidates(endpoint, span, limit))
    }

    fn audit(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        Ok(self.data.audit(endpoint, query))
    }

    fn next_position(&self, application: ApplicationKey) -> Result<EventPosition, ReadError> {
        let rows = self.data.applications.get(&application);
        Ok(rows.map(|rows| rows.next_position).unwrap_or_default())
    }

    fn task(&self, id: Id) -> Result<Option<Arc<Task>>, ReadError> {
        Ok(self.data.tasks.get(&id).cloned())
    }

    fn tasks(&self, query: HistoryQuery) -> Result<Vec<Arc<Task>>, ReadError> {
        Ok(self.data.tasks_listed(query))
    }

    fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        Ok(self.data.attempts_of_event(application, position, query))
    }
}
