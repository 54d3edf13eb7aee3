//! `fanfare simulate run` as its users meet it: exit codes, what is printed, what is told of bad files.

use std::{fs, path::PathBuf, process::Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{empty_folder, fanfare};

const SCENARIO: &str = r#"
question = "Does a small receiver keep up?"
seeds = 3
expect = ["succeeded_share = 100%", "p99_delivery[well] < 1s", "deliveries = 180"]

[traffic]
steps = [{ rate = "30/m", for = "2m" }]

[[endpoint]]
name = "well"
count = 2
latency = "10ms to 50ms"

[[endpoint]]
name = "failing"
errors = "20%"

[engine]
retry_waits_seconds = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
"#;

/// A scenario in a folder of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = empty_folder();
    let path = folder.path().join("scenario.toml");
    fs::write(&path, text).expect("written");
    (folder, path)
}

fn run(text: &str, arguments: &[&str]) -> Output {
    let (folder, path) = file(text);
    let mut all = vec!["simulate", "run", path.to_str().expect("UTF-8")];
    all.extend(arguments);
    let output = fanfare(&folder, &all).output();
    output.expect("the binary starts")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_scenario_whose_expectations_hold_ends_with_0_and_the_same_document_each_time() {
    let output = run(SCENARIO, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["held"], true);
    assert_eq!(document["seeds"], 3);
    assert_eq!(document["deliveries"], 3 * 180);
    assert_eq!(document["layer"], "core");
    assert_eq!(document["violations"], serde_json::json!([]));
    let expectations = document["expectations"].as_array().expect("a list");
    assert_eq!(expectations.len(), 3);
    assert!(
        expectations.iter().all(|one| one["held"] == true),
        "{document}"
    );
    let figures = document["figures"].as_array().expect("a list");
    let attempts = figures
        .iter()
        .find(|one| one["figure"] == "attempts" && one["endpoint"] == "failing");
    let attempts = attempts.expect("it is measured");
    assert_eq!(attempts["unit"], "count");
    assert!(attempts["least"].as_u64() > Some(60), "{attempts}");
    assert!(
        attempts["least"].as_u64() <= attempts["most"].as_u64(),
        "{attempts}"
    );
    let again: Value = serde_json::from_slice(&run(SCENARIO, &["--json"]).stdout).expect("JSON");
    assert_eq!(again["trace_hash"], document["trace_hash"]);
    assert_eq!(again["figures"], document["figures"]);
}

#[test]
fn a_broken_expectation_ends_with_10_and_tells_seed_value_and_command() {
    let arguments = [
        "--seed",
        "40",
        "--expect",
        "attempts[failing] <= 60",
        "--expect",
        "exhausted = 0",
    ];
    let output = run(SCENARIO, &arguments);
    let (told, error) = (said(&output.stdout), said(&output.stderr));
    assert_eq!(output.status.code(), Some(10), "{error}");
    assert!(told.contains("seeds 40 to 42"), "{told}");
    assert!(
        told.contains("BROKEN  attempts[failing] <= 60 (in 3 of 3 runs)"),
        "{told}"
    );
    assert!(told.contains("held    exhausted = 0"), "{told}");
    // What the file expects was replaced.
    assert!(!told.contains("succeeded_share ="), "{told}");
    let command =
        "--seed 40 --seeds 1 --expect 'attempts[failing] <= 60' --expect 'exhausted = 0'`";
    assert!(error.contains(command), "{error}");
    assert!(error.contains("with seed 40"), "{error}");
    // The command shows the same value.
    let value = error
        .split("it is ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let arguments = [
        "--seed",
        "40",
        "--seeds",
        "1",
        "--expect",
        "attempts[failing] <= 60",
    ];
    let again = run(SCENARIO, &arguments);
    assert_eq!(again.status.code(), Some(10));
    let value = format!("it is {} with seed 40", value.expect("a value"));
    assert!(
        said(&again.stderr).contains(&value),
        "{}",
        said(&again.stderr)
    );
}

#[test]
fn a_summary_has_a_row_for_each_figure_and_each_group() {
    let told = said(&run(SCENARIO, &["--seeds", "1"]).stdout);
    assert!(
        told.starts_with("Does a small receiver keep up?\n\nlayer core, seed 1"),
        "{told}"
    );
    for row in [
        "deliveries ",
        "p99_delivery ",
        "endpoint  ",
        "well ",
        "failing ",
    ] {
        assert!(
            told.lines().any(|line| line.starts_with(row)),
            "{row}\n{told}"
        );
    }
}

#[test]
fn a_bad_file_ends_with_2_and_tells_all_that_is_wrong_by_line() {
    let text = SCENARIO
        .replace("count = 2", "cuont = 2")
        .replace("30/m", "30");
    let output = run(&text, &[]);
    let error = said(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(said(&output.stdout), "");
    assert!(
        error.contains("scenario.toml:7: `traffic.steps.rate` is \"30\""),
        "{error}"
    );
    assert!(
        error.contains("scenario.toml:11: unknown key `endpoint.cuont`: allowed are count"),
        "{error}"
    );
    for (text, told) in [
        ("", "there is no traffic"),
        ("[traffic\n", "scenario.toml:1: this is not TOML"),
    ] {
        let output = run(text, &[]);
        let error = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(told), "{error}");
    }
    let folder = empty_folder();
    let output = fanfare(&folder, &["simulate", "run", "nowhere.toml"]).output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output.stderr).contains("nowhere.toml can't be read"));
}

#[test]
fn a_wrong_expectation_ends_with_2_and_names_what_is_allowed() {
    for (expectation, told) in [
        ("p98_delivery < 1s", "there are deliveries, succeeded"),
        ("p99_delivery < 1", "a number with its unit"),
        ("attempts[nobody] < 1", "there are well, failing"),
    ] {
        let output = run(SCENARIO, &["--expect", expectation]);
        let error = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(told), "{error}");
    }
}
