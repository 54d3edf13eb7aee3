//! What goes wrong beside the receivers, in a scenario file: the table `[faults]` and the lists of
//! lives and troubles.

use super::{engine, receivers::OUTAGES, section::Section};
use crate::{
    engine::options::Options,
    limits,
    sim::{
        Faults,
        faults::{FailingCommit, Life, LifeEnd, Trouble},
        network::OutageKind,
        units::{self, shown_span},
    },
    time::Span,
};

/// Above any count that is told of.
const COUNT_END: u64 = 1 << 48;

/// Reads everything that goes wrong; lives begin with `base`, changed by what each says.
pub(super) fn faults(root: &Section<'_>, base: &Options) -> Faults {
    let mut faults = Faults::default();
    if let Some(section) = root.section("faults") {
        read_faults(&section, &mut faults);
        section.close();
    }
    let lives = root.sections("life");
    faults.lives = lives.iter().map(|section| life(section, base)).collect();
    let troubles = root.sections("trouble");
    faults.troubles = troubles.iter().filter_map(trouble).collect();
    faults
}

fn read_faults(section: &Section<'_>, faults: &mut Faults) {
    for (key, flag) in [
        ("split_turns", &mut faults.split_turns),
        ("late_loads", &mut faults.late_loads),
        ("failing_loads", &mut faults.failing_loads),
        ("gone_receiver", &mut faults.gone_receiver),
        ("odd_waits", &mut faults.odd_waits),
        ("partial_streams", &mut faults.partial_streams),
    ] {
        *flag = section.flag(key).unwrap_or(*flag);
    }
    for (key, share) in [
        ("odd_percent", &mut faults.odd_percent),
        ("unreached_percent", &mut faults.unreached_percent),
    ] {
        *share = section.small(key, 0..101).unwrap_or(*share);
    }
    faults.latency_us = span_range(section, "disk_latency", DISK_LATENCY_MAX);
    for commit in section.sections("failing_commits") {
        let number = commit.integer("number", 1..u64::MAX);
        let is_durable = commit.flag("durable").unwrap_or(false);
        commit.close();
        match number {
            Some(number) => faults
                .failing_commits
                .push(FailingCommit { number, is_durable }),
            None if commit.has("number") => {}
            None => commit.object("a failing commit needs its `number`, from 1"),
        }
    }
}

/// The longest time that a group or a page of a simulated disk takes.
const DISK_LATENCY_MAX: Span = Span::from_seconds(3_600);
/// What a range of times must look like.
const RANGE_FORM: &str =
    "it must be a time with its unit, as \"20ms\", or two of them, as \"20ms to 1s\"";

/// One time, or the shortest and the longest one, in microseconds; `longest` at most.
pub(super) fn span_range(
    section: &Section<'_>,
    key: &'static str,
    longest: Span,
) -> Option<(u64, u64)> {
    let (least, most) = section.meant(key, range_of, RANGE_FORM)?;
    if most > longest.as_micros().unsigned_abs() {
        let (path, longest) = (section.path(key), shown_span(longest));
        section.object_to(key, format!("`{path}` must be {longest} at most"));
        return None;
    }
    Some((least, most))
}

/// Reads one time, or two of them.
fn range_of(text: &str) -> Option<(u64, u64)> {
    let (least, most) = text.split_once(" to ").unwrap_or((text, text));
    let micros = |text: &str| {
        let span = units::span(text.trim())?;
        u64::try_from(span.as_micros()).ok()
    };
    let (least, most) = (micros(least)?, micros(most)?);
    (least <= most).then_some((least, most))
}

/// The grace of an orderly end that production gives.
const PRODUCTION_GRACE: Span = Span::from_millis(limits::DRAIN_TIMEOUT_MS.cast_signed());

fn life(section: &Section<'_>, base: &Options) -> Life {
    let end = section.section("ends").and_then(|ends| {
        let in_order = ends.section("in_order").and_then(|in_order| {
            let (after, grace) = (in_order.span("after"), in_order.span("grace"));
            in_order.close();
            if after.is_none() && !in_order.has("after") {
                in_order.object("an orderly end needs its time, as after = \"5m\"");
            }
            Some(LifeEnd::InOrder(after?, grace.unwrap_or(PRODUCTION_GRACE)))
        });
        let at_operation = ends.integer("at_operation", 0..COUNT_END);
        let untold = ends.integer("untold", 1..COUNT_END);
        let failing_sync = ends.integer("failing_sync", 0..COUNT_END);
        let choices = [
            ("after", ends.span("after").map(LifeEnd::After)),
            ("in_order", in_order),
            ("at_operation", at_operation.map(LifeEnd::AtOperation)),
            ("untold", untold.map(LifeEnd::Untold)),
            ("failing_sync", failing_sync.map(LifeEnd::FailingSync)),
        ];
        ends.close();
        one(&ends, choices)
    });
    if end.is_none() && !section.has("ends") {
        section.object(
            "a life needs its end, as ends = { after = \"5m\" }: after, in_order, at_operation, untold or \
             failing_sync",
        );
    }
    if section.has_below("engine", "attempt_timeout_ms") {
        section.object_below(
            "engine",
            "attempt_timeout_ms",
            "the deadline of an attempt is the same in all lives: set it in [engine]",
        );
    }
    let (options, _) = engine::engine(section, base, Span::ZERO);
    let life = Life {
        end: end.unwrap_or(LifeEnd::After(Span::ZERO)),
        is_power_lost: section.flag("power_lost").unwrap_or(false),
        down_for: section.span("down_for").unwrap_or(Span::from_seconds(1)),
        engine: options,
    };
    section.close();
    life
}

/// What goes wrong at a time.
pub(super) fn trouble(section: &Section<'_>) -> Option<(Span, Trouble)> {
    let disk_full = section.section("disk_full").and_then(|full| {
        let room = full.integer("room", 0..COUNT_END).unwrap_or(0);
        let lasts = full.some_span("for");
        full.close();
        if lasts.is_none() && !full.has("for") {
            full.object("a full disk needs how long it is so, as for = \"1m\"");
        }
        lasts.map(|lasts| Trouble::DiskFull(room, lasts))
    });
    let step = section.clock_step("wall_step");
    let clock = section.section("receiver_clock").and_then(|clock| {
        let endpoint = clock.small("endpoint", 0..u32::MAX);
        let ahead = clock.clock_step("ahead");
        let lasts = clock.some_span("for");
        clock.close();
        let needed = ["endpoint", "ahead", "for"];
        if !needed.into_iter().all(|key| clock.has(key)) {
            clock.object(
                "a receiver's clock needs whose it is, how far it is ahead and for how long, as \
                 endpoint = 0, ahead = \"-10m\" and for = \"1h\"",
            );
        }
        Some(Trouble::ReceiverClock(endpoint?, ahead?, lasts?))
    });
    let outage = section.section("outage").and_then(|outage| {
        let endpoint = outage.small("endpoint", 0..u32::MAX);
        let kind = outage.one_of("kind", &OUTAGES);
        let lasts = outage.some_span("for");
        outage.close();
        if !["endpoint", "for"].into_iter().all(|key| outage.has(key)) {
            outage.object(
                "an outage needs whose it is and how long it lasts, as endpoint = 0 and for = \"1h\"",
            );
        }
        let kind = kind.unwrap_or(OutageKind::Refuses);
        Some(Trouble::Outage(endpoint?, kind, lasts?))
    });
    let stall = section.some_span("stands_still");
    let shard_lost = is_set(section, "shard_lost");
    let inspection = is_set(section, "inspection");
    let choices = [
        ("disk_full", disk_full),
        ("wall_step", step.map(Trouble::WallStep)),
        ("stands_still", stall.map(Trouble::Stall)),
        ("receiver_clock", clock),
        ("outage", outage),
        ("shard_lost", shard_lost.then_some(Trouble::ShardLost)),
        ("inspection", inspection.then_some(Trouble::Inspection)),
    ];
    let at = section.span("at");
    section.close();
    let trouble = one(section, choices);
    if at.is_none() && !section.has("at") {
        section.object("a trouble needs its time, as at = \"5m\"");
    }
    Some((at?, trouble?))
}

pub(super) fn is_set(section: &Section<'_>, key: &'static str) -> bool {
    section.flag(key).unwrap_or(false)
}

/// The one choice that was made among these, by their keys; nothing where that is wrong in itself, which is
/// noted already.
pub(super) fn one<T: Copy, const COUNT: usize>(
    section: &Section<'_>,
    choices: [(&str, Option<T>); COUNT],
) -> Option<T> {
    let mut made = choices.iter().filter(|(key, _)| section.is_said(key));
    match (made.next(), made.next()) {
        (Some((_, choice)), None) => *choice,
        _ => {
            let keys = choices.map(|(key, _)| key).join(", ");
            section.object(format!("exactly one of these must be said: {keys}"));
            None
        }
    }
}
