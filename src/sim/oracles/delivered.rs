//! I5: a delivery is recorded as delivered only if its receiver answered with 2xx.

use crate::{
    domain::{
        id::{EndpointId, EventId},
        outcome::Outcome,
    },
    sim::{
        oracle::{self, End},
        seen::Ending,
        violation::Violation,
    },
};

/// Judges the end of a delivery as it is recorded.
pub(in crate::sim) fn judge(ending: &Ending) -> Option<Violation> {
    let (event, endpoint) = (ending.event, ending.endpoint);
    let is_made_up = ending.end == End::Succeeded && !ending.is_delivered;
    is_made_up.then_some(Violation::NotDelivered { event, endpoint })
}

/// Judges an outcome that the engine is told of; `is_received` is what the receiver says.
pub(in crate::sim) fn judge_told(
    (event, endpoint): (EventId, EndpointId),
    outcome: &Outcome,
    is_received: bool,
) -> Option<Violation> {
    let is_made_up = oracle::is_success(outcome) && !is_received;
    is_made_up.then_some(Violation::NotDelivered { event, endpoint })
}
