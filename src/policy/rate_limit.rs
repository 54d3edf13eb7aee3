//! How often something may happen: so many times a second, in integers, without a timer.
//!
//! The generic cell rate algorithm: what is kept is the time at which the next one would be due if
//! all came evenly spaced. Whoever is ahead of it by more than a second's worth must wait.

use crate::time::{Span, Timestamp};

/// How far ahead of the even rhythm attempts to an endpoint may be, in microseconds: so a fast rate needs no
/// timer for each of them.
const PACED_AHEAD_US: i64 = 10_000;

/// What one limit remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The time between two that come evenly, in microseconds.
    interval_us: i64,
    /// How far ahead of that rhythm one may be, in microseconds.
    ahead_us: i64,
    /// When the next one would be due in that rhythm.
    due: Timestamp,
}

impl RateLimit {
    /// So many a second, at least one; after a rest as many may come at once.
    #[must_use]
    pub fn per_second(count: u16) -> Self {
        const SECOND_US: i64 = 1_000_000;
        let interval_us = SECOND_US / i64::from(count.max(1));
        Self {
            interval_us,
            ahead_us: SECOND_US - interval_us,
            due: Timestamp::ZERO,
        }
    }

    /// So many a second, at least one, evenly: of slow rates one at a time, of fast ones those of a
    /// hundredth of a second together. None is taken before one interval after `from`, in steady time, as if one
    /// had been taken then.
    #[must_use]
    pub fn paced(count: u16, from: Timestamp) -> Self {
        const SECOND_US: i64 = 1_000_000;
        Self::even(SECOND_US, count.into(), from)
    }

    /// So many a minute, at least one, as [`paced`](Self::paced) does it.
    #[must_use]
    pub fn paced_per_minute(count: u32, from: Timestamp) -> Self {
        const MINUTE_US: i64 = 60_000_000;
        Self::even(MINUTE_US, count, from)
    }

    fn even(span_us: i64, count: u32, from: Timestamp) -> Self {
        let count = i64::from(count.max(1));
        let interval_us = (span_us + count - 1) / count;
        let ahead_us = (PACED_AHEAD_US - interval_us).max(0);
        Self {
            interval_us,
            ahead_us,
            due: from.plus(Span::from_micros(interval_us.saturating_add(ahead_us))),
        }
    }

    /// When the next one is taken, if not at `now`; in steady time.
    #[must_use]
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let opens_at = self.due.plus(Span::from_micros(-self.ahead_us));
        (opens_at > now).then_some(opens_at)
    }

    /// Takes one at `now`, in steady time.
    ///
    /// # Errors
    /// How long to wait until one is taken again; this one does not count.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Span> {
        let due = self.due.max(now);
        let early_us = due.since(now).as_micros().saturating_sub(self.ahead_us);
        if early_us > 0 {
            return Err(Span::from_micros(early_us));
        }
        self.due = due.plus(Span::from_micros(self.interval_us));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_764_000_000_000);

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_one_each_interval() {
        let mut limit = RateLimit::per_second(4);
        for _ in 0..4 {
            assert_eq!(limit.take(START), Ok(()));
        }
        assert_eq!(limit.take(START), Err(Span::from_millis(250)));
        let later = |millis| START.plus(Span::from_millis(millis));
        assert_eq!(limit.take(later(249)), Err(Span::from_millis(1)));
        assert_eq!(limit.take(later(250)), Ok(()));
        assert!(limit.take(later(250)).is_err());
    }

    #[test]
    fn one_a_second_is_one_a_second() {
        let mut limit = RateLimit::per_second(1);
        assert_eq!(limit.take(START), Ok(()));
        let half = START.plus(Span::from_millis(500));
        assert_eq!(limit.take(half), Err(Span::from_millis(500)));
        assert_eq!(limit.take(START.plus(Span::from_seconds(1))), Ok(()));
    }

    #[test]
    fn what_is_paced_begins_after_an_interval_and_comes_evenly() {
        let mut limit = RateLimit::paced(4, START);
        let later = |millis| START.plus(Span::from_millis(millis));
        assert_eq!(limit.opens_at(START), Some(later(250)));
        assert_eq!(limit.opens_at(later(250)), None);
        assert_eq!(limit.take(later(250)), Ok(()));
        assert_eq!(limit.opens_at(later(250)), Some(later(500)));
        assert_eq!(limit.take(later(9_000)), Ok(()));
        assert_eq!(limit.opens_at(later(9_000)), Some(later(9_250)));
        // Of a fast rate a hundredth of a second's worth comes together.
        let mut fast = RateLimit::paced(1_000, START);
        let mut taken = 0;
        while fast.take(later(1_000)).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 10);
    }

    proptest! {
        #[test]
        fn what_is_paced_never_comes_faster_than_its_rate_and_a_hundredth_of_a_second(
            count in 1_u16..=u16::MAX,
            gaps in prop::collection::vec(0_i64..2_000_000, 1..200),
        ) {
            let mut limit = RateLimit::paced(count, START);
            let mut now = START;
            let mut taken = vec![START];
            for gap in gaps {
                now = limit.opens_at(now).unwrap_or(now).plus(Span::from_micros(gap / i64::from(count)));
                prop_assert_eq!(limit.take(now), Ok(()));
                taken.push(now);
            }
            for (index, at) in taken.iter().enumerate() {
                for (further, before) in taken.iter().take(index).rev().enumerate() {
                    let sends = i64::try_from(further).expect("few") + 1;
                    let least = sends * 1_000_000 / i64::from(count) - PACED_AHEAD_US;
                    prop_assert!(at.since(*before).as_micros() >= least);
                }
            }
        }

        #[test]
        fn in_no_second_more_than_twice_the_count_is_taken_and_a_wait_is_enough(
            count in 1_u16..500,
            gaps in prop::collection::vec(0_i64..20_000, 1..400),
        ) {
            let mut limit = RateLimit::per_second(count);
            let mut now = START;
            let mut taken: Vec<Timestamp> = Vec::new();
            for gap in gaps {
                now = now.plus(Span::from_micros(gap));
                match limit.take(now) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        let mut later = limit;
                        prop_assert!(later.take(now.plus(wait)).is_ok());
                    }
                }
            }
            for (first, start) in taken.iter().enumerate() {
                let end = start.plus(Span::from_seconds(1));
                let within = taken.iter().skip(first).take_while(|at| **at < end).count();
                prop_assert!(within <= 2 * usize::from(count));
            }
        }
    }
}
