//! The engine over the embedded store on a simulated disk, with a process that dies: a few hundred
//! worlds drawn from their seeds, and what they must have met together. `fanfare simulate --layer
//! store` runs as many as one has time for.

use std::{cell::RefCell, rc::Rc, thread};

use fanfare::{
    sim::{
        Layer, Report, Scenario,
        happened::{Happened, can_meet},
        run, run_heard, swarm,
        trace::Record,
    },
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
        let ended = report.succeeded + report.exhausted + report.expired;
        assert_eq!(
            report.deliveries,
            ended + report.set_aside + report.cancelled
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
        assert_eq!(count > 0, can_meet("store", name), "{name}: {happened:?}");
    }
}

#[test]
fn a_world_is_the_same_each_time() {
    for seed in 500..510 {
        let (first, second) = (judged(seed), judged(seed));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// Runs a scenario; gives its report, the layer left aside, and its records.
fn heard(scenario: &Scenario) -> (Report, Vec<String>) {
    let records = Rc::new(RefCell::new(Vec::new()));
    let inside = Rc::clone(&records);
    let listener = Box::new(move |record: &Record| inside.borrow_mut().push(record.to_string()));
    let report = match run_heard(scenario, listener) {
        Ok(report) => report,
        Err(error) => panic!("seed {}: {error}", scenario.seed),
    };
    let mut happened = report.happened;
    // Only the embedded store has a disk whose lists are compared at the end.
    happened.inspections = 0;
    let report = Report {
        layer: "either",
        happened,
        ..report
    };
    (report, records.take())
}

/// Runs a scenario over the memory store and over the embedded one, which must do the same.
fn same_over_either_store(mut scenario: Scenario) -> Report {
    let seed = scenario.seed;
    // Who begins again on a disk tells how far that had come.
    scenario.faults.lives.clear();
    let (core, core_records) = heard(&scenario);
    scenario.layer = Layer::Store(EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    });
    let (store, store_records) = heard(&scenario);
    let mut pairs = core_records.iter().zip(&store_records).enumerate();
    if let Some((place, (core, store))) = pairs.find(|(_, (core, store))| core != store) {
        let before = core_records
            .iter()
            .take(place)
            .skip(place.saturating_sub(8));
        let before: Vec<&str> = before.map(String::as_str).collect();
        let before = before.join("\n");
        panic!("seed {seed}:\n{before}\nthen the core\n{core}\nand the store\n{store}");
    }
    assert_eq!(core, store, "seed {seed}");
    core
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
        same_over_either_store(scenario);
    }
}

/// The same with lost shards, failing pages, clocks that are set and keys that are used again.
#[test]
fn a_drawn_world_of_the_core_is_the_same_over_either_store() {
    let mut faults = 0;
    for seed in 0..60 {
        let scenario = swarm::core_scenario(seed).expect("it can run");
        let report = same_over_either_store(scenario);
        faults += report.faults.values().sum::<u64>();
    }
    assert!(faults > 1_000, "{faults}");
}

/// More events than each inspection reads whole, a process that dies four times, and rows that may go meanwhile.
#[test]
fn of_many_events_a_restart_reads_a_part_and_the_end_all() {
    let report = super::holds(
        r#"
layer = "store"
seed = 3
endpoints = 2

[traffic]
events = 1500
every = "4ms"

[store]
journal_attempts_max = 700

[[life]]
ends = { after = "1500ms" }
power_lost = true

[[life]]
ends = { after = "1500ms" }

[[life]]
ends = { after = "1500ms" }
power_lost = true

[[life]]
ends = { after = "1500ms" }
"#,
    );
    assert_eq!((report.events, report.crashes), (1_500, 4));
    assert!(report.happened.inspections >= 5, "{:?}", report.happened);
}
