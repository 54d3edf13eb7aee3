//! The verdict of a rehearsal, whatever keeps it from being told: reports that can't be written, full disks,
//! worlds in which nothing is delivered.

use std::{
    fs::{self, File},
    path::Path,
    process::{Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{empty_folder, fanfare};

const SCENARIO: &str = r#"
[traffic]
steps = [{ rate = "1/s", for = "10s" }]

[[endpoint]]
name = "a"
count = 2
latency = "20ms"
"#;

/// A second group, which gets nothing.
const REFUSING: &str = "[[endpoint]]\nname = \"b\"\nrefusals = \"100%\"\n";

/// A scenario in a folder of its own, and the arguments that run it.
fn file(text: &str, arguments: &[&str]) -> (TempDir, Vec<String>) {
    let folder = empty_folder();
    let path = folder.path().join("scenario.toml");
    fs::write(&path, text).expect("written");
    (folder, all(&path, arguments))
}

fn all(path: &Path, arguments: &[&str]) -> Vec<String> {
    let path = path.to_str().expect("UTF-8");
    let all = ["simulate", "run", path].into_iter();
    let all = all.chain(arguments.iter().copied());
    all.map(str::to_owned).collect()
}

fn run(text: &str, arguments: &[&str]) -> Output {
    let (folder, arguments) = file(text, arguments);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = fanfare(&folder, &arguments).output();
    output.expect("the binary starts")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_report_into_a_folder_that_is_not_there_is_refused_before_anything_runs() {
    let output = run(SCENARIO, &["--report", "nowhere/out.html"]);
    let error = said(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("there is no folder nowhere"), "{error}");
    assert_eq!(said(&output.stdout), "");
}

#[test]
fn a_verdict_is_told_though_the_report_can_not_be_written() {
    // Where a folder stands no file can be.
    for (expectation, code) in [("exhausted = 1", 10), ("exhausted = 0", 1)] {
        let (folder, mut arguments) = file(SCENARIO, &["--expect", expectation]);
        let page = folder.path().join("out.html");
        fs::create_dir(&page).expect("made");
        arguments.extend(["--report", page.to_str().expect("UTF-8")].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = fanfare(&folder, &arguments).output().expect("it starts");
        let error = said(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains("the report can't be written"), "{error}");
        assert_eq!(
            error.contains("does not hold: it is 0"),
            code == 10,
            "{error}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_called_so_and_takes_no_verdict_back() {
    for (expectation, code) in [("exhausted = 1", 10), ("exhausted = 0", 1)] {
        for form in [None, Some("--json")] {
            let mut arguments = vec!["--expect", expectation];
            arguments.extend(form);
            let (folder, arguments) = file(SCENARIO, &arguments);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let full = File::options().write(true).open("/dev/full");
            let full = full.expect("every Linux has it");
            let mut command = fanfare(&folder, &arguments);
            let output = command.stdout(Stdio::from(full)).output();
            let output = output.expect("the binary starts");
            let error = said(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{error}");
            assert!(error.contains("the output can't be written"), "{error}");
            assert!(!error.contains("nothing reads"), "{error}");
            assert_eq!(
                error.contains("does not hold: it is 0"),
                code == 10,
                "{error}"
            );
        }
    }
}

#[test]
fn times_are_not_short_where_nothing_is_delivered() {
    let text = SCENARIO.replace("count = 2", "refusals = \"100%\"");
    let expected = [
        "p99_delivery < 30s",
        "recovered_after < 1s",
        "max_delivery >= 0s",
    ];
    let mut arguments: Vec<&str> = expected.iter().flat_map(|one| ["--expect", *one]).collect();
    let output = run(&text, &arguments);
    let (told, error) = (said(&output.stdout), said(&output.stderr));
    assert_eq!(output.status.code(), Some(10), "{told}{error}");
    for one in expected {
        assert!(told.contains(&format!("BROKEN  {one}")), "{told}");
        let why = format!("{one} does not hold: nothing was delivered with seed 1");
        assert!(error.contains(&why), "{error}");
    }
    let row = told.lines().find(|line| line.starts_with("p99_delivery"));
    assert!(row.is_some_and(|row| row.ends_with(" -")), "{told}");
    arguments.push("--json");
    let document: Value = serde_json::from_slice(&run(&text, &arguments).stdout).expect("JSON");
    for one in document["expectations"].as_array().expect("a list") {
        assert_eq!(
            (&one["held"], &one["measured"]),
            (&false.into(), &Value::Null)
        );
    }
    let figures = document["figures"].as_array().expect("a list");
    let times = figures.iter().filter(|one| one["figure"] == "p99_delivery");
    let times: Vec<&Value> = times.collect();
    assert_eq!(times.len(), 2, "of all and of the group: {document}");
    for one in times {
        for field in ["least", "median", "most"] {
            assert_eq!(one.get(field), Some(&Value::Null), "{one}");
        }
    }
}

#[test]
fn a_group_that_gets_nothing_breaks_what_is_expected_of_its_times_and_no_other() {
    let text = format!("{SCENARIO}{REFUSING}");
    let arguments = [
        "--expect",
        "p99_delivery[a] < 1s",
        "--expect",
        "p99_delivery[b] < 1s",
    ];
    let output = run(&text, &arguments);
    let told = said(&output.stdout);
    assert_eq!(output.status.code(), Some(10), "{told}");
    assert!(told.contains("held    p99_delivery[a] < 1s"), "{told}");
    assert!(told.contains("BROKEN  p99_delivery[b] < 1s"), "{told}");
}

#[test]
fn a_comparison_has_no_difference_to_nothing() {
    let folder = empty_folder();
    let [a, b] = ["a.toml", "b.toml"].map(|name| folder.path().join(name));
    fs::write(&a, SCENARIO).expect("written");
    fs::write(&b, format!("{SCENARIO}refusals = \"100%\"\n")).expect("written");
    let [a, b] = [&a, &b].map(|path| path.to_str().expect("UTF-8"));
    let compare = |form: &[&str]| {
        let mut arguments = vec!["simulate", "compare", a, b, "--seeds", "3"];
        arguments.extend(form);
        let output = fanfare(&folder, &arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        said(&output.stdout)
    };
    let document: Value = serde_json::from_str(&compare(&["--json"])).expect("JSON");
    let figures = document["figures"].as_array().expect("a list");
    let of = |name: &str| figures.iter().find(|one| one["figure"] == name);
    let time = of("p99_delivery").expect("it is told of");
    assert!(time["a"].as_i64() > Some(0), "{time}");
    for field in ["b", "difference"] {
        assert_eq!(time.get(field), Some(&Value::Null), "{time}");
    }
    assert_eq!(of("succeeded").expect("it is told of")["difference"], -20);
    let told = compare(&[]);
    let row = told.lines().find(|line| line.starts_with("p99_delivery"));
    let row = row.expect("it is told of");
    assert!(!row.contains("same") && row.ends_with('-'), "{told}");
}
