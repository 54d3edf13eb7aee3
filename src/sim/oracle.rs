//! The oracle: what must hold in every run, one judgement per property, on plain facts that the
//! world saw. It trusts neither the engine's counters nor its code; it reads the retry policy's
//! numbers and nothing else of it.

use thiserror::Error;

use crate::{
    domain::{
        delivery::DeliveryState,
        id::{EndpointId, EventId},
        outcome::{Outcome, OutcomeKind},
    },
    policy::retry::RetryPolicy,
    time::{Span, Timestamp},
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
        /// What was recorded.
        recorded: End,
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
    /// I23: not all events that producers handed in were accepted in the end.
    #[error("I23: {accepted} of {asked} events were accepted")]
    NotAccepted {
        /// How many were.
        accepted: u64,
        /// How many should have been.
        asked: u64,
    },
    /// I24: attempts were in flight when nothing moved any more.
    #[error("I24: {in_flight} attempts were never answered")]
    InFlightAtEnd {
        /// How many.
        in_flight: usize,
    },
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An attempt succeeded.
    Succeeded,
    /// All attempts failed.
    Exhausted,
    /// Its time ran out.
    Expired,
}

impl End {
    /// Whether the store tells the same.
    #[must_use]
    pub const fn agrees_with(self, state: DeliveryState) -> bool {
        matches!(
            (self, state),
            (Self::Succeeded, DeliveryState::Succeeded)
                | (Self::Exhausted, DeliveryState::Exhausted)
                | (Self::Expired, DeliveryState::Expired)
        )
    }
}

/// Whether an outcome is a success: 2xx, whatever else came (I5).
#[must_use]
pub const fn is_success(outcome: &Outcome) -> bool {
    matches!(outcome.kind, OutcomeKind::Status(200..=299))
}

/// The earliest time of the next attempt after the failed one with this number (I7, I8): the
/// shortest jittered wait, or what the receiver asked for, clamped.
#[must_use]
pub fn earliest_next(
    policy: &RetryPolicy,
    number: u16,
    outcome: &Outcome,
    ended_at: Timestamp,
) -> Timestamp {
    let step = usize::from(number).saturating_sub(1);
    let wait = policy.waits.get(step).copied().unwrap_or_default();
    let jitter = policy.jitter;
    let kept = i64::from(jitter.denominator() - jitter.numerator());
    let shortest = Span::from_micros(
        wait.as_micros()
            .saturating_mul(kept)
            .div_euclid(jitter.denominator().into()),
    );
    // A receiver that is gone has no say in when it is tried again.
    let asked = (outcome.kind != OutcomeKind::Status(410))
        .then_some(outcome.retry_after.as_deref())
        .flatten()
        .and_then(|text| text.parse::<i64>().ok())
        .map_or(Span::ZERO, Span::from_seconds);
    ended_at.plus(shortest.max(asked.min(policy.retry_after_max)))
}

/// The attempts of a schedule: the first and one after each wait (I9).
#[must_use]
pub const fn attempts_max(policy: &RetryPolicy) -> usize {
    policy.waits.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_attempt_waits_for_the_schedule_or_the_receiver() {
        let policy = RetryPolicy::default();
        let at = Timestamp::from_millis;
        let mut outcome = Outcome::without_reply(OutcomeKind::Status(503), Span::ZERO);
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(4_000));
        assert_eq!(earliest_next(&policy, 2, &outcome, at(7)), at(240_007));
        outcome.retry_after = Some("60".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(60_000));
        outcome.retry_after = Some("999999".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(86_400_000));
        outcome.retry_after = Some("soon".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(4_000));
        assert_eq!(attempts_max(&policy), 10);
    }

    #[test]
    fn only_2xx_is_a_success() {
        for (kind, expected) in [
            (OutcomeKind::Status(199), false),
            (OutcomeKind::Status(204), true),
            (OutcomeKind::Status(302), false),
            (OutcomeKind::Refused, false),
        ] {
            let outcome = Outcome::without_reply(kind, Span::ZERO);
            assert_eq!(is_success(&outcome), expected, "{kind:?}");
        }
    }
}
