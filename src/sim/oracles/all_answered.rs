//! I24: when nothing moves any more, no attempt is in flight.

use crate::sim::{whole::Whole, witness::Witness};

impl Witness {
    /// Judges the end.
    pub(in crate::sim) fn judge_in_flight(&mut self) {
        if self.in_flight > 0 {
            let in_flight = self.in_flight;
            self.object(Whole::InFlightAtEnd { in_flight }.into());
        }
    }
}
