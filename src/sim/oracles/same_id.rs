//! I13: an event is sent under the public name that it was accepted with, in each attempt.

use crate::sim::{seen::FlightFacts, violation::Violation, witness::Witness};

impl Witness {
    /// Judges an attempt that goes out.
    pub(in crate::sim) fn judge_id(&self, flight: FlightFacts) -> Option<Violation> {
        let event = flight.event;
        let accepted = self.events.get(&flight.position)?.event.id;
        (accepted != event).then_some(Violation::IdChanged { event, accepted })
    }
}
