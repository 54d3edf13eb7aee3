//! I10: nothing starts to an endpoint that is disabled or deleted, or with a payload that was taken
//! away, once that is durable and told. What was in flight before may end.

use crate::sim::{
    seen::{FlightFacts, Moment, SeenEvent},
    violation::Violation,
    witness::Witness,
};

impl Witness {
    /// Whether what was still to come of a delivery was called off by hand.
    pub(in crate::sim) fn is_called_off(&self, seen: &SeenEvent, ordinal: u32) -> bool {
        let endpoint = self.endpoints.get(&ordinal);
        let is_deleted = endpoint.is_some_and(|endpoint| endpoint.deleted_at.is_some());
        is_deleted || seen.expunged_at.is_some()
    }

    /// Judges an attempt that goes out.
    pub(in crate::sim) fn judge_called_off(
        &self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let FlightFacts {
            event, endpoint, ..
        } = flight;
        // What happens at the very time comes before it or after it.
        let is_over = |at| at < now.real;
        let seen = self.endpoints.get(&flight.ordinal)?;
        if seen.disabled_at.is_some_and(is_over) || seen.deleted_at.is_some_and(is_over) {
            return Some(Violation::Disabled { event, endpoint });
        }
        let seen = self.events.get(&flight.position)?;
        let is_expunged = seen.expunged_at.is_some_and(is_over);
        is_expunged.then_some(Violation::Expunged { event, endpoint })
    }
}
