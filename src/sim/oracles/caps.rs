//! I15: no more attempts are in flight to one endpoint, and in all, than the caps allow.

use crate::sim::{
    seen::{FlightFacts, Moment},
    violation::Violation,
    witness::Witness,
};

impl Witness {
    /// Judges how many attempts are in flight, with one that goes out now.
    pub(in crate::sim) fn judge_caps(&mut self, flight: FlightFacts, now: Moment) {
        self.judge_host_sent(flight, now);
        self.judge_slow_sent(flight);
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        endpoint.in_flight += 1;
        let to_endpoint = (endpoint.in_flight, usize::from(self.options.window_max));
        for (in_flight, cap) in [to_endpoint, (self.in_flight, self.options.send_slots)] {
            if in_flight > cap {
                self.object(Violation::OverCap { in_flight, cap });
            }
        }
    }
}
