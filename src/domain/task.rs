//! Tasks: work on many deliveries of one endpoint that somebody asked for and that goes on in the
//! background, through restarts, until it is done or called off.

use std::sync::Arc;

use super::{
    delivery::DeliveryState,
    endpoint::EndpointKey,
    event::{Event, EventPosition},
    id::{EndpointId, TaskId},
    outcome::OutcomeKind,
};
use crate::time::Now;

/// Which deliveries a task sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those whose last attempt failed, whether they wait for a retry or have ended.
    Failed,
    /// Events that the endpoint takes today and that were never tried for it.
    Missing,
    /// Those that fit all of this.
    Matching(Matching),
}

/// What a delivery must be like; each field that is set counts, an empty one lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Event types, exactly; `limits::ENDPOINT_EVENT_TYPES_MAX` at most.
    pub event_types: Vec<Arc<str>>,
    /// A channel that the event has.
    pub channel: Option<Arc<str>>,
    /// A tag that the event has.
    pub tag: Option<Arc<str>>,
    /// How the delivery stands.
    pub standing: Option<Standing>,
    /// The hundreds of the status that the last attempt was answered with, 1 to 5; 0 for an attempt
    /// without an answer.
    pub status_class: Option<u16>,
}

/// How a delivery stands, as callers ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It succeeded.
    Succeeded,
    /// It waits for a retry.
    Waiting,
    /// It ended without success.
    Failed,
    /// An attempt is in flight, or it was called off: never sent again by a task.
    Unsendable,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It counts what there is to send.
    Counting,
    /// It sends.
    Sending,
    /// All that it was to send was sent once; what failed is retried like any delivery.
    Finished,
    /// Somebody called it off.
    Cancelled,
    /// Its endpoint was deleted.
    EndpointGone,
}

impl TaskState {
    /// Whether nothing more comes of it.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Counting | Self::Sending => false,
            Self::Finished | Self::Cancelled | Self::EndpointGone => true,
        }
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its public name.
    pub id: TaskId,
    /// The endpoint whose deliveries it sends.
    pub endpoint: EndpointKey,
    /// The endpoint's public name.
    pub endpoint_id: EndpointId,
    /// Which deliveries it sends.
    pub selection: Selection,
    /// The first event that it looks at.
    pub from: EventPosition,
    /// The event behind the last one that it looks at.
    pub until: EventPosition,
    /// The next event that it looks at for sending.
    pub next: EventPosition,
    /// How far it is.
    pub state: TaskState,
    /// Deliveries that it has to send, as far as they are counted.
    pub total: u64,
    /// Deliveries that it has made due.
    pub done: u64,
    /// When it was asked for.
    pub created_at: Now,
    /// When it went on last.
    pub updated_at: Now,
}

/// What a task sees of an event that may go to its endpoint.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The event, without the bytes of its payload, which is kept.
    pub event: Arc<Event>,
    /// How its delivery stands; `None` where there is none.
    pub state: Option<DeliveryState>,
    /// The number of the delivery's last attempt; 0 if there was none.
    pub attempts: u16,
    /// What the last attempt met.
    pub last_outcome: Option<OutcomeKind>,
}

/// Part of an application's events, as a task sees them.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// In the order of their places; events without a payload are left out.
    pub found: Vec<Candidate>,
    /// The place behind the part that was looked at.
    pub until: EventPosition,
}
