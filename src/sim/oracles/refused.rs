//! I2: what was asked for and refused is not there: an ask that is not valid, and something else under
//! a key that belongs to an event.

use crate::{
    domain::event::Event,
    sim::{otherwise::REFUSED, violation::Violation, witness::Witness},
};

impl Witness {
    /// Judges an event that is durable: those that must be refused bear a mark in their bodies.
    pub(in crate::sim) fn judge_refused(&mut self, event: &Event) {
        if event.payload.bytes.starts_with(REFUSED.as_bytes()) {
            self.object(Violation::RefusedAndThere { event: event.id });
        }
    }
}
