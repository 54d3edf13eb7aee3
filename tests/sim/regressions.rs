//! Worlds that are kept since something was wrong in them once: each catches one mistake, and in each
//! every property holds now. They stand in `fixtures/scenarios/regressions/`, one to a file that is
//! named after the mistake and says what it was.

use std::{
    fs,
    path::{Path, PathBuf},
};

use fanfare::{config::scenario::ScenarioFile, sim::run};

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
