//! Times in which the process stands still, as the witness counts them.

use super::witness::Witness;
use crate::time::{Span, Timestamp};

impl Witness {
    /// The process stands still: what it should have done meanwhile it does behind that.
    pub(super) fn stood_still(&mut self, from: Timestamp, until: Timestamp) {
        self.happened.stalls += 1;
        self.stalls.push((from, until));
        self.ready_at = self.ready_at.max(until);
    }

    /// How long the process did something between two times.
    pub(super) fn at_work(&self, from: Timestamp, until: Timestamp) -> Span {
        let stalls = self.stalls.iter().map(|(began, ended)| {
            let still = (*ended).min(until).since((*began).max(from));
            still.max(Span::ZERO).as_micros()
        });
        Span::from_micros(until.since(from).as_micros() - stalls.sum::<i64>())
    }
}
