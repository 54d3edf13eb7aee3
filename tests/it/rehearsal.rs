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
    let mut with_json = arguments.to_vec();
    with_json.push("--json");
    let document: Value = serde_json::from_slice(&run(SCENARIO, &with_json).stdout).expect("JSON");
    let broken = &document["expectations"][0];
    assert_eq!(
        (&broken["seed"], &broken["broken"]),
        (&40.into(), &3.into())
    );
    assert!(
        broken["command"]
            .as_str()
            .expect("a text")
            .contains("--seed 40 --seeds 1"),
        "{broken}"
    );
    assert!(
        document["expectations"][1].get("command").is_none(),
        "{document}"
    );
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

/// Each ready scenario, and how its policy gets worse: what is replaced or added, and the expectation
/// that no longer holds.
const READY: [(&str, &str, &str, &str); 11] = [
    (
        "customer-down",
        "",
        "[engine]\ncircuit_breaker = false\n",
        "drained_after[customer] < 1h",
    ),
    (
        "mass-outage",
        "",
        "[engine]\ncircuit_breaker = false\n[limits]\nretry_jitter = \"0%\"\n",
        "peak_sends_per_second < 30",
    ),
    (
        "thousand-down",
        "",
        "[engine]\ncircuit_breaker = false\n",
        "drained_after < 10m",
    ),
    (
        "mostly-dead",
        "[engine]\n",
        "[engine]\ncircuit_breaker = false\n",
        "attempts_per_delivery[refusing] < 2",
    ),
    (
        "few-slots",
        "send_slots = 400",
        "send_slots = 20",
        "max_delivery[well] < 40s",
    ),
    (
        "noisy-neighbour",
        "send_slots = 64",
        "send_slots = 8",
        "p50_delivery < 150ms",
    ),
    (
        "overload",
        "send_slots = 4",
        "send_slots = 2",
        "backlog_max < 13000",
    ),
    (
        "eager",
        "",
        "[engine]\ncircuit_breaker = false\n",
        "attempts_per_delivery[gone] < 3",
    ),
    (
        "in-flight",
        "window_max = 128",
        "window_max = 8",
        "p99_delivery < 1s",
    ),
    (
        "restart",
        "",
        "[engine]\nwindow_max = 1\n",
        "drained_after < 30s",
    ),
    (
        "in-order",
        "ordering_keys = 500",
        "ordering_keys = 1",
        "p50_delivery[by-key] < 1s",
    ),
];

#[test]
fn each_ready_scenario_holds_and_is_broken_by_a_worse_policy() {
    for (name, before, behind, expectation) in READY {
        let text = fs::read_to_string(format!("fixtures/scenarios/{name}.toml")).expect(name);
        let held = run(&text, &[]);
        let told = format!("{name}: {}{}", said(&held.stdout), said(&held.stderr));
        assert_eq!(held.status.code(), Some(0), "{told}");
        assert!(told.contains(&format!("held    {expectation}")), "{told}");
        let worse = if before.is_empty() {
            format!("{text}\n{behind}")
        } else {
            assert!(text.contains(before), "{name}");
            text.replace(before, behind)
        };
        let broken = run(&worse, &["--seeds", "1"]);
        let told = format!("{name}: {}{}", said(&broken.stdout), said(&broken.stderr));
        assert_eq!(broken.status.code(), Some(10), "{told}");
        assert!(told.contains(&format!("BROKEN  {expectation}")), "{told}");
        assert!(
            told.contains(&format!("error: {expectation} does not hold"))
                || told.contains(&format!("\n{expectation} does not hold")),
            "{told}"
        );
    }
}

#[test]
fn busy_receivers_are_served_as_before_two_minutes_after_an_hour_without_them() {
    let scenario = r#"
question = "Forty receivers with an event a second are down for an hour: is all as before two minutes later?"
expect = ["succeeded_share = 100%", "recovered_after <= 2m", "peak_after_outage <= 126"]

[traffic]
steps = [{ rate = "1/s", for = "74m" }]

[[endpoint]]
name = "busy"
count = 40
latency = "10ms to 60ms"
outages = [{ from = "10m", for = "1h" }]
"#;
    let held = run(scenario, &[]);
    let told = format!("{}{}", said(&held.stdout), said(&held.stderr));
    assert_eq!(held.status.code(), Some(0), "{told}");
}

#[test]
fn every_scenario_of_the_folder_is_a_valid_one_that_is_told_of() {
    let told = fs::read_to_string("docs/rehearsal.md").expect("it is there");
    let mut seen = 0;
    for entry in fs::read_dir("fixtures/scenarios").expect("it is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        seen += 1;
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        assert!(
            READY.iter().any(|(ready, ..)| *ready == name),
            "{name} is not tested"
        );
        let command = format!("fanfare simulate run fixtures/scenarios/{name}.toml");
        assert!(told.contains(&command), "{name}");
        assert!(told.contains(&format!("pictures/{name}.svg")), "{name}");
        let picture = fs::read_to_string(format!("docs/pictures/{name}.svg"));
        assert!(picture.expect(name).starts_with("<svg"), "{name}");
    }
    assert_eq!(seen, READY.len());
}

#[test]
fn a_report_is_written_where_it_is_asked_for() {
    let (folder, path) = file(SCENARIO);
    let page = folder.path().join("out.html");
    let arguments = [
        "simulate",
        "run",
        path.to_str().expect("UTF-8"),
        "--seeds",
        "1",
    ];
    let mut with_report = arguments.to_vec();
    with_report.extend(["--report", page.to_str().expect("UTF-8")]);
    let output = fanfare(&folder, &with_report)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let text = fs::read_to_string(&page).expect("it is there");
    assert!(
        text.starts_with("<!doctype html>") && text.contains("</svg>"),
        "{text}"
    );
    assert!(text.contains("the slowest delivery"), "{text}");
    for (report, code) in [("out.pdf", 2), ("nowhere/out.svg", 2)] {
        let report = folder.path().join(report);
        let mut arguments = arguments.to_vec();
        arguments.extend(["--report", report.to_str().expect("UTF-8")]);
        let output = fanfare(&folder, &arguments)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(code), "{}", said(&output.stderr));
    }
}

#[test]
fn a_comparison_sees_what_differs_and_nothing_else() {
    let folder = empty_folder();
    let (a, b) = (folder.path().join("a.toml"), folder.path().join("b.toml"));
    fs::write(&a, SCENARIO).expect("written");
    let compare = |arguments: &[&str]| {
        let mut all = vec!["simulate", "compare"];
        all.extend([&a, &b].map(|path| path.to_str().expect("UTF-8")));
        all.extend(arguments);
        fanfare(&folder, &all).output().expect("the binary starts")
    };
    let document = || -> Value {
        let output = compare(&["--seeds", "8", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let of = |document: &Value, figure: &str, endpoint: Option<&str>, field: &str| {
        let figures = document["figures"].as_array().expect("a list");
        let mut found = figures.iter();
        let found =
            found.find(|one| one["figure"] == figure && one["endpoint"].as_str() == endpoint);
        found.expect(figure)[field].as_i64().expect(field)
    };
    // The same twice: nothing differs, with certainty.
    fs::write(&b, SCENARIO).expect("written");
    let same = document();
    for field in ["difference", "low", "high"] {
        assert_eq!(
            of(&same, "p99_delivery", Some("failing"), field),
            0,
            "{field}"
        );
        assert_eq!(of(&same, "attempts", None, field), 0, "{field}");
    }
    // Longer waits: the failing receiver's deliveries take longer, those of the others do not, and
    // what each attempt meets stays the same.
    fs::write(&b, SCENARIO.replace("[1, 1,", "[30, 1,")).expect("written");
    let slower = document();
    assert!(
        of(&slower, "p99_delivery", Some("failing"), "low") > 10_000_000,
        "{slower}"
    );
    for endpoint in ["well", "failing"] {
        assert_eq!(
            of(&slower, "attempts", Some(endpoint), "difference"),
            0,
            "{slower}"
        );
    }
    assert_eq!(of(&slower, "succeeded", None, "high"), 0, "{slower}");
    let told = said(&compare(&["--seeds", "8"]).stdout);
    let row = told
        .lines()
        .find(|line| line.starts_with("p99_delivery[failing]"));
    assert!(row.is_some_and(|row| row.ends_with('*')), "{told}");
    assert!(told.contains("means over seeds 1 to 8"), "{told}");
}

#[test]
fn a_world_in_which_nothing_is_delivered_is_told_of_as_well() {
    let text =
        "[traffic]\nbursts = [{ at = \"0s\", events = 3 }]\n[[endpoint]]\nrefusals = \"100%\"\n";
    let folder = empty_folder();
    let (path, page) = (folder.path().join("a.toml"), folder.path().join("a.html"));
    fs::write(&path, text).expect("written");
    let [path, page] = [&path, &page].map(|path| path.to_str().expect("UTF-8"));
    let arguments = ["simulate", "run", path, "--report", page];
    let output = fanfare(&folder, &arguments)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let told = said(&output.stdout);
    let row = told.lines().find(|line| line.starts_with("exhausted"));
    assert!(row.is_some_and(|row| row.ends_with(" 3")), "{told}");
}
