//! I23: every event that producers handed in is accepted in the end.

use crate::sim::{violation::Violation, witness::Witness};

impl Witness {
    /// Judges the end; gives how many were accepted.
    pub(in crate::sim) fn judge_accepted(&mut self) -> u64 {
        let accepted = u64::try_from(self.answers.len()).unwrap_or(u64::MAX);
        if accepted != self.asked {
            let asked = self.asked;
            self.object(Violation::NotAccepted { accepted, asked });
        }
        accepted
    }
}
