//! Worlds that are kept since something was wrong in them once: each catches one mistake, and in each
//! every property holds now. They stand in `fixtures/scenarios/regressions/`, one to a file that is
//! named after the mistake and says what it was.

use std::{
    fs,
    path::{Path, PathBuf},
};

use fanfare::{
    config::scenario::ScenarioFile,
    sim::{Report, run},
};

const FOLDER: &str = "fixtures/scenarios/regressions";

/// All of them, by path.
fn kept() -> Vec<(PathBuf, String, ScenarioFile)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let entries = fs::read_dir(&folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    let files = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("UTF-8");
        let file = ScenarioFile::read(&text);
        let file = file.unwrap_or_else(|faults| panic!("{}: {faults:?}", path.display()));
        (path, text, file)
    });
    files.collect()
}

/// Asserts that every property holds in this world; tells what happened.
fn holds(world: &str) -> Report {
    let file = ScenarioFile::read(world).expect("it is valid");
    run(&file.scenario).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_kept_world_is_clean_now() {
    let kept = kept();
    assert!(kept.len() >= 20, "{}", kept.len());
    for (path, text, file) in kept {
        let name = path.display();
        assert!(text.starts_with("# Catches that "), "{name}: {text}");
        assert!(file.fails.is_some(), "{name} does not say what it catches");
        if let Err(error) = run(&file.scenario) {
            panic!("{name}: {error}");
        }
    }
}

/// `CountsAttemptsAnew` as a file is called.
#[cfg(feature = "mutants")]
fn file_name(mutant: &str) -> String {
    let mut name = String::new();
    for letter in mutant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name + ".toml"
}

#[cfg(feature = "mutants")]
#[test]
fn every_kept_world_catches_its_mistake() {
    use fanfare::sim::mutants::Mutant;
    let kept = kept();
    let file_of = |mutant: &Mutant| {
        let name = file_name(&mutant.name());
        kept.iter().find(|(path, ..)| path.ends_with(&name))
    };
    let (mut caught, mut wrong) = (0, Vec::new());
    for mutant in Mutant::all() {
        // What no seed fixes is found by no file.
        let is_unseeded = ["SpreadsWaitsAnew", "WakesInNoOrder"].contains(&&*mutant.name());
        let Some((path, _, file)) = file_of(&mutant) else {
            assert!(is_unseeded, "no file catches {mutant:?}");
            continue;
        };
        let mut scenario = file.scenario.clone();
        mutant.put_into(&mut scenario);
        let report = mutant.judged(&scenario);
        let found = report.violations.first().map(|found| &found.invariant);
        if found != file.fails.as_ref() {
            let name = path.display();
            wrong.push(format!("{name}: {found:?} and not {:?}", file.fails));
        }
        caught += 1;
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(caught, kept.len(), "a file is named after no mistake");
}

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
