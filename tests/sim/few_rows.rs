//! Worlds in which an application has room for few deliveries that wait in rows, or a batch for few of them, and in
//! which something was wrong once.

use super::holds;

/// Nothing more was begun while all rows were taken, and that was taken for having caught up: the circuit was closed,
/// and what had waited could go out at once (seed 629 of the core).
#[test]
fn who_recovers_has_not_caught_up_while_it_waits_for_rows() {
    holds(
        r#"
seed = 629
endpoints = 3

[traffic]
events = 17
every = "0s"

[engine]
circuit_failed_percent = 30
circuit_window_seconds = 10
circuit_pause_max_seconds = 60
circuit_probes = 1
circuit_recovery_percent = 100
disable_after_hours = 1

[limits]
ring_events_max = 16
page_rows = 2
open_rows_max = 10

[[trouble]]
at = "0s"
outage = { endpoint = 2, kind = "certificate", for = "2m" }
"#,
    );
}

/// All rows were held in a line whose head had none, since the shard was lost with its attempt in flight: it waited for
/// rows that waited for it (seed 3614 of the core).
#[test]
fn a_head_without_a_row_does_not_wait_for_those_behind_it() {
    holds(
        r#"
seed = 3614
endpoints = 3

[traffic]
events = 3
every = "0s"
ordering_keys = 1

[engine]
circuit_failed_percent = 100
circuit_window_seconds = 10
circuit_pause_seconds = 1
circuit_pause_max_seconds = 300
disable_after_hours = 1

[limits]
ordered_held_max = 1
open_rows_max = 3

[faults]
failing_commits = [{ number = 6, durable = false }]
"#,
    );
}

/// Its last neighbour hears of all others, refuses a half of that, and is deleted.
const DELETED: &str = r#"
seed = 5765

[traffic]
events = 12
every = "1s"
keyed_percent = 24
twin_percent = 30
repeat_percent = 71
ordering_keys = 2
padding_max = 2083

[[endpoint]]
name = "hasty"
count = 23
latency = "200ms to 900ms"

[[neighbour]]
events = 51
every = "1m"

[[neighbour.endpoint]]
name = "group-0"
count = 2
latency = "500ms to 1500ms"

[[neighbour]]
events = 10
every = "1s"
older = true

[[neighbour.endpoint]]
name = "group-0"
count = 2
latency = "0s"
timeouts = "100%"

[[neighbour]]
events = 1
every = "1m"
deleted_after = "47945375us"
operational_events = true
older = true

[[neighbour.endpoint]]
name = "group-0"
count = 5
latency = "0s"
refusals = "100%"

[[neighbour.endpoint]]
name = "group-1"
count = 6
latency = "500ms to 1500ms"

[engine]
circuit_breaker = false
send_slots = 8
window_max = 2
disable_after_hours = 1
retry_waits_seconds = [1, 2, 5, 10]

[limits]
host_window_max = 2
batch_bytes_max = 2000
ordered_held_max = 1
record_delay = "1ms"

[healing]
at = "45174us"
core = 1
"#;

/// All that waited for endpoints of an application that was deleted was written in one batch, however much that was
/// (seed 5765 of the core).
#[test]
fn what_is_left_of_a_deleted_application_goes_in_batches_within_their_bound() {
    holds(DELETED);
}
