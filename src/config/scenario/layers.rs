//! What a layer does not have: it would be read and never happen, so a file that says it is told so.

use super::section::Section;
use crate::sim::{
    Layer, Scenario,
    faults::{Life, LifeEnd},
};

/// The longest time that a group or a page takes where a producer waits a minute for its answer, in
/// microseconds: what it asked for stands behind other groups, and is loaded again by other pages.
const LATENCY_MAX_US: u64 = 10_000_000;
/// What is to be done about all of it.
const SET_LAYER: &str = "set `layer`, or leave it out";

/// Notes what would never happen in the layer of the file.
pub(super) fn check(root: &Section<'_>, scenario: &Scenario) {
    check_settings(root, scenario);
    check_lives(root, scenario);
    check_troubles(root, &scenario.layer);
}

const fn is_core(layer: &Layer) -> bool {
    matches!(layer, Layer::Core(_))
}

const fn is_full(layer: &Layer) -> bool {
    matches!(layer, Layer::Full(_))
}

fn check_settings(root: &Section<'_>, scenario: &Scenario) {
    root.allow("retention");
    let layer = &scenario.layer;
    let faults = &scenario.faults;
    if is_core(layer) && root.has("retention") {
        let what = "the memory store of the layer `core` keeps by number: see [store]";
        root.object_to("retention", what);
    }
    let note = |table: &str, key: &str, what: &str| {
        root.object_below(table, key, format!("{what}: {SET_LAYER}"));
    };
    if !is_core(layer) && !faults.failing_commits.is_empty() {
        let what = "commits fail by number in the layer `core` only";
        note("faults", "failing_commits", what);
    }
    if is_full(layer) {
        for (key, is_set, what) in [
            (
                "application_rate",
                scenario.application_rate.is_some(),
                "an application has a rate in the layers `core` and `store` only",
            ),
            (
                "endpoints_per_host",
                scenario.endpoints_per_host > 1,
                "each endpoint has a host of its own in the layer `full`",
            ),
        ] {
            if is_set {
                root.object_to(key, format!("{what}: {SET_LAYER}"));
            }
        }
        if faults
            .latency_us
            .is_some_and(|(_, most)| most > LATENCY_MAX_US)
        {
            let what = "producers of the layer `full` wait for an answer, so `faults.disk_latency` is 10s at \
                        most there";
            note("faults", "disk_latency", what);
        }
        return;
    }
    let mut engines = faults.lives.iter().map(|life| &life.engine);
    if scenario.engine.heartbeat.is_some() || engines.any(|engine| engine.heartbeat.is_some()) {
        let what =
            "a heart beats for ever, so a run with `heartbeat` ends in the layer `full` only";
        note("limits", "heartbeat", what);
    }
    if scenario.bad_percent > 0 {
        let what = "asks can be bad in the layer `full` only";
        note("traffic", "bad_percent", what);
    }
    for (key, is_set) in [
        ("odd_percent", faults.odd_percent > 0),
        ("partial_streams", faults.partial_streams),
    ] {
        if is_set {
            let what = format!("`faults.{key}` is for the layer `full` only");
            note("faults", key, &what);
        }
    }
}

fn check_lives(root: &Section<'_>, scenario: &Scenario) {
    let dies = |life: &Life| !matches!(life.end, LifeEnd::InOrder(..));
    if is_core(&scenario.layer) && scenario.faults.lives.iter().any(dies) {
        let what =
            "a process dies in the layers `store` and `full` only; in `core` it may end `in_order`";
        root.object_to("life", format!("{what}: {SET_LAYER}"));
    }
}

fn check_troubles(root: &Section<'_>, layer: &Layer) {
    let (is_core, is_full) = (is_core(layer), is_full(layer));
    for section in root.sections("trouble") {
        for (key, happens, what) in [
            (
                "disk_full",
                !is_core,
                "there is a disk in the layers `store` and `full` only",
            ),
            (
                "receiver_clock",
                is_full,
                "receivers look at the time in the layer `full` only",
            ),
            (
                "shard_lost",
                !is_full,
                "nobody else takes a shard but in the layers `core` and `store`",
            ),
            (
                "inspection",
                !is_core && !is_full,
                "lists are read while everything goes on in the layer `store` only",
            ),
        ] {
            if section.has(key) && !happens {
                section.object(format!("{what}: {SET_LAYER}"));
            }
        }
    }
}
