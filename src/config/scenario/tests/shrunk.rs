//! What a world shrinks to can be said in a file, whatever of it is left out.

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::{ScenarioFile, drawn, read};
use crate::sim::{
    Found, Report, Scenario,
    shrink::{Budget, shrink},
};

/// Which property fails in all of these worlds.
const MADE_UP: &str = "I1";

/// Shrinks a world of which smaller ones fail as it happens, and asserts that the smallest can be written and
/// read.
fn shrinks_to_files(scenario: &Scenario, chance: u64) {
    let mut judge = |candidate: &Scenario| {
        let hash = xxh3_64(format!("{chance} {candidate:?}").as_bytes());
        let fails = candidate == scenario || !hash.is_multiple_of(3);
        let found = Found {
            invariant: MADE_UP.to_owned(),
            seed: candidate.seed,
            what: String::new(),
        };
        Some(Report {
            violations: fails.then_some(found).into_iter().collect(),
            ..Report::default()
        })
    };
    let budget = Budget {
        runs_max: 400,
        ..Budget::QUICK
    };
    let shrunk = shrink(scenario, MADE_UP, budget, &mut judge).scenario;
    let file = ScenarioFile::of(shrunk);
    read(&file.write().expect("it can be said"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_a_drawn_world_shrinks_to_can_be_read(layer in 0_u8..3, seed: u64, chance: u64) {
        shrinks_to_files(&drawn(layer, seed), chance);
    }

    #[test]
    fn what_a_described_world_shrinks_to_can_be_read(chance: u64) {
        let text = include_str!("shrunk.toml");
        shrinks_to_files(&read(text).scenario, chance);
    }
}
