//! The engine's settings in a scenario file: the tables `[engine]` and `[retention]` of the
//! configuration file, read by the same code and held to the same bounds, and `[limits]` with what the
//! configuration keeps to itself.

use confique::{Config as _, Layer as _};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::section::{SPAN_MAX, Section};
use crate::{
    config::{
        bounds, circuit,
        error::ConfigError,
        settings::{EngineLayer, EngineSettings, RetentionLayer, RetentionSettings},
    },
    domain::master_key::MasterKey,
    engine::options::Options,
    random::Ratio,
    sim::{
        scenario::SIMULATED_MASTER_KEY,
        units::{self, SPAN_FORM},
    },
    store::{embedded::EmbeddedOptions, memory::MemoryOptions},
    time::Span,
};

/// The longest deadline of an attempt, and the longest that what came of one waits to be recorded: a run is
/// over a day after all of its work has expired.
const DAY: Span = Span::from_seconds(86_400);
/// The most that a payload has without padding, in bytes, and a little more.
const EVENT_BYTES: u64 = 100;
/// What a jitter must look like.
const JITTER_FORM: &str = "it must be per cent or a fraction up to 1, as \"20%\" or \"1/5\"";
/// What a heartbeat must look like.
const HEARTBEAT_FORM: &str =
    "it must be \"none\" or a time with its unit, as \"60s\", of 3660d at most";

/// The engine's settings and the deadline of an attempt, as the tables of `section` change them.
pub(super) fn engine(
    section: &Section<'_>,
    base: &Options,
    attempt_timeout: Span,
) -> (Options, Span) {
    let mut options = base.clone();
    let mut timeout = attempt_timeout;
    let layer: EngineLayer = layer(section, "engine").unwrap_or_else(EngineLayer::empty);
    let asked = EngineSettings::from_layer(layer);
    if let Ok(mut asked) = asked {
        // A window is held to the slots that there are.
        if asked.window_max.is_some() && asked.send_slots.is_none() {
            asked.send_slots = u64::try_from(base.send_slots).ok();
        }
        if asked.send_slots.is_some() && asked.window_max.is_none() {
            let window = asked
                .send_slots
                .map(|slots| slots.min(base.window_max.into()));
            asked.window_max = window.filter(|window| *window > 0);
        }
        if asked.send_slots.is_some()
            && let Some((slots, window)) = judged(section, bounds::windows(&asked))
        {
            (options.send_slots, options.window_max) = (slots, window);
        }
        if asked.host_window_max.is_some()
            && let Some(window) = judged(section, bounds::host_window(&asked))
        {
            options.host_window_max = window;
        }
        if asked.attempt_timeout_ms.is_some()
            && let Some(asked) = judged(section, bounds::attempt_timeout(&asked))
        {
            timeout = asked;
        }
        if asked.retry_waits_seconds.is_some()
            && let Some(policy) = judged(section, bounds::retry_policy(&asked))
        {
            options.retry.waits = policy.waits;
        }
        read_circuit(section, &mut asked, &mut options);
    }
    if let Some(limits) = section.section("limits") {
        check_once(section, &limits);
        read_limits(&limits, &mut options);
        if section.is_root() {
            let least = Span::from_millis(1);
            let asked = limits.span_within("attempt_timeout", least, DAY);
            timeout = asked.unwrap_or(timeout);
        }
        limits.close();
    }
    (options, timeout)
}

/// Settings of `[engine]`, each with its name in `[limits]`, where it has no bounds.
const SAID_IN_BOTH: [(&str, &str); 5] = [
    ("send_slots", "send_slots"),
    ("window_max", "window_max"),
    ("host_window_max", "host_window_max"),
    ("attempt_timeout_ms", "attempt_timeout"),
    ("retry_waits_seconds", "retry_waits"),
];

/// Notes what both tables say.
fn check_once(section: &Section<'_>, limits: &Section<'_>) {
    for (in_engine, in_limits) in SAID_IN_BOTH {
        if section.has_below("engine", in_engine) && limits.has(in_limits) {
            let (one, other) = (section.path("engine"), limits.path(in_limits));
            let what = format!("`{one}.{in_engine}` and `{other}` say the same: keep one of both");
            limits.object_to(in_limits, what);
        }
    }
}

/// When attempts are held back and endpoints disabled, where the file says so.
fn read_circuit(section: &Section<'_>, asked: &mut EngineSettings, options: &mut Options) {
    let is_on = asked
        .circuit_breaker
        .unwrap_or_else(|| options.circuit_breaker.is_some());
    asked.circuit_breaker = Some(is_on);
    let base = options.circuit_breaker.clone().unwrap_or_default();
    if let Some(policy) = judged(section, circuit::circuit_breaker(asked, &base)) {
        options.circuit_breaker = policy;
    }
    if asked.disable_after_hours.is_some()
        && let Some(after) = judged(section, circuit::disable_after(asked))
    {
        options.disable_after = after;
    }
}

/// A table of the configuration file, as the configuration reads it; of each key that it can't read it says so.
fn layer<L: for<'de> serde::Deserialize<'de>>(
    section: &Section<'_>,
    key: &'static str,
) -> Option<L> {
    let value = section.value(key)?;
    let read = |value: &Spanned<DeValue<'_>>| {
        let read = L::deserialize(ValueDeserializer::from(value.clone()));
        read.map_err(|error| in_words(error.message()))
    };
    let whole = read(value);
    let (Err(of_whole), path) = (&whole, section.path(key)) else {
        return whole.ok();
    };
    let mut is_told = false;
    let keys = value.get_ref().as_table().into_iter().flatten();
    for (name, of_key) in keys {
        let mut alone = DeTable::new();
        alone.insert(name.clone(), of_key.clone());
        let alone = Spanned::new(value.span(), DeValue::Table(alone));
        if let Err(error) = read(&alone) {
            let what = if error.starts_with("unknown field") {
                format!("[{path}]: {error}")
            } else {
                format!("`{path}.{}`: {error}", name.get_ref())
            };
            section.object_at(name.span().start, what);
            is_told = true;
        }
    }
    if !is_told {
        section.object_at(value.span().start, format!("[{path}]: {of_whole}"));
    }
    None
}

/// What a value should have been, in words that are not those of a programming language.
fn in_words(error: &str) -> String {
    [
        ("expected u64", "expected a whole number from 0"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
    ]
    .into_iter()
    .fold(error.to_owned(), |text, (of, words)| {
        text.replace(of, words)
    })
}

/// What the bounds of the configuration let pass; else their message at the key that it names.
fn judged<T>(section: &Section<'_>, found: Result<T, ConfigError>) -> Option<T> {
    let error = match found {
        Ok(found) => return Some(found),
        Err(error) => error,
    };
    let named = match &error {
        ConfigError::OutOfBounds { key, .. } => *key,
        _ => "engine.retry_waits_seconds",
    };
    let (table, key) = named.split_once('.').unwrap_or(("engine", named));
    section.object_below(table, key, error.to_string());
    None
}

/// What the configuration keeps to itself.
fn read_limits(limits: &Section<'_>, options: &mut Options) {
    if let Some(slots) = limits.size("send_slots", 1) {
        options.send_slots = slots;
    }
    if let Some(window) = limits.integer("window_max", 1..1 << 16) {
        options.window_max = u16::try_from(window).unwrap_or(u16::MAX);
    }
    if let Some(window) = limits.integer("host_window_max", 1..1 << 16) {
        options.host_window_max = u16::try_from(window).unwrap_or(u16::MAX);
    }
    for (key, size) in [
        ("ring_events_max", &mut options.ring_events_max),
        ("ring_bytes_max", &mut options.ring_bytes_max),
        ("ring_deliveries_max", &mut options.ring_deliveries_max),
        ("batch_bytes_max", &mut options.batch_bytes_max),
        ("page_rows", &mut options.page_rows),
        ("ordered_held_max", &mut options.ordered_held_max),
    ] {
        *size = limits.size(key, 1).unwrap_or(*size);
    }
    if let Some(rows) = limits.integer("open_rows_max", 1..1 << 48) {
        options.open_rows_max = rows;
    }
    let heartbeat = |text: &str| match text {
        "none" => Some(None),
        text => units::span(text)
            .filter(|span| (Span::from_micros(1)..=SPAN_MAX).contains(span))
            .map(Some),
    };
    if let Some(heartbeat) = limits.meant("heartbeat", heartbeat, HEARTBEAT_FORM) {
        options.heartbeat = heartbeat;
    }
    if let Some(delay) = limits.span_within("record_delay", Span::ZERO, DAY) {
        options.record_delay = delay;
    }
    if let Some(expires) = limits.some_span("expires_after") {
        options.expires_after = expires;
    }
    if let Some(longest) = limits.span("retry_after_max") {
        options.retry.retry_after_max = longest;
    }
    if let Some(jitter) = limits.meant("retry_jitter", ratio, JITTER_FORM) {
        options.retry.jitter = jitter;
    }
    if limits.has("retry_waits") {
        let waits = limits.texts("retry_waits").into_iter().map(|(text, at)| {
            let wait = units::span(text);
            let wait = wait.filter(|wait| (Span::from_micros(1)..=SPAN_MAX).contains(wait));
            if wait.is_none() {
                let form =
                    format!("a wait of {text:?}: {SPAN_FORM}, longer than 0s and 3660d at most");
                limits.object_at(at, form);
            }
            wait.unwrap_or(Span::ZERO)
        });
        options.retry.waits = waits.collect();
    } else {
        limits.allow("retry_waits");
    }
}

/// Reads a part of a whole.
fn ratio(text: &str) -> Option<Ratio> {
    if let Some(percent) = text.strip_suffix('%') {
        let percent: u32 = percent.parse().ok()?;
        return (percent <= 100).then(|| Ratio::percent(percent));
    }
    let (numerator, denominator) = text.split_once('/')?;
    let (numerator, denominator) = (numerator.parse().ok()?, denominator.parse().ok()?);
    (numerator <= denominator && denominator > 0).then(|| Ratio::new(numerator, denominator))
}

/// The memory store's settings; it has room for one event at least, with a padding of so many bytes.
pub(super) fn memory(
    section: &Section<'_>,
    base: MemoryOptions,
    padding_max: u32,
) -> MemoryOptions {
    let mut options = base;
    let event_bytes = EVENT_BYTES + u64::from(padding_max);
    if let Some(store) = section.section("store") {
        for (key, size, least) in [
            ("events_max", &mut options.events_max, 1),
            ("attempts_max", &mut options.attempts_max, 1),
            ("bytes_max", &mut options.bytes_max, event_bytes),
        ] {
            *size = store.size(key, least).unwrap_or(*size);
        }
        store.close();
    }
    options
}

/// The embedded store's settings.
pub(super) fn embedded(section: &Section<'_>) -> EmbeddedOptions {
    let mut options = EmbeddedOptions::default();
    let asked: Option<RetentionLayer> = layer(section, "retention");
    let asked = asked.and_then(|layer| RetentionSettings::from_layer(layer).ok());
    if let Some(asked) = asked
        && let Some(kept) = judged(section, bounds::retention(&asked))
    {
        options.payload_age = kept.payload;
        options.row_age = kept.attempt;
    }
    let Some(store) = section.section("store") else {
        return options;
    };
    if let Some(shards) = store.integer("data_shards", 1..1 << 10) {
        options.data_shards = u16::try_from(shards).unwrap_or(u16::MAX);
    }
    for (key, size) in [
        ("bucket_bytes", &mut options.bucket_bytes),
        ("reserve_bytes", &mut options.reserve_bytes),
    ] {
        *size = store.integer(key, 1..1 << 48).unwrap_or(*size);
    }
    for (key, span) in [
        ("bucket_age", &mut options.bucket_age),
        ("payload_age", &mut options.payload_age),
        ("row_age", &mut options.row_age),
        ("retain_every", &mut options.retain_every),
    ] {
        *span = store.span(key).unwrap_or(*span);
    }
    if let Some(attempts) = store.size("journal_attempts_max", 1) {
        options.journal_attempts_max = attempts;
    }
    if let Some(is_sealed) = store.flag("sealed") {
        options.master_key = is_sealed.then(|| MasterKey::new(SIMULATED_MASTER_KEY));
    }
    store.close();
    options
}
