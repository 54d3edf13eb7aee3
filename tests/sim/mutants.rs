//! Teeth: each mistake that can be switched on must be found, from several seeds on. `fanfare simulate
//! mutants` does the same and shows how many seeds it took.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use fanfare::{
    config::scenario::ScenarioFile,
    sim::{
        Layer, Scenario,
        mutants::{Look, Mutant},
        shrink::{Budget, Size},
    },
};

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
                        if base == BASES[0] {
                            assert_shrinks(*mutant, &look);
                        }
                    }
                }
            });
        }
    });
}

/// The scenario in which a mistake was found becomes smaller, is found by the same property, and is the
/// same when it is done again.
fn assert_shrinks(mutant: Mutant, look: &Look) {
    let name = mutant.name();
    let (before, found) = (look.failing.as_ref(), look.found.as_ref());
    let (before, found) = (before.expect("found"), found.expect("found"));
    let shrunk = look.shrunk(mutant, Budget::QUICK).expect("it was found");
    let (large, small) = (Size::of(before), shrunk.size);
    assert!(small.events <= large.events, "{name}: {shrunk:?}");
    assert!(small.endpoints <= large.endpoints, "{name}: {shrunk:?}");
    assert!(small.faults <= large.faults, "{name}: {shrunk:?}");
    assert_ne!(large, small, "{name}: {shrunk:?}");
    let file = ScenarioFile::of(without_mistakes(&shrunk.scenario));
    let text = file.write().expect("a file can say it");
    assert_eq!(ScenarioFile::read(&text), Ok(file), "{name}: {text}");
    if found.invariant == "determinism" {
        return;
    }
    let report = mutant.judged(&shrunk.scenario);
    let again = report.violations.first().map(|found| &found.invariant);
    assert_eq!(again, Some(&found.invariant), "{name}: {shrunk:?}");
    assert_eq!(look.shrunk(mutant, Budget::QUICK), Some(shrunk), "{name}");
}

/// What a file says of a scenario: all but the mistake.
fn without_mistakes(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.engine.mutant = None;
    scenario.transport = None;
    for life in &mut scenario.faults.lives {
        life.engine.mutant = None;
    }
    if let Layer::Store(options) | Layer::Full(options) = &mut scenario.layer {
        options.mutant = None;
    }
    scenario
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
