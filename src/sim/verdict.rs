//! The verdict on a scenario: what its run found wrong, whatever way the run ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    report::{Found, Report},
    run::{SimulationError, run, run_heard},
    scenario::Scenario,
    trace::Listener,
};

/// Runs a scenario, tells `listener` of each record, and gives its report: see [`judged_by`].
///
/// # Errors
/// What [`SimulationError`] has beside broken properties: nothing of the scenario.
pub fn judged(scenario: &Scenario, listener: Option<Listener>) -> Result<Report, SimulationError> {
    judged_by(scenario, || match listener {
        Some(listener) => run_heard(scenario, listener),
        None => run(scenario),
    })
}

/// The report of a run, broken properties and all; a panic is a broken property like any other (I28).
///
/// # Errors
/// What [`SimulationError`] has beside broken properties: nothing of the scenario.
pub fn judged_by(
    scenario: &Scenario,
    run: impl FnOnce() -> Result<Report, SimulationError>,
) -> Result<Report, SimulationError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Err(SimulationError::Violated(report))) => Ok(*report),
        Ok(ended) => ended,
        Err(_) => Ok(Report {
            layer: scenario.layer.name(),
            seed: scenario.seed,
            seeds: 1,
            violations: vec![Found {
                invariant: "I28".to_owned(),
                seed: scenario.seed,
                what: "the run panicked; its message stands above".to_owned(),
            }],
            ..Report::default()
        }),
    }
}
