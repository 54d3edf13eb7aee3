//! Everything that ships but sockets, TLS and threads, in paused time: some worlds drawn from their
//! seeds, and what they must have met together. `fanfare simulate --layer full` runs as many as one
//! has time for.

use fanfare::sim::{Report, happened::Happened, run, swarm};

/// Seeds that are run.
const SEEDS: u64 = 120;

/// Runs a world, made small enough for a build without optimisation; every property must hold.
fn judged(seed: u64) -> Report {
    let mut scenario = swarm::full_scenario(seed).expect("it can run");
    scenario.events = scenario.events.min(12);
    scenario.endpoints = scenario.endpoints.min(3);
    match run(&scenario) {
        Ok(report) => report,
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

#[test]
fn worlds_of_the_whole_lose_nothing_and_meet_what_can_go_wrong() {
    let mut happened = Happened::default();
    for seed in 0..SEEDS {
        let report = judged(seed);
        let ended = report.succeeded + report.exhausted + report.expired;
        assert_eq!(report.deliveries, ended, "seed {seed}");
        happened.add(&report.happened);
    }
    for (name, count) in happened.counts() {
        assert!(count > 0, "no {name}: {happened:?}");
    }
}

#[test]
fn a_world_of_the_whole_is_the_same_each_time() {
    for seed in 900..910 {
        assert_eq!(judged(seed), judged(seed), "seed {seed}");
    }
}
