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
    /// In the run where it was least, by the nearest rank in the middle, and where it was most; of the runs that
    /// have it, nothing if none has.
    pub(super) least: Option<u64>,
    pub(super) median: Option<u64>,
    pub(super) most: Option<u64>,
    #[serde(skip)]
    pub(super) of: Figure,
}

impl Spread {
    /// A value of it, for people.
    pub(super) fn shown(&self, value: Option<u64>) -> String {
        value.map_or_else(|| "-".to_owned(), |value| self.of.unit().shown(value))
    }
}

/// Every figure over all runs.
pub(super) fn spreads(scenario: &Scenario, runs: &[Rehearsed]) -> Vec<Spread> {
    let names = scenario
        .receivers
        .iter()
        .map(|group| Some(group.name.clone()));
    let mut found = Vec::new();
    for endpoint in [None].into_iter().chain(names) {
        let all = Figure::ALL.into_iter();
        for of in all.filter(|of| endpoint.is_none() || of.is_of_endpoints()) {
            let values = runs.iter();
            let values = values.filter_map(|run| run.measures.get(of, endpoint.as_deref()));
            let mut values: Vec<u64> = values.collect();
            values.sort_unstable();
            let middle = values.len().saturating_sub(1) / 2;
            found.push(Spread {
                figure: of.name(),
                endpoint: endpoint.clone(),
                unit: of.unit().machine_name(),
                least: values.first().copied(),
                median: values.get(middle).copied(),
                most: values.last().copied(),
                of,
            });
        }
    }
    found
}
