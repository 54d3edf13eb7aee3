//! Shrinking: what fails becomes small and fails with the same property, the same way each time.
//!
//! Nothing fails in this build by itself, so the properties here are made up: each holds in most
//! runs and not in all. `tests/sim/mutants.rs` shrinks what real mistakes break.

use fanfare::{
    limits,
    sim::{
        Found, Report, Scenario, run,
        shrink::{Budget, Shrunk, Size, shrink},
        swarm,
    },
};

/// Runs a scenario, which fails if `is_met` says so of its report.
fn failing_if(is_met: fn(&Report) -> bool) -> impl FnMut(&Scenario) -> Option<Report> {
    move |scenario| {
        let mut report = run(scenario).expect("every real property holds");
        if is_met(&report) {
            report.violations.push(Found {
                invariant: "made up".to_owned(),
                seed: scenario.seed,
                what: "it is met".to_owned(),
            });
        }
        Some(report)
    }
}

/// The first scenario from a seed on that fails, and what it shrinks to.
fn first_failing(drawn: fn(u64) -> Scenario, is_met: fn(&Report) -> bool) -> (Scenario, Shrunk) {
    let mut judge = failing_if(is_met);
    let scenario = (1..200).map(drawn).find(|scenario| {
        let report = judge(scenario);
        report.is_some_and(|report| !report.violations.is_empty())
    });
    let scenario = scenario.expect("one of them fails");
    let shrunk = shrink(&scenario, "made up", Budget::default(), &mut judge);
    let report = judge(&shrunk.scenario).expect("it runs");
    assert_eq!(report.violations.len(), 1, "it fails no more: {shrunk:?}");
    assert!(shrunk.is_smallest, "{} runs", shrunk.runs);
    assert_eq!(
        shrunk,
        shrink(&scenario, "made up", Budget::default(), &mut judge)
    );
    (scenario, shrunk)
}

fn core(seed: u64) -> Scenario {
    swarm::core_scenario(seed).expect("it can run")
}

fn store(seed: u64) -> Scenario {
    let mut scenario = swarm::store_scenario(seed).expect("it can run");
    scenario.events = scenario.events.min(12);
    scenario.endpoints = scenario.endpoints.min(3);
    scenario
}

fn full(seed: u64) -> Scenario {
    let mut scenario = swarm::full_scenario(seed).expect("it can run");
    scenario.events = scenario.events.min(6);
    scenario.endpoints = scenario.endpoints.min(3);
    scenario
}

#[test]
fn a_lost_shard_that_orphans_an_attempt_is_left_alone_with_what_it_needs() {
    let (before, shrunk) = first_failing(core, |report| report.happened.orphans > 0);
    let Size { events, faults, .. } = shrunk.size;
    assert_eq!(events, 1, "{before:?} became {shrunk:?}");
    // A shard that is lost, and when; turns that take little bring an attempt on its way by then.
    assert!(faults <= 3, "{before:?} became {shrunk:?}");
    let plain = Scenario::new(before.seed, 1, 1).expect("it can run");
    assert_eq!(shrunk.scenario.engine, plain.engine);
    assert_eq!(shrunk.scenario.named_percent, 0);
}

#[test]
fn two_faults_that_are_both_needed_both_stay() {
    let both = |report: &Report| report.happened.power_losses > 0 && report.happened.kills > 0;
    let (before, shrunk) = first_failing(store, both);
    assert!(Size::of(&before).faults > 2, "{before:?}");
    assert_eq!(shrunk.size.faults, 2, "{shrunk:?}");
    assert_eq!(shrunk.scenario.faults.lives.len(), 2, "{shrunk:?}");
    assert_eq!((shrunk.size.events, shrunk.size.endpoints), (1, 1));
}

#[test]
fn a_count_that_is_needed_is_found_to_the_last_one() {
    let (_, shrunk) = first_failing(core, |report| report.events >= 7 && report.endpoints >= 2);
    let size = Size {
        events: 7,
        endpoints: 2,
        faults: 0,
    };
    assert_eq!(shrunk.size, size);
}

#[test]
fn what_goes_over_the_wire_shrinks_too() {
    let (before, shrunk) = first_failing(full, |report| report.happened.power_losses > 0);
    assert!(shrunk.size.faults <= 1, "{before:?} became {shrunk:?}");
    assert_eq!((shrunk.size.events, shrunk.size.endpoints), (1, 1));
}

#[test]
fn another_property_is_not_taken_for_the_same() {
    let scenario = core(1);
    let mut judge = |scenario: &Scenario| {
        let mut report = failing_if(|_| true)(scenario)?;
        // Fewer events break something else.
        if scenario.events < 5
            && let Some(found) = report.violations.first_mut()
        {
            found.invariant = "another".to_owned();
        }
        Some(report)
    };
    let shrunk = shrink(&scenario, "made up", Budget::default(), &mut judge);
    assert_eq!(shrunk.size.events, 5, "{shrunk:?}");
}

#[test]
fn what_does_not_fail_stays_as_it_is_and_what_never_ends_is_bounded() {
    let scenario = core(3);
    let shrunk = shrink(
        &scenario,
        "made up",
        Budget::default(),
        &mut failing_if(|_| false),
    );
    assert_eq!((shrunk.scenario, shrunk.runs), (scenario.clone(), 1));
    // What takes long to notice, and needs everything.
    let scenario = store(3);
    let mut runs = 0;
    let mut judge = |candidate: &Scenario| {
        runs += 1;
        let found = Found {
            invariant: "L6".to_owned(),
            seed: 1,
            what: String::new(),
        };
        let violations = if *candidate == scenario {
            vec![found]
        } else {
            Vec::new()
        };
        Some(Report {
            violations,
            records: limits::SHRINK_RECORDS_MAX / 4,
            ..Report::default()
        })
    };
    let shrunk = shrink(&scenario, "L6", Budget::default(), &mut judge);
    assert!(!shrunk.is_smallest);
    assert_eq!(shrunk.runs, runs);
    assert!(runs <= 30, "{runs}");
}
