//! The store read by whoever holds it: the same as by its [`reader`](super::EmbeddedReader).

use std::sync::Arc;

use super::EmbeddedStore;
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey},
        event::EventPosition,
        history::{AttemptEntry, EventEntry, HistoryQuery, Name},
    },
    store::{ReadError, Reads},
};

impl Reads for EmbeddedStore {
    fn application(&self, name: &Name) -> Result<Option<Arc<Application>>, ReadError> {
        self.reader().application(name)
    }

    fn endpoint(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<Arc<Endpoint>>, ReadError> {
        self.reader().endpoint(application, name)
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        self.reader().endpoints(application, from, limit)
    }

    fn event(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<EventEntry>, ReadError> {
        self.reader().event(application, name)
    }

    fn events(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<EventEntry>, ReadError> {
        self.reader().events(application, query)
    }

    fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.reader().attempts_of_endpoint(endpoint, query)
    }

    fn delivery_state(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError> {
        self.reader().delivery_state(endpoint, position)
    }

    fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        self.reader()
            .attempts_of_event(application, position, query)
    }
}
