//! The oracles: what must hold in every run, one property a file, on plain facts that the witness
//! saw. They trust neither the engine's counters nor its code; they are fed by what was
//! acknowledged, by what is durable, and by what receivers got.

pub(super) mod asked_by_hand;
mod called_off;
mod liveness;
pub(super) mod present_target;
