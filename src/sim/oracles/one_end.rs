//! I4: a delivery ends once, and nothing of its schedule is sent after that. An attempt that somebody
//! asked for may still succeed.

use crate::sim::{
    oracle::End,
    seen::{Ending, FlightFacts, Seen},
    violation::Violation,
};

/// Judges an attempt of the schedule that goes out.
pub(in crate::sim) fn judge_sent(flight: FlightFacts, seen: &Seen) -> Option<Violation> {
    let (event, endpoint) = (flight.event, flight.endpoint);
    let has_ended = seen.end.is_some();
    has_ended.then_some(Violation::EndedAlready { event, endpoint })
}

/// Judges the end of a delivery as it is recorded. An attempt of the schedule may still succeed when
/// another one by hand has.
pub(in crate::sim) fn judge(ending: &Ending) -> Option<Violation> {
    let (event, endpoint) = (ending.event, ending.endpoint);
    // What was in flight when it was set aside may, too.
    let may_be = (ending.is_asked_by_hand || ending.is_set_aside) && ending.end == End::Succeeded;
    let is_second = ending.before.is_some() && !may_be;
    is_second.then_some(Violation::EndedAlready { event, endpoint })
}
