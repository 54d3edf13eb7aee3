//! Settings of the engine and the stores as tables of a scenario file.

use confique::{Config as _, Layer as _};

use super::{Lines, WriteError, keys, list, span, text};
use crate::{
    config::{
        bounds, circuit,
        settings::{EngineLayer, EngineSettings},
    },
    engine::options::Options,
    limits,
    sim::scenario::SIMULATED_MASTER_KEY,
    store::{embedded::EmbeddedOptions, memory::MemoryOptions},
    time::Span,
};

/// The engine's settings where they are other than `base`, in tables below `above`.
pub(super) fn engine(
    lines: &mut Lines,
    above: &str,
    options: &Options,
    base: &Options,
    timeout: Option<Span>,
) -> Result<(), WriteError> {
    let same = Options {
        seed: options.seed,
        ..base.clone()
    };
    for (is_other, what) in [
        (
            options.generator != same.generator,
            "that there is a generator",
        ),
        (options.rounds != same.rounds, "whose batches are observed"),
        (
            options.operational != same.operational,
            "who gets operational events",
        ),
    ] {
        if is_other {
            return Err(WriteError::Unsayable { what });
        }
    }
    let circuit = circuit_as_configured(options, base).ok_or(WriteError::Unsayable {
        what: "when circuits open",
    })?;
    let asked = as_configured(options, base, timeout);
    if let Some(keys) = keys(|lines| configured(lines, asked.as_ref().unwrap_or(&circuit))) {
        lines.table(&format!("[{above}engine]"));
        lines.0.push_str(&keys);
    }
    if let Some(keys) = keys(|lines| {
        let unsaid = asked.is_none().then_some(timeout);
        own_limits(lines, options, base, unsaid);
    }) {
        lines.table(&format!("[{above}limits]"));
        lines.0.push_str(&keys);
    }
    Ok(())
}

/// Whether the configuration can say what one host gets at once.
fn is_configurable(options: &Options) -> bool {
    let most = u64::try_from(limits::SEND_SLOTS_MAX).unwrap_or(u64::MAX);
    (limits::HOST_WINDOW_MIN.into()..=most).contains(&options.host_window_max.into())
}

/// What the configuration would have to say for what one host gets at once, and for when circuits open and endpoints are disabled, if it can.
fn circuit_as_configured(options: &Options, base: &Options) -> Option<EngineSettings> {
    let unsaid = EngineLayer::empty();
    let mut asked = EngineSettings::from_layer(unsaid).ok()?;
    let host_window = u64::from(options.host_window_max);
    let is_other = options.host_window_max != base.host_window_max;
    asked.host_window_max = (is_other && is_configurable(options)).then_some(host_window);
    let whole = |span: Span, unit_seconds: i64| {
        let unit = unit_seconds * 1_000_000;
        (span.as_micros() % unit == 0)
            .then(|| span.as_micros() / unit)
            .and_then(|units| u64::try_from(units).ok())
    };
    if options.disable_after != base.disable_after {
        asked.disable_after_hours = Some(
            options
                .disable_after
                .map_or(Some(0), |span| whole(span, 3_600))?,
        );
    }
    if options.circuit_breaker == base.circuit_breaker {
        return Some(asked);
    }
    let (before, now) = (
        base.circuit_breaker.as_ref(),
        options.circuit_breaker.as_ref(),
    );
    asked.circuit_breaker = (before.is_some() != now.is_some()).then_some(now.is_some());
    let Some(now) = now else {
        return Some(asked);
    };
    let usual = before.cloned().unwrap_or_default();
    let seconds = |span: Span, usual: Span| {
        if span == usual {
            Some(None)
        } else {
            whole(span, 1).map(Some)
        }
    };
    let number = |value: u32, usual: u32| (value != usual).then_some(u64::from(value));
    asked.circuit_failed_percent = number(now.failed_percent, usual.failed_percent);
    asked.circuit_attempts_min = number(now.attempts_min, usual.attempts_min);
    asked.circuit_window_seconds = seconds(now.window, usual.window)?;
    asked.circuit_pause_seconds = seconds(now.pause, usual.pause)?;
    asked.circuit_pause_max_seconds = seconds(now.pause_max, usual.pause_max)?;
    asked.circuit_probes = number(now.probes.into(), usual.probes.into());
    asked.circuit_recovery_percent = number(now.recovery_percent, usual.recovery_percent);
    let read = circuit::circuit_breaker(&asked, &usual).ok()?;
    (read.as_ref() == Some(now)).then_some(asked)
}

/// What the configuration would have to say for these settings, if it can say them.
fn as_configured(
    options: &Options,
    base: &Options,
    timeout: Option<Span>,
) -> Option<EngineSettings> {
    let has_windows =
        (options.send_slots, options.window_max) != (base.send_slots, base.window_max);
    let seconds = |wait: &Span| {
        let micros = u64::try_from(wait.as_micros()).ok()?;
        micros
            .is_multiple_of(1_000_000)
            .then_some(micros / 1_000_000)
    };
    let waits = options.retry.waits.iter().map(seconds);
    let asked = EngineSettings {
        send_slots: u64::try_from(options.send_slots)
            .ok()
            .filter(|_| has_windows),
        window_max: has_windows.then_some(options.window_max.into()),
        attempt_timeout_ms: timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
        retry_waits_seconds: if options.retry.waits == base.retry.waits {
            None
        } else {
            Some(waits.collect::<Option<_>>()?)
        },
        ..circuit_as_configured(options, base)?
    };
    if has_windows {
        let found = bounds::windows(&asked).ok()?;
        (found == (options.send_slots, options.window_max)).then_some(())?;
    }
    if let Some(timeout) = timeout {
        (bounds::attempt_timeout(&asked).ok()? == timeout).then_some(())?;
    }
    bounds::retry_policy(&asked).ok()?;
    Some(asked)
}

fn configured(lines: &mut Lines, asked: &EngineSettings) {
    if let Some(is_on) = asked.circuit_breaker {
        lines.key("circuit_breaker", is_on);
    }
    for (key, value) in [
        ("send_slots", asked.send_slots),
        ("window_max", asked.window_max),
        ("host_window_max", asked.host_window_max),
        ("attempt_timeout_ms", asked.attempt_timeout_ms),
        ("circuit_failed_percent", asked.circuit_failed_percent),
        ("circuit_attempts_min", asked.circuit_attempts_min),
        ("circuit_window_seconds", asked.circuit_window_seconds),
        ("circuit_pause_seconds", asked.circuit_pause_seconds),
        ("circuit_pause_max_seconds", asked.circuit_pause_max_seconds),
        ("circuit_probes", asked.circuit_probes),
        ("circuit_recovery_percent", asked.circuit_recovery_percent),
        ("disable_after_hours", asked.disable_after_hours),
    ] {
        if let Some(value) = value {
            lines.key(key, value);
        }
    }
    if let Some(waits) = &asked.retry_waits_seconds {
        lines.key(
            "retry_waits_seconds",
            list(waits.iter().map(u64::to_string)),
        );
    }
}

/// What the configuration keeps to itself, and what it could not say with the deadline of an attempt.
fn own_limits(lines: &mut Lines, options: &Options, base: &Options, unsaid: Option<Option<Span>>) {
    if let Some(timeout) = unsaid {
        if let Some(timeout) = timeout {
            lines.key("attempt_timeout", span(timeout));
        }
        lines.unless("send_slots", options.send_slots, base.send_slots);
        lines.unless("window_max", options.window_max, base.window_max);
        if options.retry.waits != base.retry.waits {
            let waits = options.retry.waits.iter();
            lines.key("retry_waits", list(waits.map(|wait| span(*wait))));
        }
    }
    if !is_configurable(options) {
        lines.unless(
            "host_window_max",
            options.host_window_max,
            base.host_window_max,
        );
    }
    for (key, size, usual) in [
        (
            "ring_events_max",
            options.ring_events_max,
            base.ring_events_max,
        ),
        (
            "batch_bytes_max",
            options.batch_bytes_max,
            base.batch_bytes_max,
        ),
        (
            "ring_bytes_max",
            options.ring_bytes_max,
            base.ring_bytes_max,
        ),
        (
            "ring_deliveries_max",
            options.ring_deliveries_max,
            base.ring_deliveries_max,
        ),
        ("page_rows", options.page_rows, base.page_rows),
        (
            "ordered_held_max",
            options.ordered_held_max,
            base.ordered_held_max,
        ),
    ] {
        lines.unless(key, size, usual);
    }
    lines.unless("open_rows_max", options.open_rows_max, base.open_rows_max);
    if options.heartbeat != base.heartbeat {
        let heartbeat = options.heartbeat.map_or_else(|| text("none"), span);
        lines.key("heartbeat", heartbeat);
    }
    lines.span_unless("record_delay", options.record_delay, base.record_delay);
    lines.span_unless("expires_after", options.expires_after, base.expires_after);
    lines.span_unless(
        "retry_after_max",
        options.retry.retry_after_max,
        base.retry.retry_after_max,
    );
    let jitter = options.retry.jitter;
    if jitter != base.retry.jitter {
        let fraction = format!("{}/{}", jitter.numerator(), jitter.denominator());
        lines.key("retry_jitter", text(&fraction));
    }
}

/// The memory store's settings.
pub(super) fn memory(lines: &mut Lines, options: MemoryOptions, usual: MemoryOptions) {
    let keys = keys(|lines| {
        lines.unless("events_max", options.events_max, usual.events_max);
        lines.unless("attempts_max", options.attempts_max, usual.attempts_max);
        lines.unless("bytes_max", options.bytes_max, usual.bytes_max);
    });
    if let Some(keys) = keys {
        lines.table("[store]");
        lines.0.push_str(&keys);
    }
}

/// The embedded store's settings.
pub(super) fn embedded(lines: &mut Lines, options: &EmbeddedOptions) -> Result<(), WriteError> {
    let usual = EmbeddedOptions::default();
    let is_sealed = options
        .master_key
        .as_ref()
        .map(|key| *key.expose() == SIMULATED_MASTER_KEY);
    if is_sealed == Some(false) {
        let what = "which master key there is";
        return Err(WriteError::Unsayable { what });
    }
    let keys = keys(|lines| {
        lines.unless("data_shards", options.data_shards, usual.data_shards);
        lines.unless("bucket_bytes", options.bucket_bytes, usual.bucket_bytes);
        lines.span_unless("bucket_age", options.bucket_age, usual.bucket_age);
        lines.span_unless("payload_age", options.payload_age, usual.payload_age);
        lines.span_unless("row_age", options.row_age, usual.row_age);
        lines.span_unless("retain_every", options.retain_every, usual.retain_every);
        lines.unless("reserve_bytes", options.reserve_bytes, usual.reserve_bytes);
        lines.unless(
            "journal_attempts_max",
            options.journal_attempts_max,
            usual.journal_attempts_max,
        );
        lines.unless("sealed", is_sealed.is_some(), false);
    });
    if let Some(keys) = keys {
        lines.table("[store]");
        lines.0.push_str(&keys);
    }
    Ok(())
}
