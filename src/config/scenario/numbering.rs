//! Endpoints go by their numbers: what is done to one that is not there, or goes wrong with it, is told.

use super::{by_hand, going_wrong, section::Section};
use crate::sim::{Scenario, faults::Trouble};

/// The keys of tables that have an endpoint's number, or a table with it.
const BY_HAND: [&str; 17] = [
    "move",
    "refilter",
    "reorder",
    "rerate",
    "reheader",
    "rechannel",
    "rotate",
    "disable",
    "enable",
    "delete",
    "resend",
    "skip",
    "park",
    "recover",
    "replay_missing",
    "replay",
    "cancel_task",
];
const TROUBLES: [&str; 2] = ["receiver_clock", "outage"];

/// The endpoints that there are.
struct Numbers {
    /// How many there are at first.
    first: u32,
    /// Those that are added.
    added: Vec<u32>,
}

/// Notes each endpoint of which something is said and that is never there.
pub(super) fn check(root: &Section<'_>, scenario: &Scenario) {
    let by_hand = root.sections("by_hand");
    let added = (scenario.endpoints..).zip(&by_hand);
    let added = added.filter(|(_, section)| section.is_said("add"));
    let all = Numbers {
        first: scenario.endpoints,
        added: added.map(|(number, _)| number).collect(),
    };
    for section in &by_hand {
        let action = by_hand::action(section).map(|(_, action)| action);
        if let Some(endpoint) = action.and_then(|action| action.endpoint()) {
            all.check(section, &BY_HAND, endpoint);
        }
    }
    // The receivers of endpoints that are added are those of the first ones.
    let first = Numbers {
        first: scenario.endpoints,
        added: Vec::new(),
    };
    for section in &root.sections("trouble") {
        match going_wrong::trouble(section).map(|(_, trouble)| trouble) {
            Some(Trouble::ReceiverClock(endpoint, ..)) => all.check(section, &TROUBLES, endpoint),
            Some(Trouble::Outage(endpoint, ..)) => first.check(section, &TROUBLES, endpoint),
            _ => {}
        }
    }
    let core = scenario.healing.map_or(0, |healing| healing.core);
    if core > scenario.endpoints {
        let most = scenario.endpoints;
        let what = format!("`healing.core` is {core}: it must be from 0 to {most}, which are all");
        root.object_below("healing", "core", what);
    }
}

impl Numbers {
    /// Notes at one of these keys that this endpoint is never there.
    fn check(&self, section: &Section<'_>, keys: &[&str], endpoint: u32) {
        if endpoint < self.first || self.added.contains(&endpoint) {
            return;
        }
        if let Some(key) = keys.iter().find(|key| section.has(key)) {
            let what = format!("there is no endpoint {endpoint}: there are {self}");
            section.object_below(key, "endpoint", what);
        }
    }
}

/// `0 to 4`, or `0 to 4 and 7 (made by ...)`.
impl core::fmt::Display for Numbers {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "0 to {}", self.first.saturating_sub(1))?;
        for number in &self.added {
            write!(out, " and {number}")?;
        }
        if self.added.is_empty() {
            return Ok(());
        }
        out.write_str(" (made by `add`: how many there are at first and the place of its table)")
    }
}
