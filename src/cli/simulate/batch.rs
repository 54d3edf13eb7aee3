//! Runs: one seed after another on every core, until all are done or one breaks a property.

#![expect(clippy::disallowed_methods, reason = "tells how long the runs took")]

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    Failure, LayerName, SimulateArguments, Worlds, crew,
    failing::{Failing, treat},
    print, say,
};
use crate::{
    cli::output::print_json,
    sim::{self, Report, trace::Listener},
};

/// From how many drawn worlds on everything must have been met that can go wrong in them.
const GOALS_FROM_SEEDS: u64 = 300;

/// The document of a batch.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// What did not hold, as small scenarios; left out where all is well.
    #[serde(skip_serializing_if = "<[Failing]>::is_empty")]
    failures: &'a [Failing],
}

/// What all runs came to.
#[derive(Debug, Default)]
struct Sum {
    report: Option<Report>,
    /// A run that could not be made, whatever its properties.
    failed: Option<(u64, Failure)>,
}

/// Runs all seeds and prints what came of them.
pub(super) fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let worlds = &arguments.worlds;
    // Wrong options are told of before anything runs.
    crew::check(worlds.seed, worlds.seeds)?;
    worlds.scenario(worlds.seed)?;
    let start = Instant::now();
    let report = match &arguments.trace {
        Some(path) => {
            if worlds.seeds > 1 {
                let text = "--trace writes the run of one seed: leave --seeds out";
                return Err(Failure::Usage(text.to_owned()));
            }
            traced(worlds, path)?
        }
        None => all(worlds)?,
    };
    let report = with_goals(report, worlds);
    let took = start.elapsed();
    let failing = match report.violations.first() {
        Some(found) => {
            let scenario = worlds.scenario(found.seed)?;
            let options = worlds.mistake_options();
            vec![treat(&arguments.failing, &scenario, found, &options)]
        }
        None => Vec::new(),
    };
    let told = if arguments.json {
        print_json(&Document {
            report: &report,
            failures: &failing,
        })
    } else if report.violations.is_empty() {
        print(&report.to_string())
    } else {
        Ok(())
    };
    Failure::of_both(told, judged(worlds, &report, &failing))?;
    say(&rate(&report, took));
    Ok(())
}

/// Exit code 10 if a property did not hold, or something was not met that must be.
fn judged(worlds: &Worlds, report: &Report, failing: &[Failing]) -> Result<(), Failure> {
    if let (Some(first), [failing, ..]) = (report.violations.first(), failing) {
        let list: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        let (seed, list) = (first.seed, list.join("; "));
        let small = failing.command.as_ref();
        let small = small.map_or_else(String::new, |command| {
            format!(", and small with `{command}`")
        });
        return Err(Failure::Violated(format!(
            "seed {seed}: a property did not hold; please report this: {list}; repeat it with `{}`{small}",
            worlds.replay(seed)
        )));
    }
    if !report.unmet.is_empty() {
        let list = report.unmet.join(", ");
        let seeds = report.seeds;
        return Err(Failure::Violated(format!(
            "{seeds} worlds should have met everything that can go wrong in them, and none met: \
             {list}; please report this"
        )));
    }
    Ok(())
}

/// Notes what enough drawn worlds did not meet.
fn with_goals(report: Report, worlds: &Worlds) -> Report {
    let is_drawn = worlds.swarm || worlds.layer != LayerName::Core;
    let is_whole = report.seeds == worlds.seeds && report.violations.is_empty();
    if !is_drawn || !is_whole || report.seeds < GOALS_FROM_SEEDS {
        return report;
    }
    Report {
        unmet: report.happened.unmet(report.layer),
        ..report
    }
}

/// How fast it went; differs from run to run.
fn rate(report: &Report, took: Duration) -> String {
    let millis = took.as_millis().max(1);
    if report.seeds > 1 {
        let rate = u128::from(report.seeds) * 60_000 / millis;
        return format!("took {millis} ms: {rate} seeds a minute");
    }
    let rate = u128::from(report.deliveries) * 1_000 / millis;
    format!("took {millis} ms: {rate} deliveries a second")
}

/// Runs each seed, on as many threads as there are cores; of the first that breaks a property the
/// report tells.
fn all(worlds: &Worlds) -> Result<Report, Failure> {
    let next = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    let progress = crew::progress(worlds.seeds);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let run = || {
        while !is_over.load(Ordering::Relaxed) {
            let Some(seed) = worlds.seed_at(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let ended = one(worlds, seed, None);
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            if sum.add(worlds.seed, seed, ended) {
                is_over.store(true, Ordering::Relaxed);
            }
            progress.inc(1);
        }
    };
    if worlds.seeds == 1 {
        run();
    } else {
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(run);
            }
        });
    }
    progress.finish_and_clear();
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (sum.failed, sum.report) {
        (None, Some(report)) => Ok(report),
        (Some((seed, failure)), _) => Err(Failure::Operation(format!("seed {seed}: {failure}"))),
        (None, None) => Err(Failure::Operation("no seed was run".to_owned())),
    }
}

/// Runs one seed and writes its records to a file.
fn traced(worlds: &Worlds, path: &Path) -> Result<Report, Failure> {
    let failed = |error: std::io::Error| {
        let path = path.display();
        Failure::Operation(format!("the trace can't be written to {path}: {error}"))
    };
    let file = File::create(path).map_err(failed)?;
    let shared = std::rc::Rc::new(std::cell::RefCell::new((BufWriter::new(file), Ok(()))));
    let inside = std::rc::Rc::clone(&shared);
    let listener: Listener = Box::new(move |record| {
        let (file, written) = &mut *inside.borrow_mut();
        if written.is_ok() {
            *written = writeln!(file, "{record}");
        }
    });
    let report = one(worlds, worlds.seed, Some(listener))?;
    let (file, written) = &mut *shared.borrow_mut();
    core::mem::replace(written, Ok(())).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(report)
}

/// One run, broken properties and all; a panic in it is a violation like any other.
pub(super) fn one(
    worlds: &Worlds,
    seed: u64,
    listener: Option<Listener>,
) -> Result<Report, Failure> {
    let scenario = worlds.scenario(seed)?;
    sim::verdict::judged(&scenario, listener).map_err(|error| Failure::Operation(error.to_string()))
}

impl Sum {
    /// Adds the run of a seed; true if no more are to be run.
    fn add(&mut self, first: u64, seed: u64, ended: Result<Report, Failure>) -> bool {
        match ended {
            Ok(report) => {
                let is_violated = !report.violations.is_empty();
                match &mut self.report {
                    Some(sum) => sum.add(report),
                    None => {
                        self.report = Some(Report {
                            seed: first,
                            ..report
                        });
                    }
                }
                is_violated
            }
            Err(failure) => {
                if self.failed.as_ref().is_none_or(|(least, _)| seed < *least) {
                    self.failed = Some((seed, failure));
                }
                true
            }
        }
    }
}
