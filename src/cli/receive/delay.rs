//! A time as people write it: `2s`, `500ms`, `1m`.

use core::{fmt, str::FromStr, time::Duration};

use jiff::SignedDuration;
use thiserror::Error;

use crate::limits;

/// How long the receiver waits before it answers; at most `limits::RECEIVER_DELAY_MS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(Duration);

impl Delay {
    /// No wait.
    pub const NONE: Self = Self(Duration::ZERO);

    /// The length of the wait.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let duration: SignedDuration = text.parse().map_err(|_| DelayError::Form)?;
        let duration = Duration::try_from(duration).map_err(|_| DelayError::Length)?;
        if duration > Duration::from_millis(limits::RECEIVER_DELAY_MS_MAX) {
            return Err(DelayError::Length);
        }
        Ok(Self(duration))
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return out.write_str("0s");
        }
        write!(out, "{:?}", self.0)
    }
}

/// Why a text is no delay; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DelayError {
    /// Not a number with a unit.
    #[error("it must be a number with its unit, as 2s, 500ms or 1m")]
    Form,
    /// Negative or too long.
    #[error("it must be from 0s to 1h")]
    Length,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_number_with_its_unit() {
        for (text, ms) in [
            ("2s", 2_000),
            ("500ms", 500),
            ("1m", 60_000),
            ("1m 30s", 90_000),
            ("0s", 0),
            ("1h", 3_600_000),
        ] {
            let delay: Delay = text.parse().expect(text);
            assert_eq!(delay.duration(), Duration::from_millis(ms), "{text}");
        }
        assert_eq!("0s".parse(), Ok(Delay::NONE));
    }

    #[test]
    fn what_is_no_delay_is_refused() {
        for text in ["", "2", "s", "soon", "2 parsecs", "1.5.5s"] {
            assert_eq!(text.parse::<Delay>(), Err(DelayError::Form), "{text}");
        }
        for text in ["-2s", "2h", "3600001ms", "99999999999h"] {
            assert_eq!(text.parse::<Delay>(), Err(DelayError::Length), "{text}");
        }
    }

    #[test]
    fn a_delay_reads_back_as_what_it_is() {
        for text in ["2s", "500ms", "0s", "1m", "1m 30s"] {
            let delay: Delay = text.parse().expect(text);
            assert_eq!(delay.to_string().parse(), Ok(delay), "{text}");
        }
    }
}
