//! The circuit breaker of the settings, held to the bounds within which it works.

use super::{bounds::within, error::ConfigError, settings::EngineSettings};
use crate::{limits, policy::circuit_breaker::CircuitBreakerPolicy, time::Span};

const HOUR_SECONDS: u64 = 60 * 60;

/// What the settings make of the usual breaker; `None` if attempts are never held back.
pub(super) fn usual(asked: &EngineSettings) -> Result<Option<CircuitBreakerPolicy>, ConfigError> {
    circuit_breaker(asked, &CircuitBreakerPolicy::default())
}

/// What of `base` the settings change; `None` if attempts are never held back.
pub(super) fn circuit_breaker(
    asked: &EngineSettings,
    base: &CircuitBreakerPolicy,
) -> Result<Option<CircuitBreakerPolicy>, ConfigError> {
    let day = 24 * HOUR_SECONDS;
    let number = |key, asked: Option<u64>, usual: u64, least, most| {
        asked.map_or(Ok(usual), |value| within(key, value, least, most))
    };
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let seconds = |value: u64| Span::from_seconds(i64::try_from(value).unwrap_or(i64::MAX));
    let span = |key, asked: Option<u64>, usual: Span, (least, most)| {
        asked.map_or(Ok(usual), |value| {
            within(key, value, least, most).map(seconds)
        })
    };
    let pause = span(
        "engine.circuit_pause_seconds",
        asked.circuit_pause_seconds,
        base.pause,
        (1, day),
    )?;
    let least = pause.as_micros().unsigned_abs().div_ceil(1_000_000);
    let policy = CircuitBreakerPolicy {
        failed_percent: small(number(
            "engine.circuit_failed_percent",
            asked.circuit_failed_percent,
            base.failed_percent.into(),
            1,
            100,
        )?),
        attempts_min: small(number(
            "engine.circuit_attempts_min",
            asked.circuit_attempts_min,
            base.attempts_min.into(),
            1,
            1_000_000,
        )?),
        window: span(
            "engine.circuit_window_seconds",
            asked.circuit_window_seconds,
            base.window,
            (2, day),
        )?,
        pause,
        // The longest pause is no shorter than the first.
        pause_max: span(
            "engine.circuit_pause_max_seconds",
            asked.circuit_pause_max_seconds,
            base.pause_max.max(pause),
            (least, day),
        )?,
        jitter: base.jitter,
        probes: u16::try_from(number(
            "engine.circuit_probes",
            asked.circuit_probes,
            base.probes.into(),
            1,
            1_000,
        )?)
        .unwrap_or(u16::MAX),
        recovery_percent: small(number(
            "engine.circuit_recovery_percent",
            asked.circuit_recovery_percent,
            base.recovery_percent.into(),
            100,
            100_000,
        )?),
    };
    Ok(asked.circuit_breaker.unwrap_or(true).then_some(policy))
}

/// How long attempts to an endpoint may fail until it is disabled; `None` if for ever.
pub(super) fn disable_after(asked: &EngineSettings) -> Result<Option<Span>, ConfigError> {
    let usual = limits::DISABLE_AFTER_MS.unsigned_abs() / 1_000 / HOUR_SECONDS;
    let hours = within(
        "engine.disable_after_hours",
        asked.disable_after_hours.unwrap_or(usual),
        0,
        365 * 24,
    )?;
    let seconds = i64::try_from(hours * HOUR_SECONDS).unwrap_or(i64::MAX);
    Ok((hours > 0).then(|| Span::from_seconds(seconds)))
}
