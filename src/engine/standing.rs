//! Standing: how the work that is there stands now, for operators; nothing is decided on it.

use super::{
    Engine, Stats, Tally,
    lane::{Lane, Place},
    registry::ApplicationEntry,
};
use crate::{
    domain::{change::StoreMode, endpoint::EndpointState, event::Event},
    limits,
    time::{Now, Span, Timestamp},
};

/// What an engine tells an operator who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What it has done.
    pub stats: Stats,
    /// What attempts met.
    pub tally: Tally,
    /// How its work stands.
    pub standing: Standing,
}

/// How the work of an engine stands at the end of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How long the delivery that waits longest might have been sent already: since its event was
    /// accepted, or since its retry was due; `ZERO` where nothing waits. What a disabled endpoint holds
    /// does not wait. Of a lane that is far behind the event that it comes to next may be in the
    /// store only: the oldest behind it that is in memory counts, or else what it has in flight.
    pub oldest_wait: Span,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Most attempts in flight.
    pub send_slots: usize,
    /// Endpoints that were not deleted.
    pub endpoints: usize,
    /// Those of them that are disabled.
    pub endpoints_disabled: usize,
    /// Lanes that have something to start and wait for their turn.
    pub lanes_ready: usize,
    /// Lanes that sleep until a time, as that of a retry.
    pub lanes_asleep: usize,
    /// Lanes that are so far behind that they read their events from the store.
    pub lanes_lagging: usize,
    /// Deliveries that wait for a retry or were overtaken, over all applications.
    pub open_rows: u64,
    /// Events that stand in memory, over all applications.
    pub ring_events: usize,
    /// Payload bytes of these.
    pub ring_bytes: usize,
    /// Batches on their way to the store, over all shards.
    pub batches_waiting: usize,
    /// Bytes of changes gathered for the next batches, over all shards.
    pub gathered_bytes: usize,
    /// What the store has room for.
    pub store_mode: StoreMode,
}

impl Engine {
    /// What an operator wants to know. It looks once at each lane and each application, and at nothing
    /// in the store: for who asks every few seconds, not for each turn.
    #[must_use]
    pub fn figures(&self, now: Now) -> Figures {
        Figures {
            stats: self.stats(),
            tally: *self.tally(),
            standing: self.standing(now),
        }
    }

    fn standing(&self, now: Now) -> Standing {
        let mut standing = Standing {
            in_flight: self.flights.len(),
            send_slots: self.options.send_slots,
            lanes_asleep: self.asleep.len(),
            store_mode: self.store_mode,
            ..Standing::default()
        };
        for (_, entry) in self.registry.applications.iter() {
            standing.open_rows += entry.open_rows;
            standing.lanes_ready += entry.ready.len();
            standing.ring_events += entry.ring.len();
            standing.ring_bytes += entry.ring.bytes();
        }
        for log in self.logs.values() {
            standing.batches_waiting += log.batches_in_flight();
            standing.gathered_bytes += log.bytes();
        }
        for (_, lane) in self.registry.lanes.iter() {
            standing.lanes_lagging += usize::from(lane.place == Place::Lagging);
            match lane.endpoint.state {
                EndpointState::Deleted => continue,
                EndpointState::Disabled(_) => standing.endpoints_disabled += 1,
                EndpointState::Enabled => {
                    let since = self.waits_since(lane, now.steady);
                    let wait = since.map_or(Span::ZERO, |since| now.steady.since(since));
                    standing.oldest_wait = standing.oldest_wait.max(wait);
                }
            }
            standing.endpoints += 1;
        }
        let unknown = self.flights.iter().filter_map(|(_, flight)| {
            let lane = self.registry.lanes.get(flight.lane)?;
            let entry = self.registry.applications.get(lane.application)?;
            let is_unknown = lane.is_enabled() && next_of_walk(lane, entry).is_none();
            let waits = is_unknown && lane.walk_waits(entry.ring.end());
            waits.then(|| now.steady.since(flight.event.not_before()))
        });
        standing.oldest_wait = unknown.fold(standing.oldest_wait, Span::max);
        standing
    }

    /// Since when a delivery of the lane might be sent and is not, if one might.
    fn waits_since(&self, lane: &Lane, now: Timestamp) -> Option<Timestamp> {
        let retry = lane.open.next_due().filter(|due| *due <= now);
        let entry = self.registry.applications.get(lane.application);
        let first = entry.and_then(|entry| next_of_walk(lane, entry));
        let first = first.map(Event::not_before).filter(|due| *due <= now);
        retry.into_iter().chain(first).min()
    }
}

/// The event that a lane walks to next; where it is in the store only, the oldest behind it that is
/// in memory.
fn next_of_walk<'entry>(lane: &Lane, entry: &'entry ApplicationEntry) -> Option<&'entry Event> {
    let ring = &entry.ring;
    if !lane.walk_waits(ring.end()) {
        return None;
    }
    if !ring.holds(lane.next)
        && let Some(event) = entry.pages.first_from(lane.next)
    {
        return Some(event);
    }
    let first = lane.next.max(ring.base());
    let places = (0..limits::WALK_LOOKED_AT_MAX).map(|count| first.plus(count));
    let events = places.map_while(|place| ring.at(place)).flatten();
    events
        .map(|event| &**event)
        .find(|event| lane.endpoint.takes_event(event))
}
