//! A scenario file from its text.

use toml::de::DeTable;

use super::{
    ScenarioFile, by_hand, engine, errors, going_wrong, layers, neighbours, numbering, receivers,
    section::{Fault, Faults, SPAN_MAX, Section},
};
use crate::{
    engine::options::Options,
    limits,
    sim::{
        Layer, Scenario,
        expectation::Expectation,
        traffic::{Burst, Step, Traffic},
    },
    time::Span,
};

/// The layers by name.
const LAYERS: [(&str, LayerKind); 3] = [
    ("core", LayerKind::Core),
    ("store", LayerKind::Store),
    ("full", LayerKind::Full),
];

/// Which layer.
#[derive(Clone, Copy)]
enum LayerKind {
    Core,
    Store,
    Full,
}

/// Events, and when they come.
enum Asked {
    Curve(Traffic),
    Even { events: u32, every: Span },
}

/// Why a policy has no deadline of attempts.
const NO_DEADLINE: &str = "a policy can't change the deadline of an attempt: what a receiver would have done within \
     another one is not recorded; leave it out";

/// Reads a policy's text.
///
/// # Errors
/// All that is wrong with it, by line; the fault of who wrote it.
pub(super) fn read_policy(text: &str, base: &Options) -> Result<Options, Vec<Fault>> {
    read_with(text, |root| {
        // Recorded attempts have their durations, whatever the deadline is.
        for (table, key) in [
            ("engine", "attempt_timeout_ms"),
            ("limits", "attempt_timeout"),
        ] {
            if root.has_below(table, key) {
                root.object_below(table, key, NO_DEADLINE);
            }
        }
        let timeout = i64::try_from(limits::ATTEMPT_TIMEOUT_MS).unwrap_or(i64::MAX);
        let (options, _) = engine::engine(root, base, Span::from_millis(timeout));
        root.close();
        Some(options)
    })
}

/// Reads a file's text.
///
/// # Errors
/// All that is wrong with it, by line; the fault of who wrote it.
pub(super) fn read(text: &str) -> Result<ScenarioFile, Vec<Fault>> {
    read_with(text, file)
}

/// Reads a text by `meaning`, which notes what is wrong and gives nothing only if something is.
fn read_with<T>(
    text: &str,
    meaning: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<T, Vec<Fault>> {
    let faults = Faults::of(text);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            faults.note(at, format!("this is not TOML: {}", error.message()));
            return Err(faults.into_found());
        }
    };
    let meant = meaning(&Section::root(&faults, table.get_ref()));
    let found = faults.into_found();
    match meant {
        Some(meant) if found.is_empty() => Ok(meant),
        _ => Err(found),
    }
}

fn file(root: &Section<'_>) -> Option<ScenarioFile> {
    let question = root.text("question").map(str::to_owned);
    let seeds = root.integer("seeds", 1..1 << 32).unwrap_or(1);
    let expected = expectations(root);
    let scenario = scenario(root);
    for (expectation, at) in &expected {
        if let Some(Err(reason)) = scenario.as_ref().map(|of| expectation.check(of)) {
            root.object_at(*at, reason.to_string());
        }
    }
    let fails = root.section("fails").and_then(|section| {
        let is_named = |name: &str| {
            let number = name.strip_prefix(['I', 'L'])?;
            number.parse::<u8>().ok().map(|_| name.to_owned())
        };
        let form = "it must be a property of docs/simulation.md by its name, as \"I7\"";
        let fails = section.meant("invariant", is_named, form);
        if !section.has("invariant") {
            section.object("it must say which property does not hold, as invariant = \"I7\"");
        }
        section.close();
        fails
    });
    let expectations = expected.into_iter().map(|(expectation, _)| expectation);
    root.close();
    Some(ScenarioFile {
        question,
        seeds,
        expectations: expectations.collect(),
        fails,
        scenario: scenario?,
    })
}

/// What is expected, each with where it stands.
fn expectations(root: &Section<'_>) -> Vec<(Expectation, usize)> {
    let texts = root.texts("expect").into_iter();
    let read = texts.filter_map(|(text, at)| match text.parse::<Expectation>() {
        Ok(expectation) => Some((expectation, at)),
        Err(error) => {
            root.object_at(at, error.to_string());
            None
        }
    });
    read.collect()
}

fn scenario(root: &Section<'_>) -> Option<Scenario> {
    let seed = root.integer("seed", 0..u64::MAX).unwrap_or(1);
    let kind = root.one_of("layer", &LAYERS).unwrap_or(LayerKind::Core);
    let traffic = root.section("traffic");
    let asked = traffic.as_ref().and_then(asked);
    if traffic.is_none() && !root.has("traffic") {
        root.object(
            "there is no traffic: say what comes, as [traffic] and in it steps = [{ rate = \"10/s\", \
             for = \"1h\" }]",
        );
    }
    let sized = sized(root, seed, asked);
    let is_whole = sized.is_some();
    // Whatever is wrong so far, the rest is looked at, too.
    let mut scenario = sized.or_else(|| Scenario::new(seed, 1, 1).ok())?;
    if let Some(traffic) = &traffic {
        read_workload(traffic, &mut scenario);
        traffic.close();
    }
    let production = Options::default();
    (scenario.engine, scenario.attempt_timeout) =
        engine::engine(root, &production, scenario.attempt_timeout);
    scenario.layer = match (kind, &scenario.layer) {
        (LayerKind::Core, Layer::Core(base)) => {
            Layer::Core(engine::memory(root, *base, scenario.padding_max))
        }
        (LayerKind::Full, _) => Layer::Full(engine::embedded(root)),
        _ => Layer::Store(engine::embedded(root)),
    };
    scenario.faults = going_wrong::faults(root, &scenario.engine);
    neighbours::neighbours(root, &mut scenario);
    by_hand::by_hand(root, &mut scenario);
    by_hand::healing(root, &mut scenario);
    layers::check(root, &scenario);
    if is_whole {
        numbering::check(root, &scenario);
        errors::check(root, &scenario);
    }
    is_whole.then_some(scenario)
}

/// A scenario with the events and endpoints that are said, if both are.
fn sized(root: &Section<'_>, seed: u64, asked: Option<Asked>) -> Option<Scenario> {
    let drawn = root.small("endpoints", 1..endpoints_end());
    let shared = root.small("endpoints_per_host", 1..endpoints_end());
    let rate = root.small("application_rate", 1..u32::from(u16::MAX) + 1);
    let named = receivers::groups(root);
    if drawn.is_some() && !named.is_empty() {
        root.object_to(
            "endpoints",
            "`endpoints` draws receivers from the seed, and [[endpoint]] says what they are: keep one of both",
        );
        return None;
    }
    if drawn.is_none() && named.is_empty() {
        if !root.has("endpoints") && !root.has("endpoint") {
            root.object(
                "there is no endpoint: describe some, as [[endpoint]] with a name, or let them be \
                 drawn, as endpoints = 10",
            );
        }
        return None;
    }
    let count: u64 = named.iter().map(|group| u64::from(group.count)).sum();
    let endpoints = drawn.unwrap_or_else(|| u32::try_from(count).unwrap_or(u32::MAX));
    let made = match asked? {
        Asked::Curve(traffic) => Scenario::rehearsal(seed, traffic, named, endpoints),
        Asked::Even { events, every } => {
            Scenario::new(seed, events, endpoints).map(|scenario| Scenario {
                event_every: every,
                receivers: named,
                ..scenario
            })
        }
    };
    let made = made.map(|scenario| Scenario {
        application_rate: rate.and_then(|rate| u16::try_from(rate).ok()),
        endpoints_per_host: shared.unwrap_or(1),
        ..scenario
    });
    made.map_err(|error| root.object_to("traffic", error.to_string()))
        .ok()
}

/// Above the most endpoints that there can be.
pub(super) fn endpoints_end() -> u32 {
    u32::try_from(limits::ENDPOINTS_PER_APPLICATION_MAX).map_or(u32::MAX, |most| most + 1)
}

/// What comes: a curve, or so many events in equal gaps.
fn asked(traffic: &Section<'_>) -> Option<Asked> {
    let events = traffic.small("events", 1..limits::SIMULATED_EVENTS_MAX + 1);
    let every = traffic.span("every");
    let steps: Vec<Option<Step>> = traffic.sections("steps").iter().map(step).collect();
    let bursts: Vec<Option<Burst>> = traffic.sections("bursts").iter().map(burst).collect();
    let has_curve = traffic.has("steps") || traffic.has("bursts");
    if has_curve && (traffic.has("events") || traffic.has("every")) {
        traffic.object(
            "`events` and `every` are for events in equal gaps, `steps` and `bursts` for a curve: keep one of both",
        );
        return None;
    }
    if !has_curve {
        if events.is_none() && !traffic.has("events") {
            traffic.object(
                "the traffic is empty: say steps = [{ rate = \"10/s\", for = \"1h\" }], bursts = [{ at = \
                 \"0s\", events = 100 }], or events = 100 and every = \"1s\"",
            );
        }
        let every = every.unwrap_or(Span::from_millis(100));
        check_lasts(traffic, events.unwrap_or(0), every);
        return events.map(|events| Asked::Even { events, every });
    }
    let curve = Traffic {
        steps: steps.into_iter().collect::<Option<_>>()?,
        bursts: bursts.into_iter().collect::<Option<_>>()?,
    };
    if curve.total() == 0 {
        traffic.object("the traffic is empty: no step and no burst has an event");
        return None;
    }
    if curve.lasts() > SPAN_MAX {
        traffic.object_to("steps", "the steps must be 3660d at most together");
    }
    Some(Asked::Curve(curve))
}

/// Notes if so many events in such gaps come for longer than can be said.
pub(super) fn check_lasts(section: &Section<'_>, events: u32, every: Span) {
    let lasts = every.as_micros().saturating_mul(events.into());
    if lasts > SPAN_MAX.as_micros() {
        let what = "`events` times `every` must be 3660d at most: choose fewer, or a shorter time";
        section.object_to("every", what);
    }
}

fn step(section: &Section<'_>) -> Option<Step> {
    let rate = section.rate("rate");
    let lasts = section.some_span("for");
    section.close();
    for (key, form) in [("rate", "rate = \"10/s\""), ("for", "for = \"1h\"")] {
        if !section.has(key) {
            section.object(format!("a step needs its `{key}`, as {form}"));
        }
    }
    let ((events, per), lasts) = (rate?, lasts?);
    Some(Step { events, per, lasts })
}

fn burst(section: &Section<'_>) -> Option<Burst> {
    let at = section.span("at");
    let events = section.integer("events", 1..u64::from(limits::SIMULATED_EVENTS_MAX) + 1);
    section.close();
    for (key, form) in [("at", "at = \"5m\""), ("events", "events = 1000")] {
        if !section.has(key) {
            section.object(format!("a burst needs its `{key}`, as {form}"));
        }
    }
    let (at, events) = (at?, events?);
    Some(Burst { at, events })
}

/// What producers do beside handing in.
fn read_workload(traffic: &Section<'_>, scenario: &mut Scenario) {
    for (key, percent) in [
        ("named_percent", &mut scenario.named_percent),
        ("keyed_percent", &mut scenario.keyed_percent),
        ("twin_percent", &mut scenario.twin_percent),
        ("repeat_percent", &mut scenario.repeat_percent),
        ("other_body_percent", &mut scenario.other_body_percent),
        ("bad_percent", &mut scenario.bad_percent),
        ("later_percent", &mut scenario.later_percent),
        ("tagged_percent", &mut scenario.tagged_percent),
        ("brief_percent", &mut scenario.brief_percent),
        ("throttled_percent", &mut scenario.throttled_percent),
        ("in_order_percent", &mut scenario.in_order_percent),
    ] {
        *percent = traffic.small(key, 0..101).unwrap_or(*percent);
    }
    if let Some(types) = traffic.small("event_types", 1..limits::SIMULATED_EVENT_TYPES_MAX + 1) {
        scenario.event_types = types;
    }
    if let Some(keys) = traffic.small("ordering_keys", 0..limits::SIMULATED_ORDERING_KEYS_MAX + 1) {
        scenario.ordering_keys = keys;
    }
    let most = u32::try_from(limits::CHANNELS_MAX).unwrap_or(u32::MAX);
    scenario.fan_out = traffic.small("fan_out", 1..most.min(scenario.endpoints) + 1);
    let padding_end = u32::try_from(limits::REQUEST_BODY_BYTES_MAX / 2).unwrap_or(u32::MAX);
    if let Some(bytes) = traffic.small("padding_max", 0..padding_end) {
        scenario.padding_max = bytes;
        let most = limits::SIMULATED_PADDING_BYTES_MAX;
        let all = u64::from(bytes) * u64::from(scenario.events);
        if all > most {
            let what = format!("`padding_max` times the events is {all}: at most {most} are kept");
            traffic.object_to("padding_max", what);
        }
    }
}
