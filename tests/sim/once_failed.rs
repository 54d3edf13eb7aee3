//! Worlds in which something was wrong once, in the engine or in what judges it, and that no mistake of
//! those that can be switched on shows.

use super::holds;

/// Its batch is on a slow disk; who lost the shard neither waits for it nor answers for it.
#[test]
fn a_process_may_end_while_a_batch_of_a_lost_shard_is_still_written() {
    let report = holds(
        r#"
layer = "store"
seed = 5708
endpoints = 1

[traffic]
events = 17
every = "5s"

[faults]
disk_latency = "500ms to 3s"

[[life]]
ends = { in_order = { after = "105087479us", grace = "1s" } }
down_for = "0s"

[[trouble]]
at = "105087478us"
shard_lost = true
"#,
    );
    assert_eq!(report.happened.shards_lost, 1);
    assert_eq!(report.happened.shut_downs, 1);
}

/// The batch that disabled it is durable, though nobody was told.
#[test]
fn who_is_enabled_in_a_new_period_is_not_judged_by_the_circuit_of_before() {
    holds(
        r#"
seed = 50001709
endpoints = 5

[traffic]
events = 15
every = "1us"

[engine]
circuit_attempts_min = 1
circuit_window_seconds = 10
circuit_probes = 1
circuit_recovery_percent = 1000
disable_after_hours = 1

[limits]
ring_events_max = 4
page_rows = 2

[[by_hand]]
at = "45s"
enable = 3

[[by_hand]]
at = "43977566us"
disable = 3

[faults]
failing_commits = [{ number = 7, durable = false }, { number = 28, durable = true }]
disk_latency = "500ms to 1s"
"#,
    );
}

/// The slow have all slots that they may, and keep them: one that waits moves, is unknown, and goes.
#[test]
fn who_moves_and_goes_before_the_slow_was_not_late_while_the_slots_were_full() {
    holds(
        r#"
layer = "store"
seed = 7432

[traffic]
events = 2
every = "0s"

[[endpoint]]
name = "silent"
count = 12
latency = "0s"
timeouts = "61.79%"

[engine]
send_slots = 16
window_max = 8
disable_after_hours = 12

[[by_hand]]
at = "42s"
move = 2
"#,
    );
}

/// A deleted endpoint keeps its row: where its place was given again, no batch with the new one was taken.
#[test]
fn an_endpoint_can_be_made_after_the_newest_one_was_deleted_and_the_shard_lost() {
    holds(
        r#"
seed = 30002
endpoints = 3

[traffic]
events = 1
every = "100ms"

[engine]
circuit_breaker = false
disable_after_hours = 1

[limits]
batch_bytes_max = 200

[[by_hand]]
at = "1148873us"
delete = 1

[[trouble]]
at = "1250647us"
shard_lost = true
"#,
    );
}

/// Fourteen days on, a hundred deliveries end in one moment: what is gathered keeps within its bound.
#[test]
fn what_expires_together_fills_no_batch_beyond_its_bound() {
    holds(
        r#"
layer = "store"
seed = 2950
endpoints = 3

[traffic]
events = 1
every = "2s"

[[neighbour]]
events = 28
every = "1us"

[[neighbour.endpoint]]
name = "group-0"
latency = "3s"

[[neighbour.endpoint]]
name = "group-1"
count = 6
latency = "0s"
refusals = "100%"

[[neighbour]]
events = 1
every = "0s"

[[neighbour.endpoint]]
name = "group-0"
latency = "3s"

[engine]
circuit_failed_percent = 30
circuit_attempts_min = 3
circuit_window_seconds = 10
circuit_pause_seconds = 5
circuit_probes = 1
circuit_recovery_percent = 100
disable_after_hours = 1

[limits]
send_slots = 4
batch_bytes_max = 2000

[faults]
disk_latency = "500ms to 750ms"
"#,
    );
}

/// That it was deleted became durable and nobody was told: who acquired the directory again in the same
/// process kept the application as it was, sent for it, and refused to delete it for ever (seed 334).
#[test]
fn an_application_whose_deletion_nobody_was_told_of_is_deleted_where_the_directory_is_acquired_again()
 {
    holds(
        r#"
seed = 334
endpoints = 1

[traffic]
events = 1
every = "100ms"

[[neighbour]]
events = 1
every = "0s"
deleted_after = "2s"

[[neighbour.endpoint]]
name = "away"
latency = "1ms"
refusals = "100%"

[faults]
failing_commits = [{ number = 9, durable = true }]
"#,
    );
}

/// An endpoint got another URL, and before its circuit was written over the shard was lost: the new receiver was held
/// to what the old one had done (seed 17620 of the core).
#[test]
fn who_moves_right_before_a_shard_is_lost_is_not_held_to_the_circuit_of_before() {
    holds(
        r#"
seed = 17629
endpoints = 4

[traffic]
events = 6
every = "0s"

[[by_hand]]
at = "2s"
resend = { event = 21, endpoint = 0 }

[[by_hand]]
at = "576753033us"
move = 2

[faults]
failing_commits = [{ number = 47, durable = false }]
split_turns = true

[[trouble]]
at = "0s"
outage = { endpoint = 2, kind = "name_unanswered", for = "10m" }
"#,
    );
}

/// What an open circuit had held back in a new period went out once its endpoint had another URL: it was not late
/// (seed 231 of the layer `full`).
#[test]
fn what_was_held_back_until_its_endpoint_moved_was_not_late() {
    holds(
        r#"
layer = "full"
seed = 231
endpoints = 2

[traffic]
events = 2
every = "3s"

[engine]
circuit_failed_percent = 30
circuit_attempts_min = 1
circuit_pause_seconds = 300
circuit_probes = 1
circuit_recovery_percent = 100
disable_after_hours = 1

[[by_hand]]
at = "0s"
recover = { event = 9, endpoint = 1 }

[[by_hand]]
at = "0s"
cancel_task = 1

[[by_hand]]
at = "0s"
replay_missing = { event = 5, endpoint = 1 }

[[by_hand]]
at = "0s"
recover = { event = 7, endpoint = 0 }

[[by_hand]]
at = "0s"
replay = { event = 0, endpoint = 0 }

[[by_hand]]
at = "0s"
delete = 1

[[by_hand]]
at = "0s"
add = true

[[by_hand]]
at = "30s"
move = 8

[faults]
odd_percent = 6

[[life]]
ends = { after = "12182001us" }
down_for = "0s"
"#,
    );
}

/// A process died in the group with an operational event, which had become durable and was told again to no avail:
/// nobody asked the store about events of neighbours (seed 1078 of the layer `store`).
#[test]
fn what_was_told_in_a_group_that_nobody_heard_of_was_told() {
    let report = holds(
        r#"
layer = "store"
seed = 1078
endpoints = 1

[traffic]
events = 1
every = "0s"

[[neighbour]]
events = 1
every = "0s"
operational_events = true

[[neighbour.endpoint]]
name = "group-0"
latency = "3s"

[[life]]
ends = { at_operation = 33 }
down_for = "0s"

[[life]]
ends = { failing_sync = 10 }
down_for = "0s"
"#,
    );
    assert_eq!(report.happened.news_told, 1);
}

/// It has many endpoints and tasks, and is down for almost as long as events live.
const EXPIRES: &str = r#"
layer = "store"
seed = 3332

[traffic]
events = 30
every = "1us"
named_percent = 100
twin_percent = 30
later_percent = 30

[[endpoint]]
name = "hasty"
count = 17
latency = "200ms to 900ms"
errors = "50%"

[engine]
circuit_breaker = false
send_slots = 8
window_max = 1
disable_after_hours = 12
retry_waits_seconds = [1, 2, 5, 10]

[limits]
record_delay = "0s"
expires_after = "1h"

[store]
data_shards = 1
payload_age = "1h"
row_age = "1h"
retain_every = "0s"
reserve_bytes = 65536
sealed = true

[[by_hand]]
at = "68923044103us"
refilter = { endpoint = 0, types = ["OrderReceived", "simulated.kind-1"] }

[[by_hand]]
at = "2465009us"
refilter = { endpoint = 2, types = ["simulated.kind-1", "simulated.kind-2"] }

[[by_hand]]
at = "114283us"
refilter = { endpoint = 1, types = ["OrderReceived", "simulated.kind-1"] }

[[by_hand]]
at = "139994779889us"
recover = { event = 6, endpoint = 2 }

[[by_hand]]
at = "22180us"
replay = { event = 27, endpoint = 1 }

[[by_hand]]
at = "54us"
replay_missing = { event = 25, endpoint = 0 }

[[by_hand]]
at = "48319085273us"
replay = { event = 14, endpoint = 2 }

[[by_hand]]
at = "34628us"
add = true

[[by_hand]]
at = "2849602us"
replay_missing = { event = 17, endpoint = 24 }

[faults]
split_turns = true
unreached_percent = 40

[[life]]
ends = { at_operation = 12 }
power_lost = true
down_for = "233us"

[[life]]
ends = { after = "2679425us" }
power_lost = true
down_for = "7945us"

[[life]]
ends = { after = "2328372us" }
down_for = "352us"

[life.engine]
send_slots = 8
window_max = 8

[life.limits]
record_delay = "20ms"

[[life]]
ends = { after = "2733838us" }
power_lost = true
down_for = "3599999999us"

[[trouble]]
at = "16060230617us"
disk_full = { room = 70000, for = "1s" }

[[trouble]]
at = "1575369us"
disk_full = { room = 200000, for = "1s" }

[[trouble]]
at = "406us"
inspection = true

[[trouble]]
at = "2014052us"
inspection = true

[[trouble]]
at = "1934393us"
outage = { endpoint = 1, kind = "silent", for = "1m" }

[[trouble]]
at = "2685368us"
outage = { endpoint = 0, kind = "fails", for = "1m" }

[[trouble]]
at = "392156us"
outage = { endpoint = 3, kind = "name_astray", for = "1m" }

[[trouble]]
at = "9122us"
outage = { endpoint = 10, kind = "handshake", for = "6h" }

[[trouble]]
at = "650792us"
outage = { endpoint = 7, kind = "certificate", for = "1m" }
"#;

/// All that a task had sent again expired while the process was down, and when the last of it went in a turn in which
/// nothing else was to be done, nobody looked whether the task had ended with it (seed 3332 of the layer `store`).
#[test]
fn a_task_ends_with_the_last_that_it_sent_though_that_expired() {
    holds(EXPIRES);
}

/// A process was started with a shorter schedule than the one before it: what that had planned was taken for an attempt
/// too many (seed 286 of the layer `store`).
#[test]
fn what_a_process_planned_is_made_by_the_next_one_though_its_schedule_is_shorter() {
    holds(
        r#"
layer = "store"
seed = 287
endpoints = 3

[traffic]
events = 2
every = "0s"

[engine]
disable_after_hours = 0
retry_waits_seconds = [1, 10]

[[life]]
ends = { at_operation = 291 }
down_for = "0s"

[life.engine]
retry_waits_seconds = [2, 40, 300, 600]
"#,
    );
}
