//! Everything that ships but sockets, TLS and threads, in paused time: some worlds drawn from their
//! seeds, and what they must have met together. `fanfare simulate --layer full` runs as many as one
//! has time for.

use std::{cell::RefCell, rc::Rc};

use fanfare::{
    config::scenario::ScenarioFile,
    domain::audit::Act,
    engine::options::Options,
    sim::{
        Layer, Report, Scenario,
        by_hand::{Action, TaskKind},
        faults::{Life, LifeEnd},
        happened::{Happened, can_meet},
        run, run_heard, swarm,
        trace::Record,
    },
    store::embedded::EmbeddedOptions,
    time::{Span, Timestamp},
};

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
        let ended = ended + report.set_aside + report.cancelled;
        assert_eq!(report.deliveries, ended, "seed {seed}");
        happened.add(&report.happened);
    }
    for (name, count) in happened.counts() {
        // Few of such small worlds are told to end with an attempt in flight; `scripts/test` runs more.
        let may_be_missed = name == "attempts called off";
        let is_expected = (count > 0) == can_meet("full", name);
        assert!(is_expected || may_be_missed, "{name}: {happened:?}");
    }
}

#[test]
fn whom_healing_leaves_dead_gets_nothing_more_on_a_connection_that_was_there() {
    let text = r#"
layer = "full"
[traffic]
steps = [{ rate = "1/s", for = "10s" }]
[[endpoint]]
name = "a"
count = 2
latency = "20ms"
[healing]
at = "4500ms"
core = 1
"#;
    let mut scenario = ScenarioFile::read(text).expect("it is right").scenario;
    for seed in 1..=4 {
        scenario.seed = seed;
        let report = run(&scenario).expect("every property holds");
        // Half of what comes by then, and of what comes later, is for the one that dies.
        assert_eq!(report.deliveries, 20, "seed {seed}");
        assert!(
            (13..=15).contains(&report.succeeded),
            "seed {seed}: {report:?}"
        );
    }
}

#[test]
fn a_world_of_the_whole_is_the_same_each_time() {
    for seed in 900..910 {
        assert_eq!(judged(seed), judged(seed), "seed {seed}");
    }
}

/// When the process began its lives behind the first one, and when each life ended.
fn lives(scenario: &Scenario) -> (Vec<Timestamp>, Vec<Timestamp>) {
    let records = Rc::new(RefCell::new((Vec::new(), Vec::new())));
    let inside = Rc::clone(&records);
    let listener = Box::new(move |record: &Record| match record.kind {
        301 => inside.borrow_mut().0.push(record.time),
        300 => inside.borrow_mut().1.push(record.time),
        _ => {}
    });
    run_heard(scenario, listener).expect("every property holds");
    records.take()
}

#[test]
fn a_life_behind_one_whose_disk_died_ends_by_its_own_end() {
    let life = |end| Life {
        end,
        is_power_lost: false,
        down_for: Span::from_seconds(1),
        engine: Options::default(),
    };
    let hour = Span::from_seconds(3_600);
    let mut scenario = Scenario::new(3, 20, 3).expect("it can run");
    scenario.layer = Layer::Full(EmbeddedOptions::default());
    scenario.faults.lives = vec![life(LifeEnd::AtOperation(300)), life(LifeEnd::After(hour))];
    let (began, ended) = lives(&scenario);
    assert_eq!(ended.len(), 2, "{ended:?}");
    assert_eq!(ended[1].since(began[0]), hour);
}

#[test]
fn what_is_done_by_hand_is_asked_over_http_and_comes_about() {
    let mut scenario = Scenario::new(5, 12, 3).expect("it can run");
    scenario.layer = Layer::Full(EmbeddedOptions::default());
    let day = 24 * 3_600;
    // The one that is added is the fifth thing that is done, and has a number behind the first three.
    let by_hand = [
        (30, Action::Move(0)),
        (31, Action::Rotate(0, Span::from_seconds(60))),
        (32, Action::Refilter(1, 1)),
        (33, Action::Disable(1)),
        (34, Action::Enable(1)),
        (36, Action::Add),
        (40, Action::SetAside(Act::Skip, 3, 1)),
        (41, Action::SetAside(Act::Park, 4, 2)),
        (day, Action::Resend(5, 0)),
        (
            20 * day + 1,
            Action::Task(TaskKind::ReplayMissing, 0, 3 + 5),
        ),
        (day + 2, Action::Task(TaskKind::Replay, 0, 0)),
        (day + 3, Action::CancelTask(0)),
        (day + 4, Action::Expunge(6)),
        (day + 5, Action::Delete(2)),
    ];
    let at = |(seconds, action): &(i64, Action)| (Span::from_seconds(*seconds), *action);
    scenario.by_hand = by_hand.iter().map(at).collect();
    let report = run(&scenario).expect("every property holds");
    let happened = report.happened;
    let done = [
        happened.changed,
        happened.refiltered,
        happened.added,
        happened.resent,
        happened.tasks,
        happened.tasks_called_off,
        happened.expunged,
        happened.deleted,
    ];
    assert_eq!(done, [5, 1, 1, 1, 2, 1, 1, 1], "{happened:?}");
    assert!(happened.set_aside > 0, "{happened:?}");
}

/// The name leads to a stranger, and back; a connection to the stranger is used for a minute at most.
#[test]
fn who_was_led_to_a_stranger_comes_back() {
    let report = super::holds(
        r#"
layer = "full"
seed = 1

[traffic]
events = 30
every = "5s"

[engine]
circuit_breaker = false

[[endpoint]]
name = "moved"
outages = [{ from = "0s", for = "10s", kind = "name_elsewhere" }]
"#,
    );
    assert_eq!((report.succeeded, report.deliveries), (30, 30));
    let asked = report.happened.names_elsewhere;
    assert!(asked > 0 && report.attempts == 30 + asked, "{report:?}");
    // The twelve or so of the first minute wait for a retry, and those after it for nothing.
    let latency = report.latency_ms.expect("all were delivered");
    assert!(latency.p50 < 1_000 && latency.p90 > 5_000, "{latency:?}");
}
