//! The present of an endpoint: what the engine alone knows of it, told when somebody asks.

use super::{attempt::Holder, circuit::Circuit, event::EventPosition, id::EventId};
use crate::time::Timestamp;

/// How attempts to an endpoint stand at this moment. Times are steady.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// The events of the attempts in flight; as many as the endpoint's window has, at most.
    pub in_flight: Vec<EventId>,
    /// How many there may be; 0 where its shard was lost and is not there again.
    pub window: u16,
    /// Whether attempts flow.
    pub circuit: Circuit,
    /// What keeps another attempt from starting, if something of its own does.
    pub held_by: Option<Holder>,
    /// Until when that does, if it is a matter of time.
    pub held_until: Option<Timestamp>,
    /// Where the delivery that was asked about stands in its line, if it stands in one.
    pub in_line: Option<InLine>,
    /// The heads that others wait behind and that wait for their next attempts, if that was asked: those
    /// behind which most wait first, `limits::HEADS_TOLD_MAX` at most.
    pub heads: Vec<Head>,
}

/// What is asked about an endpoint besides how attempts to it stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Question {
    /// Nothing.
    #[default]
    Endpoint,
    /// Where the delivery of an event stands in its line.
    Delivery(EventPosition),
    /// Which heads hold others up.
    Heads,
}

/// The head of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its event.
    pub position: EventPosition,
    /// How many are held behind it; `None` where all that comes to the endpoint waits.
    pub behind: Option<usize>,
}

/// Where a delivery stands in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InLine {
    /// At the head, with so many that are held behind it.
    Head {
        /// How many.
        behind: usize,
    },
    /// Behind so many others.
    Behind {
        /// How many, from 1.
        ahead: usize,
    },
}
