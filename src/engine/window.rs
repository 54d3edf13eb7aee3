//! The earned window: how many attempts one endpoint may have in flight.
//!
//! It starts at one. After a round (as many attempts as the window is wide) in which work waited,
//! every attempt succeeded, send slots were free and no round trip took more than twice the least
//! one seen in the last minute, it grows by one. A failure halves it. So a slow but healthy
//! receiver earns more, a saturated machine or a failing receiver does not.

use crate::time::{Span, Timestamp};

/// The window of one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: u16,
    max: u16,
    /// Attempts until the round is over.
    round_left: u16,
    /// Whether the round met all conditions so far.
    round_clean: bool,
    /// Least round trip of this minute and of the one before.
    least: [Option<Span>; 2],
    minute: i64,
}

/// What a window is told about an attempt that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Whether it succeeded.
    pub(super) succeeded: bool,
    /// From its start to its end.
    pub(super) round_trip: Span,
    /// Whether more work waited for the endpoint.
    pub(super) work_waited: bool,
    /// Whether send slots were free.
    pub(super) slots_free: bool,
}

impl Window {
    /// A window of one that can grow to `max`.
    pub(super) fn new(max: u16) -> Self {
        let max = max.max(1);
        Self {
            size: 1,
            max,
            round_left: 1,
            round_clean: true,
            least: [None; 2],
            minute: 0,
        }
    }

    /// How many attempts may be in flight.
    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    /// Takes an ended attempt into account; `now` is steady time.
    pub(super) fn ended(&mut self, ended: Ended, now: Timestamp) {
        if !ended.succeeded {
            self.size = (self.size / 2).max(1);
            self.start_round();
            return;
        }
        let least = self.least_round_trip(ended.round_trip, now);
        let quick = ended.round_trip.as_micros() <= least.as_micros().saturating_mul(2);
        self.round_clean &= quick && ended.work_waited && ended.slots_free;
        self.round_left = self.round_left.saturating_sub(1);
        if self.round_left == 0 {
            if self.round_clean && self.size < self.max {
                self.size += 1;
            }
            self.start_round();
        }
    }

    fn start_round(&mut self) {
        self.round_left = self.size;
        self.round_clean = true;
    }

    /// The least round trip of this minute and the last, with this one counted.
    fn least_round_trip(&mut self, round_trip: Span, now: Timestamp) -> Span {
        let minute = now.as_seconds().div_euclid(60);
        if minute != self.minute {
            let [current, _] = self.least;
            self.least = [None, current.filter(|_| minute == self.minute + 1)];
            self.minute = minute;
        }
        let [current, previous] = &mut self.least;
        let least = current.map_or(round_trip, |least| least.min(round_trip));
        *current = Some(least);
        previous.map_or(least, |previous| previous.min(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Ended = Ended {
        succeeded: true,
        round_trip: Span::from_millis(10),
        work_waited: true,
        slots_free: true,
    };

    fn after(ended: &[Ended]) -> u16 {
        let mut window = Window::new(8);
        for (index, ended) in ended.iter().enumerate() {
            window.ended(*ended, Timestamp::from_millis(index as i64));
        }
        window.size()
    }

    #[test]
    fn it_grows_by_one_after_each_clean_round_up_to_its_cap() {
        assert_eq!(after(&[]), 1);
        assert_eq!(after(&[CLEAN]), 2);
        assert_eq!(after(&[CLEAN; 3]), 3);
        assert_eq!(after(&[CLEAN; 100]), 8);
    }

    #[test]
    fn a_failure_halves_it_and_never_below_one() {
        let failed = Ended {
            succeeded: false,
            ..CLEAN
        };
        let mut run = vec![CLEAN; 28];
        assert_eq!(after(&run), 8);
        run.push(failed);
        assert_eq!(after(&run), 4);
        assert_eq!(after(&[failed, failed]), 1);
    }

    #[test]
    fn idle_slow_or_crowded_rounds_earn_nothing() {
        for dull in [
            Ended {
                work_waited: false,
                ..CLEAN
            },
            Ended {
                slots_free: false,
                ..CLEAN
            },
        ] {
            assert_eq!(after(&[dull; 50]), 1);
        }
        let slow = Ended {
            round_trip: Span::from_millis(21),
            ..CLEAN
        };
        assert_eq!(after(&[CLEAN, slow, slow, slow, slow]), 2);
    }

    #[test]
    fn a_receiver_that_became_slower_earns_again_after_two_minutes() {
        let mut window = Window::new(8);
        window.ended(CLEAN, Timestamp::ZERO);
        let slow = Ended {
            round_trip: Span::from_millis(50),
            ..CLEAN
        };
        for second in [30, 59, 61, 100] {
            window.ended(slow, Timestamp::from_millis(second * 1_000));
        }
        assert_eq!(window.size(), 2);
        for second in [121, 122, 123, 124] {
            window.ended(slow, Timestamp::from_millis(second * 1_000));
        }
        assert!(window.size() > 2);
    }
}
