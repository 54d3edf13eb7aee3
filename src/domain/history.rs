//! History: what is asked of a store about the past, and what it shows. Lists never pass the
//! engine.

use std::sync::Arc;

use super::{
    attempt::AttemptRecord,
    delivery::DeliveryState,
    event::Event,
    id::{EndpointId, EventId, Id},
};
use crate::time::Timestamp;

/// What a caller calls an object by: its public id or the name its owner chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Its public id.
    Id(Id),
    /// The name its owner chose.
    Uid(Arc<str>),
}

/// In which direction a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The greatest id first.
    NewestFirst,
    /// The least id first.
    OldestFirst,
}

/// A part of a list whose entries have ids that grow with time.
///
/// Both ends are left out themselves, so the last id of one part is the end of the next; entries
/// that come meanwhile neither shift nor repeat any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only entries with a greater id.
    pub above: Option<Id>,
    /// Only entries with a smaller id.
    pub below: Option<Id>,
    /// Which come first.
    pub order: Order,
    /// How many at most, from 1.
    pub limit: usize,
}

impl HistoryQuery {
    /// Whether an entry with this id is asked for.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.above.is_none_or(|above| id > above) && self.below.is_none_or(|below| id < below)
    }
}

/// An event as a list shows it.
#[derive(Clone, Debug)]
pub struct EventEntry {
    /// The event; without its payload's bytes where these have gone.
    pub event: Arc<Event>,
    /// Whether its payload is still kept.
    pub has_payload: bool,
}

impl EventEntry {
    /// It as it stands at a moment of steady time: a payload whose own time is over is gone, though the
    /// store may hold its bytes for a while.
    #[must_use]
    pub fn as_of(self, steady: Timestamp) -> Self {
        if self.event.payload_until() > steady {
            return self;
        }
        Self {
            event: Arc::new(self.event.without_payload()),
            has_payload: false,
        }
    }
}

/// An event as seen from an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryEntry {
    /// The event.
    pub event: EventId,
    /// When it was accepted, as the wall clock had it.
    pub accepted_wall: Timestamp,
    /// How its delivery stands; `None` if it does not go to the endpoint.
    pub state: Option<DeliveryState>,
}

/// An attempt as a list shows it.
#[derive(Clone, Debug)]
pub struct AttemptEntry {
    /// What is recorded of it.
    pub record: AttemptRecord,
    /// Its event, without the bytes of the payload.
    pub event: Arc<Event>,
    /// The public name of its endpoint.
    pub endpoint: EndpointId,
}
