//! I15: no more attempts are in flight to one endpoint, and in all, than the caps allow.

use crate::sim::{violation::Violation, witness::Witness};

impl Witness {
    /// Judges how many attempts are in flight, so many of them to one endpoint.
    pub(in crate::sim) fn judge_caps(&mut self, to_endpoint: usize) {
        let to_endpoint = (to_endpoint, usize::from(self.options.window_max));
        for (in_flight, cap) in [to_endpoint, (self.in_flight, self.options.send_slots)] {
            if in_flight > cap {
                self.object(Violation::OverCap { in_flight, cap });
            }
        }
    }
}
