//! Same seed, same run, to the byte: in two processes, on every machine, in debug and in release.
//!
//! `fixtures/golden/simulate-seed-1.json` is one run's whole document. Its trace hash covers every
//! record of the run, so nothing the engine decides can change unseen. This binary's build is
//! compared here, the release build by `scripts/test`.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::process::{empty_folder, fanfare};

const GOLDEN: &str = "fixtures/golden/simulate-seed-1.json";
/// The run of the golden file; `scripts/test` has the same line.
const GOLDEN_RUN: &str = "simulate --seed 1 --events 1000 --endpoints 100 --json";

/// Runs to the end; what it wrote to standard output and to standard error.
fn simulate(line: &str) -> (String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let folder = empty_folder();
    let mut command: Command = fanfare(&folder, &words);
    let output = command.output().expect("the binary starts");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{line}: {error}");
    (String::from_utf8(output.stdout).expect("UTF-8"), error)
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON document")
}

fn number(document: &Value, name: &str) -> u64 {
    let value = &document[name];
    value.as_u64().unwrap_or_else(|| panic!("{name}: {value}"))
}

#[test]
fn a_seed_gives_the_same_document_in_two_processes_and_another_seed_another() {
    let mut hashes = BTreeSet::new();
    let seeds = [0, 1, 2, 3, 4, 5, u64::MAX];
    for seed in seeds {
        let line = format!("simulate --seed {seed} --events 60 --endpoints 10 --json");
        let (first, _) = simulate(&line);
        let (second, _) = simulate(&line);
        assert_eq!(first, second, "seed {seed}");
        let document = document(&first);
        assert_eq!(number(&document, "seed"), seed);
        let hash = document["trace_hash"].as_str().expect("a hash").to_owned();
        assert_eq!(hash.len(), 16, "{hash}");
        assert!(hashes.insert(hash), "seed {seed} has the hash of another");
    }
    assert_eq!(hashes.len(), seeds.len());
}

#[test]
fn one_event_more_or_one_endpoint_more_changes_the_hash() {
    let hash = |line: &str| document(&simulate(line).0)["trace_hash"].clone();
    let usual = hash("simulate --events 60 --endpoints 10 --json");
    assert_ne!(hash("simulate --events 61 --endpoints 10 --json"), usual);
    assert_ne!(hash("simulate --events 60 --endpoints 11 --json"), usual);
}

#[test]
fn the_golden_run_is_what_it_was_and_its_document_tells_all_that_was_promised() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let golden = fs::read_to_string(path).expect("the golden file can be read");
    let (text, error) = simulate(GOLDEN_RUN);
    assert_eq!(
        text, golden,
        "\nThe run is not the one of {GOLDEN}: something the engine decides has changed.\n\
         If that is meant, bless it, say why in the commit, and look at each number:\n\
         cargo run --locked -- {GOLDEN_RUN} > {GOLDEN}\n"
    );

    let document = document(&text);
    let [events, deliveries, attempts] =
        ["events", "deliveries", "attempts"].map(|name| number(&document, name));
    assert_eq!((number(&document, "seed"), events), (1, 1_000));
    assert_eq!(deliveries, events * 100);
    assert!(attempts >= deliveries);
    let ended = ["succeeded", "exhausted", "expired"].map(|name| number(&document, name));
    assert_eq!(ended.iter().sum::<u64>(), deliveries, "all have ended");
    // Circuits hold deliveries to the dead back until their time is over.
    assert!(ended[0] > 0 && ended[2] > 0, "both ends are met: {ended:?}");
    assert!(
        number(&document, "virtual_ms") > 24 * 3_600_000,
        "days of retries"
    );
    // What differs from run to run is told beside the document.
    assert!(error.contains(" deliveries a second"), "{error}");
}

#[test]
fn people_get_the_same_numbers_as_a_table() {
    let (text, _) = simulate("simulate --seed 3 --events 60 --endpoints 10");
    let (json, _) = simulate("simulate --seed 3 --events 60 --endpoints 10 --json");
    let document = document(&json);
    let hash = document["trace_hash"].as_str().expect("a hash");
    let row = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
    };
    assert!(row("trace hash").ends_with(hash), "{text}");
    for name in [
        "seed",
        "events",
        "deliveries",
        "attempts",
        "succeeded",
        "exhausted",
    ] {
        let plain: String = row(name).replace(',', "");
        let value = number(&document, name).to_string();
        assert!(plain.contains(&value), "{name}: {value} is not in {plain}");
    }
    for name in [
        "virtual time",
        "throughput",
        "delivered in, p50",
        "delivered in, p99",
    ] {
        assert!(row(name).len() > 18, "{text}");
    }
}
