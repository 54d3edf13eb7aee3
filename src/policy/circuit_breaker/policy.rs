//! What a circuit breaker judges by.

use crate::{
    limits,
    policy::jitter::spread,
    random::{Draw, Ratio},
    time::{Span, Timestamp},
};

/// When a circuit opens and how it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitBreakerPolicy {
    /// How many of a hundred attempts must fail, from 1 to 100.
    pub failed_percent: u32,
    /// How many attempts there must be at least.
    pub attempts_min: u32,
    /// How far back attempts are looked at: over this half of it and the one before, in steady time.
    pub window: Span,
    /// The first pause; each further one is twice as long.
    pub pause: Span,
    /// The longest pause.
    pub pause_max: Span,
    /// How far a pause is spread to either side of its length.
    pub jitter: Ratio,
    /// How many attempts must succeed, one after the other, until attempts flow again.
    pub probes: u16,
    /// How many of a hundred of its usual attempts a recovering receiver gets; at least one attempt a
    /// second.
    pub recovery_percent: u32,
}

impl Default for CircuitBreakerPolicy {
    /// Open once 80 of 100 attempts failed, of at least ten in ten minutes; pauses of 30 s to 3 min,
    /// spread by 20 per cent; three attempts that succeed; twice the usual rate.
    fn default() -> Self {
        Self {
            failed_percent: 80,
            attempts_min: 10,
            window: Span::from_millis(limits::CIRCUIT_WINDOW_MS),
            pause: Span::from_millis(limits::CIRCUIT_PAUSE_MS),
            pause_max: Span::from_millis(limits::CIRCUIT_PAUSE_MAX_MS),
            jitter: Ratio::percent(20),
            probes: 3,
            recovery_percent: 200,
        }
    }
}

impl CircuitBreakerPolicy {
    /// How long the circuit of an endpoint stays open that is opened at `since`, for the
    /// `openings`th time in a row; a function of these and the seed alone.
    #[must_use]
    pub fn pause(&self, endpoint: u128, openings: u16, since: Timestamp, seed: u64) -> Span {
        let doublings = u32::from(openings.saturating_sub(1)).min(32);
        let grown = self.pause.as_micros().saturating_mul(1 << doublings);
        let pause = Span::from_micros(grown.min(self.pause_max.as_micros()));
        let draw = Draw {
            event: u128::from(since.as_micros().cast_unsigned()),
            endpoint,
            attempt: openings.into(),
        };
        let mut random = draw.stream(seed, "circuit pause");
        spread(pause, self.jitter, &mut random)
    }

    /// How many attempts a minute a receiver gets that recovers.
    pub(super) fn recovery_per_minute(&self, usual_per_minute: u32) -> u32 {
        let usual = u64::from(usual_per_minute) * u64::from(self.recovery_percent) / 100;
        u32::try_from(usual)
            .unwrap_or(u32::MAX)
            .max(limits::RECOVERY_PER_MINUTE_MIN)
    }

    /// Whether so many failures among so many attempts open a circuit.
    pub(super) fn opens(&self, (attempts, failed): (u64, u64)) -> bool {
        let percent = u64::from(self.failed_percent);
        attempts >= self.attempts_min.into() && failed * 100 >= attempts * percent
    }
}
