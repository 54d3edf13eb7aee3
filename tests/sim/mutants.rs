//! Teeth: each store with a mistake in it must be found, and so many seeds are needed for it. Run it
//! with `cargo test --features mutants --test sim mutants -- --nocapture`.

#![expect(clippy::print_stdout, reason = "what was found is the result")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use fanfare::{
    sim::{Layer, SimulationError, run, swarm},
    store::embedded::mutant::Mutant,
};

/// Seeds after which a mistake counts as not found.
const SEEDS_MAX: u64 = 10_000;
/// How often each mistake is looked for, each time with other seeds.
const LOOKS: u64 = 5;

/// What the run of a seed finds wrong with a mutant, if anything.
fn found(mutant: Mutant, seed: u64) -> Option<String> {
    let mut scenario = swarm::store_scenario(seed).expect("it can run");
    if let Layer::Store(options) = &mut scenario.layer {
        options.mutant = Some(mutant);
    }
    match catch_unwind(AssertUnwindSafe(|| run(&scenario))) {
        Ok(Ok(_)) => None,
        Ok(Err(SimulationError::Violated(report))) => {
            report.violations.first().map(ToString::to_string)
        }
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("a panic".to_owned()),
    }
}

/// Looks for a mistake; gives the seeds that each look needed, least first.
fn looked_for(mutant: Mutant) -> Vec<u64> {
    let mut needed: Vec<u64> = (0..LOOKS)
        .map(|look| {
            let base = look * 1_000_000;
            let first =
                (0..SEEDS_MAX).find_map(|index| Some((index, found(mutant, base + index)?)));
            let Some((index, what)) = first else {
                panic!("{mutant:?} lives after {SEEDS_MAX} seeds from {base}");
            };
            println!("{mutant:?}: seed {} of {base}..: {what}", index + 1);
            index + 1
        })
        .collect();
    needed.sort_unstable();
    needed
}

#[test]
fn every_mutant_is_found() {
    thread::scope(|scope| {
        for mutant in Mutant::ALL {
            scope.spawn(move || {
                let needed = looked_for(mutant);
                println!("{mutant:?}: found after {needed:?} seeds");
            });
        }
    });
}
