//! One run of a scenario with its figures.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use super::{Failure, picture::series::Series};
use crate::sim::{
    Found, Report, Scenario, SimulationError,
    logbook::{Logbook, SharedLogbook},
    measures::Measures,
    run_logged,
};

/// Stretches that a terminal has room for.
const STRETCHES: usize = 60;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Rehearsed {
    /// The report, broken properties and all.
    pub(super) report: Report,
    /// What was measured, as far as the run came.
    pub(super) measures: Measures,
    /// How it went over time, in a few stretches.
    pub(super) series: Series,
}

/// Runs a scenario; gives what came of it, and the logbook. A panic in it is a violation like any
/// other.
pub(super) fn rehearsed(scenario: &Scenario) -> Result<(Rehearsed, Logbook), Failure> {
    let logbook = SharedLogbook::default();
    let run = || run_logged(scenario, Rc::clone(&logbook));
    let report = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(report)) => report,
        Ok(Err(SimulationError::Violated(report))) => *report,
        Ok(Err(error)) => {
            let seed = scenario.seed;
            return Err(Failure::Operation(format!("seed {seed}: {error}")));
        }
        Err(_) => Report {
            layer: scenario.layer.name(),
            seed: scenario.seed,
            seeds: 1,
            violations: vec![Found {
                invariant: "I28".to_owned(),
                seed: scenario.seed,
                what: "the run panicked; its message stands above".to_owned(),
            }],
            ..Report::default()
        },
    };
    let logbook = Rc::try_unwrap(logbook).map_or_else(|shared| shared.take(), RefCell::into_inner);
    let run = Rehearsed {
        report,
        measures: Measures::of(scenario, &logbook),
        series: Series::of(scenario, &logbook, STRETCHES),
    };
    Ok((run, logbook))
}
