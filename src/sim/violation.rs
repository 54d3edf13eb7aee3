//! What can be found wrong: each property that must hold, as what a run fails with when it does not.

use thiserror::Error;

use super::{
    again::Again, apart::Apart, end::End, news::News, pace::Pace, unlike::Unlike, whole::Whole,
};
use crate::{
    domain::{
        delivery::DeliveryState,
        id::{EndpointId, EventId, TaskId},
        outcome::OutcomeKind,
    },
    time::Span,
};

/// A property that did not hold: a bug in the engine, the store or the simulation.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// I1: an acknowledged event, or one that is sent, was not durable at that time.
    #[error("I1: {event} was acted on before it was durable")]
    NotDurable {
        /// The event.
        event: EventId,
    },
    /// I3: something was sent that no subscription asked for, or recorded of nobody knows what.
    #[error("I3: {event} and {endpoint} are no delivery")]
    NoDelivery {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I3: a delivery has no terminal state when nothing moves any more.
    #[error("I3: {event}/{endpoint} has not ended: {state:?}")]
    NotEnded {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What the store says of it.
        state: Option<DeliveryState>,
    },
    /// I4: a delivery ended twice, or moved on after its end.
    #[error("I4: {event}/{endpoint} went on after its end")]
    EndedAlready {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I4: the store tells another end than was recorded.
    #[error("I4: {event}/{endpoint} was recorded as {recorded:?}, the store says {state:?}")]
    StateDiffers {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What was recorded; `None` if no end was.
        recorded: Option<End>,
        /// What the store says.
        state: Option<DeliveryState>,
    },
    /// I5: recorded as delivered although no 2xx came.
    #[error("I5: {event}/{endpoint} is recorded as delivered, but no 2xx came")]
    NotDelivered {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I6: an attempt was made again although no result was lost.
    #[error("I6: attempt {number} of {event}/{endpoint} was made twice for no reason")]
    Repeated {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
    },
    /// I7 and I8: an attempt came before the schedule or the receiver's `Retry-After` allows.
    #[error("I7: attempt {number} of {event}/{endpoint} came {early} too early")]
    TooEarly {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
        /// By how much.
        early: Span,
    },
    /// I8: the next attempt is planned for later than the schedule and the receiver's `Retry-After`,
    /// within its bound, have it.
    #[error("I8: what follows attempt {number} of {event}/{endpoint} is planned {late} too late")]
    PlannedLate {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
        /// By how much.
        late: Span,
    },
    /// I2: what was asked for and refused is there all the same.
    #[error("I2: {event} was refused and is there")]
    RefusedAndThere {
        /// The event.
        event: EventId,
    },
    /// I23: an ask that is not valid was not refused for what it is.
    #[error("I23: an ask that must be refused was answered with status {status}: {body}")]
    NotRefused {
        /// The answer's status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// I18: an idempotency key was taken for another body than the one it belongs to.
    #[error("I18: the key of ask {number} was taken for another body")]
    OtherBodyTaken {
        /// The number of the ask.
        number: u32,
    },
    /// I8: a receiver's `Retry-After` was not taken in as it was sent.
    #[error("I8: what {event}/{endpoint} was told to wait was taken in as {told:?}")]
    OtherWait {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What was taken in.
        told: Option<Box<str>>,
    },
    /// I13: an attempt bears another time than that of its start.
    #[error("I13: {event}/{endpoint} was signed for another time than its own, off by {off_s} s")]
    OtherTime {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// By how many seconds.
        off_s: i64,
    },
    /// I9: more attempts than the schedule has, or given up before it was spent.
    #[error("I9: attempt {number} of {event}/{endpoint}, the schedule has {max}")]
    WrongCount {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
        /// How many there are.
        max: usize,
    },
    /// I10: an attempt to an endpoint whose disabling was durable.
    #[error("I10: {event} was sent to {endpoint}, which is disabled")]
    Disabled {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I10: an attempt with a payload whose taking away was durable.
    #[error("I10: {event} was sent to {endpoint}, its payload was taken away")]
    Expunged {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I11: an attempt to a URL, or signed with secrets, that are not the endpoint's any more.
    #[error("I11: {event} was sent to where {endpoint} was before, or signed as before")]
    OldTarget {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I1: an acknowledged change of an endpoint is not durable as it was asked.
    #[error("I1: a change of {endpoint} was acknowledged and is not durable")]
    ChangeLost {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I1: an attempt that was asked for and acknowledged was never made.
    #[error("I1: an attempt of {event}/{endpoint} was asked for and never made")]
    NotSentByHand {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I1: a task, or its end, was acknowledged and is not durable, or it never ended.
    #[error("I1: {task} was acknowledged and did not become what was asked")]
    TaskLost {
        /// The task.
        task: TaskId,
    },
    /// I6: a delivery begins anew though no task covers it.
    #[error("I6: {event}/{endpoint} is sent again, which nobody asked for")]
    SentUnasked {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// I13: the event's public name is not the one it was accepted with.
    #[error("I13: {event} is sent in the place of {accepted}")]
    IdChanged {
        /// The name it was sent with.
        event: EventId,
        /// The name it was accepted with.
        accepted: EventId,
    },
    /// I15: more attempts in flight to one endpoint, or in all, than the caps allow.
    #[error("I15: {in_flight} attempts in flight, the cap is {cap}")]
    OverCap {
        /// How many there were.
        in_flight: usize,
        /// How many there may be.
        cap: usize,
    },
    /// I16 and I22: attempts to an endpoint were not held back as they must be.
    #[error(transparent)]
    Pace(#[from] Pace),
    /// I2 and I9: tasks did not do what they say, or what they sent again was not like new.
    #[error(transparent)]
    Again(#[from] Again),
    /// I15, I19 and I33: applications were not kept apart.
    #[error(transparent)]
    Apart(#[from] Apart),
    /// I34: what happened was not told as it did.
    #[error(transparent)]
    News(#[from] News),
    /// I23: not all events that producers handed in were accepted in the end.
    #[error("I23: {accepted} of {asked} events were accepted")]
    NotAccepted {
        /// How many were.
        accepted: u64,
        /// How many should have been.
        asked: u64,
    },
    /// I1: an event that was acknowledged, or told of as durable, is gone or other than it was.
    #[error("I1: {event} was accepted and is not in the store as it was: {what}")]
    Lost {
        /// The event.
        event: EventId,
        /// What is missing or other.
        what: &'static str,
    },
    /// I2: a part of what was written together is there and another part is not.
    #[error("I2: of what was written together with {event} only a part is there")]
    HalfThere {
        /// An event it was about.
        event: EventId,
    },
    /// I2: the store shows an event that nobody accepted.
    #[error("I2: the store shows {event}, which nobody wrote")]
    Unknown {
        /// The event.
        event: EventId,
    },
    /// I4: an attempt was made again whose result is durable, or was told too long ago to be lost.
    #[error("I4: attempt {number} of {event}/{endpoint} was made again, its result was kept")]
    Forgotten {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
    },
    /// I14: the bytes that were sent are not those that were accepted.
    #[error("I14: {event} was sent with other bytes than it was accepted with")]
    OtherBytes {
        /// The event.
        event: EventId,
    },
    /// I18: one name leads to several events, or to another one than before.
    #[error("I18: the name of {event} belongs to {other} too")]
    NameTwice {
        /// The event.
        event: EventId,
        /// The other one.
        other: EventId,
    },
    /// I18: an idempotency key led to a second event within the time that it is kept.
    #[error("I18: the key of {event} made {other} before")]
    KeyTwice {
        /// The event.
        event: EventId,
        /// The one that the key made before.
        other: EventId,
    },
    /// I24: an id was given twice.
    #[error("I24: the id {id} was given twice")]
    IdTwice {
        /// The id, as the number it is.
        id: u128,
    },
    /// I1: something is other than it was asked for.
    #[error(transparent)]
    Unlike(#[from] Unlike),
    /// What concerns a whole run, and no delivery.
    #[error(transparent)]
    Whole(#[from] Whole),
    /// I25: an engine that was told the same again did something else.
    #[error("I25: what was recorded is run otherwise: {0}")]
    RunsOtherwise(String),
    /// I26: a store that was opened twice is not as one that was opened once.
    #[error("I26: a store that is opened twice shows something else: {0}")]
    RecoversOtherwise(String),
    /// I28: a sync failed, and the store went on as if it had not.
    #[error("I28: a sync failed and the store went on")]
    Swallowed,
    /// I28: an attempt failed although its receiver did nothing wrong.
    #[error("I28: an attempt of {event}/{endpoint} failed without a cause: {met}")]
    NoCause {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What it met.
        met: OutcomeKind,
    },
    /// I28: the store can't be opened or read, although only the power went.
    #[error("I28: the store fails without a reason: {reason}")]
    StoreFails {
        /// What it says.
        reason: String,
    },
    /// I9: a delivery expired before its time.
    #[error("I9: {event}/{endpoint} expired {early} too early")]
    ExpiredEarly {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// By how much.
        early: Span,
    },
    /// I12: what a receiver got does not verify with its secret.
    #[error("I12: {event} was received and is not genuine: {why}")]
    NotGenuine {
        /// The event it was said to be.
        event: EventId,
        /// Why it is not.
        why: String,
    },
    /// I23: a producer that did nothing wrong was turned away.
    #[error("I23: the ask of a producer was answered with status {status}: {body}")]
    TurnedAway {
        /// The answer's status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// L1: a delivery to an endpoint for which all was well again did not come through in time.
    #[error("L1: {event}/{endpoint} did not come through after all was well (late by {late:?})")]
    NotThrough {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// How much too late it came; `None` if it never did.
        late: Option<Span>,
    },
    /// L3: endpoints that are dead delayed those that are well.
    #[error("L3: those that are well waited {with} beside the dead, and {without} without them")]
    DelayedByTheDead {
        /// How long 99 in a hundred deliveries took at most.
        with: Span,
        /// The same in the world without the dead.
        without: Span,
    },
    /// L6: something goes on for ever.
    #[error("L6: the run does not come to an end")]
    Endless,
    /// L1: an attempt came long after it could have.
    #[error("L1: attempt {number} of {event}/{endpoint} could have come {late} earlier")]
    Late {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// Which attempt.
        number: u16,
        /// By how much.
        late: Span,
    },
}
