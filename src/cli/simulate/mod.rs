//! `fanfare simulate`: the same engine in virtual time over a simulated network.

mod batch;
mod compare;
mod crew;
mod explain;
mod failing;
mod journal;
mod meta;
#[cfg(feature = "mutants")]
mod mistake;
mod mutants;
mod picture;
mod policy;
mod raw;
mod rehearse;
mod rehearsed;
mod replay;
mod spark;
mod spread;
mod summary;
mod verdicts;

use clap::{Args, Subcommand, ValueEnum};

use super::{failure::Failure, output::print, say};
use crate::{
    limits,
    sim::{Scenario, swarm},
};

const EXAMPLES: &str = "\
Examples:
  A thousand events to a hundred endpoints
    fanfare simulate --seed 1 --events 1000 --endpoints 100

  The hash of everything that happened, to compare two machines or versions
    fanfare simulate --seed 1 --json | grep trace_hash

  Ten thousand worlds in which disks lose writes and processes die, on all cores
    fanfare simulate --layer store --seeds 10000

  The same, each seed in two processes: do they do the same?
    fanfare simulate meta --layer store --seeds 100

  A world of your own, and whether what you expect of it holds
    fanfare simulate run fixtures/scenarios/customer-down.toml";

/// Events where nothing else is said.
const EVENTS: u32 = 1_000;
/// Endpoints where nothing else is said.
const ENDPOINTS: u32 = 100;

/// Arguments of `fanfare simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct SimulateArguments {
    /// What to do but run and report.
    #[command(subcommand)]
    command: Option<SimulateCommand>,
    #[command(flatten)]
    worlds: Worlds,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
    /// Write each record of the run to a file, one a line; of one seed only
    #[arg(long, value_name = "FILE")]
    trace: Option<std::path::PathBuf>,
    #[command(flatten)]
    failing: failing::FailingArguments,
}

/// What else is done with simulations.
#[derive(Clone, Debug, Subcommand)]
enum SimulateCommand {
    /// Run two worlds that files describe with the same seeds, and tell how they differ
    ///
    /// Both draw from the same streams, so that a difference of the files is seen and not one of
    /// chance; each comes with its interval of 95 per cent.
    #[command(after_long_help = compare::EXAMPLES)]
    Compare(compare::CompareArguments),
    /// Run each seed in two processes and compare every record
    ///
    /// Prints the first record that differs. Exit code 0 only if none does, else 10.
    #[command(after_long_help = meta::EXAMPLES)]
    Meta(meta::MetaArguments),
    /// Look for mistakes that were made on purpose: is the simulator good enough to find them?
    ///
    /// Needs a build with the feature `mutants`. Exit code 0 if all are found, 10 if one escapes.
    #[command(after_long_help = mutants::EXAMPLES)]
    Mutants(mutants::MutantsArguments),
    /// Run a world that a file describes, and see whether what is expected of it holds
    ///
    /// The file says what comes, how receivers behave and what goes wrong; the engine's settings have
    /// the names of the configuration file. Exit code 0 if all expectations hold in every run, 10 if
    /// one does not.
    #[command(after_long_help = rehearse::EXAMPLES)]
    Run(rehearse::RehearseArguments),
    /// Tell what happened to a delivery and why, from what serve --record recorded
    ///
    /// Each attempt with the reason why it started when it did, what it met, and how the wait after it
    /// came about. Exit code 3 if the journal tells nothing of the delivery.
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(explain::ExplainArguments),
    /// Run what serve --record recorded again, and compare all that the engine did
    ///
    /// Prints the first record that differs. Exit code 0 only if none does, else 10; 2 if the journal is
    /// damaged or cut off.
    #[command(after_long_help = replay::EXAMPLES)]
    Replay(replay::ReplayArguments),
    /// Write the records of runs to standard output, for another process to compare
    #[command(hide = true, after_long_help = raw::EXAMPLES)]
    Raw(raw::RawArguments),
}

/// Which worlds are simulated.
#[derive(Clone, Debug, Args)]
pub(super) struct Worlds {
    /// Fixes the whole run
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many runs, with this seed and those that follow
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// What is under the engine
    #[arg(long, value_enum, default_value_t = LayerName::Core)]
    layer: LayerName,
    /// Draw sizes, what is asked for and what goes wrong from the seed; `store` and `full` always do
    #[arg(long)]
    swarm: bool,
    /// How many events are accepted; in the layer `core` only [default: 1000]
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::SIMULATED_EVENTS_MAX)))]
    events: Option<u32>,
    /// How many endpoints each event goes to; in the layer `core` only [default: 100]
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=limits::ENDPOINTS_PER_APPLICATION_MAX as i64))]
    endpoints: Option<u32>,
    #[cfg(feature = "mutants")]
    #[command(flatten)]
    mistake: mistake::MistakeArguments,
}

/// What is under the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LayerName {
    /// The memory store, and nothing fails but receivers; with --swarm commits fail, shards are
    /// lost, clocks are set and pages come late
    Core,
    /// The embedded store on a disk that loses writes, with a process that dies; all of it drawn
    /// from the seed
    Store,
    /// All that ships but sockets, TLS and threads: hyper as server and client over streams in
    /// memory, the embedded store on such a disk, a process that dies; all of it drawn from the seed
    Full,
}

impl LayerName {
    const fn text(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Store => "store",
            Self::Full => "full",
        }
    }
}

impl Worlds {
    /// The seed of the run with this number, from 0; `None` behind the last one.
    fn seed_at(&self, index: u64) -> Option<u64> {
        if index >= self.seeds {
            return None;
        }
        self.seed.checked_add(index)
    }

    /// The scenario of a seed.
    fn scenario(&self, seed: u64) -> Result<Scenario, Failure> {
        let has_sizes = self.events.is_some() || self.endpoints.is_some();
        let scenario = match self.layer {
            _ if has_sizes && (self.swarm || self.layer != LayerName::Core) => {
                let text = "the layers `store` and `full` and --swarm draw events and endpoints from the seed: \
                            leave --events and --endpoints out";
                return Err(Failure::Usage(text.to_owned()));
            }
            LayerName::Core if self.swarm => swarm::core_scenario(seed),
            LayerName::Core => Scenario::new(
                seed,
                self.events.unwrap_or(EVENTS),
                self.endpoints.unwrap_or(ENDPOINTS),
            ),
            LayerName::Store => swarm::store_scenario(seed),
            LayerName::Full => swarm::full_scenario(seed),
        };
        let scenario = scenario.map_err(|error| Failure::Usage(error.to_string()))?;
        #[cfg(feature = "mutants")]
        let scenario = self.mistake.made_in(scenario)?;
        Ok(scenario)
    }

    /// The options that say which worlds, for another command; the seeds left out.
    fn options(&self) -> Vec<String> {
        let mut options = vec!["--layer".to_owned(), self.layer.text().to_owned()];
        for (name, value) in [("--events", self.events), ("--endpoints", self.endpoints)] {
            if let Some(value) = value {
                options.extend([name.to_owned(), value.to_string()]);
            }
        }
        if self.swarm {
            options.push("--swarm".to_owned());
        }
        options.extend(self.mistake_options());
        options
    }

    /// The options that make a mistake, which no release can.
    #[cfg_attr(
        not(feature = "mutants"),
        expect(clippy::unused_self, reason = "there is none")
    )]
    fn mistake_options(&self) -> Vec<String> {
        #[cfg(feature = "mutants")]
        return self.mistake.options();
        #[cfg(not(feature = "mutants"))]
        Vec::new()
    }

    /// The command that repeats the run of one seed.
    fn replay(&self, seed: u64) -> String {
        let options = self.options().join(" ");
        format!("fanfare simulate --seed {seed} {options}")
    }
}

/// Runs to the end of the last delivery. The report goes to standard output; what differs from run
/// to run (the time it took) goes to standard error.
pub(super) fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(SimulateCommand::Compare(arguments)) => compare::compare(arguments),
        Some(SimulateCommand::Meta(arguments)) => meta::meta(arguments),
        Some(SimulateCommand::Mutants(arguments)) => mutants::mutants(arguments),
        Some(SimulateCommand::Raw(arguments)) => raw::raw(arguments),
        Some(SimulateCommand::Run(arguments)) => rehearse::rehearse(arguments),
        Some(SimulateCommand::Explain(arguments)) => explain::explain(arguments),
        Some(SimulateCommand::Replay(arguments)) => replay::replay(arguments),
        None => batch::simulate(arguments),
    }
}
