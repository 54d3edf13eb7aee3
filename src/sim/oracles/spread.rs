//! L9: what fails together does not come back together: the waits of a schedule are spread over the whole of their
//! range, whatever event, endpoint or attempt they are of.

use crate::{
    policy::retry::RetryPolicy,
    sim::{pace::Pace, seen::Seen, witness::Witness},
    time::{Span, Timestamp},
};

/// Parts of a range, and how many waits are needed until something is said of them.
const PARTS: usize = 4;
const ENOUGH: u32 = 128;
/// Of so many the least share of one part: a quarter of what it has as a rule. By chance it has less once in
/// fifty million runs.
const LEAST: u32 = 16;
/// The shortest range that counts.
const RANGE_MIN: Span = Span::from_millis(100);

/// In which part of their range waits were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct SeenSpread {
    parts: [u32; PARTS],
}

impl SeenSpread {
    /// A wait ends at `due`, which is to lie between the other two.
    fn count(&mut self, due: Timestamp, (earliest, latest): (Timestamp, Timestamp)) {
        let range = latest.since(earliest).as_micros();
        let place = due.since(earliest).as_micros();
        if range < RANGE_MIN.as_micros() || !(0..=range).contains(&place) {
            return;
        }
        let part = i128::from(place) * i128::try_from(PARTS).unwrap_or(1) / i128::from(range);
        let part = usize::try_from(part).unwrap_or(PARTS).min(PARTS - 1);
        if let Some(count) = self.parts.get_mut(part) {
            *count = count.saturating_add(1);
        }
    }

    fn judge(&self) -> Option<Pace> {
        let waits = self
            .parts
            .iter()
            .fold(0, |sum: u32, count| sum.saturating_add(*count));
        let least = self.parts.iter().copied().min().unwrap_or(0);
        let is_short = waits >= ENOUGH && least < waits / LEAST;
        is_short.then_some(Pace::NotSpread { waits, least })
    }
}

/// How far the range of a wait reaches, if its receiver had no say in it.
fn range(policy: &RetryPolicy, step: u16) -> Option<Span> {
    let step = usize::from(step).checked_sub(1)?;
    let wait = policy.waits.get(step)?.as_micros();
    let jitter = policy.jitter;
    let part = i128::from(wait) * i128::from(jitter.numerator()) / i128::from(jitter.denominator());
    let part = i64::try_from(part).ok()?;
    Some(Span::from_micros(part.checked_mul(2)?))
}

impl Witness {
    /// The next attempt of a delivery is planned, after one of its schedule that failed.
    pub(in crate::sim) fn wait_spread(&mut self, seen: &Seen, due: Timestamp) {
        let step = seen.step(seen.failed);
        let (earliest, latest) = (seen.not_before, seen.not_after);
        // Rounding may take one microsecond at each end.
        let most = latest.since(earliest).as_micros();
        let is_free = range(&self.options.retry, step)
            .is_some_and(|range| (most - range.as_micros()).abs() <= 2);
        if is_free {
            self.happened.waits_spread += 1;
            self.spread.count(due, (earliest, latest));
        }
    }

    /// Judges how the waits of a run were spread.
    pub(in crate::sim) fn judge_spread(&mut self) {
        if let Some(violation) = self.spread.judge() {
            self.object(violation.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(waits: impl IntoIterator<Item = i64>) -> Option<Pace> {
        let mut seen = SeenSpread::default();
        let at = Timestamp::from_millis;
        for wait in waits {
            seen.count(at(wait), (at(800), at(1_200)));
        }
        seen.judge()
    }

    #[test]
    fn waits_over_the_whole_range_are_spread_and_those_over_half_of_it_are_not() {
        assert_eq!(judged((800..1_200).step_by(2)), None);
        let half = judged((800..1_000).step_by(1));
        let (waits, least) = (200, 0);
        assert_eq!(half, Some(Pace::NotSpread { waits, least }));
        assert_eq!(judged([900; 127]), None, "too few to tell");
        assert!(judged([900; 128]).is_some());
    }

    #[test]
    fn the_range_is_that_of_the_step() {
        let policy = RetryPolicy::default();
        assert_eq!(range(&policy, 1), Some(Span::from_millis(2_000)));
        assert_eq!(range(&policy, 0), None);
        assert_eq!(range(&policy, 10), None);
    }
}
