//! Flights: the attempts that were sent and have no outcome yet.
//!
//! Their table outlives the state of a shard, so that send slots and windows stay true.

use std::sync::Arc;

use super::{Engine, lane::Lane, open_rows::OpenRow};
use crate::{
    domain::{
        attempt::{AttemptHandle, Holder, Trigger},
        command::{Answer, Refusal, RequestHandle},
        delivery::OpenDelivery,
        endpoint::EndpointKey,
        event::{Event, EventPosition},
        present::{Present, Question},
    },
    time::{Now, Timestamp},
};

/// An attempt to be started.
#[derive(Debug)]
pub(super) struct Start {
    /// What it carries.
    pub(super) event: Arc<Event>,
    /// Which attempt of the delivery it is, from 1.
    pub(super) number: u16,
    /// Where its delivery stands.
    pub(super) source: Source,
    /// Where its delivery began anew, if a task sent it again.
    pub(super) reopened: Option<Reopened>,
    /// When it could start at the earliest, in steady time.
    pub(super) due: Timestamp,
}

impl Start {
    /// The first attempt of an event on the walk.
    pub(super) fn first(event: Arc<Event>) -> Self {
        Self {
            due: event.not_before(),
            event,
            number: 1,
            source: Source::Walk,
            reopened: None,
        }
    }

    /// The next attempt of a delivery with a row.
    pub(super) fn again(row: OpenRow) -> Self {
        let delivery = row.delivery;
        let reopened = delivery.reopened_after.map(|after| Reopened {
            after,
            expires_at: delivery.expires_at,
        });
        Self {
            event: row.event,
            number: delivery.attempts.saturating_add(1),
            due: delivery.due,
            source: Source::Open,
            reopened,
        }
    }
}

/// An attempt in flight.
#[derive(Debug)]
pub(super) struct Flight {
    /// Its handle, to tell it from an older one in the same slot.
    pub(super) handle: AttemptHandle,
    /// The lane it belongs to.
    pub(super) lane: usize,
    /// What it carries.
    pub(super) event: Arc<Event>,
    /// Which attempt of the delivery it is, from 1.
    pub(super) number: u16,
    /// Where its delivery stands.
    pub(super) source: Source,
    /// Where its delivery began anew, if a task sent it again.
    pub(super) reopened: Option<Reopened>,
    /// Whether its delivery succeeded by another attempt meanwhile.
    pub(super) is_overtaken: bool,
    /// Which receiver of its lane it went to.
    pub(super) receiver: u32,
    /// When it started.
    pub(super) started_at: Now,
    /// When it could start at the earliest, in steady time.
    pub(super) due: Timestamp,
    /// What it waited for beyond that.
    pub(super) held_by: Option<Holder>,
    /// The number of the host it went to.
    pub(super) host: Option<usize>,
    /// Whether it counts among those that go to slow receivers.
    pub(super) is_slow: bool,
}

/// A delivery that a task sent again: its schedule and its time began anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reopened {
    /// Attempts that were behind it then.
    pub(super) after: u16,
    /// When it expires, in steady time.
    pub(super) expires_at: Timestamp,
}

impl Engine {
    /// Answers how attempts to an endpoint stand; those in flight also if its shard was lost since they
    /// started. It is never refused.
    pub(super) fn tell_present(
        &mut self,
        request: RequestHandle,
        (endpoint, asked): (EndpointKey, Question),
        now: Now,
    ) -> Result<(), Refusal> {
        let is_to = |flight: &Flight| match self.registry.lanes.get(flight.lane) {
            Some(lane) => lane.endpoint.key == endpoint,
            None => self.orphans.contains(&(flight.handle, endpoint)),
        };
        let flights = self.flights.iter().map(|(_, flight)| flight);
        let found = flights.filter(|flight| is_to(flight));
        let (in_flight, flying): (_, Vec<EventPosition>) = found
            .map(|flight| (flight.event.id, flight.event.position))
            .unzip();
        let application = self.registry.application(endpoint.application);
        let mut lanes = application
            .into_iter()
            .flat_map(|application| self.registry.lanes_of(application));
        let lane = lanes.find(|lane| lane.endpoint.key == endpoint);
        let paced_until = application.and_then(|application| self.paced_until(application, now));
        let paced = paced_until.map(|_| Holder::ApplicationRate);
        let present = lane.map_or_else(Present::default, |lane| Present {
            in_flight: Vec::new(),
            window: lane.window.size(),
            circuit: *lane.circuit.circuit(),
            held_by: lane
                .holder(now.steady)
                .or(paced)
                .or_else(|| lane.held_in_line()),
            held_until: lane.held_back_until(now.steady).max(paced_until),
            in_line: match asked {
                Question::Delivery(position) => lane.lines.place(position),
                Question::Endpoint | Question::Heads => None,
            },
            heads: match asked {
                Question::Heads => lane.lines.heads(lane.endpoint.ordering, &flying),
                Question::Endpoint | Question::Delivery(_) => Vec::new(),
            },
        });
        let present = Present {
            in_flight,
            ..present
        };
        self.replies
            .push((request, Ok(Answer::Present(Box::new(present)))));
        Ok(())
    }
}

impl Flight {
    /// Which attempt of the schedule it is, from 1.
    pub(super) fn step(&self) -> u16 {
        let before = self.reopened.map_or(0, |reopened| reopened.after);
        self.number.saturating_sub(before)
    }

    /// What caused it: somebody asked for it, or the first one of those that a task sent again.
    pub(super) fn trigger(&self) -> Trigger {
        let is_first_again = self.reopened.is_some() && self.step() == 1;
        if self.source == Source::Manual || is_first_again {
            Trigger::Manual
        } else {
            Trigger::Schedule
        }
    }
}

/// Where the delivery of an attempt in flight stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// On the walk of its lane.
    Walk,
    /// In a row of its own.
    Open,
    /// In a row of its own, beside the schedule: somebody asked for it.
    Manual,
    /// Nowhere any more: its shard was lost. Only its slot counts.
    Orphan,
}

/// A handle that is unique in the process and tells the slot it stands in.
pub(super) fn flight_handle(serial: u64, slot: usize) -> AttemptHandle {
    let slot = u64::try_from(slot).unwrap_or(u64::MAX) & 0xffff_ffff;
    AttemptHandle::new((serial << 32) | slot)
}

/// The slot that a handle tells.
pub(super) fn flight_slot(handle: AttemptHandle) -> usize {
    usize::try_from(handle.number() & 0xffff_ffff).unwrap_or(usize::MAX)
}

/// The row of a delivery that waits for its next attempt.
pub(super) fn waiting_row(flight: &Flight, lane: &Lane, due: Timestamp) -> OpenRow {
    let delivery = OpenDelivery {
        endpoint: lane.endpoint.key,
        due,
        position: flight.event.position,
        attempts: flight.number,
        event: flight.event.id,
        expires_at: flight
            .reopened
            .map_or(flight.event.expires_at, |reopened| reopened.expires_at),
        reopened_after: flight.reopened.map(|reopened| reopened.after),
    };
    OpenRow {
        delivery,
        event: Arc::clone(&flight.event),
    }
}
