//! Scenario files: what they say, what they are written as, and what is told of bad ones.

use proptest::prelude::*;

mod refused;
mod shrunk;

use super::ScenarioFile;
use crate::{
    domain::{audit::Act, ordering::Ordering},
    engine::options::GeneratorOptions,
    limits,
    sim::{
        Layer, Scenario,
        by_hand::Action,
        faults::{Life, LifeEnd, Trouble},
        network::{OutageKind, Receiver},
        swarm,
    },
    time::Span,
};

const WHOLE: &str = r#"
question = "What does a customer who is down for six hours cost?"
layer = "core"
seed = 7
seeds = 20
expect = ["p99_delivery[healthy] < 2s", "exhausted = 0"]

[traffic]
steps = [{ rate = "5/s", for = "10m" }, { rate = "20/m", for = "2h" }]
bursts = [{ at = "5m", events = 100 }]

[[endpoint]]
name = "healthy"
count = 9
latency = "20ms to 200ms"
errors = "0.5%"

[[endpoint]]
name = "customer"
latency = { min = "10ms", p50 = "40ms", p99 = "1s", max = "5s" }
errors = "1%"
status = 503
retry_after = "30s"
outages = [{ from = "10m", for = "6h" }, { from = "8h", for = "1m", kind = "silent" }]

[engine]
send_slots = 64
attempt_timeout_ms = 5000
retry_waits_seconds = [1, 60]
"#;

fn read(text: &str) -> ScenarioFile {
    ScenarioFile::read(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

fn faults(text: &str) -> Vec<(usize, String)> {
    let faults = ScenarioFile::read(text).expect_err(text);
    let told = faults.into_iter().map(|fault| (fault.line, fault.reason));
    told.collect()
}

#[test]
fn a_file_says_how_it_fails_and_is_written_so() {
    let mut file = ScenarioFile::of(swarm::store_scenario(3).expect("it can run"));
    file.fails = Some("I7".to_owned());
    let text = file.write().expect("it can be said");
    assert!(text.contains("[fails]\ninvariant = \"I7\"\n"), "{text}");
    assert_eq!(read(&text), file);
    let traffic = "endpoints = 1\n[traffic]\nsteps = [{ rate = \"1/s\", for = \"1m\" }]\n";
    let ended = |ends: &str| format!("{traffic}[[life]]\nends = {{ in_order = {ends} }}\n");
    let life = read(&ended("{ after = \"5m\" }")).scenario.faults.lives;
    let end = LifeEnd::InOrder(Span::from_seconds(300), Span::from_seconds(30));
    assert_eq!(life.first().map(|life| life.end), Some(end));
    let told = faults(&ended("{ grace = \"1s\" }"));
    let mut reasons = told.iter().map(|(_, reason)| reason);
    let needs_its_time = |reason: &String| reason.contains("an orderly end needs its time");
    assert!(reasons.any(needs_its_time), "{told:?}");
    for (fails, line, part) in [
        ("[fails]", 4, "invariant"),
        ("[fails]\ninvariant = \"7\"", 5, "docs/simulation.md"),
        ("[fails]\ninvariant = \"I7\"\nwhy = 1", 6, "why"),
    ] {
        let told = faults(&format!("{traffic}{fails}\n"));
        let [(at, reason)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(*at == line && reason.contains(part), "{fails}: {told:?}");
    }
}

#[test]
fn what_is_done_by_hand_needs_its_time_and_one_thing_to_do() {
    let with =
        |by_hand: &str| format!("endpoints = 2\n[traffic]\nevents = 3\n[[by_hand]]\n{by_hand}");
    let file = read(&with("at = \"5m\"\nresend = { event = 2, endpoint = 1 }"));
    let at = Span::from_seconds(300);
    assert_eq!(file.scenario.by_hand, [(at, Action::Resend(2, 1))]);
    let file = read(&with("at = \"5m\"\npark = { event = 2, endpoint = 1 }"));
    let parked = Action::SetAside(Act::Park, 2, 1);
    assert_eq!(file.scenario.by_hand, [(at, parked)]);
    let wants = r#"refilter = { endpoint = 1, types = ["OrderReceived", "simulated.kind-2"] }"#;
    let file = read(&with(&format!("at = \"5m\"\n{wants}")));
    assert_eq!(file.scenario.by_hand, [(at, Action::Refilter(1, 0b101))]);
    let order = "at = \"5m\"\nreorder = { endpoint = 1, ordering = \"endpoint\" }";
    let file = read(&with(order));
    let reordered = Action::Reorder(1, Ordering::Whole);
    assert_eq!(file.scenario.by_hand, [(at, reordered)]);
    for (owned, action) in [
        (
            "rerate = { endpoint = 1, rate = 3 }",
            Action::Rerate(1, Some(3)),
        ),
        ("rerate = { endpoint = 1 }", Action::Rerate(1, None)),
        (
            "reheader = { endpoint = 1, fields = 2 }",
            Action::Reheader(1, 2),
        ),
        (
            "rechannel = { endpoint = 1, of = 0 }",
            Action::Rechannel(1, Some(0)),
        ),
        ("rechannel = { endpoint = 1 }", Action::Rechannel(1, None)),
    ] {
        let file = read(&with(&format!("at = \"5m\"\n{owned}")));
        assert_eq!(file.scenario.by_hand, [(at, action)]);
    }
    let file = read(&with("at = \"5m\"\nadd = true"));
    assert_eq!(file.scenario.by_hand, [(at, Action::Add)]);
    assert_eq!(file.scenario.deliveries(), 9);
    for (wrong, told) in [
        ("at = \"5m\"\nadd = 1", "add"),
        ("move = 1", "needs its time"),
        (
            "at = \"5m\"\nreorder = { endpoint = 1, ordering = \"both\" }",
            "ordering",
        ),
        (
            "at = \"5m\"\nrefilter = { endpoint = 1, types = [\"other\"] }",
            "simulated.kind-1",
        ),
        ("at = \"5m\"", "exactly one of these"),
        ("at = \"5m\"\nmove = 1\ndelete = 1", "exactly one of these"),
        ("at = \"5m\"\nundo = 1", "undo"),
    ] {
        let found = faults(&with(wrong));
        let is_told = found.iter().any(|(_, reason)| reason.contains(told));
        assert!(is_told, "{wrong}: {found:?}");
    }
    let over_http = read(&format!(
        "layer = \"full\"\n{}",
        with("at = \"5m\"\nmove = 1")
    ));
    assert_eq!(over_http.scenario.by_hand, [(at, Action::Move(1))]);
}

#[test]
fn a_file_says_what_comes_what_goes_wrong_and_what_is_expected() {
    let file = read(WHOLE);
    assert_eq!((file.seeds, file.expectations.len()), (20, 2));
    let scenario = &file.scenario;
    assert_eq!((scenario.seed, scenario.endpoints), (7, 10));
    assert_eq!(scenario.events, 3_000 + 2_400 + 100);
    assert_eq!(scenario.attempt_timeout, Span::from_millis(5_000));
    assert_eq!(scenario.engine.send_slots, 64);
    assert_eq!(scenario.engine.retry.waits, [1, 60].map(Span::from_seconds));
    let [healthy, customer] = &scenario.receivers[..] else {
        panic!("{:?}", scenario.receivers)
    };
    assert_eq!((healthy.count, healthy.receiver.failures), (9, 50));
    let customer = &customer.receiver;
    assert_eq!(customer.retry_after_s, Some(30));
    assert_eq!(
        customer.latency_points,
        [(5_000, 40_000), (9_900, 1_000_000)]
    );
    let kinds: Vec<OutageKind> = customer.outages.iter().map(|outage| outage.kind).collect();
    assert_eq!(kinds, [OutageKind::Refuses, OutageKind::Silent]);
    assert_eq!(read(&file.write().expect("it can be said")), file);
}

#[test]
fn what_is_left_out_is_as_in_production() {
    let file = read("endpoints = 3\n[traffic]\nevents = 10");
    assert_eq!(
        file,
        ScenarioFile::of(Scenario::new(1, 10, 3).expect("it can run"))
    );
    let written = file.write().expect("it can be said");
    assert_eq!(
        written,
        "seed = 1\nendpoints = 3\n\n[traffic]\nevents = 10\nevery = \"100ms\"\n"
    );
}

/// Files that are wrong as a whole: the text, the line that is told, and a part of what is told.
const WRONG: &[(&str, usize, &str)] = &[
    ("question = \"?\n", 1, "not TOML"),
    ("", 1, "there is no traffic"),
    ("endpoints = 3\n[traffic]\n", 2, "the traffic is empty"),
    (
        "endpoints = 3\n[traffic]\nsteps = []\n",
        2,
        "the traffic is empty",
    ),
    (
        "endpoints = 3\n[traffic]\nsteps = [{ rate = \"0/s\", for = \"1h\" }]\n",
        2,
        "the traffic is empty",
    ),
    ("[traffic]\nevents = 10\n", 1, "there is no endpoint"),
    (
        "[traffic]\nevents = 10\nevery = \"20\"\nendpoints = 2",
        3,
        "a number with its unit",
    ),
    (
        "endpoints = 0\n[traffic]\nevents = 10\n",
        1,
        "from 1 to 10000",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 0\n",
        3,
        "from 1 to 1000000",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = -1\n",
        3,
        "whole number from 1",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 1.5\n",
        3,
        "is 1.5: it must be a whole",
    ),
    (
        "endpoints = 10000\n[traffic]\nevents = 1000000\n",
        2,
        "choose fewer",
    ),
    (
        "endpoints = 3\n[traffic]\nsteps = [{ rate = \"9/s\" }]\n",
        3,
        "a step needs its `for`",
    ),
    (
        "endpoints = 3\n[traffic]\nsteps = [{ rate = 9, for = \"1h\" }]\n",
        3,
        "`traffic.steps.rate` is 9: a rate is",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 1\n[[neighbour]]\nevents = 1\n",
        4,
        "a neighbour needs its endpoints",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 1\n[[neighbour]]\nevents = 1\noperational_events = true\n[[neighbour.endpoint]]\n\
         [[neighbour]]\nevents = 1\noperational_events = true\n[[neighbour.endpoint]]\n",
        4,
        "are for one neighbour",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 1\n[[neighbour]]\n[[neighbour.endpoint]]\n",
        4,
        "a neighbour needs its `events`",
    ),
    (
        "layer = \"full\"\nendpoints = 3\n[traffic]\nevents = 1\n[[neighbour]]\nevents = 1\n\
         [[neighbour.endpoint]]\n",
        5,
        "in the layers `core` and `store` only",
    ),
    (
        "endpoints = 3\n[traffic]\nevents = 1\n[[neighbour]]\nevents = 1000000\n\
         [[neighbour.endpoint]]\ncount = 100\n",
        4,
        "over all applications is 100000003",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nname = \"a b\"\n",
        4,
        "letters, digits",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nname = \"a\"\n[[endpoint]]\nname = \"a\"\n",
        6,
        "two endpoints are called",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nerrors = 5\n",
        4,
        "per cent",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nerrors = \"90%\"\ngone = \"11%\"\n",
        3,
        "over 100%",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nlatency = 20\n",
        4,
        "with its unit",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nlatency = { p50 = \"1s\" }\n",
        4,
        "needs its `max`",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nlatency = { p50 = \"2s\", max = \"1s\" }\n",
        4,
        "rise",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nlatency = { mean = \"2s\", max = \"1s\" }\n",
        4,
        "p1 to p99",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\nretry_after = \"1ms\"\n",
        4,
        "whole seconds",
    ),
    (
        "[traffic]\nevents = 1\n[[endpoint]]\noutages = [{ from = \"1h\" }]\n",
        4,
        "needs its `for`",
    ),
    (
        "endpoints = 1\n[traffic]\nevents = 1\n[[endpoint]]\nname = \"a\"\n",
        1,
        "keep one of both",
    ),
];

/// What makes a file of four lines wrong, before and behind what is right, which begins with `endpoints`.
const WRONG_AROUND: &[(&str, &str, usize, &str)] = &[
    (
        "sede = 1\n",
        "",
        1,
        "unknown key `sede`: allowed are application_rate, by_hand, endpoint, endpoints, endpoints_per_host, engine, expect",
    ),
    ("", "evry = \"1s\"\n", 4, "unknown key `traffic.evry`"),
    ("layer = \"disk\"\n", "", 1, "one of core, store, full"),
    (
        "expect = [\"p98 < 1s\"]\n",
        "",
        1,
        "there are deliveries, succeeded",
    ),
    (
        "expect = [\"p99_delivery < 1\"]\n",
        "",
        1,
        "a number with its unit",
    ),
    ("expect = [\"attempts[x] < 1\"]\n", "", 1, "no names"),
    ("", "[engine]\nslots = 3\n", 5, "unknown field `slots`"),
    ("", "[engine]\nwindow_max = 0\n", 5, "it must be 1 to 256"),
    ("", "[engine]\nhost_window_max = 1\n", 5, "8 to 2048"),
    ("", "[engine]\nretry_waits_seconds = [1, 0]\n", 5, "hammer"),
    ("", "[limits]\npage_rows = 0\n", 5, "from 1 to"),
    (
        "",
        "[limits]\nretry_waits = [\"5\"]\n",
        5,
        "a number with its unit",
    ),
    (
        "",
        "[limits]\nheartbeat = \"never\"\n",
        5,
        "\"none\" or a time",
    ),
    (
        "",
        "[store]\nbuckets = 1\n",
        5,
        "allowed are attempts_max, bytes_max",
    ),
    ("", "[faults]\nodd_percent = 101\n", 5, "from 0 to 100"),
    (
        "",
        "[faults]\ndisk_latency = \"3s to 1s\"\n",
        5,
        "two of them",
    ),
    (
        "layer = \"store\"\n",
        "[[life]]\ndown_for = \"1s\"\n",
        5,
        "a life needs its end",
    ),
    (
        "layer = \"store\"\n",
        "[[life]]\nends = { after = \"1s\", untold = 1 }\n",
        6,
        "exactly one of these",
    ),
    (
        "",
        "[[life]]\nends = { after = \"1s\" }\n",
        4,
        "the layers `store` and `full`",
    ),
    (
        "",
        "[[trouble]]\nshard_lost = true\n",
        4,
        "a trouble needs its time",
    ),
    (
        "",
        "[[trouble]]\nat = \"1s\"\noutage = { endpoint = 0 }\n",
        6,
        "how long it lasts",
    ),
    ("", "bad_percent = 5\n", 4, "the layer `full` only"),
    (
        "",
        "[[trouble]]\nat = \"1s\"\nreceiver_clock = { endpoint = 0, ahead = \"1h\" }\n",
        6,
        "and for how long",
    ),
    (
        "",
        "[[trouble]]\nat = \"1s\"\nreceiver_clock = { endpoint = 0, ahead = \"1h\", for = \"1h\" }\n",
        4,
        "the layer `full` only",
    ),
    (
        "",
        "[[trouble]]\nat = \"1s\"\nstands_still = \"0s\"\n",
        6,
        "stands_still",
    ),
];

#[test]
fn bad_files_are_told_by_line_with_what_is_allowed() {
    const RIGHT: &str = "endpoints = 3\n[traffic]\nevents = 10\n";
    let around = WRONG_AROUND.iter();
    let around = around.map(|(before, behind, line, told)| {
        let text = format!("{before}{RIGHT}{behind}");
        (text, line, told)
    });
    let wrong = WRONG.iter();
    let wrong = wrong.map(|(text, line, told)| ((*text).to_owned(), line, told));
    for (text, line, told) in wrong.chain(around) {
        let found = faults(&text);
        let is_told = |(at, reason): &(usize, String)| at == line && reason.contains(told);
        assert!(found.iter().any(is_told), "{told}\n{text}\n{found:#?}");
    }
}

#[test]
fn an_event_goes_to_no_more_endpoints_than_there_are_nor_than_it_has_channels() {
    for (endpoints, fan_out, told) in [(3, 4, "from 1 to 3"), (30, 11, "from 1 to 10")] {
        let text = format!("endpoints = {endpoints}\n[traffic]\nevents = 1\nfan_out = {fan_out}\n");
        let found = faults(&text);
        let is_told = |(line, reason): &(usize, String)| *line == 4 && reason.contains(told);
        assert!(found.iter().any(is_told), "{found:?}");
    }
    let text = "endpoints = 30\n[traffic]\nevents = 1\nfan_out = 3\n";
    assert_eq!(read(text).scenario.fan_out, Some(3));
}

#[test]
fn what_would_not_fit_into_memory_is_refused() {
    let text = "endpoints = 1\n[traffic]\nevents = 1000000\npadding_max = 100000\n";
    let found = faults(text);
    let is_told = |(line, reason): &(usize, String)| *line == 4 && reason.contains("536870912");
    assert!(found.iter().any(is_told), "{found:?}");
    let text = "endpoints = 1\n[traffic]\nevents = 1\n[retention]\npayload_days = 1\n";
    let found = faults(text);
    let is_told = |(line, reason): &(usize, String)| *line == 4 && reason.contains("[store]");
    assert!(found.iter().any(is_told), "{found:?}");
}

#[test]
fn a_heart_beats_in_the_layer_that_can_end_all_the_same() {
    let text = "endpoints = 1\n[traffic]\nevents = 1\n[limits]\nheartbeat = \"60s\"\n";
    let found = faults(text);
    let is_told = |(line, reason): &(usize, String)| *line == 5 && reason.contains("for ever");
    assert!(found.iter().any(is_told), "{found:?}");
    let full = read(&format!("layer = \"full\"\n{text}")).scenario;
    assert_eq!(full.engine.heartbeat, Some(Span::from_seconds(60)));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_line() {
    let text = "sede = 1\nendpoints = 0\n[traffic]\nevents = \"x\"\n[limits]\npage_rows = 0\n";
    let lines: Vec<usize> = faults(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 2, 4, 6]);
}

#[test]
fn a_life_begins_with_the_settings_above_it_and_says_what_is_other() {
    let text = "layer = \"store\"\nendpoints = 1\n[traffic]\nevents = 1\n[engine]\nwindow_max = 4\n\
                [[life]]\nends = { after = \"1m\" }\n[life.engine]\nsend_slots = 9\n\
                [[life]]\nends = { untold = 3 }\npower_lost = true\ndown_for = \"1h\"\n";
    let scenario = read(text).scenario;
    let [first, second] = &scenario.faults.lives[..] else {
        panic!("{:?}", scenario.faults.lives)
    };
    assert_eq!((first.engine.send_slots, first.engine.window_max), (9, 4));
    assert_eq!(first.down_for, Span::from_seconds(1));
    assert_eq!(second.engine, scenario.engine);
    assert_eq!(
        (second.end, second.is_power_lost),
        (LifeEnd::Untold(3), true)
    );
}

#[test]
fn hosts_that_endpoints_share_and_what_these_get_are_said() {
    for (table, expected) in [
        ("[engine]\nhost_window_max = 9\n", 9),
        ("[limits]\nhost_window_max = 1\n", 1),
        ("", limits::HOST_WINDOW_MAX),
    ] {
        let text = format!(
            "endpoints = 6\nendpoints_per_host = 3\napplication_rate = 7\n[traffic]\nevents = 1\n{table}"
        );
        let scenario = read(&text).scenario;
        assert_eq!(scenario.engine.host_window_max, expected);
        assert_eq!(scenario.endpoints_per_host, 3);
        assert_eq!(scenario.application_rate, Some(7));
        reads_as_it_is_written(scenario);
    }
    let text = "endpoints = 6\n[traffic]\nevents = 1\n";
    assert_eq!(read(text).scenario.endpoints_per_host, 1);
}

#[test]
fn when_circuits_open_is_said_as_in_the_configuration() {
    let text = "endpoints = 1\n[traffic]\nevents = 1\n[engine]\ncircuit_probes = 7\n\
                circuit_pause_seconds = 2\ndisable_after_hours = 0\n[limits]\nsend_slots = 9999\n";
    let scenario = read(text).scenario;
    let policy = scenario.engine.circuit_breaker.clone().expect("it is on");
    assert_eq!((policy.probes, policy.pause), (7, Span::from_seconds(2)));
    assert_eq!(scenario.engine.disable_after, None);
    reads_as_it_is_written(scenario);
    let off = "endpoints = 1\n[traffic]\nevents = 1\n[engine]\ncircuit_breaker = false\n";
    let off = read(off).scenario;
    assert_eq!(off.engine.circuit_breaker, None);
    reads_as_it_is_written(off);
    let wrong = "endpoints = 1\n[traffic]\nevents = 1\n[engine]\ncircuit_probes = 0\n";
    let [(line, reason)] = &faults(wrong)[..] else {
        panic!("one fault");
    };
    assert_eq!(*line, 5);
    assert!(reason.contains("1 to 1000"), "{reason}");
}

#[test]
fn what_no_file_can_say_is_not_written() {
    let mut scenario = Scenario::new(1, 1, 1).expect("it can run");
    scenario.engine.generator = Some(GeneratorOptions {
        period: Span::from_seconds(1),
        application: "default".into(),
    });
    let refused = ScenarioFile::of(scenario).write();
    assert!(refused.is_err(), "{refused:?}");
}

/// A scenario that a seed draws, in one of the layers.
fn drawn(layer: u8, seed: u64) -> Scenario {
    let scenario = match layer {
        0 => swarm::core_scenario(seed),
        1 => swarm::store_scenario(seed),
        _ => swarm::full_scenario(seed),
    };
    scenario.expect("it can run")
}

fn reads_as_it_is_written(scenario: Scenario) {
    let file = ScenarioFile::of(scenario);
    let text = file.write().expect("it can be said");
    assert_eq!(read(&text), file, "{text}");
}

proptest! {
    #[test]
    fn a_drawn_world_reads_as_it_is_written(layer in 0_u8..3, seed: u64) {
        reads_as_it_is_written(drawn(layer, seed));
    }

    /// What is not drawn, too, in combinations that make no sense.
    #[test]
    fn any_world_reads_as_it_is_written(
        seed: u64,
        micros in prop::array::uniform8(1_i64..86_400_000_000),
        shares in prop::array::uniform4(0_u32..2_500),
        sizes in prop::array::uniform5(1_usize..100_000),
        kind in 0_u8..6,
        flags in prop::array::uniform4(any::<bool>()),
    ) {
        let mut file = read(WHOLE);
        let [a, b, c, d, e, f, g, h] = micros.map(Span::from_micros);
        let scenario = &mut file.scenario;
        scenario.seed = seed;
        scenario.fan_out = (kind > 1).then_some(u32::from(kind));
        if let Layer::Core(options) = &mut scenario.layer {
            (options.events_max, options.bytes_max) = (sizes[0], sizes[1] + 100);
        }
        let engine = &mut scenario.engine;
        (engine.ring_bytes_max, engine.ring_deliveries_max) = (sizes[2], sizes[3]);
        engine.send_slots = sizes[4];
        (engine.record_delay, engine.expires_after) = (b, c);
        engine.retry.waits = vec![d, Span::from_seconds(e.as_micros() % 300_000_000 + 1)];
        engine.retry.retry_after_max = f;
        engine.retry.jitter = crate::random::Ratio::new(shares[0], 2_500);
        scenario.receivers[0].receiver = Receiver {
            latency_min_us: micros[6].unsigned_abs(),
            latency_max_us: (micros[6] + micros[7]).unsigned_abs(),
            timeouts: shares[0],
            refusals: shares[1],
            failures: shares[2] + 1,
            gone: shares[3],
            status: flags[1].then_some(507),
            ..Receiver::default()
        };
        let faults = &mut scenario.faults;
        (faults.split_turns, faults.late_loads) = (flags[2], flags[3]);
        faults.troubles.push((g, match kind {
            0 => Trouble::WallStep(Span::from_micros(-h.as_micros())),
            1 | 2 => Trouble::ShardLost,
            5 if !flags[1] => Trouble::Inspection,
            _ => Trouble::WallStep(h),
        }));
        if kind > 3 {
            let mut drawn = swarm::store_scenario(seed).expect("it can run");
            scenario.layer = drawn.layer;
            let end = if kind == 4 { LifeEnd::After(h) } else { LifeEnd::FailingSync(3) };
            let engine = drawn.faults.lives.pop().map_or_else(
                || scenario.engine.clone(),
                |life| life.engine,
            );
            scenario.faults.lives = vec![Life {
                end,
                is_power_lost: flags[0],
                down_for: a,
                engine,
            }];
        }
        if let Layer::Store(options) = &scenario.layer
            && flags[1]
        {
            scenario.layer = Layer::Full(options.clone());
            scenario.engine.heartbeat = flags[0].then_some(a);
        }
        let text = file.write().expect("it can be said");
        prop_assert_eq!(read(&text), file, "{}", text);
    }
}
