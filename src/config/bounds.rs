//! The numbers of the settings, held to the bounds within which the engine works.

use super::{
    Mode, Retention,
    error::ConfigError,
    settings::{EngineSettings, RetentionSettings, Settings},
};
use crate::{limits, policy::retry::RetryPolicy, runtime::recording::RecordingOptions, time::Span};

pub(super) fn generator_period(
    mode: Mode,
    settings: &Settings,
) -> Result<Option<u64>, ConfigError> {
    let usual = (mode == Mode::Dev).then_some(limits::GENERATOR_PERIOD_MS);
    let period = settings.generator_frequency_ms.or(usual);
    let bounded = period.map(|period| {
        within(
            "generator_frequency_ms",
            period,
            1,
            limits::GENERATOR_PERIOD_MS_MAX,
        )
    });
    bounded.transpose()
}

pub(super) fn within(
    key: &'static str,
    value: u64,
    least: u64,
    most: u64,
) -> Result<u64, ConfigError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::OutOfBounds {
            key,
            value,
            least,
            most,
        })
    }
}

/// How long ended work is kept; the rows as long as the payloads at least.
pub(super) fn retention(asked: &RetentionSettings) -> Result<Retention, ConfigError> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let days = |millis: i64| (millis / DAY_MS).unsigned_abs();
    let span = |days: u64| {
        let days = i64::try_from(days).unwrap_or(i64::MAX);
        Span::from_millis(days.saturating_mul(DAY_MS))
    };
    let attempt = within(
        "retention.attempt_days",
        asked
            .attempt_days
            .unwrap_or_else(|| days(limits::ROW_AGE_MS)),
        1,
        limits::RETENTION_DAYS_MAX,
    )?;
    let usual = days(limits::PAYLOAD_AGE_MS).min(attempt);
    let payload = within(
        "retention.payload_days",
        asked.payload_days.unwrap_or(usual),
        1,
        attempt,
    )?;
    Ok(Retention {
        payload: span(payload),
        attempt: span(attempt),
    })
}

/// Send slots, and the window of one endpoint, which is no larger.
pub(super) fn windows(engine: &EngineSettings) -> Result<(usize, u16), ConfigError> {
    let most = limits::SEND_SLOTS_MAX;
    let slots = engine.send_slots.map_or(Ok(most as u64), |slots| {
        within("engine.send_slots", slots, 1, most as u64)
    })?;
    let usual = u64::from(limits::WINDOW_MAX).min(slots);
    let widest = u64::from(limits::WINDOW_OVERRIDE_MAX).min(slots);
    let window = engine.window_max.map_or(Ok(usual), |window| {
        within("engine.window_max", window, 1, widest)
    })?;
    let slots = usize::try_from(slots).unwrap_or(most);
    Ok((slots, u16::try_from(window).unwrap_or(limits::WINDOW_MAX)))
}

/// The most that one host gets at once, over all endpoints.
pub(super) fn host_window(engine: &EngineSettings) -> Result<u16, ConfigError> {
    let usual = u64::from(limits::HOST_WINDOW_MAX);
    let window = within(
        "engine.host_window_max",
        engine.host_window_max.unwrap_or(usual),
        limits::HOST_WINDOW_MIN.into(),
        limits::SEND_SLOTS_MAX as u64,
    )?;
    Ok(u16::try_from(window).unwrap_or(limits::HOST_WINDOW_MAX))
}

/// What is recorded, if anything is.
pub(super) fn recording(settings: &Settings) -> Result<Option<RecordingOptions>, ConfigError> {
    let bytes_max = within(
        "record_max_bytes",
        settings.record_max_bytes.unwrap_or(limits::JOURNAL_BYTES),
        limits::JOURNAL_BYTES_MIN,
        u64::MAX / 2,
    )?;
    let with_bodies = settings.record_bodies;
    let path = settings.record.clone();
    Ok(path.map(|path| RecordingOptions {
        path,
        with_bodies,
        bytes_max,
    }))
}

pub(super) fn attempt_timeout(engine: &EngineSettings) -> Result<Span, ConfigError> {
    let asked = engine.attempt_timeout_ms;
    let timeout = within(
        "engine.attempt_timeout_ms",
        asked.unwrap_or(limits::ATTEMPT_TIMEOUT_MS),
        limits::ATTEMPT_TIMEOUT_MS_MIN,
        // Shutdown waits for attempts in flight, so none may outlast it.
        limits::DRAIN_TIMEOUT_MS,
    )?;
    Ok(Span::from_millis(
        i64::try_from(timeout).unwrap_or(i64::MAX),
    ))
}

pub(super) fn retry_policy(engine: &EngineSettings) -> Result<RetryPolicy, ConfigError> {
    let usual = RetryPolicy::default();
    let Some(waits) = &engine.retry_waits_seconds else {
        return Ok(usual);
    };
    let refuse = |reason| Err(ConfigError::RetryWaits { reason });
    if waits.len() > limits::RETRY_WAITS_MAX {
        return refuse("it has more than 32 waits");
    }
    if waits.contains(&0) {
        return refuse("a wait of 0 would hammer a receiver that fails; 1 is the least");
    }
    let sum = waits
        .iter()
        .try_fold(0_u64, |sum, wait| sum.checked_add(*wait));
    let limit_seconds = limits::EXPIRES_AFTER_MS.unsigned_abs() / 1_000;
    if sum.is_none_or(|sum| sum >= limit_seconds) {
        return refuse("its waits add up to 14 days or more, when open work expires");
    }
    let seconds = waits
        .iter()
        .map(|wait| i64::try_from(*wait).unwrap_or(i64::MAX));
    Ok(RetryPolicy {
        waits: seconds.map(Span::from_seconds).collect(),
        ..usual
    })
}
