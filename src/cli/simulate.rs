//! `fanfare simulate`: the same engine in virtual time over a simulated network.

use clap::Args;

use super::failure::Failure;
use crate::limits;

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

/// Runs to the end of the last delivery.
pub(super) fn simulate(_arguments: &SimulateArguments) -> Result<(), Failure> {
    Err(Failure::Operation(
        "this build is not wired to its simulator".into(),
    ))
}
