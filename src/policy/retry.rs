//! When a failed delivery is tried again.
//!
//! The schedule counts from the end of an attempt. Its waits are spread by a keyed jitter so that
//! deliveries that failed together do not come back together. A receiver's `Retry-After` may delay
//! the next attempt, never hasten it below the schedule, and never beyond a day.

use crate::{
    limits,
    random::{Draw, Ratio},
    time::{Span, Timestamp},
};

/// A retry schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first, second … failed attempt; as many retries as there are entries.
    pub waits: Vec<Span>,
    /// How far a wait is spread to either side of its length.
    pub jitter: Ratio,
    /// The longest wait that a `Retry-After` can ask for.
    pub retry_after_max: Span,
}

impl Default for RetryPolicy {
    /// Ten attempts over about three days: after 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h and
    /// 24 h, spread by 20 per cent.
    fn default() -> Self {
        let waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self {
            waits: waits.map(Span::from_seconds).to_vec(),
            jitter: Ratio::percent(20),
            retry_after_max: Span::from_millis(limits::RETRY_AFTER_MAX_MS),
        }
    }
}

impl RetryPolicy {
    /// When the attempt after number `draw.attempt` may start at the earliest, in steady time;
    /// `None` if the schedule is spent.
    ///
    /// `ended_at` is the steady end of the failed attempt, `retry_after` what its receiver asked.
    #[must_use]
    pub fn next_due(
        &self,
        retry_after: Option<Span>,
        draw: Draw,
        seed: u64,
        ended_at: Timestamp,
    ) -> Option<Timestamp> {
        let step = usize::try_from(draw.attempt.checked_sub(1)?).ok()?;
        let wait = self.jittered(*self.waits.get(step)?, draw, seed);
        let asked = retry_after.map_or(wait, |asked| asked.min(self.retry_after_max));
        Some(ended_at.plus(wait.max(asked)))
    }

    /// The wait spread by the keyed jitter of this attempt.
    fn jittered(&self, wait: Span, draw: Draw, seed: u64) -> Span {
        let micros = wait.as_micros().max(0);
        let spread = i128::from(micros) * i128::from(self.jitter.numerator())
            / i128::from(self.jitter.denominator());
        let Ok(spread) = u64::try_from(spread) else {
            return wait;
        };
        let offset = draw
            .stream(seed, "retry jitter")
            .between(0, spread.saturating_mul(2));
        let moved = i128::from(micros) - i128::from(spread) + i128::from(offset);
        Span::from_micros(i64::try_from(moved).unwrap_or(i64::MAX))
    }
}
