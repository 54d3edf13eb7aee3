//! A scenario as the text of a file. What is as in production is left out.

mod receivers;
mod settings;

use core::fmt::Display;

use thiserror::Error;

use self::{
    receivers::{endpoint, outage_kind, write_neighbour},
    settings::{embedded, engine, memory},
};
use super::ScenarioFile;
use crate::{
    engine::options::Options,
    limits,
    sim::{
        Faults, Layer, Scenario, ScenarioError,
        by_hand::{Action, TaskKind},
        faults::{Life, LifeEnd, Trouble},
        units::{shown_rate, shown_span},
        workload::event_type,
    },
    time::Span,
};

/// Why there is no text for a scenario.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// It has what no file can say.
    #[error("a scenario file can't say {what}")]
    Unsayable {
        /// What.
        what: &'static str,
    },
    /// It can't run.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// Lines of text.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// Begins a table.
    fn table(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(name);
    }

    fn key(&mut self, key: &str, value: impl Display) {
        self.line(&format!("{key} = {value}"));
    }

    /// A key that is left out where it is usual.
    fn unless<T: PartialEq + Display>(&mut self, key: &str, value: T, usual: T) {
        if value != usual {
            self.key(key, value);
        }
    }

    fn span_unless(&mut self, key: &str, value: Span, usual: Span) {
        if value != usual {
            self.key(key, span(value));
        }
    }
}

/// Keys of a table that is left out where it would be empty.
fn keys(write: impl FnOnce(&mut Lines)) -> Option<String> {
    let mut lines = Lines::default();
    write(&mut lines);
    (!lines.0.is_empty()).then_some(lines.0)
}

/// A text as TOML has it.
fn text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn span(span: Span) -> String {
    text(&shown_span(span))
}

fn micros(micros: u64) -> String {
    shown_span(Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
}

fn range((least, most): (u64, u64)) -> String {
    if least == most {
        return text(&micros(least));
    }
    text(&format!("{} to {}", micros(least), micros(most)))
}

fn list(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    format!("[{}]", parts.join(", "))
}

/// Writes a file.
pub(super) fn write(file: &ScenarioFile) -> Result<String, WriteError> {
    let scenario = &file.scenario;
    let mut lines = Lines::default();
    if let Some(question) = &file.question {
        lines.key("question", text(question));
    }
    lines.unless("layer", text(scenario.layer.name()), text("core"));
    lines.key("seed", scenario.seed);
    lines.unless("seeds", file.seeds, 1);
    if scenario.receivers.is_empty() {
        lines.key("endpoints", scenario.endpoints);
    }
    lines.unless("endpoints_per_host", scenario.endpoints_per_host, 1);
    if let Some(rate) = scenario.application_rate {
        lines.key("application_rate", rate);
    }
    if !file.expectations.is_empty() {
        let expected = file.expectations.iter();
        lines.key(
            "expect",
            list(expected.map(|expected| text(&expected.to_string()))),
        );
    }
    traffic(&mut lines, scenario);
    for group in &scenario.receivers {
        lines.table("[[endpoint]]");
        endpoint(&mut lines, group);
    }
    for neighbour in &scenario.neighbours {
        write_neighbour(&mut lines, neighbour);
    }
    let production = Options::default();
    let usual_timeout = i64::try_from(limits::ATTEMPT_TIMEOUT_MS).unwrap_or(i64::MAX);
    let timeout = Some(scenario.attempt_timeout)
        .filter(|timeout| *timeout != Span::from_millis(usual_timeout));
    engine(&mut lines, "", &scenario.engine, &production, timeout)?;
    match &scenario.layer {
        Layer::Core(options) => {
            let usual = Scenario::new(scenario.seed, scenario.events, scenario.endpoints)?;
            if let Layer::Core(usual) = usual.layer {
                memory(&mut lines, *options, usual);
            }
        }
        Layer::Store(options) | Layer::Full(options) => embedded(&mut lines, options)?,
    }
    if let Some(healing) = scenario.healing {
        lines.table("[healing]");
        lines.key("at", span(healing.at));
        lines.key("core", healing.core);
    }
    for (at, action) in &scenario.by_hand {
        write_action(&mut lines, *at, *action);
    }
    faults(&mut lines, &scenario.faults);
    for life in &scenario.faults.lives {
        write_life(&mut lines, life, &scenario.engine)?;
    }
    for (at, trouble) in &scenario.faults.troubles {
        write_trouble(&mut lines, *at, *trouble);
    }
    if let Some(invariant) = &file.fails {
        lines.table("[fails]");
        lines.key("invariant", text(invariant));
    }
    Ok(lines.0)
}

fn traffic(lines: &mut Lines, scenario: &Scenario) {
    lines.table("[traffic]");
    if let Some(traffic) = &scenario.traffic {
        let steps = traffic.steps.iter().map(|step| {
            let rate = text(&shown_rate(step.events, step.per));
            format!("{{ rate = {rate}, for = {} }}", span(step.lasts))
        });
        let bursts = traffic.bursts.iter().map(|burst| {
            let at = span(burst.at);
            format!("{{ at = {at}, events = {} }}", burst.events)
        });
        for (key, parts) in [("steps", list(steps)), ("bursts", list(bursts))] {
            lines.unless(key, parts, "[]".to_owned());
        }
    } else {
        lines.key("events", scenario.events);
        lines.key("every", span(scenario.event_every));
    }
    if let Some(fan_out) = scenario.fan_out {
        lines.key("fan_out", fan_out);
    }
    lines.unless("event_types", scenario.event_types, 1);
    for (key, percent) in [
        ("named_percent", scenario.named_percent),
        ("keyed_percent", scenario.keyed_percent),
        ("twin_percent", scenario.twin_percent),
        ("repeat_percent", scenario.repeat_percent),
        ("other_body_percent", scenario.other_body_percent),
        ("bad_percent", scenario.bad_percent),
        ("later_percent", scenario.later_percent),
        ("tagged_percent", scenario.tagged_percent),
        ("brief_percent", scenario.brief_percent),
        ("throttled_percent", scenario.throttled_percent),
        ("ordering_keys", scenario.ordering_keys),
        ("in_order_percent", scenario.in_order_percent),
        ("padding_max", scenario.padding_max),
    ] {
        lines.unless(key, percent, 0);
    }
}

fn faults(lines: &mut Lines, faults: &Faults) {
    let keys = keys(|lines| {
        let commits = faults.failing_commits.iter().map(|commit| {
            let (number, durable) = (commit.number, commit.is_durable);
            format!("{{ number = {number}, durable = {durable} }}")
        });
        lines.unless("failing_commits", list(commits), "[]".to_owned());
        for (key, flag) in [
            ("split_turns", faults.split_turns),
            ("late_loads", faults.late_loads),
            ("failing_loads", faults.failing_loads),
            ("gone_receiver", faults.gone_receiver),
            ("odd_waits", faults.odd_waits),
            ("partial_streams", faults.partial_streams),
        ] {
            lines.unless(key, flag, false);
        }
        lines.unless("odd_percent", faults.odd_percent, 0);
        lines.unless("unreached_percent", faults.unreached_percent, 0);
        if let Some(latency) = faults.latency_us {
            lines.key("disk_latency", range(latency));
        }
    });
    if let Some(keys) = keys {
        lines.table("[faults]");
        lines.0.push_str(&keys);
    }
}

fn write_action(lines: &mut Lines, at: Span, action: Action) {
    lines.table("[[by_hand]]");
    lines.key("at", span(at));
    match action {
        Action::Move(endpoint) => lines.key("move", endpoint),
        Action::Refilter(endpoint, types) => {
            let numbers = (0..u8::BITS).filter(|number| types >> number & 1 == 1);
            let types = list(numbers.map(|number| text(&event_type(number))));
            let refilter = format!("{{ endpoint = {endpoint}, types = {types} }}");
            lines.key("refilter", refilter);
        }
        Action::Reorder(endpoint, ordering) => {
            let ordering = text(ordering.name());
            let reorder = format!("{{ endpoint = {endpoint}, ordering = {ordering} }}");
            lines.key("reorder", reorder);
        }
        Action::Rerate(endpoint, rate) => {
            let rate = rate.map_or_else(String::new, |rate| format!(", rate = {rate}"));
            lines.key("rerate", format!("{{ endpoint = {endpoint}{rate} }}"));
        }
        Action::Reheader(endpoint, fields) => {
            let reheader = format!("{{ endpoint = {endpoint}, fields = {fields} }}");
            lines.key("reheader", reheader);
        }
        Action::Rechannel(endpoint, of) => {
            let of = of.map_or_else(String::new, |of| format!(", of = {of}"));
            lines.key("rechannel", format!("{{ endpoint = {endpoint}{of} }}"));
        }
        Action::Rotate(endpoint, grace) => {
            let grace = span(grace);
            lines.key(
                "rotate",
                format!("{{ endpoint = {endpoint}, grace = {grace} }}"),
            );
        }
        Action::Disable(endpoint) => lines.key("disable", endpoint),
        Action::Enable(endpoint) => lines.key("enable", endpoint),
        Action::Delete(endpoint) => lines.key("delete", endpoint),
        Action::Resend(event, endpoint) => {
            let resend = format!("{{ event = {event}, endpoint = {endpoint} }}");
            lines.key("resend", resend);
        }
        Action::SetAside(act, event, endpoint) => {
            let delivery = format!("{{ event = {event}, endpoint = {endpoint} }}");
            lines.key(act.name(), delivery);
        }
        Action::Expunge(event) => lines.key("expunge", event),
        Action::Task(kind, event, endpoint) => {
            let key = match kind {
                TaskKind::Recover => "recover",
                TaskKind::ReplayMissing => "replay_missing",
                TaskKind::Replay => "replay",
            };
            lines.key(key, format!("{{ event = {event}, endpoint = {endpoint} }}"));
        }
        Action::CancelTask(endpoint) => lines.key("cancel_task", endpoint),
        Action::Add => lines.key("add", true),
    }
}

fn write_life(lines: &mut Lines, life: &Life, base: &Options) -> Result<(), WriteError> {
    lines.table("[[life]]");
    let end = match life.end {
        LifeEnd::AtOperation(number) => format!("at_operation = {number}"),
        LifeEnd::After(after) => format!("after = {}", span(after)),
        LifeEnd::Untold(number) => format!("untold = {number}"),
        LifeEnd::FailingSync(number) => format!("failing_sync = {number}"),
        LifeEnd::InOrder(after, grace) => {
            let (after, grace) = (span(after), span(grace));
            format!("in_order = {{ after = {after}, grace = {grace} }}")
        }
    };
    lines.key("ends", format!("{{ {end} }}"));
    lines.unless("power_lost", life.is_power_lost, false);
    lines.key("down_for", span(life.down_for));
    engine(lines, "life.", &life.engine, base, None)
}

fn write_trouble(lines: &mut Lines, at: Span, trouble: Trouble) {
    lines.table("[[trouble]]");
    lines.key("at", span(at));
    match trouble {
        Trouble::DiskFull(room, lasts) => {
            let lasts = span(lasts);
            lines.key("disk_full", format!("{{ room = {room}, for = {lasts} }}"));
        }
        Trouble::WallStep(step) => lines.key("wall_step", span(step)),
        Trouble::Stall(lasts) => lines.key("stands_still", span(lasts)),
        Trouble::ReceiverClock(endpoint, ahead, lasts) => {
            let (ahead, lasts) = (span(ahead), span(lasts));
            let clock = format!("{{ endpoint = {endpoint}, ahead = {ahead}, for = {lasts} }}");
            lines.key("receiver_clock", clock);
        }
        Trouble::Outage(endpoint, kind, lasts) => {
            let (kind, lasts) = (outage_kind(kind), span(lasts));
            let outage = format!("{{ endpoint = {endpoint}, kind = {kind}, for = {lasts} }}");
            lines.key("outage", outage);
        }
        Trouble::ShardLost => lines.key("shard_lost", true),
        Trouble::Inspection => lines.key("inspection", true),
    }
}
