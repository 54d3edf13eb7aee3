//! What is shown of a run in which a property did not hold: the scenario made small, and the last
//! things that happened in it.

use std::{cell::RefCell, panic, rc::Rc};

use super::{Failure, Worlds, say};
use crate::sim::{
    Found, Scenario,
    sequence::Sequence,
    shrink::{Budget, Shrunk, Size, shrink},
    verdict::judged,
};

/// How many records of the run are shown.
const RECORDS_SHOWN: usize = 50;

/// Makes the scenario of a failing run small and shows what happens in it.
pub(super) fn show(worlds: &Worlds, found: &Found) -> Result<(), Failure> {
    let scenario = worlds.scenario(found.seed)?;
    let shrunk = made_small(&scenario, &found.invariant);
    let (before, after) = (Size::of(&scenario), shrunk.size);
    let rest = if shrunk.is_smallest {
        ""
    } else {
        "; it could be smaller, but that would take long"
    };
    say(&format!(
        "{} does not hold in a smaller world either, with {} for {} (after {} runs{rest}):",
        found.invariant,
        sized(after),
        sized(before),
        shrunk.runs,
    ));
    say(&last_records(&shrunk.scenario));
    Ok(())
}

/// Shrinks a scenario, quietly: what panics say of the smaller runs is no news.
fn made_small(scenario: &Scenario, invariant: &str) -> Shrunk {
    let before = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let shrunk = shrink(scenario, invariant, Budget::default(), &mut |smaller| {
        judged(smaller, None).ok()
    });
    panic::set_hook(before);
    shrunk
}

/// The last records of a run as a sequence, and what did not hold then.
fn last_records(scenario: &Scenario) -> String {
    let sequence = Rc::new(RefCell::new(Sequence::of_last(RECORDS_SHOWN)));
    let inside = Rc::clone(&sequence);
    let listener = Box::new(move |record: &_| inside.borrow_mut().hear(record));
    // A run that could not be made shows nothing.
    let report = judged(scenario, Some(listener)).unwrap_or_default();
    let found = report.violations.iter().map(ToString::to_string);
    let found: Vec<String> = found.collect();
    format!("{}{}", sequence.borrow(), found.join("\n"))
}

/// `3 events, 1 endpoint and 2 faults`.
fn sized(size: Size) -> String {
    let count = |number: u32, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let (events, endpoints) = (
        count(size.events, "event"),
        count(size.endpoints, "endpoint"),
    );
    format!("{events}, {endpoints} and {}", count(size.faults, "fault"))
}
