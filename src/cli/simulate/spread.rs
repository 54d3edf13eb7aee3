//! Figures over all runs of a rehearsal.

use serde::Serialize;

use super::rehearsed::Rehearsed;
use crate::sim::{Scenario, figure::Figure};

/// A figure over all runs, in its unit.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Spread {
    /// Which one.
    pub(super) figure: &'static str,
    /// Of which endpoints; of all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    /// What it is measured in.
    pub(super) unit: &'static str,
    /// In the run where it was least, by the nearest rank in the middle, and where it was most.
    pub(super) least: u64,
    pub(super) median: u64,
    pub(super) most: u64,
    #[serde(skip)]
    pub(super) of: Figure,
}

/// Every figure over all runs.
pub(super) fn spreads(scenario: &Scenario, runs: &[Rehearsed]) -> Vec<Spread> {
    let names = scenario
        .receivers
        .iter()
        .map(|group| Some(group.name.clone()));
    let mut found = Vec::new();
    for endpoint in [None].into_iter().chain(names) {
        for of in Figure::ALL {
            let values = runs.iter();
            let values = values.filter_map(|run| run.measures.get(of, endpoint.as_deref()));
            let mut values: Vec<u64> = values.collect();
            values.sort_unstable();
            let at = |place: usize| values.get(place).copied();
            let (Some(least), Some(most)) = (at(0), values.last().copied()) else {
                continue;
            };
            found.push(Spread {
                figure: of.name(),
                endpoint: endpoint.clone(),
                unit: of.unit().machine_name(),
                least,
                median: at((values.len() - 1) / 2).unwrap_or(least),
                most,
                of,
            });
        }
    }
    found
}
