//! What could not be, or would have no effect, is refused by its line with what is allowed.

use super::{faults, read, reads_as_it_is_written};
use crate::sim::by_hand::Action;

/// Ten events to two endpoints, in six lines.
const BASE: &str = "[traffic]\nsteps = [{ rate = \"1/s\", for = \"10s\" }]\n[[endpoint]]\nname = \"a\"\n\
                    count = 2\nlatency = \"20ms\"\n";

/// Asserts that each of these, behind [`BASE`], is refused at a line with these words.
fn are_refused(wrong: &[(&str, usize, &str)]) {
    for (behind, line, told) in wrong {
        is_refused(&format!("{BASE}{behind}\n"), *line, told);
    }
}

fn is_refused(text: &str, line: usize, told: &str) {
    let found = faults(text);
    let is_told = |(at, reason): &(usize, String)| *at == line && reason.contains(told);
    assert!(found.iter().any(is_told), "{told}\n{text}\n{found:#?}");
}

/// Asserts that each of these, behind [`BASE`], is read.
fn are_read(right: &[&str]) {
    for behind in right {
        read(&format!("{BASE}{behind}\n"));
    }
}

#[test]
fn what_the_layer_full_does_not_have_is_refused_there() {
    for key in ["application_rate = 5", "endpoints_per_host = 2"] {
        read(&format!("{key}\n{BASE}"));
        is_refused(
            &format!("layer = \"full\"\n{key}\n{BASE}"),
            2,
            "set `layer`",
        );
    }
    for trouble in ["shard_lost = true", "inspection = true"] {
        let trouble = format!("[[trouble]]\nat = \"1s\"\n{trouble}\n");
        read(&format!("layer = \"store\"\n{BASE}{trouble}"));
        is_refused(
            &format!("layer = \"full\"\n{BASE}{trouble}"),
            8,
            "set `layer`",
        );
    }
    let inspection = "[[trouble]]\nat = \"1s\"\ninspection = true";
    are_refused(&[(inspection, 7, "the layer `store` only")]);
}

#[test]
fn what_an_endpoint_has_that_is_not_there_is_refused_with_the_numbers_there_are() {
    let trouble = "[[trouble]]\nat = \"1s\"\n";
    let outage = |number| format!("{trouble}outage = {{ endpoint = {number}, for = \"1h\" }}");
    let by_hand = |action: &str| format!("[[by_hand]]\nat = \"1s\"\n{action}");
    are_read(&[
        &outage(1),
        &by_hand("delete = 1"),
        "[healing]\nat = \"1s\"\ncore = 2",
    ]);
    are_refused(&[
        (&outage(9), 9, "no endpoint 9: there are 0 to 1"),
        (&by_hand("delete = 9"), 9, "no endpoint 9: there are 0 to 1"),
        (&by_hand("rotate = { endpoint = 2 }"), 9, "there are 0 to 1"),
        (
            &by_hand("park = { event = 0, endpoint = 2 }"),
            9,
            "there are 0 to 1",
        ),
        (&by_hand("cancel_task = 2"), 9, "there are 0 to 1"),
        ("[healing]\nat = \"1s\"\ncore = 9", 9, "from 0 to 2"),
    ]);
    let clock = "receiver_clock = { endpoint = 9, ahead = \"1h\", for = \"1h\" }";
    is_refused(
        &format!("layer = \"full\"\n{BASE}{trouble}{clock}\n"),
        10,
        "0 to 1",
    );
}

#[test]
fn an_endpoint_that_is_added_has_the_number_behind_the_first_ones_and_its_place() {
    let added = format!(
        "{BASE}[[by_hand]]\nat = \"1s\"\nmove = 0\n[[by_hand]]\nat = \"2s\"\nadd = true\n[[by_hand]]\nat = \"3s\"\n"
    );
    let file = read(&format!("{added}delete = 3\n"));
    let last = file.scenario.by_hand.last().map(|(_, action)| *action);
    assert_eq!(last, Some(Action::Delete(3)));
    for number in [2, 4] {
        is_refused(&format!("{added}delete = {number}\n"), 15, "0 to 1 and 3");
    }
}

#[test]
fn a_percentile_has_one_name() {
    let latency = |keys: &str| {
        format!("[traffic]\nevents = 1\n[[endpoint]]\nlatency = {{ {keys}, max = \"9s\" }}\n")
    };
    for (name, share) in [
        ("p1", 100),
        ("p5", 500),
        ("p99", 9_900),
        ("p005", 50),
        ("p999", 9_990),
        ("p9999", 9_999),
        ("p0001", 1),
    ] {
        let scenario = read(&latency(&format!("{name} = \"1s\""))).scenario;
        let points = &scenario.receivers[0].receiver.latency_points;
        assert_eq!(points, &[(share, 1_000_000)], "{name}");
        reads_as_it_is_written(scenario);
    }
    for name in [
        "p100", "p500", "p05", "p0", "p00", "p990", "p9990", "p010", "p99999", "p", "pp",
    ] {
        let text = latency(&format!("{name} = \"1s\""));
        is_refused(&text, 4, "p1 to p99");
    }
}

#[test]
fn a_time_that_could_not_be_is_refused_with_the_longest() {
    let trouble = |what: &str| format!("[[trouble]]\nat = \"1s\"\n{what}");
    are_refused(&[
        (
            "[limits]\nretry_waits = [\"1s\", \"3661d\"]",
            8,
            "3660d at most",
        ),
        ("[limits]\nattempt_timeout = \"60d\"", 8, "1ms to 1d"),
        ("[limits]\nattempt_timeout = \"0s\"", 8, "1ms to 1d"),
        ("[limits]\nattempt_timeout = \"999us\"", 8, "1ms to 1d"),
        ("[limits]\nrecord_delay = \"60d\"", 8, "0s to 1d"),
        ("[limits]\nheartbeat = \"3661d\"", 8, "3660d at most"),
        ("[faults]\ndisk_latency = \"13d\"", 8, "1h at most"),
        ("[faults]\ndisk_latency = \"1s to 2h\"", 8, "1h at most"),
        (&trouble("wall_step = \"99999999d\""), 9, "-3660d to 3660d"),
        (&trouble("wall_step = \"-99999999d\""), 9, "-3660d to 3660d"),
    ]);
    are_read(&[
        "[limits]\nretry_waits = [\"1s\", \"3660d\"]\nattempt_timeout = \"1d\"\nrecord_delay = \"1d\"",
        "[faults]\ndisk_latency = \"1h\"",
        &trouble("wall_step = \"-3660d\""),
    ]);
    let full = |behind: &str| format!("layer = \"full\"\n{BASE}{behind}\n");
    let clock = trouble("receiver_clock = { endpoint = 0, ahead = \"-99999d\", for = \"1h\" }");
    is_refused(&full(&clock), 10, "-3660d to 3660d");
    read(&full("[faults]\ndisk_latency = \"10s\""));
    is_refused(&full("[faults]\ndisk_latency = \"11s\""), 9, "10s at most");
    let latency = "[traffic]\nevents = 1\n[[endpoint]]\nlatency = \"1s to 99999d\"\n";
    is_refused(latency, 4, "3660d at most");
}

#[test]
fn traffic_ends_after_ten_years_at_most() {
    let even = |events: u32, every: &str| {
        format!("endpoints = 1\n[traffic]\nevents = {events}\nevery = \"{every}\"\n")
    };
    read(&even(366, "10d"));
    is_refused(&even(367, "10d"), 4, "3660d at most");
    is_refused(&even(40_000, "3660d"), 4, "3660d at most");
    let step = "{ rate = \"1/d\", for = \"1831d\" }";
    let steps = format!("endpoints = 1\n[traffic]\nsteps = [{step}, {step}]\n");
    is_refused(&steps, 3, "3660d at most");
    let neighbour = "[[neighbour]]\nevents = 367\nevery = \"10d\"\n[[neighbour.endpoint]]";
    are_refused(&[(neighbour, 9, "3660d at most")]);
}

#[test]
fn a_store_has_room_for_one_event() {
    let padded = |bytes: u32| {
        format!(
            "endpoints = 1\n[traffic]\nevents = 1\npadding_max = 900\n[store]\nbytes_max = {bytes}\n"
        )
    };
    read(&padded(1_000));
    is_refused(&padded(999), 6, "from 1000");
    are_refused(&[("[store]\nbytes_max = 1", 8, "from 100")]);
}

#[test]
fn an_error_status_without_errors_is_refused() {
    are_refused(&[
        ("status = 503", 7, "`errors`"),
        ("retry_after = \"1s\"", 7, "`errors`"),
    ]);
    let outages = |kind: &str| {
        format!("outages = [{{ from = \"1s\", for = \"1s\", kind = \"{kind}\" }}]\nstatus = 503")
    };
    are_refused(&[(&outages("silent"), 8, "`errors`")]);
    let trouble = |endpoint: u8, kind: &str| {
        format!(
            "status = 503\n[[trouble]]\nat = \"1s\"\n\
             outage = {{ endpoint = {endpoint}, kind = \"{kind}\", for = \"1s\" }}"
        )
    };
    are_refused(&[(&trouble(1, "silent"), 7, "`errors`")]);
    are_read(&[
        "status = 503\nerrors = \"1%\"",
        "retry_after = \"1s\"\nerrors = \"1%\"",
        &outages("fails"),
        &trouble(1, "fails"),
    ]);
    let other =
        trouble(0, "fails").replace("status = 503", "[[endpoint]]\nname = \"b\"\nstatus = 503");
    are_refused(&[(&other, 9, "`errors`")]);
    let neighbour = "[[neighbour]]\nevents = 1\n[[neighbour.endpoint]]\nstatus = 503";
    are_refused(&[(neighbour, 10, "`errors`")]);
}

#[test]
fn what_is_said_in_two_tables_is_refused() {
    are_refused(&[
        (
            "[engine]\nsend_slots = 4\n[limits]\nsend_slots = 40",
            10,
            "`engine.send_slots`",
        ),
        (
            "[engine]\nwindow_max = 4\n[limits]\nwindow_max = 40",
            10,
            "keep one of both",
        ),
        (
            "[engine]\nhost_window_max = 9\n[limits]\nhost_window_max = 1",
            10,
            "keep one",
        ),
        (
            "[engine]\nattempt_timeout_ms = 900\n[limits]\nattempt_timeout = \"1s\"",
            10,
            "keep one",
        ),
        (
            "[engine]\nretry_waits_seconds = [1]\n[limits]\nretry_waits = [\"1s\"]",
            10,
            "keep one",
        ),
    ]);
    are_read(&["[engine]\nwindow_max = 4\n[limits]\nsend_slots = 40"]);
}

#[test]
fn a_wrong_value_of_a_setting_is_told_with_its_key() {
    are_refused(&[
        (
            "[engine]\nretry_waits_seconds = [-1]",
            8,
            "`engine.retry_waits_seconds`",
        ),
        (
            "[engine]\ncircuit_breaker = \"no\"",
            8,
            "`engine.circuit_breaker`",
        ),
        (
            "[engine]\nsend_slots = 4\nwindow_max = \"x\"",
            9,
            "`engine.window_max`",
        ),
    ]);
    is_refused(&format!("engine = 3\n{BASE}"), 1, "[engine]");
}

#[test]
fn what_is_done_by_hand_says_what_it_lacks() {
    let by_hand = |action: &str| format!("[[by_hand]]\nat = \"1s\"\n{action}\n");
    for (action, told) in [
        (
            "resend = { event = 4 }",
            "`by_hand.resend` needs its `endpoint`",
        ),
        ("resend = {}", "`by_hand.resend` needs its `event`"),
        ("rotate = {}", "`by_hand.rotate` needs its `endpoint`"),
        ("refilter = {}", "`by_hand.refilter` needs its `endpoint`"),
        (
            "reorder = { endpoint = 0 }",
            "`by_hand.reorder` needs its `ordering`",
        ),
        (
            "skip = { endpoint = 0 }",
            "`by_hand.skip` needs its `event`",
        ),
        (
            "replay = { event = 0 }",
            "`by_hand.replay` needs its `endpoint`",
        ),
        ("delete = \"x\"", "whole number"),
    ] {
        let text = format!("{BASE}{}", by_hand(action));
        is_refused(&text, 9, told);
        let found = faults(&text);
        let is_other = |(_, reason): &(usize, String)| reason.contains("exactly one");
        assert!(!found.iter().any(is_other), "{action}: {found:#?}");
    }
    let ends = "layer = \"store\"\nendpoints = 1\n[traffic]\nevents = 1\n[[life]]\nends = { in_order = {} }\n";
    let found = faults(ends);
    assert_eq!(found.len(), 1, "{found:#?}");
    let outage = "[[trouble]]\nat = \"1s\"\noutage = { endpoint = 0 }\n";
    let found = faults(&format!("{BASE}{outage}"));
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn what_is_right_is_not_refused_for_what_is_wrong_beside_it() {
    let text =
        "application_rate = 5\nendpoints_per_host = 2\nendpoints = 2\n[traffic]\nevents = 0\n";
    let found = faults(text);
    assert_eq!(found.len(), 1, "{found:#?}");
}
