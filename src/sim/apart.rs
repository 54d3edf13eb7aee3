//! What can be found wrong between applications.

use thiserror::Error;

use crate::{
    domain::id::{EndpointId, EventId},
    time::Span,
};

/// A property that keeps applications apart and did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Apart {
    /// I10: an attempt went out for an application that was deleted.
    #[error("I10: {event} was sent to {endpoint}, whose application was deleted")]
    SentForDeleted {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I15: receivers of all applications that are slow, or of which nothing is known, had more than their
    /// share of the slots.
    #[error(
        "I15: with one to {endpoint} {in_flight} attempts were in flight to receivers of all \
         applications that are not known to answer soon, {most} may be"
    )]
    OverShareOfSlow {
        /// The endpoint that got one too many.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
        /// How many there may be.
        most: usize,
    },
    /// I15: one application had more than its share of the slots.
    #[error(
        "I15: with one to {endpoint} {in_flight} attempts of its application were in flight, {most} may be"
    )]
    OverShareOfApplication {
        /// The endpoint that got one too many.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
        /// How many there may be.
        most: usize,
    },
    /// I19: an event went to an endpoint of another application.
    #[error("I19: {event} went to {endpoint}, which is of another application")]
    Crossed {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I3: an event of a neighbour has not ended at one of its endpoints when nothing moves any more.
    #[error("I3: {event} of a neighbour has not ended at {endpoint}")]
    NotEnded {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I4: a delivery of a neighbour ended twice.
    #[error("I4: {event} of a neighbour ended at {endpoint} again")]
    EndedTwice {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I5: a delivery of a neighbour is recorded to have ended in a way that its receiver never answered.
    #[error(
        "I5: {event} of a neighbour is recorded to have ended at {endpoint} as nobody answered"
    )]
    MadeUp {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I33: others had turn after turn while an application waited for its own.
    #[error(
        "I33: {event} waited for {waited} to go to {endpoint}, while others sent {others} attempts; in so \
         many turns they may send {most}"
    )]
    PassedOver {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// How long it waited.
        waited: Span,
        /// How many attempts of others went out meanwhile.
        others: usize,
        /// How many may.
        most: usize,
    },
}
