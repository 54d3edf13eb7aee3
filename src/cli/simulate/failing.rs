//! What is done about a run in which a property did not hold: its scenario is made small, saved as a
//! file that one command replays, and the last things that happened in it are shown.

use std::{
    cell::RefCell,
    fs, panic,
    path::{Path, PathBuf},
    rc::Rc,
};

use clap::Args;
use serde::Serialize;

use super::{Failure, rehearse::quoted, say};
use crate::{
    config::scenario::ScenarioFile,
    sim::{
        Found, Report, Scenario,
        sequence::Sequence,
        shrink::{Budget, Shrunk, Size, shrink},
        verdict::judged,
    },
};

/// How many records of the run are shown.
const RECORDS_SHOWN: usize = 50;

/// What is done about a run in which a property does not hold.
#[derive(Clone, Debug, Args)]
pub(super) struct FailingArguments {
    /// Leave a world in which a property does not hold as large as it is
    #[arg(long)]
    no_shrink: bool,
    /// The folder for worlds in which a property does not hold
    #[arg(long, value_name = "FOLDER", default_value = "failures")]
    failures: PathBuf,
}

/// A run in which a property did not hold, as a small scenario.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failing {
    /// The property, by its name in `docs/simulation.md`.
    invariant: String,
    /// The seed in which it was found.
    seed: u64,
    /// The scenario's file; `None` if it could not be written.
    file: Option<String>,
    /// How large it is.
    events: u32,
    endpoints: u32,
    /// How much goes wrong in it beside the receivers.
    faults: u32,
    /// What replays it.
    pub(super) command: Option<String>,
}

/// Makes a failing scenario small, saves it and shows what happens in it. `options` are further ones
/// that its replay needs.
pub(super) fn treat(
    arguments: &FailingArguments,
    scenario: &Scenario,
    found: &Found,
    options: &[String],
) -> Failing {
    let invariant = &found.invariant;
    let mut scenario = scenario.clone();
    if !arguments.no_shrink {
        let before = Size::of(&scenario);
        let shrunk = made_small(&scenario, invariant);
        let (after, runs) = (sized(shrunk.size), shrunk.runs);
        let rest = if shrunk.is_smallest {
            ""
        } else {
            "; it could be smaller, but that would take long"
        };
        say(&format!(
            "{invariant} does not hold with {after} either, for {} (after {runs} runs{rest}):",
            sized(before),
        ));
        scenario = shrunk.scenario;
    }
    let (records, what) = last_records(&scenario);
    say(&format!("{records}{what}"));
    let size = Size::of(&scenario);
    let path = arguments
        .failures
        .join(format!("{invariant}-{}.toml", found.seed));
    let file = match save(&path, scenario, invariant, &what) {
        Ok(()) => Some(path.display().to_string()),
        Err(failure) => {
            say(&format!("warning: {failure}"));
            None
        }
    };
    let command = file.as_ref().map(|file| {
        let options: String = options.iter().map(|option| format!(" {option}")).collect();
        format!("fanfare simulate run {}{options}", quoted(file))
    });
    Failing {
        invariant: invariant.clone(),
        seed: found.seed,
        file,
        events: size.events,
        endpoints: size.endpoints,
        faults: size.faults,
        command,
    }
}

/// Shows the last records of a run that is as small as it gets.
pub(super) fn show(scenario: &Scenario) {
    let (records, what) = last_records(scenario);
    say(&format!("{records}{what}"));
}

/// Whether the property that a file names does not hold, as it says; tells so if it does.
pub(super) fn still_fails(invariant: &str, report: &Report) -> bool {
    let found = report.violations.first().map(|found| &found.invariant);
    match found {
        Some(found) if found == invariant => true,
        Some(other) => {
            say(&format!(
                "note: it does not fail with {invariant} any more, as the file says, but with {other}"
            ));
            false
        }
        None => {
            say(&format!(
                "note: it does not fail with {invariant} any more, as the file says: every property holds"
            ));
            false
        }
    }
}

/// Shrinks a scenario, quietly: what panics say of the smaller runs is no news.
fn made_small(scenario: &Scenario, invariant: &str) -> Shrunk {
    let before = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut judge = |smaller: &Scenario| judged(smaller, None).ok();
    let shrunk = shrink(scenario, invariant, Budget::default(), &mut judge);
    panic::set_hook(before);
    shrunk
}

/// The last records of a run as a sequence, and what did not hold then.
fn last_records(scenario: &Scenario) -> (String, String) {
    let neighbours = scenario.neighbours.iter();
    let older = neighbours.filter(|neighbour| neighbour.is_older).count();
    let sequence = Sequence::of_last(RECORDS_SHOWN).behind(older);
    let sequence = Rc::new(RefCell::new(sequence));
    let inside = Rc::clone(&sequence);
    let listener = Box::new(move |record: &_| inside.borrow_mut().hear(record));
    // A run that could not be made shows nothing.
    let report = judged(scenario, Some(listener)).unwrap_or_default();
    let found = report.violations.iter().map(ToString::to_string);
    let found: Vec<String> = found.collect();
    (sequence.borrow().to_string(), found.join("\n"))
}

/// Writes a scenario to a file that says how it fails.
fn save(path: &Path, scenario: Scenario, invariant: &str, what: &str) -> Result<(), Failure> {
    let shown = path.display();
    let file = ScenarioFile {
        fails: Some(invariant.to_owned()),
        ..ScenarioFile::of(scenario)
    };
    let text = file
        .write()
        .map_err(|error| Failure::Operation(format!("{shown} is not written: {error}")))?;
    let comment: String = what.lines().map(|line| format!("# {line}\n")).collect();
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let written = fs::create_dir_all(folder);
    let written = written.and_then(|()| fs::write(path, format!("{comment}{text}")));
    written.map_err(|error| {
        Failure::Operation(format!(
            "{shown} can't be written: {error}; choose another folder with --failures"
        ))
    })
}

/// `3 events, 1 endpoint and 2 faults`.
fn sized(size: Size) -> String {
    let count = |number: u32, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let events = count(size.events, "event");
    let endpoints = count(size.endpoints, "endpoint");
    let faults = count(size.faults, "fault");
    format!("{events}, {endpoints} and {faults}")
}
