//! `fanfare simulate`: the same engine in virtual time over a simulated network.

#![expect(clippy::disallowed_methods, reason = "tells how long the run took")]

use std::{
    io::{self, Write as _},
    time::Instant,
};

use clap::Args;

use super::{failure::Failure, say};
use crate::{
    limits,
    sim::{self, Scenario, SimulationError},
};

const EXAMPLES: &str = "\
Examples:
  A thousand events to a hundred endpoints
    fanfare simulate --seed 1 --events 1000 --endpoints 100

  The hash of everything that happened, to compare two machines or versions
    fanfare simulate --seed 1 --json | grep trace_hash";

/// Arguments of `fanfare simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct SimulateArguments {
    /// Fixes the whole run
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many events are accepted
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::SIMULATED_EVENTS_MAX)))]
    pub events: u32,
    /// How many endpoints each event goes to
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=limits::ENDPOINTS_PER_APPLICATION_MAX as i64))]
    pub endpoints: u32,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Runs to the end of the last delivery. The report goes to standard output; what differs from run
/// to run (the time it took) goes to standard error.
pub(super) fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let scenario = Scenario::new(arguments.seed, arguments.events, arguments.endpoints)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let start = Instant::now();
    let report = sim::run(&scenario).map_err(failed)?;
    let took = start.elapsed();
    let text = if arguments.json {
        format!(
            "{}\n",
            report
                .to_json()
                .map_err(|error| Failure::Operation(error.to_string()))?
        )
    } else {
        report.to_string()
    };
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::Operation(format!("nothing reads the report: {error}")))?;
    let millis = took.as_millis().max(1);
    let rate = u128::from(report.deliveries) * 1_000 / millis;
    say(&format!("took {millis} ms: {rate} deliveries a second"));
    Ok(())
}

fn failed(error: SimulationError) -> Failure {
    match error {
        SimulationError::Violated(_) => Failure::Violated(error.to_string()),
        SimulationError::Endless { .. }
        | SimulationError::Store(_)
        | SimulationError::Url(_)
        | SimulationError::Secret(_) => Failure::Operation(error.to_string()),
    }
}
