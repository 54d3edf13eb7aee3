//! I3: an event goes to exactly those endpoints that wanted it when it was committed, and each such
//! delivery ends.
//!
//! Who wanted it is judged by what became durable, in its order, and not by the spans that the store
//! keeps: each change of an endpoint counts for the events that were committed after it. What is
//! durable is what was asked for and acknowledged (I1), and nothing is acknowledged before it is
//! durable, so an endpoint that somebody was told of has every event that is handed in after that,
//! and one that was told to be disabled or deleted has none.

use std::sync::Arc;

use crate::{
    domain::{delivery::DeliveryState, endpoint::Endpoint, filter::Filter, id::EndpointId},
    sim::{
        oracle::End,
        seen::{FlightFacts, Seen, SeenEndpoint, SeenEvent},
        violation::Violation,
        witness::Witness,
    },
};

/// What an endpoint wants from some place in the order of what became durable.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Wants {
    from: u64,
    filter: Arc<Filter>,
    is_enabled: bool,
}

impl SeenEndpoint {
    /// It wants this from now on: events that are durable later.
    pub(in crate::sim) fn wants_from(&mut self, from: u64, filter: Arc<Filter>, is_enabled: bool) {
        self.wants.push(Wants {
            from,
            filter,
            is_enabled,
        });
    }

    /// It takes events from now on, or none, and is else as before; one that is deleted stays so.
    pub(in crate::sim) fn takes_from(&mut self, from: u64, is_enabled: bool) {
        let last = self.wants.last().filter(|_| self.deleted_at.is_none());
        if let Some(filter) = last.map(|last| Arc::clone(&last.filter)) {
            self.wants_from(from, filter, is_enabled);
        }
    }

    /// Whether it wanted an event when that was committed.
    pub(in crate::sim) fn wanted(&self, ordinal: u32, seen: &SeenEvent) -> bool {
        let mut before = self.wants.iter().rev();
        let wants = before.find(|wants| wants.from < seen.order);
        wants.is_some_and(|wants| {
            let event = &seen.event;
            wants.is_enabled
                && match event.only_to() {
                    Some(only) => only == ordinal,
                    None => wants.filter.takes(&event.event_type, &event.channels),
                }
        })
    }
}

impl Witness {
    /// Whether the endpoint with this ordinal wanted an event when that was committed.
    pub(in crate::sim) fn is_wanted(&self, seen: &SeenEvent, ordinal: u32) -> bool {
        let endpoint = self.endpoints.get(&ordinal);
        // A task may have brought in what it missed.
        let is_brought_in = seen.seen(ordinal).reopened_after.is_some();
        is_brought_in || endpoint.is_some_and(|endpoint| endpoint.wanted(ordinal, seen))
    }

    /// A producer is told that its endpoint is created, which was to want events of these channels.
    pub(in crate::sim) fn created(&mut self, endpoint: EndpointId, channels: &[Arc<str>]) {
        let seen = self.endpoints.values().find(|seen| seen.id == endpoint);
        let first = seen.and_then(|seen| seen.wants.first());
        let is_as_asked = first.is_some_and(|first| {
            first.filter.channels == channels && first.filter.event_types.is_empty()
        });
        if !is_as_asked {
            self.object(Violation::ChangeLost { endpoint });
        }
    }

    /// Judges an attempt of the schedule that goes out.
    pub(in crate::sim) fn judge_wanted(
        &self,
        flight: FlightFacts,
        seen: &SeenEvent,
    ) -> Option<Violation> {
        let (event, endpoint) = (flight.event, flight.endpoint);
        let is_wanted = self.is_wanted(seen, flight.ordinal);
        (!is_wanted).then_some(Violation::NoDelivery { event, endpoint })
    }
}

/// Judges at the end what became of an event at an endpoint that did not want it.
pub(in crate::sim) fn judge_unwanted(
    seen_event: &SeenEvent,
    endpoint: &Endpoint,
    seen: &Seen,
) -> Option<Violation> {
    let (event, endpoint) = (seen_event.event.id, endpoint.id);
    let is_nothing = seen.sent == 0 && seen.end.is_none();
    (!is_nothing).then_some(Violation::NoDelivery { event, endpoint })
}

/// Judges at the end that a delivery has ended; `state` is what the store says of it.
///
/// # Errors
/// The violation.
pub(in crate::sim) fn judge_ended(
    seen_event: &SeenEvent,
    endpoint: &Endpoint,
    seen: &Seen,
    state: Option<DeliveryState>,
) -> Result<End, Violation> {
    seen.end.ok_or(Violation::NotEnded {
        event: seen_event.event.id,
        endpoint: endpoint.id,
        state,
    })
}
