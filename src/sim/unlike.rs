//! What can be found wrong with what is written: it is not what was asked for.

use thiserror::Error;

use crate::domain::id::{EndpointId, EventId};

/// Something is durable, or shown, other than it was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unlike {
    /// I1: an event is durable other than its producer asked for it.
    #[error("I1: {event} is durable other than it was asked for: {what}")]
    Event {
        /// The event.
        event: EventId,
        /// What is other.
        what: &'static str,
    },
    /// I1: an event is durable that nobody asked for.
    #[error("I1: {event} is durable, and nobody asked for it")]
    EventUnasked {
        /// The event.
        event: EventId,
    },
    /// I1: an endpoint is durable, or shown, other than its owner asked.
    #[error("I1: {endpoint} is other than it was asked for: {what}")]
    Endpoint {
        /// The endpoint.
        endpoint: EndpointId,
        /// What is other.
        what: &'static str,
    },
    /// I1: an endpoint was made or changed, which nobody asked for.
    #[error("I1: {endpoint} was made or changed, which nobody asked for")]
    EndpointUnasked {
        /// The endpoint.
        endpoint: EndpointId,
    },
}
