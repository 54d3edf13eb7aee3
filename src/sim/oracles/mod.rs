//! The oracles: what must hold in every run, one property a file, on plain facts that the witness
//! saw. They trust neither the engine's counters nor its code; they are fed by what was
//! acknowledged, by what is durable, and by what receivers got.

mod all_accepted;
mod all_answered;
pub(super) mod apart;
pub(super) mod asked_by_hand;
mod called_off;
mod caps;
pub(super) mod causes;
pub(super) mod circuit;
pub(super) mod delivered;
mod durable_first;
pub(super) mod fair_answers;
pub(super) mod fan_out;
pub(super) mod genuine;
pub(super) mod hosts;
pub(super) mod in_line;
mod kept_events;
pub(super) mod known_addresses;
pub(super) mod lateness;
mod liveness;
mod lost_results;
pub(super) mod memory;
mod new_ids;
pub(super) mod numbers;
pub(super) mod once_keys;
pub(super) mod one_end;
pub(super) mod one_name;
pub(super) mod opened_twice;
mod orderly_end;
pub(super) mod own_start;
pub(super) mod own_time;
pub(super) mod paired;
mod pause;
pub(super) mod planned;
pub(super) mod present_target;
pub(super) mod rate;
mod refused;
pub(super) mod same_bytes;
mod same_id;
pub(super) mod set_aside;
pub(super) mod slow;
pub(super) mod tasks;
pub(super) mod told_states;
pub(super) mod waits;
pub(super) mod whole_groups;
mod whole_lists;
