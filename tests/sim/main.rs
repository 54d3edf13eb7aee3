//! Simulations over many seeds: the same engine in small and in hostile worlds. Every run is judged
//! by the oracle; a run that breaks a property fails with the seed to repeat it.

mod core;
mod few_rows;
mod figures;
mod full;
#[cfg(feature = "mutants")]
mod mutants;
mod once_failed;
mod other_circuits;
mod regressions;
mod rehearsal;
mod shrink;
mod store;

use fanfare::{
    config::scenario::ScenarioFile,
    sim::{Faults, Report, Scenario, faults::FailingCommit, run},
    time::Span,
};

/// Asserts that every property holds in this world; tells what happened.
fn holds(world: &str) -> Report {
    let file = ScenarioFile::read(world).expect("it is valid");
    run(&file.scenario).unwrap_or_else(|error| panic!("{error}"))
}

/// A small scenario with the settings of production.
fn small(seed: u64) -> Scenario {
    Scenario::new(seed, 30, 6).expect("it can run")
}

/// A scenario in which everything that has a size is tiny, so that lanes walk pages at once.
fn tiny(seed: u64) -> Scenario {
    let mut scenario = small(seed);
    scenario.engine.ring_events_max = 4;
    scenario.engine.page_rows = 1;
    scenario.engine.window_max = 2;
    scenario.engine.send_slots = 5;
    scenario.event_every = Span::from_millis(20);
    scenario
}

/// Runs a scenario; every property must hold.
fn judged(scenario: &Scenario) -> Report {
    match run(scenario) {
        Ok(report) => report,
        Err(error) => panic!("seed {}: {error}\n{scenario:?}", scenario.seed),
    }
}

fn all_ended(report: &Report) -> bool {
    report.deliveries == report.succeeded + report.exhausted + report.expired
}

#[test]
fn every_accepted_delivery_ends() {
    for seed in 0..40 {
        let report = judged(&small(seed));
        assert_eq!((report.events, report.deliveries), (30, 180), "seed {seed}");
        assert!(all_ended(&report), "seed {seed}: {report:?}");
        assert_eq!(
            report.expired, 0,
            "seed {seed}: three days are less than fourteen"
        );
        // At least one receiver is dead and costs the whole schedule.
        assert!(report.exhausted >= 30, "seed {seed}: {report:?}");
        assert!(report.attempts >= 150 + 300, "seed {seed}: {report:?}");
    }
}

#[test]
fn tiny_rings_and_pages_change_no_end() {
    for seed in 0..60 {
        let report = judged(&tiny(seed));
        assert_eq!(report.deliveries, 180, "seed {seed}");
        assert!(all_ended(&report), "seed {seed}: {report:?}");
        assert!(
            report.happened.event_pages > 0,
            "seed {seed}: no lane walked pages"
        );
        assert!(
            report.happened.open_pages > 0,
            "seed {seed}: no retry came from a page"
        );
    }
}

#[test]
fn late_pages_and_split_turns_lose_nothing() {
    for seed in 0..60 {
        let mut scenario = tiny(seed);
        scenario.faults.late_loads = true;
        scenario.faults.split_turns = true;
        let report = judged(&scenario);
        assert!(
            report.deliveries == 180 && all_ended(&report),
            "seed {seed}: {report:?}"
        );
    }
}

/// Failing batches spread over the run, every second one durable all the same.
fn failing(seed: u64) -> Vec<FailingCommit> {
    let first = seed % 7 + 1;
    let step = seed % 11 + 3;
    (0..12)
        .map(|index| FailingCommit {
            number: first + index * step,
            is_durable: (seed + index).is_multiple_of(2),
        })
        .collect()
}

#[test]
fn failed_commits_lose_no_accepted_event() {
    for seed in 0..60 {
        let mut scenario = small(seed);
        scenario.faults.failing_commits = failing(seed);
        let report = judged(&scenario);
        assert_eq!(report.events, 30, "seed {seed}");
        assert!(
            report.deliveries >= 180 && all_ended(&report),
            "seed {seed}: {report:?}"
        );
    }
}

#[test]
fn everything_at_once_loses_nothing() {
    let (mut orphans, mut repeated) = (0, 0);
    for seed in 0..120 {
        let mut scenario = tiny(seed);
        scenario.faults = Faults {
            failing_commits: failing(seed),
            split_turns: true,
            late_loads: true,
            gone_receiver: seed.is_multiple_of(3),
            ..Faults::default()
        };
        let report = judged(&scenario);
        assert_eq!(report.events, 30, "seed {seed}");
        assert!(all_ended(&report), "seed {seed}: {report:?}");
        orphans += report.happened.orphans;
        repeated += report.happened.repeated;
    }
    assert!(orphans > 0, "no shard was lost with attempts in flight");
    assert!(repeated > 0, "no result was lost");
}

#[test]
fn what_a_gone_receiver_holds_expires() {
    let mut expired = 0;
    for seed in 0..10 {
        let mut scenario = small(seed);
        scenario.faults.gone_receiver = true;
        let report = judged(&scenario);
        assert!(all_ended(&report), "seed {seed}: {report:?}");
        expired += report.expired;
    }
    assert!(expired > 0);
}

#[test]
fn a_window_of_one_and_two_slots_deliver_everything_in_time() {
    for seed in 0..20 {
        let mut scenario = small(seed);
        scenario.engine.window_max = 1;
        scenario.engine.send_slots = 2;
        scenario.event_every = Span::from_millis(1);
        assert!(all_ended(&judged(&scenario)), "seed {seed}");
    }
}
