//! I9: attempts are numbered from 1 on without a gap, there are no more than the schedule has, and a
//! delivery is given up only when all of them are made.

use crate::{
    policy::retry::RetryPolicy,
    sim::{
        oracle::{self, End},
        seen::{Ending, FlightFacts, Seen},
        violation::Violation,
    },
};

/// Judges an attempt of the schedule that goes out.
pub(in crate::sim) fn judge(
    flight: FlightFacts,
    seen: &Seen,
    policy: &RetryPolicy,
) -> Option<Violation> {
    let FlightFacts {
        event,
        endpoint,
        number,
        ..
    } = flight;
    let max = oracle::attempts_max(policy);
    let is_wrong = usize::from(seen.step(number)) > max || number == 0 || number > seen.sent + 1;
    is_wrong.then_some(Violation::WrongCount {
        event,
        endpoint,
        number,
        max,
    })
}

/// Judges the end of a delivery as it is recorded. Who is deleted is tried no more.
pub(in crate::sim) fn judge_given_up(ending: &Ending, policy: &RetryPolicy) -> Option<Violation> {
    let Ending {
        event,
        endpoint,
        number,
        ..
    } = *ending;
    let max = oracle::attempts_max(policy);
    let is_spent = usize::from(ending.step) == max || ending.is_deleted;
    let is_early = ending.end == End::Exhausted && !is_spent;
    is_early.then_some(Violation::WrongCount {
        event,
        endpoint,
        number,
        max,
    })
}
