//! The engine over the embedded store on a simulated disk, with a process that dies: a few hundred
//! worlds drawn from their seeds, and what they must have met together. `fanfare simulate --layer
//! store` runs as many as one has time for.

use std::thread;

use fanfare::{
    sim::{Layer, Report, Scenario, report::Happened, run, swarm},
    store::embedded::EmbeddedOptions,
};

/// Parts of the quick set, which run at the same time.
const PARTS: u64 = 4;
/// Seeds of a part.
const SEEDS: u64 = 60;

/// The world of a seed, made small enough for a build without optimisation.
fn world(seed: u64) -> Scenario {
    let mut scenario = swarm::store_scenario(seed).expect("it can run");
    scenario.events = scenario.events.min(12);
    scenario.endpoints = scenario.endpoints.min(3);
    scenario
}

/// Runs a world; every property must hold.
fn judged(seed: u64) -> Report {
    match run(&world(seed)) {
        Ok(report) => report,
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

/// Runs a part of the quick set; gives what happened in it.
fn part(number: u64) -> Happened {
    let mut happened = Happened::default();
    for seed in 0..SEEDS {
        let report = judged(number * SEEDS + seed);
        assert_eq!(
            report.deliveries,
            report.succeeded + report.exhausted + report.expired
        );
        happened.add(&report.happened);
    }
    happened
}

#[test]
fn hundreds_of_worlds_lose_nothing_and_meet_everything_that_can_go_wrong() {
    let mut happened = Happened::default();
    thread::scope(|scope| {
        let parts: Vec<_> = (0..PARTS)
            .map(|number| scope.spawn(move || part(number)))
            .collect();
        for part in parts {
            happened.add(&part.join().expect("every property holds"));
        }
    });
    for (name, count) in happened.counts() {
        assert!(count > 0, "no {name}: {happened:?}");
    }
}

#[test]
fn a_world_is_the_same_each_time() {
    for seed in 500..510 {
        let (first, second) = (judged(seed), judged(seed));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// Both stores are told the same and say the same, so the engine does the same.
#[test]
fn a_world_without_faults_is_the_same_over_either_store() {
    for seed in 0..10 {
        let mut scenario = Scenario::new(seed, 12, 4).expect("it can run");
        scenario.engine.ring_events_max = 4;
        scenario.engine.page_rows = 2;
        scenario.faults.late_loads = true;
        scenario.named_percent = 50;
        let core = run(&scenario).expect("every property holds");
        scenario.layer = Layer::Store(EmbeddedOptions {
            data_shards: 1,
            ..EmbeddedOptions::default()
        });
        let store = run(&scenario).expect("every property holds");
        assert_eq!(core.to_json().ok(), store.to_json().ok(), "seed {seed}");
    }
}
