//! When a failed delivery is tried again.
//!
//! The schedule counts from the end of an attempt. Its waits are spread by a keyed jitter so that
//! deliveries that failed together do not come back together. A receiver's `Retry-After` may delay
//! the next attempt, never hasten it below the schedule, and never beyond a day.

use super::jitter::spread;
use crate::{
    domain::attempt::RetryWait,
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
        let wait = self.wait(retry_after, draw, seed)?;
        Some(ended_at.plus(wait.whole()))
    }

    /// The wait from attempt number `draw.attempt` to the next one, and how it comes about; `None` if the
    /// schedule is spent.
    #[must_use]
    pub fn wait(&self, retry_after: Option<Span>, draw: Draw, seed: u64) -> Option<RetryWait> {
        let step = usize::try_from(draw.attempt.checked_sub(1)?).ok()?;
        let scheduled = *self.waits.get(step)?;
        Some(RetryWait {
            scheduled,
            jittered: self.jittered(scheduled, draw, seed),
            asked: retry_after.map(|asked| asked.min(self.retry_after_max)),
        })
    }

    /// The wait spread by the keyed jitter of this attempt.
    fn jittered(&self, wait: Span, draw: Draw, seed: u64) -> Span {
        let mut random = draw.stream(seed, "retry jitter");
        spread(wait, self.jitter, &mut random)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: u64 = 7;

    fn draw(event: u128, endpoint: u128, attempt: u32) -> Draw {
        Draw {
            event,
            endpoint,
            attempt,
        }
    }

    /// The wait after attempt `attempt` by the default schedule.
    fn wait(retry_after: Option<Span>, draw: Draw) -> Option<Span> {
        let due = RetryPolicy::default().next_due(retry_after, draw, SEED, Timestamp::ZERO);
        due.map(|due| due.since(Timestamp::ZERO))
    }

    #[test]
    fn there_are_ten_attempts_over_about_three_days() {
        let waits: Vec<Span> = (1..20).map_while(|n| wait(None, draw(1, 2, n))).collect();
        assert_eq!(waits.len() + 1, limits::ATTEMPTS_MAX);
        let total: i64 = waits.iter().map(|wait| wait.as_micros()).sum();
        let days = total / 86_400_000_000;
        assert!((2..=4).contains(&days), "{days}");
        assert_eq!(wait(None, draw(1, 2, 0)), None, "attempts count from 1");
    }

    #[test]
    fn the_first_waits_of_a_delivery_never_change() {
        // Golden values: a change here changes when every running delivery is tried again.
        let micros = |attempt| wait(None, draw(1, 2, attempt)).map(Span::as_micros);
        assert_eq!([micros(1), micros(2), micros(9)], GOLDEN);
    }

    const GOLDEN: [Option<i64>; 3] = [Some(4_585_821), Some(357_025_152), Some(73_180_055_969)];

    proptest! {
        /// The model: the scheduled wait, plus or minus a fifth; a `Retry-After` can only delay it,
        /// and not beyond a day.
        #[test]
        fn a_wait_lies_where_the_plain_model_has_it(
            event: u128, endpoint: u128, attempt in 1_u32..10,
            retry_after in prop::option::of(0_i64..200_000),
        ) {
            let asked = retry_after.map(Span::from_seconds);
            let waited = wait(asked, draw(event, endpoint, attempt)).expect("not spent");
            let scheduled = RetryPolicy::default().waits[attempt as usize - 1].as_micros();
            let day = Span::from_seconds(86_400);
            let floor = asked.map_or(0, |asked| asked.min(day).as_micros());
            prop_assert!(waited.as_micros() >= (scheduled * 4 / 5).max(floor));
            prop_assert!(waited.as_micros() <= (scheduled * 6 / 5).max(floor));
        }

        #[test]
        fn a_draw_depends_on_its_delivery_alone(event: u128, endpoint: u128, attempt in 1_u32..10) {
            let first = wait(None, draw(event, endpoint, attempt));
            prop_assert_eq!(first, wait(None, draw(event, endpoint, attempt)));
            let others = [
                wait(None, draw(event ^ 1, endpoint, attempt)),
                wait(None, draw(event, endpoint ^ 1, attempt)),
            ];
            prop_assert!(others.iter().all(|other| *other != first));
        }
    }

    #[test]
    fn deliveries_that_failed_together_come_back_spread_over_the_whole_range() {
        let waits: Vec<i64> = (0..1_000)
            .filter_map(|event| wait(None, draw(event, 1, 1)).map(Span::as_millis))
            .collect();
        let in_range = |low, high| {
            waits
                .iter()
                .filter(|wait| (low..high).contains(*wait))
                .count()
        };
        for fifth in 0..5 {
            let count = in_range(4_000 + fifth * 400, 4_400 + fifth * 400);
            assert!((150..250).contains(&count), "{fifth}: {count}");
        }
    }
}
