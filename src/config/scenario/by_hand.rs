//! What is done by hand, in a scenario file: the list `[[by_hand]]`; and when all is well: the table
//! `[healing]`.

use super::{
    going_wrong::{is_set, one},
    receivers::ORDERINGS,
    section::Section,
};
use crate::{
    domain::audit::Act,
    limits,
    sim::{
        Scenario,
        by_hand::{Action, TaskKind},
        scenario::Healing,
        workload::event_type,
    },
    time::Span,
};

/// Above any number of an endpoint or an event.
const NUMBER_END: u32 = u32::MAX;
const KEYS: &str = "move, refilter, reorder, rotate, disable, enable, delete, resend, skip, park, expunge, \
                    recover, replay_missing, replay, cancel_task, add";

/// Reads everything that is done by hand.
pub(super) fn by_hand(root: &Section<'_>, scenario: &mut Scenario) {
    let sections = root.sections("by_hand");
    scenario.by_hand = sections.iter().filter_map(action).collect();
}

/// Reads when all is well for a core, if that is said.
pub(super) fn healing(root: &Section<'_>, scenario: &mut Scenario) {
    let Some(section) = root.section("healing") else {
        return;
    };
    let (at, core) = (section.span("at"), section.small("core", 0..NUMBER_END));
    section.close();
    if (at.is_none() && !section.has("at")) || (core.is_none() && !section.has("core")) {
        section.object("healing needs its time and how many endpoints are of the core, as at = \"5m\" and core = 2");
    }
    scenario.healing = at.zip(core).map(|(at, core)| Healing { at, core });
}

/// The types that an endpoint wants, one bit for each.
fn event_types(section: &Section<'_>) -> u8 {
    let mut types = 0;
    for (name, at) in section.texts("types") {
        let mut numbers = 0..limits::SIMULATED_EVENT_TYPES_MAX;
        match numbers.find(|number| *event_type(*number) == *name) {
            Some(number) => types |= 1_u8.wrapping_shl(number),
            None => section.object_at(
                at,
                "event types are \"OrderReceived\", \"simulated.kind-1\", and so on up to 7",
            ),
        }
    }
    types
}

/// What is done by hand, and when.
pub(super) fn action(section: &Section<'_>) -> Option<(Span, Action)> {
    let number = |key| section.small(key, 0..NUMBER_END);
    let rotate = section.section("rotate").and_then(|rotate| {
        let endpoint = rotate.small("endpoint", 0..NUMBER_END);
        let grace = rotate.span("grace").unwrap_or_default();
        rotate.close();
        endpoint.map(|endpoint| Action::Rotate(endpoint, grace))
    });
    let refilter = section.section("refilter").and_then(|refilter| {
        let endpoint = refilter.small("endpoint", 0..NUMBER_END);
        let types = event_types(&refilter);
        refilter.close();
        endpoint.map(|endpoint| Action::Refilter(endpoint, types))
    });
    let reorder = section.section("reorder").and_then(|reorder| {
        let endpoint = reorder.small("endpoint", 0..NUMBER_END);
        let ordering = reorder.one_of("ordering", &ORDERINGS);
        reorder.close();
        Some(Action::Reorder(endpoint?, ordering?))
    });
    let resend = section.section("resend").and_then(|resend| {
        let event = resend.small("event", 0..NUMBER_END);
        let endpoint = resend.small("endpoint", 0..NUMBER_END);
        resend.close();
        Some(Action::Resend(event?, endpoint?))
    });
    let task = |key: &'static str, kind| {
        let task = section.section(key)?;
        let event = task.small("event", 0..NUMBER_END);
        let endpoint = task.small("endpoint", 0..NUMBER_END);
        task.close();
        Some(Action::Task(kind, event?, endpoint?))
    };
    let set_aside = |key: &'static str, act| {
        let aside = section.section(key)?;
        let event = aside.small("event", 0..NUMBER_END);
        let endpoint = aside.small("endpoint", 0..NUMBER_END);
        aside.close();
        Some(Action::SetAside(act, event?, endpoint?))
    };
    let choices = [
        set_aside("skip", Act::Skip),
        set_aside("park", Act::Park),
        task("recover", TaskKind::Recover),
        task("replay_missing", TaskKind::ReplayMissing),
        task("replay", TaskKind::Replay),
        number("cancel_task").map(Action::CancelTask),
        number("move").map(Action::Move),
        refilter,
        reorder,
        rotate,
        number("disable").map(Action::Disable),
        number("enable").map(Action::Enable),
        number("delete").map(Action::Delete),
        resend,
        number("expunge").map(Action::Expunge),
        is_set(section, "add").then_some(Action::Add),
    ];
    let at = section.span("at");
    section.close();
    let action = one(section, KEYS, choices);
    if at.is_none() && !section.has("at") {
        section.object("what is done by hand needs its time, as at = \"5m\"");
    }
    Some((at?, action?))
}
