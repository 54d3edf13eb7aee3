//! The oracle: what must hold in every run, one judgement per property, on plain facts that the
//! world saw. It trusts neither the engine's counters nor its code; it reads the retry policy's
//! numbers and nothing else of it.

use super::odd_waits;
pub use super::{end::End, violation::Violation};
use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    policy::retry::RetryPolicy,
    time::{Span, Timestamp},
};

/// Whether an outcome is a success: 2xx, whatever else came (I5).
#[must_use]
pub const fn is_success(outcome: &Outcome) -> bool {
    matches!(outcome.kind, OutcomeKind::Status(200..=299))
}

/// The earliest time of the next attempt after the failed one with this number (I7, I8): the
/// shortest jittered wait, or what the receiver asked for, clamped. `wall` is what the process's wall
/// clock shows at the end of the failed one.
#[must_use]
pub fn earliest_next(
    policy: &RetryPolicy,
    number: u16,
    outcome: &Outcome,
    ended_at: Timestamp,
    wall: Timestamp,
) -> Timestamp {
    let step = usize::from(number).saturating_sub(1);
    let wait = policy.waits.get(step).copied().unwrap_or_default();
    let jitter = policy.jitter;
    let kept = i64::from(jitter.denominator() - jitter.numerator());
    let shortest = Span::from_micros(
        wait.as_micros()
            .saturating_mul(kept)
            .div_euclid(jitter.denominator().into()),
    );
    ended_at.plus(shortest.max(asked_wait(policy, outcome, wall)))
}

/// The latest time for which the next attempt may be planned, by the same; that there is none behind the
/// last one is another property (I9).
#[must_use]
pub fn latest_next(
    policy: &RetryPolicy,
    number: u16,
    outcome: &Outcome,
    ended_at: Timestamp,
    wall: Timestamp,
) -> Timestamp {
    let step = usize::from(number).saturating_sub(1);
    let Some(wait) = policy.waits.get(step) else {
        return Timestamp::MAX;
    };
    let jitter = policy.jitter;
    let most = i128::from(jitter.denominator()) + i128::from(jitter.numerator());
    let longest = i128::from(wait.as_micros()) * most / i128::from(jitter.denominator());
    let longest = Span::from_micros(i64::try_from(longest).unwrap_or(i64::MAX));
    ended_at.plus(longest.max(asked_wait(policy, outcome, wall)))
}

/// What a receiver asked for, clamped.
fn asked_wait(policy: &RetryPolicy, outcome: &Outcome, wall: Timestamp) -> Span {
    // A receiver that is gone has no say in when it is tried again.
    let asked = (outcome.kind != OutcomeKind::Status(410))
        .then_some(outcome.retry_after.as_deref())
        .flatten()
        .and_then(|text| odd_waits::meaning(text, wall));
    asked.unwrap_or_default().min(policy.retry_after_max)
}

/// The attempts of a schedule: the first and one after each wait (I9).
#[must_use]
pub const fn attempts_max(policy: &RetryPolicy) -> usize {
    policy.waits.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_attempt_waits_for_the_schedule_or_the_receiver() {
        let policy = RetryPolicy::default();
        let at = Timestamp::from_millis;
        let earliest_next = |policy: &RetryPolicy, number, outcome: &Outcome, ended_at| {
            earliest_next(policy, number, outcome, ended_at, at(1_000))
        };
        let latest = |outcome: &Outcome| latest_next(&policy, 1, outcome, at(0), at(1_000));
        let mut outcome = Outcome::without_reply(OutcomeKind::Status(503), Span::ZERO);
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(4_000));
        assert_eq!(earliest_next(&policy, 2, &outcome, at(7)), at(240_007));
        assert_eq!(latest(&outcome), at(6_000));
        outcome.retry_after = Some("60".into());
        assert_eq!(latest(&outcome), at(60_000));
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(60_000));
        outcome.retry_after = Some("999999".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(86_400_000));
        assert_eq!(latest(&outcome), at(86_400_000));
        outcome.retry_after = Some("Thu, 01 Jan 1970 00:01:01 GMT".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(60_000));
        outcome.retry_after = Some("soon".into());
        assert_eq!(earliest_next(&policy, 1, &outcome, at(0)), at(4_000));
        assert_eq!(attempts_max(&policy), 10);
    }

    #[test]
    fn only_2xx_is_a_success() {
        for (kind, expected) in [
            (OutcomeKind::Status(199), false),
            (OutcomeKind::Status(204), true),
            (OutcomeKind::Status(302), false),
            (OutcomeKind::Refused, false),
        ] {
            let outcome = Outcome::without_reply(kind, Span::ZERO);
            assert_eq!(is_success(&outcome), expected, "{kind:?}");
        }
    }
}
