//! A scenario: everything a simulation starts from. Equal scenarios give equal runs.

use thiserror::Error;

use crate::{engine::options::Options, limits, store::memory::MemoryOptions, time::Span};

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Fixes all randomness: the engine's, the receivers', the workload's and the faults'.
    pub seed: u64,
    /// Events that producers hand in, from 1.
    pub events: u32,
    /// Endpoints of the one application, from 1.
    pub endpoints: u32,
    /// The mean time from one event to the next; gaps are spread from nothing to twice that.
    pub event_every: Span,
    /// The engine's settings; its seed is replaced by the scenario's.
    pub engine: Options,
    /// What the store keeps.
    pub store: MemoryOptions,
    /// What goes wrong beside the receivers.
    pub faults: Faults,
}

/// What goes wrong beside the receivers; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Batches that fail, counted from 1 over all shards.
    pub failing_commits: Vec<FailingCommit>,
    /// Turns take a random few of the inputs that are there.
    pub split_turns: bool,
    /// Pages come late and in any order.
    pub late_loads: bool,
    /// The first receiver says that it is gone (410) at its third event or later.
    pub gone_receiver: bool,
}

/// A batch that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailingCommit {
    /// Which batch, from 1.
    pub number: u64,
    /// Whether it becomes durable all the same, and only its answer is lost.
    pub is_durable: bool,
}

impl Scenario {
    /// A scenario with the settings of production and without faults.
    ///
    /// # Errors
    /// [`ScenarioError`]; the fault of who chose the numbers.
    pub fn new(seed: u64, events: u32, endpoints: u32) -> Result<Self, ScenarioError> {
        let endpoints_max = u32::try_from(limits::ENDPOINTS_PER_APPLICATION_MAX);
        if endpoints == 0 || endpoints_max.is_ok_and(|max| endpoints > max) {
            return Err(ScenarioError::Endpoints { endpoints });
        }
        if events == 0 {
            return Err(ScenarioError::NoEvents);
        }
        let deliveries = u64::from(events) * u64::from(endpoints);
        if deliveries > limits::SIMULATED_DELIVERIES_MAX {
            return Err(ScenarioError::Deliveries { deliveries });
        }
        // One dead receiver keeps every event open, so the store must hold them all.
        let production = MemoryOptions::default();
        let events_max = usize::try_from(events).unwrap_or(usize::MAX);
        Ok(Self {
            seed,
            events,
            endpoints,
            event_every: Span::from_millis(100),
            engine: Options::default(),
            store: MemoryOptions {
                events_max: events_max.saturating_mul(2).max(production.events_max),
                ..production
            },
            faults: Faults::default(),
        })
    }

    /// The engine's settings, with the scenario's seed.
    pub(super) fn engine_options(&self) -> Options {
        Options {
            seed: self.seed,
            ..self.engine.clone()
        }
    }
}

/// Why there can be no such scenario.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// No endpoint, or more than one application may have.
    #[error(
        "a simulation has 1 to {} endpoints, not {endpoints}",
        limits::ENDPOINTS_PER_APPLICATION_MAX
    )]
    Endpoints {
        /// How many were asked for.
        endpoints: u32,
    },
    /// Nothing to deliver.
    #[error("a simulation has at least 1 event")]
    NoEvents,
    /// More than we keep account of.
    #[error(
        "events times endpoints is at most {}, not {deliveries}: choose fewer of either",
        limits::SIMULATED_DELIVERIES_MAX
    )]
    Deliveries {
        /// How many there would be.
        deliveries: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scenarios_that_can_run_are_made() {
        assert!(Scenario::new(1, 1, 1).is_ok());
        assert_eq!(Scenario::new(1, 0, 1), Err(ScenarioError::NoEvents));
        for endpoints in [0, 10_001] {
            let refused = Err(ScenarioError::Endpoints { endpoints });
            assert_eq!(Scenario::new(1, 1, endpoints), refused);
        }
        let refused = Scenario::new(1, u32::MAX, 10_000).expect_err("too many");
        assert!(refused.to_string().contains("choose fewer"), "{refused}");
    }
}
