//! Time as data: [`Timestamp`], [`Span`] and the pair [`Now`] that every decision is given.
//!
//! Nothing here reads a clock. Two kinds of time never mix: **steady** time never jumps or runs
//! back, and everything that waits, is due, orders or expires uses it; **wall** time is what people
//! and receivers see. A stepped system clock therefore changes no wait.

use core::fmt;

use thiserror::Error;

/// A point in time: microseconds since the Unix epoch, as a signed integer.
///
/// Whether it is steady or wall time is said by the field that holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// The last point in time that can be told.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch; saturates at the ends.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This point moved by `span`; saturates at the ends.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this point; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in microseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds; saturates at the ends.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds; saturates at the ends.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, rounded towards zero.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000
    }

    /// The same length as a `Duration`; a negative span is no time at all.
    #[must_use]
    pub const fn as_duration(self) -> core::time::Duration {
        core::time::Duration::from_micros(if self.0 < 0 { 0 } else { self.0.unsigned_abs() })
    }
}

/// `30 s`, `5 m`, `2 h`, `1 d`, `250 ms`: the largest unit that is whole, for people to read.
impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
            (1_000, "ms"),
        ];
        for (micros, unit) in UNITS {
            if self.0 != 0 && self.0 % micros == 0 {
                return write!(out, "{} {unit}", self.0 / micros);
            }
        }
        write!(out, "{} us", self.0)
    }
}

/// The two times of one moment; the first argument of every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Never jumps or runs back: for waits, order, ids and expiry.
    pub steady: Timestamp,
    /// What a clock on the wall shows: for signatures and for people.
    pub wall: Timestamp,
}

impl Now {
    /// Both times at the same point, as at the birth of a store and in simulations.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self {
            steady: time,
            wall: time,
        }
    }

    /// What a clock on the wall is expected to show at the steady time `due`.
    #[must_use]
    pub const fn wall_at(self, due: Timestamp) -> Timestamp {
        self.wall.plus(due.since(self.steady))
    }
}

/// Where steady time was fastened to the monotonic clock.
///
/// Steady time starts at wall time when a store is created and follows the monotonic clock from
/// there; the host gives the monotonic time gone by since the anchor was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    steady: Timestamp,
}

impl Anchor {
    /// Fastens steady time to `wall`, as at the creation of a store.
    #[must_use]
    pub const fn fresh(wall: Timestamp) -> Self {
        Self { steady: wall }
    }

    /// Goes on from `last`, the last pair that was kept: steady time is then what it was plus the
    /// wall time gone by since, which is never less than nothing.
    ///
    /// # Errors
    /// [`ClockError`] if more than `gap_max` went by, where there is such a bound: a wrong clock
    /// would let everything that waits fall due at once, for good.
    pub const fn resumed(
        last: Now,
        wall: Timestamp,
        gap_max: Option<Span>,
    ) -> Result<Self, ClockError> {
        let gone = wall.since(last.wall);
        if let Some(gap_max) = gap_max
            && gone.as_micros() > gap_max.as_micros()
        {
            return Err(ClockError {
                days: gone.as_millis() / 86_400_000,
            });
        }
        let gone = if gone.as_micros() < 0 {
            Span::ZERO
        } else {
            gone
        };
        Ok(Self {
            steady: last.steady.plus(gone),
        })
    }

    /// The pair for a moment `elapsed` after the anchor on the monotonic clock, at which the wall
    /// clock shows `wall`.
    #[must_use]
    pub const fn now(self, elapsed: Span, wall: Timestamp) -> Now {
        Now {
            steady: self.steady.plus(elapsed),
            wall,
        }
    }
}

/// The wall clock says that more time went by than is believed; the operator's to judge.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the clock says that {days} days went by since the store was last used: set the clock right, \
     or start with --trust-clock if that is so"
)]
pub struct ClockError {
    /// How many days went by.
    pub days: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_time_goes_on_from_the_last_pair_and_never_runs_back() {
        let last = Now {
            steady: Timestamp::from_millis(5_000),
            wall: Timestamp::from_millis(1_000_000),
        };
        let resumed = |wall_ms: i64, trusts: bool| {
            let gap_max = (!trusts).then_some(Span::from_seconds(30 * 86_400));
            let anchor = Anchor::resumed(last, Timestamp::from_millis(wall_ms), gap_max)?;
            Ok::<_, ClockError>(anchor.now(Span::ZERO, Timestamp::ZERO).steady.as_millis())
        };
        assert_eq!(resumed(1_002_000, false), Ok(7_000));
        assert_eq!(resumed(1, false), Ok(5_000));
        let month = 31 * 86_400_000;
        assert_eq!(
            resumed(1_000_000 + month, false),
            Err(ClockError { days: 31 })
        );
        assert_eq!(resumed(1_000_000 + month, true), Ok(5_000 + month));
    }

    #[test]
    fn a_wall_clock_step_leaves_steady_time_alone() {
        let anchor = Anchor::fresh(Timestamp::from_millis(1_000));
        let before = anchor.now(Span::from_seconds(1), Timestamp::from_millis(2_000));
        let after = anchor.now(Span::from_seconds(2), Timestamp::from_millis(-9_000));
        assert_eq!(after.steady.since(before.steady), Span::from_seconds(1));
        assert_eq!(after.wall, Timestamp::from_millis(-9_000));
    }

    #[test]
    fn a_due_time_is_shown_in_wall_time() {
        let now = Now {
            steady: Timestamp::from_millis(10),
            wall: Timestamp::from_millis(1_010),
        };
        assert_eq!(
            now.wall_at(Timestamp::from_millis(15)),
            Timestamp::from_millis(1_015)
        );
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::MAX.plus(Span::from_seconds(1)), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn spans_read_in_their_largest_whole_unit() {
        for (span, text) in [
            (Span::from_seconds(30), "30 s"),
            (Span::from_seconds(300), "5 m"),
            (Span::from_seconds(7_200), "2 h"),
            (Span::from_seconds(86_400), "1 d"),
            (Span::from_millis(1_500), "1500 ms"),
            (Span::ZERO, "0 us"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }
}
