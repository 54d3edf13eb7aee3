//! The logbook: what the witness saw, in the order in which it saw it. Figures and pictures are made
//! from it; nothing is judged by it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    oracle::End,
    seen::{FlightFacts, Moment, SeenEvent},
    witness::Witness,
    world::BEGINNING,
};
use crate::{
    domain::{event::EventPosition, id::EventId, outcome::OutcomeKind},
    time::{Span, Timestamp},
};

/// A logbook that a run writes and its caller reads.
pub type SharedLogbook = Rc<RefCell<Logbook>>;

/// A delivery as the simulation counts it: the position of its event, and the endpoint's ordinal.
pub type DeliveryPlace = (EventPosition, u32);

/// An attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its delivery.
    pub delivery: DeliveryPlace,
    /// Its number, from 1.
    pub number: u16,
}

impl From<FlightFacts> for Attempt {
    fn from(flight: FlightFacts) -> Self {
        Self {
            delivery: (flight.position, flight.ordinal),
            number: flight.number,
        }
    }
}

/// Something that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// A producer asks for the event with this number, for the first time.
    Asked(u32),
    /// The producer of the event with this number is told which one it is.
    Told(u32, EventId),
    /// An event is durable; it was accepted at this time.
    Accepted(EventPosition, EventId, Timestamp),
    /// An attempt goes out.
    Sent(Attempt),
    /// What came of an attempt, and whether the process that sent it still hears it.
    Answered(Attempt, OutcomeKind, bool),
    /// A delivery is to be made from now on; and how it had ended before, if a task makes it begin anew.
    Opened(DeliveryPlace, Option<End>),
    /// That a delivery has ended is durable; and how it had ended before, if it had.
    Ended(DeliveryPlace, End, Option<End>),
    /// The process dies.
    Died,
    /// The process ends in order.
    Stopped,
    /// The process begins its work.
    Started,
}

/// Everything that was seen in a run.
#[derive(Clone, Debug, Default)]
pub struct Logbook {
    /// Each sighting and when it was, from the beginning of the run.
    pub entries: Vec<(Span, Sighting)>,
    /// The events by their positions.
    pub events: BTreeMap<EventPosition, EventId>,
    /// Every delivery, and how it ended if it did.
    deliveries: BTreeMap<DeliveryPlace, Option<End>>,
    /// Endpoints that are deleted, and events whose payload was taken away.
    deleted: BTreeSet<u32>,
    expunged: BTreeSet<EventPosition>,
}

impl Logbook {
    fn write(&mut self, at: Timestamp, sighting: Sighting) {
        if let Sighting::Accepted(position, id, _) = sighting {
            self.events.insert(position, id);
        }
        self.entries.push((at.since(BEGINNING), sighting));
    }

    /// A delivery is to be made. One that was on its way is so still.
    fn opened(&mut self, at: Timestamp, delivery: DeliveryPlace) {
        let known = self.deliveries.insert(delivery, None);
        if known != Some(None) {
            self.write(at, Sighting::Opened(delivery, known.flatten()));
        }
        let (position, ordinal) = delivery;
        if self.deleted.contains(&ordinal) || self.expunged.contains(&position) {
            self.ended(at, delivery, End::CalledOff);
        }
    }

    fn ended(&mut self, at: Timestamp, delivery: DeliveryPlace, end: End) {
        let before = self.deliveries.insert(delivery, Some(end)).flatten();
        self.write(at, Sighting::Ended(delivery, end, before));
    }

    /// What has not ended of these deliveries is called off.
    fn called_off(&mut self, at: Timestamp, is_one: impl Fn(DeliveryPlace) -> bool) {
        let open = self.deliveries.iter();
        let open = open.filter(|(delivery, end)| end.is_none() && is_one(**delivery));
        let open: Vec<DeliveryPlace> = open.map(|(delivery, _)| *delivery).collect();
        for delivery in open {
            self.ended(at, delivery, End::CalledOff);
        }
    }
}

impl Witness {
    /// Writes a sighting down, in real time.
    pub(super) fn log(&self, at: Timestamp, sighting: Sighting) {
        if let Some(logbook) = &self.logbook {
            logbook.borrow_mut().write(at, sighting);
        }
    }

    /// An event is durable: it goes to the endpoints that want it now.
    pub(super) fn log_accepted(&self, seen: &SeenEvent, at: Moment) {
        let Some(logbook) = &self.logbook else {
            return;
        };
        let logbook = &mut *logbook.borrow_mut();
        let event = &seen.event;
        let sighting = Sighting::Accepted(event.position, event.id, event.accepted_at);
        logbook.write(at.real, sighting);
        for (ordinal, endpoint) in self.endpoints.iter() {
            if endpoint.wanted(*ordinal, seen) {
                logbook.opened(at.real, (event.position, *ordinal));
            }
        }
    }

    /// A delivery begins anew.
    pub(super) fn log_reopened(&self, delivery: DeliveryPlace, at: Moment) {
        if let Some(logbook) = &self.logbook {
            logbook.borrow_mut().opened(at.real, delivery);
        }
    }

    /// How a delivery has ended is durable.
    pub(super) fn log_end(&self, delivery: DeliveryPlace, end: End, at: Moment) {
        if let Some(logbook) = &self.logbook {
            logbook.borrow_mut().ended(at.real, delivery, end);
        }
    }

    /// An endpoint is deleted: nothing more is to be made to it.
    pub(super) fn log_deleted(&self, ordinal: u32, at: Moment) {
        if let Some(logbook) = &self.logbook {
            let logbook = &mut *logbook.borrow_mut();
            logbook.deleted.insert(ordinal);
            logbook.called_off(at.real, |(_, of)| of == ordinal);
        }
    }

    /// The payload of an event is taken away: nothing more is to be made of it.
    pub(super) fn log_expunged(&self, position: EventPosition, at: Moment) {
        if let Some(logbook) = &self.logbook {
            let logbook = &mut *logbook.borrow_mut();
            logbook.expunged.insert(position);
            logbook.called_off(at.real, |(of, _)| of == position);
        }
    }
}
