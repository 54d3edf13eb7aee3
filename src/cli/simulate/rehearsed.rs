//! One run of a scenario with its figures.

use std::{cell::RefCell, rc::Rc};

use super::{Failure, picture::series::Series};
use crate::sim::{
    Report, Scenario,
    logbook::{Logbook, SharedLogbook},
    measures::Measures,
    run_logged,
    verdict::judged_by,
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
    let report = judged_by(scenario, run).map_err(|error| {
        let seed = scenario.seed;
        Failure::Operation(format!("seed {seed}: {error}"))
    })?;
    let logbook = Rc::try_unwrap(logbook).map_or_else(|shared| shared.take(), RefCell::into_inner);
    let run = Rehearsed {
        report,
        measures: Measures::of(scenario, &logbook),
        series: Series::of(scenario, &logbook, STRETCHES),
    };
    Ok((run, logbook))
}
