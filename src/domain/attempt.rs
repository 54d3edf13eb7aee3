//! An attempt: one HTTP request for a delivery, asked for and recorded.

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
    /// Whether the request went out twice because a kept connection had died.
    pub resent: bool,
    /// What it means for its delivery.
    pub result: AttemptResult,
    /// The beginning of the reply's body.
    pub body: Bytes,
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
