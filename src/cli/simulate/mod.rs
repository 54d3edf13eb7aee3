//! `fanfare simulate`: the same engine in virtual time over a simulated network.

#![expect(clippy::disallowed_methods, reason = "tells how long the run took")]

mod many;

use std::time::Instant;

use clap::{Args, ValueEnum};

use super::{failure::Failure, output::print, say};
use crate::{
    limits,
    sim::{self, Scenario, SimulationError, swarm},
};

const EXAMPLES: &str = "\
Examples:
  A thousand events to a hundred endpoints
    fanfare simulate --seed 1 --events 1000 --endpoints 100

  The hash of everything that happened, to compare two machines or versions
    fanfare simulate --seed 1 --json | grep trace_hash

  Ten thousand worlds in which disks lose writes and processes die, on all cores
    fanfare simulate --layer store --seeds 10000";

/// Events where nothing else is said.
const EVENTS: u32 = 1_000;
/// Endpoints where nothing else is said.
const ENDPOINTS: u32 = 100;

/// Arguments of `fanfare simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct SimulateArguments {
    /// Fixes the whole run
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many runs, with this seed and those that follow; on all cores
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// What is under the engine
    #[arg(long, value_enum, default_value_t = LayerName::Core)]
    pub layer: LayerName,
    /// How many events are accepted; in the layer `core` only [default: 1000]
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::SIMULATED_EVENTS_MAX)))]
    pub events: Option<u32>,
    /// How many endpoints each event goes to; in the layer `core` only [default: 100]
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=limits::ENDPOINTS_PER_APPLICATION_MAX as i64))]
    pub endpoints: Option<u32>,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What is under the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayerName {
    /// The memory store, and nothing fails but receivers
    Core,
    /// The embedded store on a disk that loses writes, with a process that dies; all of it drawn
    /// from the seed
    Store,
}

impl SimulateArguments {
    /// The scenario of a seed.
    fn scenario(&self, seed: u64) -> Result<Scenario, Failure> {
        let scenario = match self.layer {
            LayerName::Core => Scenario::new(
                seed,
                self.events.unwrap_or(EVENTS),
                self.endpoints.unwrap_or(ENDPOINTS),
            ),
            LayerName::Store if self.events.is_some() || self.endpoints.is_some() => {
                let text = "the layer `store` draws events and endpoints from the seed: leave \
                            --events and --endpoints out";
                return Err(Failure::Usage(text.to_owned()));
            }
            LayerName::Store => swarm::store_scenario(seed),
        };
        scenario.map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The command that repeats the run of one seed.
    fn replay(&self, seed: u64) -> String {
        let layer = match self.layer {
            LayerName::Core => "core",
            LayerName::Store => "store",
        };
        let count = |name: &str, value: Option<u32>| {
            value.map_or_else(String::new, |value| format!(" --{name} {value}"))
        };
        format!(
            "fanfare simulate --layer {layer} --seed {seed}{}{}",
            count("events", self.events),
            count("endpoints", self.endpoints),
        )
    }
}

/// Runs to the end of the last delivery. The report goes to standard output; what differs from run
/// to run (the time it took) goes to standard error.
pub(super) fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let scenario = arguments.scenario(arguments.seed)?;
    if arguments.seeds > 1 {
        return many::simulate(arguments);
    }
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
    print(&text)?;
    let millis = took.as_millis().max(1);
    let rate = u128::from(report.deliveries) * 1_000 / millis;
    say(&format!("took {millis} ms: {rate} deliveries a second"));
    Ok(())
}

fn failed(error: SimulationError) -> Failure {
    match error {
        SimulationError::Violated(_) | SimulationError::Endless { .. } => {
            Failure::Violated(error.to_string())
        }
        SimulationError::Store(_)
        | SimulationError::Clock(_)
        | SimulationError::Url(_)
        | SimulationError::Secret(_) => Failure::Operation(error.to_string()),
    }
}
