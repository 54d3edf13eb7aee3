//! A delivery: the duty to get one event to one endpoint, and the one place that tells its state.
//!
//! A delivery has no row of its own while it is young: its state follows from what else is known.
//! The table, first line that fits:
//!
//! | the store knows | state |
//! |---|---|
//! | no subscription of the endpoint contains the event, and no task sent it | there is no delivery |
//! | an open row (a retry or the first attempt of an event for later, that waits), and its endpoint was not deleted | `Waiting` |
//! | an open row that is never due (it waits for others of its line), and its endpoint was not deleted | `Pending` |
//! | a resend waits, and its endpoint was not deleted | `Pending` |
//! | the last attempt succeeded | `Succeeded` |
//! | somebody skipped or parked it | `Skipped` or `Parked` |
//! | the last attempt was the last of its schedule | `Exhausted` |
//! | it expired | `Expired` |
//! | its endpoint was deleted, or its event has no payload any more | `Cancelled` |
//! | else | `Pending` |
//!
//! An attempt that failed without moving its delivery ([`AttemptResult::Failed`]) does not count as
//! the last one.

use super::{
    attempt::AttemptResult, audit::Act, endpoint::EndpointKey, event::EventPosition, id::EventId,
};
use crate::time::Timestamp;

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Its first attempt is still to come, or in flight.
    Pending,
    /// A failed attempt lies behind it, or its event is for later; the next attempt may not start
    /// before `due`.
    Waiting {
        /// The earliest steady time of the next attempt.
        due: Timestamp,
    },
    /// An attempt succeeded.
    Succeeded,
    /// All attempts of the schedule failed.
    Exhausted,
    /// Its time ran out before its attempts did.
    Expired,
    /// Its endpoint was deleted, or its payload was, before it had ended.
    Cancelled,
    /// Somebody skipped it.
    Skipped,
    /// Somebody set it aside for later.
    Parked,
}

impl DeliveryState {
    /// Whether nothing moves it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded
            | Self::Exhausted
            | Self::Expired
            | Self::Cancelled
            | Self::Skipped
            | Self::Parked => true,
            Self::Pending | Self::Waiting { .. } => false,
        }
    }
}

/// How a delivery ended otherwise than by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherEnd {
    /// Its time ran out.
    Expired,
    /// Somebody skipped or parked it.
    SetAside(Act),
}

impl OtherEnd {
    /// Its number in stores; it never changes.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Expired => 0,
            Self::SetAside(act) => act.number(),
        }
    }

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Expired),
            _ => Act::from_number(number).map(Self::SetAside),
        }
    }
}

/// What the store knows about one event and one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFacts {
    /// Whether a subscription of the endpoint contains the event.
    pub subscribed: bool,
    /// When its open row is due, if it has one.
    pub open_due: Option<Timestamp>,
    /// Whether somebody asked for an attempt that is still to come.
    pub resend: bool,
    /// The result of its last attempt that moved it, if it has one.
    pub last_result: Option<AttemptResult>,
    /// How it ended otherwise than by an attempt, if that is recorded.
    pub other_end: Option<OtherEnd>,
    /// Whether its endpoint was deleted.
    pub deleted: bool,
    /// Whether its event has no payload any more.
    pub expunged: bool,
}

/// The state of a delivery as a pure function of what is stored; `None` where there is none.
#[must_use]
pub const fn state(facts: DeliveryFacts) -> Option<DeliveryState> {
    let was_sent =
        facts.open_due.is_some() || facts.last_result.is_some() || facts.other_end.is_some();
    if !facts.subscribed && !was_sent {
        return None;
    }
    if let Some(due) = facts.open_due
        && !facts.deleted
        && !facts.expunged
    {
        let is_held = due.as_micros() == Timestamp::MAX.as_micros();
        return Some(if is_held {
            DeliveryState::Pending
        } else {
            DeliveryState::Waiting { due }
        });
    }
    let is_called_off = facts.deleted || facts.expunged;
    if facts.resend && !is_called_off {
        return Some(DeliveryState::Pending);
    }
    Some(match (facts.last_result, facts.other_end) {
        (Some(AttemptResult::Succeeded), _) => DeliveryState::Succeeded,
        (_, Some(OtherEnd::SetAside(Act::Skip))) => DeliveryState::Skipped,
        (_, Some(OtherEnd::SetAside(Act::Park))) => DeliveryState::Parked,
        (Some(AttemptResult::Exhausted), _) => DeliveryState::Exhausted,
        (_, Some(OtherEnd::Expired)) => DeliveryState::Expired,
        (_, None) if is_called_off => DeliveryState::Cancelled,
        // A retry whose row is gone and that did not expire can't be: the row stays until then.
        (Some(AttemptResult::RetryAt(due)), None) => DeliveryState::Waiting { due },
        (Some(AttemptResult::Failed) | None, None) => DeliveryState::Pending,
    })
}

/// The row of an attempt that somebody asked for and that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resend {
    /// The endpoint.
    pub endpoint: EndpointKey,
    /// The event.
    pub position: EventPosition,
    /// Attempts of the delivery that were made before.
    pub attempts: u16,
}

/// Where a lane that lags stands: what of its application's events is settled for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneRow {
    /// Everything before it is settled.
    pub cursor: EventPosition,
    /// Which of the events from the cursor on are settled too, one bit each.
    pub done: [u64; 4],
    /// Further ones that these don't reach, in their order: what succeeded by hand far ahead of the walk. Few, at
    /// most `limits::DONE_FAR_MAX` and those that were under way by then.
    pub far: Vec<EventPosition>,
}

/// The row of a delivery that can't be told from a cursor: it waits for a retry, or it holds back
/// a lane that must move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenDelivery {
    /// The endpoint; rows are kept by endpoint so that one's million never stand before another's.
    pub endpoint: EndpointKey,
    /// The earliest steady time of its next attempt.
    pub due: Timestamp,
    /// The event.
    pub position: EventPosition,
    /// Attempts that were made so far.
    pub attempts: u16,
    /// The event's public name, for keyed draws.
    pub event: EventId,
    /// When it expires, in steady time.
    pub expires_at: Timestamp,
    /// The number of attempts that were behind it when a task sent it again; its schedule began anew
    /// then. `None` for a delivery that no task touched.
    pub reopened_after: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_the_facts_by_the_table() {
        let due = Timestamp::from_millis(9);
        let known = DeliveryFacts {
            subscribed: true,
            ..DeliveryFacts::default()
        };
        let retry = Some(AttemptResult::RetryAt(due));
        for (facts, expected) in [
            (DeliveryFacts::default(), None),
            (known, Some(DeliveryState::Pending)),
            (
                DeliveryFacts {
                    open_due: Some(due),
                    ..known
                },
                Some(DeliveryState::Waiting { due }),
            ),
            (
                DeliveryFacts {
                    open_due: Some(Timestamp::MAX),
                    ..known
                },
                Some(DeliveryState::Pending),
            ),
            (
                DeliveryFacts {
                    open_due: Some(due),
                    last_result: retry,
                    ..known
                },
                Some(DeliveryState::Waiting { due }),
            ),
            (
                DeliveryFacts {
                    last_result: Some(AttemptResult::Succeeded),
                    ..known
                },
                Some(DeliveryState::Succeeded),
            ),
            (
                DeliveryFacts {
                    last_result: Some(AttemptResult::Exhausted),
                    ..known
                },
                Some(DeliveryState::Exhausted),
            ),
            (
                DeliveryFacts {
                    last_result: retry,
                    other_end: Some(OtherEnd::Expired),
                    ..known
                },
                Some(DeliveryState::Expired),
            ),
            (
                DeliveryFacts {
                    other_end: Some(OtherEnd::Expired),
                    ..known
                },
                Some(DeliveryState::Expired),
            ),
        ] {
            assert_eq!(state(facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn what_somebody_asked_for_is_pending_beside_a_retry_and_nothing_once_its_endpoint_is_gone() {
        let due = Timestamp::from_millis(9);
        let asked = DeliveryFacts {
            subscribed: true,
            resend: true,
            last_result: Some(AttemptResult::Succeeded),
            ..DeliveryFacts::default()
        };
        assert_eq!(state(asked), Some(DeliveryState::Pending));
        let waiting = DeliveryFacts {
            open_due: Some(due),
            ..asked
        };
        assert_eq!(state(waiting), Some(DeliveryState::Waiting { due }));
        let deleted = DeliveryFacts {
            deleted: true,
            ..waiting
        };
        assert_eq!(state(deleted), Some(DeliveryState::Succeeded));
        let expunged = DeliveryFacts {
            expunged: true,
            last_result: Some(AttemptResult::RetryAt(due)),
            ..waiting
        };
        assert_eq!(state(expunged), Some(DeliveryState::Cancelled));
    }

    #[test]
    fn what_a_task_sent_is_a_delivery_though_no_subscription_contains_it() {
        let due = Timestamp::from_millis(9);
        let waiting = DeliveryFacts {
            open_due: Some(due),
            ..DeliveryFacts::default()
        };
        assert_eq!(state(waiting), Some(DeliveryState::Waiting { due }));
        let ended = DeliveryFacts {
            last_result: Some(AttemptResult::Succeeded),
            ..DeliveryFacts::default()
        };
        assert_eq!(state(ended), Some(DeliveryState::Succeeded));
        let held_too_long = DeliveryFacts {
            other_end: Some(OtherEnd::Expired),
            ..DeliveryFacts::default()
        };
        assert_eq!(state(held_too_long), Some(DeliveryState::Expired));
    }

    #[test]
    fn what_somebody_set_aside_has_ended_unless_an_attempt_succeeds_or_is_owed() {
        let due = Timestamp::from_millis(9);
        for (act, expected) in [
            (Act::Skip, DeliveryState::Skipped),
            (Act::Park, DeliveryState::Parked),
        ] {
            let aside = DeliveryFacts {
                subscribed: true,
                other_end: Some(OtherEnd::SetAside(act)),
                ..DeliveryFacts::default()
            };
            let with = |last_result| DeliveryFacts {
                last_result: Some(last_result),
                ..aside
            };
            assert_eq!(state(aside), Some(expected));
            assert_eq!(state(with(AttemptResult::RetryAt(due))), Some(expected));
            // It was exhausted, sent again by a task, and set aside then.
            assert_eq!(state(with(AttemptResult::Exhausted)), Some(expected));
            let succeeded = Some(DeliveryState::Succeeded);
            assert_eq!(state(with(AttemptResult::Succeeded)), succeeded);
            let asked = DeliveryFacts {
                resend: true,
                ..aside
            };
            assert_eq!(state(asked), Some(DeliveryState::Pending));
            let deleted = DeliveryFacts {
                deleted: true,
                ..aside
            };
            assert_eq!(state(deleted), Some(expected));
            assert!(expected.is_terminal());
            let end = OtherEnd::SetAside(act);
            assert_eq!(OtherEnd::from_number(end.number()), Some(end));
        }
    }

    #[test]
    fn only_ended_deliveries_are_terminal() {
        assert!(DeliveryState::Exhausted.is_terminal() && DeliveryState::Expired.is_terminal());
        assert!(!DeliveryState::Pending.is_terminal());
    }
}
