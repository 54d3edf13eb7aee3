//! Worlds in which one process opens circuits and the next one otherwise or never, and what was mistaken in judging
//! them.

use super::holds;

/// Its circuit opened while circuits were, and was kept by these settings; the next process has none (seed 629 of the
/// core).
#[test]
fn what_opened_under_the_settings_of_before_was_kept_by_these() {
    holds(
        r#"
seed = 640
endpoints = 1

[traffic]
events = 1
every = "0s"

[[life]]
ends = { in_order = { after = "1001581us", grace = "30s" } }
down_for = "0s"

[life.engine]
circuit_failed_percent = 30
circuit_attempts_min = 1
circuit_window_seconds = 10
circuit_pause_seconds = 5
circuit_pause_max_seconds = 60
disable_after_hours = 1
"#,
    );
}

/// What stands of an open circuit stays where circuits never are, until an attempt ends (seed 4047 of the core).
#[test]
fn what_stands_of_a_circuit_that_never_is_stays_until_an_attempt_ends() {
    holds(
        r#"
seed = 4047

[traffic]
events = 1
every = "0s"

[[endpoint]]
name = "hasty"
count = 2
latency = "200ms to 900ms"
errors = "7.99%"

[engine]
circuit_breaker = false
disable_after_hours = 1

[limits]
ordered_held_max = 1

[faults]
failing_commits = [{ number = 6, durable = false }]

[[life]]
ends = { in_order = { after = "1003729us", grace = "30s" } }
down_for = "0s"

[life.engine]
circuit_breaker = true
circuit_failed_percent = 30
circuit_attempts_min = 1
circuit_window_seconds = 7200
circuit_pause_max_seconds = 300
circuit_probes = 1
disable_after_hours = 0
"#,
    );
}

/// It was disabled since it failed while circuits were, and is enabled by a process that has none (seed 7622 of the
/// core).
#[test]
fn who_is_enabled_where_circuits_never_are_begins_with_none() {
    holds(
        r#"
seed = 7622
endpoints = 5

[traffic]
events = 16
every = "0s"

[engine]
circuit_breaker = false

[[by_hand]]
at = "2h"
enable = 2

[faults]
failing_commits = [{ number = 1, durable = false }]

[[life]]
ends = { in_order = { after = "3655647009us", grace = "1s" } }
down_for = "0s"

[life.engine]
circuit_breaker = true
circuit_failed_percent = 30
circuit_attempts_min = 3
circuit_pause_seconds = 5
circuit_pause_max_seconds = 5
circuit_recovery_percent = 100
disable_after_hours = 1
"#,
    );
}

/// A receiver that recovers gets an attempt a second; that is no slot that retries took (seed 1099 of the core).
#[test]
fn who_recovers_waits_for_its_turn_and_not_for_a_slot() {
    holds(
        r#"
seed = 1099

[traffic]
events = 13
every = "0s"

[[endpoint]]
name = "hasty"
count = 5
latency = "200ms to 900ms"
errors = "49.32%"

[engine]
circuit_window_seconds = 7200
circuit_pause_seconds = 1
circuit_pause_max_seconds = 60
circuit_probes = 1
circuit_recovery_percent = 1000
disable_after_hours = 1

[limits]
send_slots = 4
retry_waits = ["1s", "2s", "5s", "10s"]
"#,
    );
}

/// All was delivered that had waited while another URL was asked for: the row of that was taken for the one which goes
/// with the change, and what came then for too much of a receiver that recovers (seed 637 of the layer full).
#[test]
fn a_recovery_may_be_over_while_another_url_is_asked_for() {
    holds(
        r#"
layer = "full"
seed = 637
endpoints = 1

[traffic]
events = 2
every = "2s"

[engine]
circuit_failed_percent = 100
circuit_attempts_min = 3
circuit_pause_seconds = 5
circuit_pause_max_seconds = 300
circuit_probes = 1
circuit_recovery_percent = 100
disable_after_hours = 12

[limits]
batch_bytes_max = 200
ordered_held_max = 3

[[by_hand]]
at = "134279298us"
move = 0

[faults]
odd_percent = 13

[[life]]
ends = { at_operation = 103 }
down_for = "0s"

[life.engine]
circuit_attempts_min = 1
circuit_window_seconds = 10
circuit_pause_seconds = 300
disable_after_hours = 0

[[trouble]]
at = "2010507us"
stands_still = "7m"

[[trouble]]
at = "0s"
outage = { endpoint = 0, kind = "name_unknown", for = "2s" }
"#,
    );
}
