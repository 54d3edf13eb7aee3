//! The neighbours of a scenario file: each table `[[neighbour]]` is another application.

use super::{errors::check_neighbour, reading::check_lasts, receivers, section::Section};
use crate::{
    limits,
    sim::{Layer, Scenario, neighbours::Neighbour},
    time::Span,
};

/// Reads all of them into a scenario.
pub(super) fn neighbours(root: &Section<'_>, scenario: &mut Scenario) {
    let sections = root.sections("neighbour");
    if sections.len() > limits::SIMULATED_NEIGHBOURS_MAX {
        let what = format!(
            "a simulation has at most {} neighbours",
            limits::SIMULATED_NEIGHBOURS_MAX
        );
        root.object_to("neighbour", what);
    }
    scenario.neighbours = sections.iter().filter_map(neighbour).collect();
    if matches!(scenario.layer, Layer::Full(_)) && !scenario.neighbours.is_empty() {
        let what = "there are neighbours in the layers `core` and `store` only: set `layer`, or leave \
                    it out";
        root.object_to("neighbour", what);
    }
    let hear = scenario
        .neighbours
        .iter()
        .filter(|neighbour| neighbour.hears_news);
    if hear.count() > 1 {
        let what = "`operational_events` are for one neighbour: leave it out of the others";
        root.object_to("neighbour", what);
    }
    let deliveries = scenario.deliveries();
    let most = limits::SIMULATED_DELIVERIES_MAX;
    if !scenario.neighbours.is_empty() && deliveries > most {
        let what = format!(
            "events times endpoints over all applications is {deliveries}: at most {most} are kept \
             account of"
        );
        root.object_to("neighbour", what);
    }
}

fn neighbour(section: &Section<'_>) -> Option<Neighbour> {
    let events = section.small("events", 1..limits::SIMULATED_EVENTS_MAX + 1);
    let every = section.span("every").unwrap_or(Span::from_millis(100));
    check_lasts(section, events.unwrap_or(0), every);
    let receivers = receivers::groups(section);
    check_neighbour(section, &receivers);
    let deleted_after = section.span("deleted_after");
    let shares_hosts = section.flag("shares_hosts").unwrap_or(false);
    let hears_news = section.flag("operational_events").unwrap_or(false);
    let is_older = section.flag("older").unwrap_or(false);
    section.close();
    if !section.has("events") {
        section.object("a neighbour needs its `events`, as events = 100");
    }
    if !section.has("endpoint") {
        section.object("a neighbour needs its endpoints: describe some, as [[neighbour.endpoint]]");
    }
    Some(Neighbour {
        events: events?,
        every,
        deleted_after,
        shares_hosts,
        hears_news,
        is_older,
        receivers: Some(receivers).filter(|receivers| !receivers.is_empty())?,
    })
}
