//! Pages: what the engine loads from a store, and the state a shard is acquired with.

use std::sync::Arc;

use super::{
    application::{Application, ApplicationKey},
    circuit::Circuit,
    delivery::{LaneRow, OpenDelivery, Resend},
    endpoint::{Endpoint, EndpointKey},
    event::{Event, EventPosition},
    id::Id,
    ordering::OrderingKey,
    outbox::OutboxRow,
    task::{Candidates, Task},
};
use crate::time::Timestamp;

/// Names a load in flight, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoadHandle(u64);

impl LoadHandle {
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

/// What to load. A load sees every batch submitted before it and shows only durable rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// Events of an application, in order.
    Events {
        /// The application.
        application: ApplicationKey,
        /// The first place.
        from: EventPosition,
        /// How many places, from 1.
        limit: usize,
    },
    /// Open deliveries of an endpoint, earliest due first.
    Open {
        /// The endpoint.
        endpoint: EndpointKey,
        /// Only rows behind this one (due, position); `None` from the first.
        after: Option<(Timestamp, EventPosition)>,
        /// How many rows, from 1.
        limit: usize,
    },
    /// Events that may go to an endpoint, and how their deliveries stand.
    Candidates {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The first place.
        from: EventPosition,
        /// The place behind the last one.
        until: EventPosition,
        /// How many places, from 1.
        limit: usize,
    },
}

/// What was loaded.
#[derive(Clone, Debug)]
pub enum Page {
    /// Answers [`PageRequest::Events`].
    Events {
        /// The events that exist in the span, in order; forgotten ones are missing.
        events: Vec<Arc<Event>>,
        /// The place behind the span that was looked at: durable up to here.
        until: EventPosition,
    },
    /// Answers [`PageRequest::Open`].
    Open {
        /// The rows with their events, earliest due first.
        rows: Vec<(OpenDelivery, Arc<Event>)>,
        /// Whether there are more behind the last one.
        more: bool,
    },
    /// Answers [`PageRequest::Candidates`].
    Candidates(Candidates),
}

/// What a shard is acquired with: the only way to build an engine's state of it.
#[derive(Clone, Debug)]
pub enum ShardState {
    /// The directory: the applications, in the order of their ordinals.
    Directory {
        /// All of them.
        applications: Vec<Arc<Application>>,
        /// The greatest id that was ever committed to the shard.
        last_id: Id,
    },
    /// A shard of endpoints and events.
    Data {
        /// What is known of each application, in the order of their ordinals.
        applications: Vec<ApplicationState>,
        /// What it has to tell other shards, in the order of the ids; at most
        /// `limits::OUTBOX_ROWS_MAX` over all shards.
        outbox: Vec<Arc<OutboxRow>>,
        /// The greatest id that was ever committed to the shard.
        last_id: Id,
    },
}

/// What a shard knows of one application.
#[derive(Clone, Debug)]
pub struct ApplicationState {
    /// The application.
    pub key: ApplicationKey,
    /// The place that the next event gets.
    pub next_position: EventPosition,
    /// The ordinal that the next endpoint gets: above those of all that there ever were, since a deleted one
    /// keeps its own.
    pub next_endpoint: u32,
    /// Everything before it is settled, but for open rows and lagging lanes.
    pub watermark: EventPosition,
    /// How many rows of open deliveries there are.
    pub open_rows: u64,
    /// The events from the watermark on, in order; bounded by the ring.
    pub events: Vec<Arc<Event>>,
    /// Its endpoints, in the order of their ordinals.
    pub endpoints: Vec<EndpointRecovery>,
    /// Its tasks that have not ended, in the order of their ids.
    pub tasks: Vec<Arc<Task>>,
}

/// An open delivery that stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The event.
    pub position: EventPosition,
    /// The line.
    pub order: OrderingKey,
    /// Whether it waits for those before it, as far as its row tells: its due time is never.
    pub is_held: bool,
}

/// What is known of one endpoint when its shard is acquired.
#[derive(Clone, Debug)]
pub struct EndpointRecovery {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Where its lane stands, if it lags behind the watermark.
    pub lane: Option<LaneRow>,
    /// Events from the watermark on that are settled for it, in order: attempted, expired or open.
    pub settled: Vec<EventPosition>,
    /// Its open deliveries that stand in line, in order.
    pub ordered: Vec<Ordered>,
    /// What is kept of its circuit breaker, if anything.
    pub circuit: Option<Circuit>,
    /// When its first open row is due, if it has any.
    pub open_due: Option<Timestamp>,
    /// Attempts that somebody asked for, with their events; `None` where the event or its payload is
    /// gone. At most `limits::RESENDS_WAITING_MAX` of an application.
    pub resends: Vec<OwedResend>,
}

/// An attempt that is owed, and its event; `None` where the event or its payload is gone.
pub type OwedResend = (Resend, Option<Arc<Event>>);
