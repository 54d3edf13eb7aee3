//! An attempt: one HTTP request for a delivery, asked for and recorded.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{
    endpoint::{EndpointKey, Target},
    event::{Event, EventPosition},
    id::AttemptId,
    outcome::OutcomeKind,
};
use crate::time::{Now, Span, Timestamp};

/// Names an attempt in flight, unique in the process; not the delivery, of which two attempts may
/// overlap after a takeover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptHandle(u64);

impl AttemptHandle {
    /// From its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What the transport is asked to send: two shared handles and a few integers.
///
/// It is answered by exactly one outcome, whatever happens.
#[derive(Clone, Debug)]
pub struct AttemptRequest {
    /// Names the attempt in the answer.
    pub attempt: AttemptHandle,
    /// Where and how to send.
    pub target: Arc<Target>,
    /// What to send.
    pub event: Arc<Event>,
    /// Which attempt of the delivery it is, from 1.
    pub number: u16,
    /// Whether somebody asked for it beside the schedule.
    pub is_by_hand: bool,
    /// The wall time for `webhook-timestamp` and the signature.
    pub stamp: Timestamp,
    /// The steady time at which secrets must be good.
    pub steady: Timestamp,
}

/// What came of an attempt; written once, in the order in which the results came in.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// Its public name, made when it is recorded.
    pub id: AttemptId,
    /// The endpoint it went to.
    pub endpoint: EndpointKey,
    /// The event it carried.
    pub position: EventPosition,
    /// Which attempt of the delivery it was, from 1. One by hand does not count towards the schedule, so
    /// that the next one on schedule may have the same number.
    pub number: u16,
    /// Why it was made.
    pub trigger: Trigger,
    /// When it started.
    pub started_at: Now,
    /// How long it took.
    pub duration: Span,
    /// What it met.
    pub outcome: OutcomeKind,
    /// Why it was made when it was.
    pub timing: Timing,
    /// Whether the request went out twice because a kept connection had died.
    pub resent: bool,
    /// What it means for its delivery.
    pub result: AttemptResult,
    /// The beginning of the reply's body.
    pub body: Bytes,
}

/// Why an attempt was made when it was, and how the wait for the next one came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Which attempt of its schedule it was, from 1; 0 for one that somebody asked for beside it.
    pub step: u16,
    /// When it could start at the earliest, in steady time.
    pub due: Timestamp,
    /// What it waited for beyond that, if it did for longer than a moment.
    pub held_by: Option<Holder>,
    /// The wait for the next attempt, if there is to be one by the schedule.
    pub next: Option<RetryWait>,
}

/// How the wait from a failed attempt to the next one came about. It is `jittered`, or `asked` if that is
/// longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryWait {
    /// The wait of the schedule.
    pub scheduled: Span,
    /// The same after it was spread.
    pub jittered: Span,
    /// What the receiver asked for by `Retry-After`, as far as that is believed.
    pub asked: Option<Span>,
}

impl RetryWait {
    /// All of it.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.jittered.max(self.asked.unwrap_or(Span::ZERO))
    }
}

/// What keeps an attempt that is due from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The send slots: all of them, or the share of its application or endpoint, were taken.
    Slots,
    /// As many attempts were in flight to its endpoint as its window has.
    Window,
    /// The rate of its endpoint.
    Rate,
    /// The circuit of its endpoint was open.
    Circuit,
    /// The circuit of its endpoint was half-open, and another attempt was in flight.
    Probe,
    /// Its endpoint recovers, and gets no more attempts than a multiple of what was usual.
    Recovery,
    /// Its endpoint was disabled.
    Disabled,
    /// No process ran, or another one had its shard.
    Restart,
    /// What came before it, or it, had to be loaded from the store.
    Loading,
    /// Its application has as many waiting deliveries as it may.
    Crowd,
    /// As many attempts were in flight to its host, over all endpoints on it, as may be.
    Host,
    /// The rate of its application.
    ApplicationRate,
    /// Another delivery of its line had not ended.
    Order,
    /// Its receiver is not known to answer soon, and such ones had their share of the send slots.
    Slow,
}

impl Holder {
    /// All of them; the number of each is its place here, from 1, and never changes.
    pub const ALL: [Self; 14] = [
        Self::Slots,
        Self::Window,
        Self::Rate,
        Self::Circuit,
        Self::Probe,
        Self::Recovery,
        Self::Disabled,
        Self::Restart,
        Self::Loading,
        Self::Crowd,
        Self::Host,
        Self::ApplicationRate,
        Self::Order,
        Self::Slow,
    ];

    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Slots => 1,
            Self::Window => 2,
            Self::Rate => 3,
            Self::Circuit => 4,
            Self::Probe => 5,
            Self::Recovery => 6,
            Self::Disabled => 7,
            Self::Restart => 8,
            Self::Loading => 9,
            Self::Crowd => 10,
            Self::Host => 11,
            Self::ApplicationRate => 12,
            Self::Order => 13,
            Self::Slow => 14,
        }
    }

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slots => "slots",
            Self::Window => "window",
            Self::Rate => "rate",
            Self::Circuit => "circuit",
            Self::Probe => "probe",
            Self::Recovery => "recovery",
            Self::Disabled => "disabled",
            Self::Restart => "restart",
            Self::Loading => "loading",
            Self::Crowd => "crowd",
            Self::Host => "host",
            Self::ApplicationRate => "application_rate",
            Self::Order => "order",
            Self::Slow => "slow",
        }
    }
}

/// For people: `the circuit of the endpoint was open`.
impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Slots => "all send slots that it could have were taken",
            Self::Window => "as many attempts were in flight to the endpoint as its window has",
            Self::Rate => "the rate of the endpoint was used up",
            Self::Circuit => "the circuit of the endpoint was open",
            Self::Probe => {
                "the circuit of the endpoint was half-open and another attempt was in flight"
            }
            Self::Recovery => "the endpoint recovers and gets no more at once",
            Self::Disabled => "the endpoint was disabled",
            Self::Restart => "no process ran",
            Self::Loading => "the events before it had to be loaded",
            Self::Crowd => "the application has as many waiting deliveries as it may",
            Self::Host => {
                "as many attempts were in flight to its host, over all endpoints, as may be"
            }
            Self::ApplicationRate => "the rate of the application was used up",
            Self::Order => "another delivery of its line had not ended",
            Self::Slow => {
                "its receiver is not known to answer soon, and such ones had their share of the slots"
            }
        })
    }
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// It was its time.
    #[default]
    Schedule,
    /// Somebody asked for it.
    Manual,
}

/// What an attempt means for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The delivery is done.
    Succeeded,
    /// The delivery is tried again, not before this steady time.
    RetryAt(Timestamp),
    /// The schedule is spent; the delivery ends without success.
    Exhausted,
    /// It failed and its delivery stays as it was: it was made by hand beside the schedule, or another
    /// one succeeded meanwhile.
    Failed,
}

impl AttemptResult {
    /// Whether the delivery has ended.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Exhausted => true,
            Self::RetryAt(_) | Self::Failed => false,
        }
    }
}
