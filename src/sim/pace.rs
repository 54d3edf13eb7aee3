//! What can be found wrong with how attempts to an endpoint are held back.

use thiserror::Error;

use crate::{
    domain::{
        attempt::Holder,
        id::{EndpointId, EventId},
    },
    time::Span,
};

/// A property of the attempts to one endpoint that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Pace {
    /// I16: attempts to an endpoint came faster than its rate allows.
    #[error("I16: attempts to {endpoint} come within {within}, its rate is {rate} a second")]
    TooFast {
        /// The endpoint.
        endpoint: EndpointId,
        /// From the first of those that came too fast to the last.
        within: Span,
        /// How many may come in a second.
        rate: u16,
    },
    /// I16: attempts over all endpoints came faster than the rate of their application allows.
    #[error("I16: attempts come within {within}, the rate of their application is {rate} a second")]
    ApplicationTooFast {
        /// From the first of those that came too fast to the last.
        within: Span,
        /// How many may come in a second.
        rate: u16,
    },
    /// I9: an attempt of the schedule went out when its delivery's own time was over.
    #[error("I9: {event} was sent to {endpoint} {late} after its own time was over")]
    AfterItsTime {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// How long after.
        late: Span,
    },
    /// I15: more attempts were in flight to one host than its budget can be.
    #[error(
        "I15: with one to {endpoint} {in_flight} attempts were in flight to its host, {most} may be"
    )]
    OverHostBudget {
        /// The endpoint that got one too many.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
        /// How many there may be.
        most: usize,
    },
    /// I15: more attempts were in flight to an endpoint than its receiver can have earned.
    #[error(
        "I15: with one to {endpoint} {in_flight} attempts were in flight to it, {earned} were earned"
    )]
    NotEarned {
        /// The endpoint that got one too many.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
        /// How many it can have earned.
        earned: usize,
    },
    /// I15: retries took slots beyond their half while a first attempt waited for one.
    #[error(
        "I15: {event} waited {waited} for a slot to go to {endpoint}, and {taken} retries beyond their half had some"
    )]
    RetriesFirst {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// For how long it waited.
        waited: Span,
        /// How many retries went out meanwhile.
        taken: usize,
    },
    /// L9: the waits of schedules were not spread over their range.
    #[error("L9: of {waits} waits {least} were in one quarter of their range")]
    NotSpread {
        /// How many waits there were.
        waits: u32,
        /// How many of them lay in the quarter that has the fewest.
        least: u32,
    },
    /// I15: receivers that are slow, or of which nothing is known, had more than their share of the slots.
    #[error(
        "I15: with one to {endpoint} {in_flight} attempts were in flight to receivers that are not \
         known to answer soon, {most} may be"
    )]
    OverShareOfSlow {
        /// The endpoint that got one too many.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
        /// How many there may be.
        most: usize,
    },
    /// I17: an attempt went out before another delivery of its line had ended.
    #[error("I17: {event} went to {endpoint} before {before}, which comes first, had ended")]
    OutOfLine {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// The event that comes first.
        before: EventId,
    },
    /// I22: an attempt went out while the circuit was open.
    #[error("I22: an attempt went to {endpoint} {early} before its circuit was half-open")]
    WhileOpen {
        /// The endpoint.
        endpoint: EndpointId,
        /// By how much too early.
        early: Span,
    },
    /// I22: more than one attempt was in flight while the circuit was half-open.
    #[error("I22: {in_flight} attempts were in flight to {endpoint}, its circuit was half-open")]
    TooManyProbes {
        /// The endpoint.
        endpoint: EndpointId,
        /// How many there were.
        in_flight: usize,
    },
    /// L8: what had waited came faster than a receiver may get that recovers.
    #[error("L8: {endpoint} recovers and got {sends} attempts within {within}, {most} a minute")]
    RecoversTooFast {
        /// The endpoint.
        endpoint: EndpointId,
        /// How many.
        sends: usize,
        /// Within which time.
        within: Span,
        /// How many it may get in a minute.
        most: u32,
    },
    /// I22: a circuit was written down that its rule does not allow.
    #[error("I22: the circuit of {endpoint} was written down as {what}, against its rule")]
    AgainstTheRule {
        /// The endpoint.
        endpoint: EndpointId,
        /// As what.
        what: &'static str,
    },
    /// I22: what is durable of a circuit is not what was to be kept of it.
    #[error("I22: the circuit of {endpoint} is not kept as it was long before its period ended")]
    CircuitNotKept {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I22: an endpoint was disabled before its attempts had failed for long enough.
    #[error("I22: {endpoint} was disabled too early: it had failed for {failing}")]
    DisabledEarly {
        /// The endpoint.
        endpoint: EndpointId,
        /// For how long it had failed.
        failing: Span,
    },
    /// I22: an endpoint was disabled for a 410 that none of its attempts met since it is what it is.
    #[error("I22: {endpoint} was disabled as one that is gone, and did not say so")]
    NotGone {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I22: an attempt went out after a 410 had come.
    #[error("I22: {event} was sent to {endpoint}, which had said that it is gone")]
    SentToGone {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I32: an attempt is told to have waited for what was not there.
    #[error(
        "I32: an attempt of {event}/{endpoint} is told to have waited for {holder:?}, which was not there"
    )]
    HeldByNothing {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What it is told to have waited for.
        holder: Holder,
    },
    /// I32: what is told of an attempt is not what was.
    #[error("I32: of an attempt of {event}/{endpoint} {what}")]
    ToldOtherwise {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What is wrong with it.
        what: &'static str,
    },
    /// I22: an endpoint was sent to that had failed for so long that it is disabled.
    #[error("I22: an attempt went to {endpoint}, which failed for too long to be enabled")]
    NotDisabled {
        /// The endpoint.
        endpoint: EndpointId,
    },
}
