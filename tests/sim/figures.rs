//! The figures of a run say the same as its document, whatever happened in it.

use std::rc::Rc;

use fanfare::{
    config::scenario::ScenarioFile,
    sim::{
        Report, Scenario, ScenarioError, figure::Figure, logbook::SharedLogbook,
        measures::Measures, run_logged, swarm,
    },
};

/// A way to draw a world from a seed.
type Drawing = fn(u64) -> Result<Scenario, ScenarioError>;

/// Runs a scenario; every property must hold.
fn measured(scenario: &Scenario) -> (Report, Measures) {
    let logbook = SharedLogbook::default();
    let report = run_logged(scenario, Rc::clone(&logbook));
    let (seed, layer) = (scenario.seed, scenario.layer.name());
    let report = report.unwrap_or_else(|error| panic!("seed {seed}, {layer}: {error}"));
    let measures = Measures::of(scenario, &logbook.borrow());
    (report, measures)
}

#[test]
fn the_figures_of_every_drawn_world_are_those_of_its_document_and_each_delivery_is_in_one() {
    let layers: [(Drawing, u64); 3] = [
        (swarm::core_scenario, 40),
        (swarm::store_scenario, 40),
        (swarm::full_scenario, 12),
    ];
    let mut sum = Report::default();
    for (drawn, seeds) in layers {
        for seed in 1..=seeds {
            let scenario = drawn(seed).expect("it can run");
            let (report, measures) = measured(&scenario);
            let all = |figure| measures.get(figure, None).expect("it is measured");
            let told = format!("seed {seed}, {}: {measures:?}\n{report}", report.layer);
            for (figure, count) in [
                (Figure::Deliveries, report.deliveries),
                (Figure::Attempts, report.attempts),
                (Figure::Succeeded, report.succeeded),
                (Figure::Exhausted, report.exhausted),
                (Figure::Expired, report.expired),
                (Figure::SetAside, report.set_aside),
                (Figure::Cancelled, report.cancelled),
                (Figure::Crashes, report.crashes),
            ] {
                assert_eq!(all(figure), count, "{}, {told}", figure.name());
            }
            let ends = [
                Figure::Succeeded,
                Figure::Exhausted,
                Figure::Expired,
                Figure::SetAside,
                Figure::Cancelled,
            ];
            let ended: u64 = ends.map(all).iter().sum();
            assert_eq!(ended, all(Figure::Deliveries), "{told}");
            sum.add(report);
        }
    }
    let ended = [sum.exhausted, sum.expired, sum.set_aside, sum.cancelled];
    assert!(ended.iter().all(|count| *count > 0), "{sum}");
}

/// What was measured in the world of a file.
fn measured_of(text: &str) -> impl Fn(Figure) -> u64 {
    let scenario = ScenarioFile::read(text).expect("it is one").scenario;
    let (report, measures) = measured(&scenario);
    let all = move |figure| measures.get(figure, None).expect("it is measured");
    assert_eq!(all(Figure::Deliveries), report.deliveries);
    assert_eq!(all(Figure::Cancelled), report.cancelled);
    all
}

#[test]
fn an_event_that_comes_while_an_endpoint_is_disabled_is_no_delivery_to_it() {
    let of = measured_of(
        r#"
        [traffic]
        steps = [{ rate = "1/s", for = "10s" }]
        [[endpoint]]
        name = "a"
        count = 2
        latency = "20ms"
        gone = "100%"
        "#,
    );
    let ends = [Figure::Deliveries, Figure::Expired, Figure::BacklogMax];
    assert_eq!(ends.map(of), [2, 2, 2]);
}

#[test]
fn what_is_called_off_with_its_endpoint_is_open_no_more() {
    let of = measured_of(
        r#"
        [traffic]
        steps = [{ rate = "10/m", for = "1h" }]
        [[endpoint]]
        name = "a"
        count = 2
        latency = "20ms"
        outages = [{ from = "0s", for = "3h" }]
        [[by_hand]]
        at = "30m"
        delete = 0
        "#,
    );
    let ends = [Figure::Deliveries, Figure::Succeeded, Figure::Cancelled];
    assert_eq!(ends.map(&of), [900, 600, 300]);
    assert_eq!(of(Figure::BacklogMax), 600);
}
