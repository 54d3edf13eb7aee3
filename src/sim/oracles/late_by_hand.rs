//! L1 for attempts that somebody asked for: each goes out when its endpoint, its host, its rates and the slots let
//! it. A circuit that is open holds none of them back, and neither does a line.

use crate::sim::{
    seen::{FlightFacts, Moment},
    violation::Violation,
    witness::Witness,
};

impl Witness {
    /// Judges whether an attempt that was asked for could have gone out long before.
    pub(in crate::sim) fn judge_late_by_hand(
        &self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let asked_at = self.asked_last(flight.position, flight.ordinal)?;
        let endpoint = self.endpoints.get(&flight.ordinal)?;
        if endpoint.in_flight > 0 {
            return None;
        }
        let since = [
            Some(asked_at),
            Some(self.ready_at),
            Some(endpoint.idle_since),
            Some(endpoint.enabled_at),
            Some(self.host_crowded_at(flight)?),
            Some(self.crowded_at(flight)),
            // Others had what a rate lets go.
            self.application_pace.last(),
            endpoint.paced.last(),
        ];
        let late = now.real.since(since.into_iter().flatten().max()?);
        (late > self.patience).then_some(Violation::Late {
            event: flight.event,
            endpoint: flight.endpoint,
            number: flight.number,
            late,
        })
    }
}
