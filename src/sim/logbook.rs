//! The logbook: what the witness saw, in the order in which it saw it. Figures and pictures are made
//! from it; nothing is judged by it.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

use super::{
    oracle::End,
    seen::{FlightFacts, Moment, SeenEvent, SeenRecord},
    witness::Witness,
    world::BEGINNING,
};
use crate::{
    domain::{
        attempt::AttemptResult, endpoint::Endpoint, event::EventPosition, id::EventId,
        outcome::OutcomeKind,
    },
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
    /// That a delivery has ended is durable.
    Ended(DeliveryPlace, End),
    /// The process dies.
    Died,
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
    /// The endpoint of each channel, by its ordinal, where not every event goes to every endpoint.
    channels: BTreeMap<Arc<str>, u32>,
    /// The ordinals that an event goes to, where they are not all.
    owed: BTreeMap<EventPosition, Vec<u32>>,
}

impl Logbook {
    /// How many endpoints with ordinals in this range an event goes to.
    #[must_use]
    pub fn owed(&self, event: EventPosition, (from, until): (u32, u32)) -> u64 {
        match self.owed.get(&event) {
            None => u64::from(until.saturating_sub(from)),
            Some(ordinals) => {
                let within = ordinals.iter().filter(|one| (from..until).contains(*one));
                u64::try_from(within.count()).unwrap_or(u64::MAX)
            }
        }
    }

    pub(super) fn write(&mut self, at: Timestamp, sighting: Sighting) {
        if let Sighting::Accepted(position, id, _) = sighting {
            self.events.insert(position, id);
        }
        self.entries.push((at.since(BEGINNING), sighting));
    }
}

impl Witness {
    /// Writes a sighting down, in real time.
    pub(super) fn log(&self, at: Timestamp, sighting: Sighting) {
        if let Some(logbook) = &self.logbook {
            logbook.borrow_mut().write(at, sighting);
        }
    }

    /// An endpoint is durable.
    pub(super) fn log_endpoint(&self, endpoint: &Endpoint) {
        let Some(logbook) = &self.logbook else {
            return;
        };
        for channel in &endpoint.filter.channels {
            let channels = &mut logbook.borrow_mut().channels;
            channels.insert(Arc::clone(channel), endpoint.key.ordinal);
        }
    }

    /// An event is durable.
    pub(super) fn log_accepted(&self, seen: &SeenEvent, at: Moment) {
        let event = &seen.event;
        let logbook = self.logbook.as_ref();
        if let Some(logbook) = logbook.filter(|_| self.changes_by_hand) {
            let wanting = self.endpoints.iter();
            let wanting = wanting.filter(|(ordinal, endpoint)| endpoint.wanted(**ordinal, seen));
            let ordinals = wanting.map(|(ordinal, _)| *ordinal).collect();
            logbook.borrow_mut().owed.insert(event.position, ordinals);
        } else if let Some(logbook) = logbook.filter(|_| !event.channels.is_empty()) {
            let logbook = &mut *logbook.borrow_mut();
            let channels = event.channels.iter();
            let ordinals = channels.filter_map(|channel| logbook.channels.get(channel).copied());
            logbook.owed.insert(event.position, ordinals.collect());
        }
        let sighting = Sighting::Accepted(event.position, event.id, event.accepted_at);
        self.log(at.real, sighting);
    }

    /// The result of an attempt is durable; it may be the end of its delivery.
    pub(super) fn log_end(&self, record: &SeenRecord, at: Moment) {
        let end = match record.result {
            AttemptResult::Succeeded => End::Succeeded,
            AttemptResult::Exhausted => End::Exhausted,
            AttemptResult::RetryAt(_) | AttemptResult::Failed => return,
        };
        let delivery = (record.position, record.endpoint.ordinal);
        self.log(at.real, Sighting::Ended(delivery, end));
    }

    /// That a delivery ended otherwise than by an attempt is durable.
    pub(super) fn log_other_end(
        &self,
        (ordinal, position): (u32, EventPosition),
        end: End,
        at: Moment,
    ) {
        self.log(at.real, Sighting::Ended((position, ordinal), end));
    }
}
