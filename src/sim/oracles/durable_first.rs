//! I1: nothing is sent, and no producer is told, before the event is durable.

use crate::sim::{
    seen::{FlightFacts, Moment, SeenEvent},
    violation::Violation,
    witness::Witness,
};

impl SeenEvent {
    /// Whether it may be acted on.
    pub(in crate::sim) fn is_durable(&self, now: Moment) -> bool {
        self.durable_at <= now.real
    }
}

impl Witness {
    /// Judges an attempt that goes out.
    pub(in crate::sim) fn judge_durable(
        &self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let event = flight.event;
        let seen = self.events.get(&flight.position);
        let is_durable = seen.is_some_and(|seen| seen.is_durable(now));
        (!is_durable).then_some(Violation::NotDurable { event })
    }
}
