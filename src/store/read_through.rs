//! Reading through a lock: what holds a reader is a reader by that.

use std::sync::Arc;

use super::{ReadError, Reads};
use crate::domain::{
    application::{Application, ApplicationKey},
    audit::AuditEntry,
    delivery::DeliveryState,
    endpoint::{Endpoint, EndpointKey},
    event::EventPosition,
    history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name},
    id::Id,
    record::{Record, RecordKind},
    task::{Candidates, Task},
};

/// Something whose reader is behind a lock or changes with each write: it is read through what it
/// holds at the moment, and is [`Reads`] by that.
pub trait ReadThrough {
    /// Lets `look` at the reader.
    fn read_through<T>(&self, look: impl FnOnce(&dyn Reads) -> T) -> T;
}

impl<R: ReadThrough> Reads for R {
    fn as_of_one_moment(&self, look: &mut dyn FnMut(&dyn Reads)) -> Result<(), ReadError> {
        self.read_through(|reads| reads.as_of_one_moment(look))
    }

    fn application(&self, name: &Name) -> Result<Option<Arc<Application>>, ReadError> {
        self.read_through(|reads| reads.application(name))
    }

    fn applications(&self, query: HistoryQuery) -> Result<Vec<Arc<Application>>, ReadError> {
        self.read_through(|reads| reads.applications(query))
    }

    fn record(&self, kind: RecordKind, name: &str) -> Result<Option<Arc<Record>>, ReadError> {
        self.read_through(|reads| reads.record(kind, name))
    }

    fn records(&self, kind: RecordKind) -> Result<Vec<Arc<Record>>, ReadError> {
        self.read_through(|reads| reads.records(kind))
    }

    fn endpoint(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<Arc<Endpoint>>, ReadError> {
        self.read_through(|reads| reads.endpoint(application, name))
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        self.read_through(|reads| reads.endpoints(application, from, limit))
    }

    fn endpoints_by_id(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        self.read_through(|reads| reads.endpoints_by_id(application, query))
    }

    fn event(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<EventEntry>, ReadError> {
        self.read_through(|reads| reads.event(application, name))
    }

    fn events(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<EventEntry>, ReadError> {
        self.read_through(|reads| reads.events(application, query))
    }

    fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.read_through(|reads| reads.attempts_of_endpoint(endpoint, query))
    }

    fn delivery_state(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError> {
        self.read_through(|reads| reads.delivery_state(endpoint, position))
    }

    fn deliveries(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<DeliveryEntry>, ReadError> {
        self.read_through(|reads| reads.deliveries(endpoint, query))
    }

    fn candidates(
        &self,
        endpoint: EndpointKey,
        span: (EventPosition, EventPosition),
        limit: usize,
    ) -> Result<Candidates, ReadError> {
        self.read_through(|reads| reads.candidates(endpoint, span, limit))
    }

    fn audit(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.read_through(|reads| reads.audit(endpoint, query))
    }

    fn next_position(&self, application: ApplicationKey) -> Result<EventPosition, ReadError> {
        self.read_through(|reads| reads.next_position(application))
    }

    fn task(&self, id: Id) -> Result<Option<Arc<Task>>, ReadError> {
        self.read_through(|reads| reads.task(id))
    }

    fn tasks(&self, query: HistoryQuery) -> Result<Vec<Arc<Task>>, ReadError> {
        self.read_through(|reads| reads.tasks(query))
    }

    fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.read_through(|reads| reads.attempts_of_event(application, position, query))
    }
}
