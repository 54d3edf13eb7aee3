//! Mutants: is a simulation good enough to find a mistake? Each one is looked for with fresh seeds
//! until a property does not hold, or the same seed does two things. In builds with the feature
//! `mutants` alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    run::{SimulationError, run},
    scenario::{Layer, Scenario, ScenarioError},
    swarm,
};
use crate::{engine, store::embedded};

/// Seeds over which a mutant that was not found is compared with what does not have the mistake.
const SEEDS_COMPARED: u64 = 200;

/// A mistake, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// In the engine.
    Engine(engine::mutant::Mutant),
    /// In the embedded store.
    Store(embedded::mutant::Mutant),
}

/// What came of looking for a mutant from one seed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// How many seeds were needed; `None` if it was not found.
    pub seeds: Option<u64>,
    /// What did not hold, by its name in `docs/simulation.md`, and what was seen.
    pub found: Option<(String, String)>,
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
        engine.chain(store).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Engine(mutant) => format!("{mutant:?}"),
            Self::Store(mutant) => format!("{mutant:?}"),
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
        }
    }

    /// The scenario of a seed, with the mistake or without it.
    fn scenario(self, seed: u64, is_mutated: bool) -> Result<Scenario, ScenarioError> {
        let mut scenario = match self.layer() {
            "store" => swarm::store_scenario(seed)?,
            _ => swarm::core_scenario(seed)?,
        };
        if !is_mutated {
            return Ok(scenario);
        }
        match (self, &mut scenario.layer) {
            (Self::Engine(mutant), _) => {
                scenario.engine.mutant = Some(mutant);
                for life in &mut scenario.faults.lives {
                    life.engine.mutant = Some(mutant);
                }
            }
            (Self::Store(mutant), Layer::Store(options)) => options.mutant = Some(mutant),
            (Self::Store(_), _) => {}
        }
        Ok(scenario)
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

    /// Looks for it with at most so many seeds from `base` on.
    ///
    /// # Errors
    /// [`ScenarioError`]; none is known.
    pub fn look(self, base: u64, seeds_max: u64) -> Result<Look, ScenarioError> {
        for index in 0..seeds_max {
            let scenario = self.scenario(base.wrapping_add(index), true)?;
            let mut found = wrong(&scenario);
            if found.is_ok() && self.is_unseeded() && found != wrong(&scenario) {
                let what = "the same seed did two things".to_owned();
                found = Err(("determinism".to_owned(), what));
            }
            if let Err(found) = found {
                return Ok(Look {
                    seeds: Some(index + 1),
                    found: Some(found),
                    is_reached: true,
                });
            }
        }
        let mut is_reached = false;
        for index in 0..seeds_max.min(SEEDS_COMPARED) {
            let seed = base.wrapping_add(index);
            let (with, without) = (self.scenario(seed, true)?, self.scenario(seed, false)?);
            is_reached |= wrong(&with) != wrong(&without);
        }
        Ok(Look {
            seeds: None,
            found: None,
            is_reached,
        })
    }
}

/// What a run finds wrong; its trace hash if that is nothing.
fn wrong(scenario: &Scenario) -> Result<String, (String, String)> {
    match catch_unwind(AssertUnwindSafe(|| run(scenario))) {
        Ok(Ok(report)) => Ok(report.trace_hash),
        Ok(Err(SimulationError::Violated(report))) => {
            let first = report.violations.into_iter().next();
            Err(first.map_or_else(Default::default, |found| (found.invariant, found.what)))
        }
        Ok(Err(error)) => Err(("I28".to_owned(), error.to_string())),
        Err(_) => Err(("I28".to_owned(), "a panic".to_owned())),
    }
}
