//! Whether what is expected held, over all runs of a rehearsal.

use serde::Serialize;

use super::rehearsed::Rehearsed;
use crate::sim::expectation::Expectation;

/// An expectation over all runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// As it would be written.
    pub(super) expectation: String,
    /// Whether it held in every run.
    pub(super) held: bool,
    /// The first seed in which it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// In how many runs it did not.
    pub(super) broken: u64,
    /// What was measured there, in the figure's unit; of the first run if it held; nothing if there was
    /// nothing to measure.
    pub(super) measured: Option<u64>,
    /// The command that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    /// The same, as people are told: `it is 3 s`.
    #[serde(skip)]
    pub(super) shown: String,
}

/// Whether an expectation held in all runs.
pub(super) fn verdict(
    expectation: &Expectation,
    runs: &[Rehearsed],
    again: impl Fn(u64) -> String,
) -> Verdict {
    let judged = runs.iter().map(|run| {
        let (measured, holds) = expectation.judge(&run.measures);
        (run.report.seed, measured, holds)
    });
    let judged: Vec<(u64, Option<u64>, bool)> = judged.collect();
    let broken = judged.iter().filter(|(_, _, holds)| !holds);
    let count = u64::try_from(broken.clone().count()).unwrap_or(u64::MAX);
    let first_broken = broken.clone().next();
    let shown = first_broken.or_else(|| judged.first());
    let measured = shown.and_then(|(_, measured, _)| *measured);
    let figure = expectation.figure;
    Verdict {
        expectation: expectation.to_string(),
        held: count == 0,
        seed: first_broken.map(|(seed, _, _)| *seed),
        broken: count,
        measured,
        command: first_broken.map(|(seed, _, _)| again(*seed)),
        shown: match measured {
            Some(measured) => format!("it is {}", figure.unit().shown(measured)),
            None => figure.missing().unwrap_or("it was not measured").to_owned(),
        },
    }
}
