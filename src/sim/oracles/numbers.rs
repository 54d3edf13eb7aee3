//! I9: attempts are numbered from 1 on without a gap, there are no more than the schedule has, and a
//! delivery is given up only when all of them are made.
//!
//! The schedule is that of the time at which an attempt failed: whoever is started with another one makes the
//! attempt that was planned, and goes on by its own.

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
    // One that is repeated was planned when it went out first.
    let is_repeated = number <= seen.sent;
    let is_planned = is_repeated || (seen.is_planned() && seen.failed + 1 == number);
    let is_beyond = usize::from(seen.step(number)) > max && !is_planned;
    let is_wrong = is_beyond || number == 0 || number > seen.sent + 1;
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
    let is_last = usize::from(ending.step) == max;
    let is_spent = ending.was_planned.map_or(is_last, |planned| !planned) || ending.is_deleted;
    let is_early = ending.end == End::Exhausted && !is_spent;
    is_early.then_some(Violation::WrongCount {
        event,
        endpoint,
        number,
        max,
    })
}
