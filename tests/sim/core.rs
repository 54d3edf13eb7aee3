//! The engine over the memory store in worlds drawn from their seeds, and what they must have met
//! together. `fanfare simulate --swarm` runs as many as one has time for.

use fanfare::sim::{
    Report,
    happened::{Happened, can_meet},
    run, swarm,
};

/// Seeds that are run.
const SEEDS: u64 = 300;

/// Runs a world; every property must hold.
fn judged(seed: u64) -> Report {
    let scenario = swarm::core_scenario(seed).expect("it can run");
    match run(&scenario) {
        Ok(report) => report,
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

#[test]
fn hundreds_of_worlds_of_the_core_lose_nothing_and_meet_what_can_go_wrong() {
    let mut happened = Happened::default();
    for seed in 0..SEEDS {
        let report = judged(seed);
        let ended = report.succeeded + report.exhausted + report.expired;
        let ended = ended + report.set_aside + report.cancelled;
        assert_eq!(report.deliveries, ended, "seed {seed}");
        happened.add(&report.happened);
    }
    assert_eq!(happened.unmet("core"), [""; 0], "{happened:?}");
    for (name, count) in happened.counts() {
        assert_eq!(count > 0, can_meet("core", name), "{name}: {happened:?}");
    }
}

#[test]
fn a_world_of_the_core_is_the_same_each_time() {
    for seed in 700..720 {
        assert_eq!(judged(seed), judged(seed), "seed {seed}");
    }
}
