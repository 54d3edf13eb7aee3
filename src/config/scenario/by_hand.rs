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
/// Above any number of header fields that an endpoint gets by hand.
const HEADER_FIELDS_END: u32 = 11;

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

/// A table that says what is done to an endpoint, or with an event and an endpoint.
struct Details<'file>(Section<'file>);

impl<'file> Details<'file> {
    /// That of an action, if it is there.
    fn of(section: &Section<'file>, key: &'static str) -> Option<Self> {
        section.section(key).map(Self)
    }

    /// The number of an endpoint or an event, which must be said.
    fn number(&self, key: &'static str) -> Option<u32> {
        let number = self.0.small(key, 0..NUMBER_END);
        self.need(key, &format!("{key} = 0"));
        number
    }

    /// Notes that a key is not there.
    fn need(&self, key: &str, form: &str) {
        if !self.0.has(key) {
            let what = format!("`{}` needs its `{key}`, as {form}", self.0.name());
            self.0.object(what);
        }
    }

    /// An event and an endpoint, which is all.
    fn delivery(self) -> Option<(u32, u32)> {
        let (event, endpoint) = (self.number("event"), self.number("endpoint"));
        self.0.close();
        event.zip(endpoint)
    }
}

/// What an endpoint is from some time on: its rate, its header fields, its channel.
fn owned(section: &Section<'_>) -> [(&'static str, Option<Action>); 3] {
    let rerate = Details::of(section, "rerate").and_then(|rerate| {
        let endpoint = rerate.number("endpoint");
        let rate = rerate.0.small("rate", 1..u32::from(u16::MAX) + 1);
        rerate.0.close();
        let rate = rate.and_then(|rate| u16::try_from(rate).ok());
        Some(Action::Rerate(endpoint?, rate))
    });
    let reheader = Details::of(section, "reheader").and_then(|reheader| {
        let endpoint = reheader.number("endpoint");
        let fields = reheader.0.small("fields", 0..HEADER_FIELDS_END);
        reheader.need("fields", "fields = 1");
        reheader.0.close();
        Some(Action::Reheader(endpoint?, u8::try_from(fields?).ok()?))
    });
    let rechannel = Details::of(section, "rechannel").and_then(|rechannel| {
        let endpoint = rechannel.number("endpoint");
        let of = rechannel.0.small("of", 0..NUMBER_END);
        rechannel.0.close();
        Some(Action::Rechannel(endpoint?, of))
    });
    [
        ("rerate", rerate),
        ("reheader", reheader),
        ("rechannel", rechannel),
    ]
}

/// What is done by hand, and when.
pub(super) fn action(section: &Section<'_>) -> Option<(Span, Action)> {
    let number = |key| section.small(key, 0..NUMBER_END);
    let rotate = Details::of(section, "rotate").and_then(|rotate| {
        let endpoint = rotate.number("endpoint");
        let grace = rotate.0.span("grace").unwrap_or_default();
        rotate.0.close();
        Some(Action::Rotate(endpoint?, grace))
    });
    let refilter = Details::of(section, "refilter").and_then(|refilter| {
        let endpoint = refilter.number("endpoint");
        let types = event_types(&refilter.0);
        refilter.0.close();
        Some(Action::Refilter(endpoint?, types))
    });
    let reorder = Details::of(section, "reorder").and_then(|reorder| {
        let endpoint = reorder.number("endpoint");
        let ordering = reorder.0.one_of("ordering", &ORDERINGS);
        reorder.need("ordering", "ordering = \"key\"");
        reorder.0.close();
        Some(Action::Reorder(endpoint?, ordering?))
    });
    let delivery = |key| Details::of(section, key).and_then(Details::delivery);
    let resend = delivery("resend").map(|(event, endpoint)| Action::Resend(event, endpoint));
    let set_aside = |key, act| {
        let action = |(event, endpoint)| Action::SetAside(act, event, endpoint);
        delivery(key).map(action)
    };
    let task = |key, kind| {
        let action = |(event, endpoint)| Action::Task(kind, event, endpoint);
        delivery(key).map(action)
    };
    let [rerate, reheader, rechannel] = owned(section);
    let choices = [
        rerate,
        reheader,
        rechannel,
        ("move", number("move").map(Action::Move)),
        ("refilter", refilter),
        ("reorder", reorder),
        ("rotate", rotate),
        ("disable", number("disable").map(Action::Disable)),
        ("enable", number("enable").map(Action::Enable)),
        ("delete", number("delete").map(Action::Delete)),
        ("resend", resend),
        ("skip", set_aside("skip", Act::Skip)),
        ("park", set_aside("park", Act::Park)),
        ("expunge", number("expunge").map(Action::Expunge)),
        ("recover", task("recover", TaskKind::Recover)),
        (
            "replay_missing",
            task("replay_missing", TaskKind::ReplayMissing),
        ),
        ("replay", task("replay", TaskKind::Replay)),
        ("cancel_task", number("cancel_task").map(Action::CancelTask)),
        ("add", is_set(section, "add").then_some(Action::Add)),
    ];
    let at = section.span("at");
    section.close();
    let action = one(section, choices);
    if at.is_none() && !section.has("at") {
        section.object("what is done by hand needs its time, as at = \"5m\"");
    }
    Some((at?, action?))
}
