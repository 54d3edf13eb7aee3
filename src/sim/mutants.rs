//! Mutants: is a simulation good enough to find a mistake? Each one is looked for with fresh seeds
//! until a property does not hold, or the same seed does two things. In builds with the feature
//! `mutants` alone.

use super::{
    report::{Found, Report},
    scenario::{Layer, Scenario, ScenarioError},
    shrink::{Budget, Shrunk, shrink},
    swarm,
    verdict::judged,
};
use crate::{engine, store::embedded, transport};

/// Seeds over which a mutant that was not found is compared with what does not have the mistake.
const SEEDS_COMPARED: u64 = 200;
/// Seeds after which a mistake of the slowest layer counts as not found.
const SEEDS_MAX_OF_FULL: u64 = 500;

/// A mistake, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// In the engine.
    Engine(engine::mutant::Mutant),
    /// In the embedded store.
    Store(embedded::mutant::Mutant),
    /// In the transport.
    Transport(transport::mutant::Mutant),
}

/// What came of looking for a mutant from one seed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many seeds were needed; `None` if it was not found.
    pub seeds: Option<u64>,
    /// What did not hold.
    pub found: Option<Found>,
    /// The scenario in which it did not.
    pub failing: Option<Box<Scenario>>,
    /// Whether it made any difference in the seeds that were compared; told of one that was not found.
    /// A mistake that makes none is never reached: there the simulation lacks a path, not an oracle.
    pub is_reached: bool,
}

impl Mutant {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let engine = engine::mutant::Mutant::ALL.into_iter().map(Self::Engine);
        let store = embedded::mutant::Mutant::ALL.into_iter().map(Self::Store);
        let transport = transport::mutant::Mutant::ALL.into_iter();
        let transport = transport.map(Self::Transport);
        engine.chain(store).chain(transport).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Engine(mutant) => format!("{mutant:?}"),
            Self::Store(mutant) => format!("{mutant:?}"),
            Self::Transport(mutant) => format!("{mutant:?}"),
        }
    }

    /// The layer in which it is looked for: the fastest one that can show it.
    #[must_use]
    pub const fn layer(self) -> &'static str {
        match self {
            // Only who dies forgets what stands in memory alone.
            Self::Engine(
                engine::mutant::Mutant::SettlesAtSend | engine::mutant::Mutant::ForgetsRowsOfLater,
            )
            | Self::Store(_) => "store",
            Self::Engine(_) => "core",
            Self::Transport(_) => "full",
        }
    }

    /// The scenario of a seed, with the mistake or without it.
    fn scenario(self, seed: u64, is_mutated: bool) -> Result<Scenario, ScenarioError> {
        let mut scenario = match self.layer() {
            "store" => swarm::store_scenario(seed)?,
            "full" => swarm::full_scenario(seed)?,
            _ => swarm::core_scenario(seed)?,
        };
        if is_mutated {
            self.put_into(&mut scenario);
        }
        Ok(scenario)
    }

    /// Makes a scenario have the mistake; one of the store is none in the layer `core`.
    pub fn put_into(self, scenario: &mut Scenario) {
        match (self, &mut scenario.layer) {
            (Self::Engine(mutant), _) => {
                scenario.engine.mutant = Some(mutant);
                for life in &mut scenario.faults.lives {
                    life.engine.mutant = Some(mutant);
                }
            }
            (Self::Store(mutant), Layer::Store(options) | Layer::Full(options)) => {
                options.mutant = Some(mutant);
            }
            (Self::Store(_), Layer::Core(_)) => {}
            (Self::Transport(mutant), _) => scenario.transport = Some(mutant),
        }
    }

    /// Whether its seed may do two things.
    const fn is_unseeded(self) -> bool {
        matches!(
            self,
            Self::Engine(
                engine::mutant::Mutant::SpreadsWaitsAnew | engine::mutant::Mutant::WakesInNoOrder
            )
        )
    }

    /// Looks for it with at most so many seeds from `base` on, in the layer `full` with 500.
    ///
    /// # Errors
    /// [`ScenarioError`]; none is known.
    pub fn look(self, base: u64, seeds_max: u64) -> Result<Look, ScenarioError> {
        let seeds_max = match self {
            Self::Transport(_) => seeds_max.min(SEEDS_MAX_OF_FULL),
            Self::Engine(_) | Self::Store(_) => seeds_max,
        };
        for index in 0..seeds_max {
            let scenario = self.scenario(base.wrapping_add(index), true)?;
            let report = self.judged(&scenario);
            if let Some(found) = report.violations.into_iter().next() {
                return Ok(Look {
                    seeds: Some(index + 1),
                    found: Some(found),
                    failing: Some(Box::new(scenario)),
                    is_reached: true,
                });
            }
        }
        let mut is_reached = false;
        for index in 0..seeds_max.min(SEEDS_COMPARED) {
            let seed = base.wrapping_add(index);
            let (with, without) = (self.scenario(seed, true)?, self.scenario(seed, false)?);
            is_reached |= self.judged(&with) != self.judged(&without);
        }
        Ok(Look {
            is_reached,
            ..Look::default()
        })
    }

    /// What a run with the mistake finds wrong; of one that no seed fixes, whether the same scenario
    /// does two things, too.
    #[must_use]
    pub fn judged(self, scenario: &Scenario) -> Report {
        let mut report = judged_once(scenario);
        if report.violations.is_empty() && self.is_unseeded() {
            let again = judged_once(scenario);
            if again != report {
                report.violations.push(Found {
                    invariant: "determinism".to_owned(),
                    seed: scenario.seed,
                    what: "the same seed did two things".to_owned(),
                });
            }
        }
        report
    }
}

impl Look {
    /// The scenario in which it was found, made small; `None` if it was not found.
    #[must_use]
    pub fn shrunk(&self, mutant: Mutant, budget: Budget) -> Option<Shrunk> {
        let (scenario, found) = (self.failing.as_ref()?, self.found.as_ref()?);
        let mut judge = |smaller: &Scenario| Some(mutant.judged(smaller));
        Some(shrink(scenario, &found.invariant, budget, &mut judge))
    }
}

/// What one run finds wrong, whatever ends it.
fn judged_once(scenario: &Scenario) -> Report {
    judged(scenario, None).unwrap_or_else(|error| Report {
        violations: vec![Found {
            invariant: "I28".to_owned(),
            seed: scenario.seed,
            what: error.to_string(),
        }],
        ..Report::default()
    })
}
