//! Worlds that a person describes: traffic by a curve, receivers by name, outages, deadlines. They run
//! in every layer, under the same witness as all others, and their figures say what was described.

use std::rc::Rc;

use fanfare::{
    sim::{
        Layer, Scenario,
        faults::{Life, LifeEnd},
        figure::Figure,
        logbook::SharedLogbook,
        measures::Measures,
        network::{Group, Outage, OutageKind, Receiver},
        run, run_logged,
        traffic::{Burst, Step, Traffic},
    },
    store::{embedded::EmbeddedOptions, memory::MemoryOptions},
    time::Span,
};

fn group(name: &str, count: u32, receiver: Receiver) -> Group {
    Group {
        name: name.to_owned(),
        count,
        receiver,
    }
}

/// Two well receivers and one that is down for five minutes.
fn outage(seed: u64, kind: OutageKind) -> Scenario {
    let well = Receiver {
        latency_min_us: 10_000,
        latency_max_us: 50_000,
        ..Receiver::default()
    };
    let down = Receiver {
        outages: vec![Outage {
            from: Span::from_seconds(60),
            lasts: Span::from_seconds(300),
            kind,
        }],
        ..well.clone()
    };
    let traffic = Traffic {
        steps: vec![Step {
            events: 12,
            per: Span::from_seconds(60),
            lasts: Span::from_seconds(600),
        }],
        bursts: vec![Burst {
            at: Span::from_seconds(30),
            events: 10,
        }],
    };
    let groups = vec![group("well", 2, well), group("down", 1, down)];
    let mut scenario = Scenario::rehearsal(seed, traffic, groups, 3).expect("it can run");
    scenario.engine.retry.waits = [5, 30, 120, 600].map(Span::from_seconds).to_vec();
    scenario
}

fn layers() -> [Layer; 3] {
    [
        Layer::Core(MemoryOptions::default()),
        Layer::Store(EmbeddedOptions::default()),
        Layer::Full(EmbeddedOptions::default()),
    ]
}

/// Runs a scenario; every property must hold.
fn measured(scenario: &Scenario) -> Measures {
    let logbook = SharedLogbook::default();
    let report = run_logged(scenario, Rc::clone(&logbook));
    let (seed, layer) = (scenario.seed, scenario.layer.name());
    let report = report.unwrap_or_else(|error| panic!("seed {seed}, {layer}: {error}"));
    let measures = Measures::of(scenario, &logbook.borrow());
    let all = |figure| measures.get(figure, None).expect("it is measured");
    assert_eq!(all(Figure::Deliveries), report.deliveries, "{layer}");
    assert_eq!(all(Figure::Attempts), report.attempts, "{layer}");
    assert_eq!(all(Figure::Succeeded), report.succeeded, "{layer}");
    assert_eq!(all(Figure::Exhausted), report.exhausted, "{layer}");
    assert_eq!(all(Figure::Expired), report.expired, "{layer}");
    let latency = report.latency_ms.expect("of one run");
    // Of nothing there is no time.
    let time = |figure| measures.get(figure, None).map(|time| time / 1_000);
    let told = |time| (report.succeeded > 0).then_some(time);
    assert_eq!(time(Figure::P99Delivery), told(latency.p99), "{layer}");
    assert_eq!(time(Figure::MaxDelivery), told(latency.max), "{layer}");
    measures
}

#[test]
fn an_outage_is_met_in_every_layer_and_by_its_own_deliveries_only() {
    let everywhere = [OutageKind::Refuses, OutageKind::Silent, OutageKind::Fails];
    // Over a connection that is kept nobody asks for a name.
    let as_data = [
        OutageKind::NameUnknown,
        OutageKind::NameAstray,
        OutageKind::Certificate,
        OutageKind::Handshake,
    ];
    let kinds_of = |layer: Layer| {
        let has_wires = matches!(layer, Layer::Full(_));
        let more = as_data.into_iter().filter(move |_| !has_wires);
        let kinds = everywhere.into_iter().chain(more);
        kinds.map(move |kind| (layer.clone(), kind))
    };
    for (layer, kind) in layers().into_iter().flat_map(kinds_of) {
        let mut scenario = outage(3, kind);
        scenario.layer = layer;
        let measures = measured(&scenario);
        let of = |figure, endpoint| {
            measures
                .get(figure, Some(endpoint))
                .expect("it is measured")
        };
        let told = format!("{} {kind:?}: {measures:?}", scenario.layer.name());
        assert_eq!(of(Figure::Deliveries, "down"), 130, "{told}");
        assert_eq!(of(Figure::Deliveries, "well"), 260, "{told}");
        assert_eq!(of(Figure::Attempts, "well"), 260, "{told}");
        assert!(of(Figure::MaxDelivery, "well") < 1_000_000, "{told}");
        assert_eq!(of(Figure::SucceededShare, "down"), 10_000, "{told}");
        assert!(of(Figure::Attempts, "down") > 135, "{told}");
        assert!(of(Figure::MaxDelivery, "down") > 60_000_000, "{told}");
        // The schedule's longest waits lie behind its end.
        let drained = of(Figure::DrainedAfter, "down");
        assert!((1_000_000..900_000_000).contains(&drained), "{told}");
        // Twelve a minute were usual.
        let recovered = of(Figure::RecoveredAfter, "down");
        assert!((1_000_000..600_000_000).contains(&recovered), "{told}");
        assert!(of(Figure::PeakAfterOutage, "down") >= 12, "{told}");
        assert_eq!(of(Figure::PeakAfterOutage, "well"), 0, "{told}");
        assert!(of(Figure::BacklogMax, "down") >= 50, "{told}");
    }
}

#[test]
fn a_logbook_changes_nothing_and_the_figures_are_the_same_each_time() {
    for layer in layers() {
        let mut scenario = outage(5, OutageKind::Refuses);
        scenario.layer = layer;
        let quiet = run(&scenario).expect("every property holds");
        let logged = run_logged(&scenario, SharedLogbook::default());
        assert_eq!(logged.expect("every property holds"), quiet);
        assert_eq!(measured(&scenario), measured(&scenario));
    }
}

#[test]
fn the_deadline_of_an_attempt_is_the_scenario_s() {
    for layer in layers() {
        let slow = Receiver {
            latency_min_us: 900_000,
            latency_max_us: 950_000,
            ..Receiver::default()
        };
        let traffic = Traffic {
            bursts: vec![Burst {
                at: Span::ZERO,
                events: 5,
            }],
            ..Traffic::default()
        };
        let groups = vec![group("slow", 1, slow)];
        let mut scenario = Scenario::rehearsal(1, traffic, groups, 1).expect("it can run");
        scenario.layer = layer;
        scenario.engine.retry.waits = vec![Span::from_seconds(1)];
        let name = scenario.layer.name();
        let succeeded = |scenario: &Scenario| measured(scenario).get(Figure::Succeeded, None);
        assert_eq!(succeeded(&scenario), Some(5), "{name}");
        scenario.attempt_timeout = Span::from_millis(500);
        assert_eq!(succeeded(&scenario), Some(0), "{name}");
    }
}

#[test]
fn what_a_restart_costs_shows_in_the_figures() {
    for layer in layers().into_iter().skip(1) {
        let mut scenario = outage(7, OutageKind::Refuses);
        scenario.layer = layer;
        scenario.faults.lives = vec![Life {
            end: LifeEnd::After(Span::from_seconds(90)),
            is_power_lost: true,
            down_for: Span::from_seconds(45),
            engine: scenario.engine.clone(),
        }];
        let measures = measured(&scenario);
        let all = |figure| measures.get(figure, None).expect("it is measured");
        let told = format!("{}: {measures:?}", scenario.layer.name());
        assert_eq!(all(Figure::Crashes), 1, "{told}");
        assert_eq!(all(Figure::SucceededShare), 10_000, "{told}");
        assert!(all(Figure::MaxAccept) > 30_000_000, "{told}");
        assert!(all(Figure::MaxAccept) < 60_000_000, "{told}");
        assert!(all(Figure::Duplicates) <= all(Figure::Repeated), "{told}");
    }
}

#[test]
fn an_event_goes_to_as_many_endpoints_as_the_fan_out_says_and_to_no_other() {
    for layer in layers() {
        let mut scenario = outage(11, OutageKind::Refuses);
        scenario.layer = layer;
        scenario.fan_out = Some(2);
        let measures = measured(&scenario);
        let of = |figure, endpoint| measures.get(figure, endpoint).expect("it is measured");
        let told = format!("{}: {measures:?}", scenario.layer.name());
        assert_eq!(of(Figure::Deliveries, None), 260, "{told}");
        assert_eq!(of(Figure::SucceededShare, None), 10_000, "{told}");
        let parts = ["well", "down"].map(|name| of(Figure::Deliveries, Some(name)));
        assert_eq!(parts[0] + parts[1], 260, "{told}");
        // Two of three, each as likely.
        assert!((60..115).contains(&parts[1]), "{told}");
        assert!(of(Figure::BacklogMax, Some("down")) >= 25, "{told}");
    }
}

#[test]
fn waits_that_outlast_the_age_of_what_expires_come_to_an_end() {
    for layer in layers() {
        let mut scenario = outage(13, OutageKind::Refuses);
        scenario.layer = layer;
        scenario.engine.expires_after = Span::from_seconds(3_600);
        scenario.engine.retry.waits = vec![Span::from_seconds(10 * 86_400); 2];
        let measures = measured(&scenario);
        let ended = |figure| measures.get(figure, None).expect("it is measured");
        let all = ended(Figure::Succeeded) + ended(Figure::Expired) + ended(Figure::Exhausted);
        assert_eq!(all, ended(Figure::Deliveries), "{measures:?}");
        assert!(ended(Figure::Expired) > 0, "{measures:?}");
    }
}

/// Two lives: the first one ends when a group is durable and nobody knows it, the second one when more
/// is settled for the quick receiver than its map of settled events reaches.
fn restarted(fan_out: Option<u32>) -> Scenario {
    let quick = Receiver {
        latency_min_us: 1_000,
        latency_max_us: 5_000,
        ..Receiver::default()
    };
    let slow = Receiver {
        latency_min_us: 3_000_000,
        latency_max_us: 3_000_000,
        ..Receiver::default()
    };
    let traffic = Traffic {
        steps: vec![Step {
            events: 60,
            per: Span::from_seconds(1),
            lasts: Span::from_seconds(10),
        }],
        ..Traffic::default()
    };
    let groups = vec![group("slow", 1, slow), group("quick", 1, quick)];
    let mut scenario = Scenario::rehearsal(1, traffic, groups, 2).expect("it can run");
    scenario.layer = Layer::Store(EmbeddedOptions::default());
    scenario.named_percent = 100;
    scenario.fan_out = fan_out;
    let ends = [LifeEnd::Untold(3), LifeEnd::After(Span::from_seconds(20))];
    let life = |end| Life {
        end,
        is_power_lost: false,
        down_for: Span::from_seconds(1),
        engine: scenario.engine.clone(),
    };
    scenario.faults.lives = ends.map(life).to_vec();
    scenario
}

#[test]
fn what_is_settled_far_behind_a_gap_is_not_sent_again_after_a_restart() {
    // Asked again under their names, events that were durable leave gaps.
    let measures = measured(&restarted(None));
    let quick = |figure| measures.get(figure, Some("quick")).expect("it is measured");
    assert_eq!(quick(Figure::Deliveries), 600, "{measures:?}");
    assert!(quick(Figure::Repeated) < 5, "{measures:?}");
}

#[test]
fn what_is_settled_far_behind_an_event_for_others_is_not_sent_again_after_a_restart() {
    let measures = measured(&restarted(Some(1)));
    let quick = |figure| measures.get(figure, Some("quick")).expect("it is measured");
    assert!(quick(Figure::Deliveries) > 256, "{measures:?}");
    assert!(quick(Figure::Repeated) < 5, "{measures:?}");
}

/// Hundreds of events go by while attempts to a receiver wait for replies that never come, and the
/// process dies: who was overtaken so has a row before its first result.
#[test]
fn deliveries_that_others_overtook_stand_in_the_store_as_they_are() {
    let receiver = Receiver {
        latency_min_us: 500,
        latency_max_us: 1_000,
        timeouts: 100,
        ..Receiver::default()
    };
    let traffic = Traffic {
        steps: Vec::new(),
        bursts: vec![Burst {
            at: Span::from_seconds(1),
            events: 600,
        }],
    };
    let groups = vec![group("forgetful", 1, receiver)];
    let mut scenario = Scenario::rehearsal(3, traffic, groups, 1).expect("it can run");
    scenario.layer = Layer::Store(EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    });
    scenario.engine.window_max = 64;
    scenario.faults.lives = vec![Life {
        end: LifeEnd::After(Span::from_seconds(20)),
        is_power_lost: true,
        down_for: Span::from_seconds(1),
        engine: scenario.engine.clone(),
    }];
    let report = run(&scenario).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.succeeded, 600);
    assert!(report.happened.repeated > 0, "none was in flight");
}

#[test]
fn a_process_that_is_down_for_hours_while_all_ask_again_each_second_comes_to_an_end() {
    let mut scenario = Scenario::new(1, 480, 1).expect("it can run");
    scenario.layer = Layer::Store(EmbeddedOptions::default());
    scenario.event_every = Span::from_seconds(60);
    scenario.faults.lives = vec![Life {
        end: LifeEnd::After(Span::from_seconds(3_600)),
        is_power_lost: false,
        down_for: Span::from_seconds(6 * 3_600),
        engine: scenario.engine.clone(),
    }];
    let report = run(&scenario).expect("every property holds");
    assert_eq!((report.events, report.succeeded), (480, 480));
}
