//! Teeth: each mistake that can be switched on must be found, from several seeds on. `fanfare simulate
//! mutants` does the same and shows how many seeds it took.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use fanfare::sim::mutants::Mutant;

/// Seeds after which a mistake counts as not found.
const SEEDS_MAX: u64 = 10_000;
/// Where each mistake is looked for.
const BASES: [u64; 2] = [50_000_000, 60_000_000];

#[test]
fn every_mutant_is_found() {
    let all = Mutant::all();
    assert!(all.len() >= 24, "{}", all.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for base in BASES {
                        let look = mutant.look(base, SEEDS_MAX).expect("it can run");
                        let (name, found) = (mutant.name(), look.seeds.is_some());
                        assert!(
                            found,
                            "{name} lives after {SEEDS_MAX} seeds from {base}: {look:?}"
                        );
                    }
                }
            });
        }
    });
}

#[test]
fn without_a_mistake_the_same_seeds_are_clean() {
    for seed in 50_000_000..50_000_060 {
        for scenario in [
            fanfare::sim::swarm::core_scenario(seed),
            fanfare::sim::swarm::store_scenario(seed),
        ] {
            let scenario = scenario.expect("it can run");
            if let Err(error) = fanfare::sim::run(&scenario) {
                panic!("seed {seed}: {error}");
            }
        }
    }
}
