//! `fanfare simulate run`: a scenario file over some seeds, and whether what is expected of it holds.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{
    Failure, crew,
    failing::{Failing, FailingArguments, show, still_fails, treat},
    picture::{self, Subject, series::Series},
    print,
    rehearsed::{Rehearsed, rehearsed},
    spread::{Spread, spreads},
    summary,
    verdicts::{Verdict, verdict},
};
use crate::{
    cli::output::print_json,
    config::{places::read_file, scenario::ScenarioFile},
    sim::{Report, Scenario, expectation::Expectation},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  What does it cost if a customer is down for six hours?
    fanfare simulate run fixtures/scenarios/customer-down.toml

  The same over a hundred seeds, with something else expected; exit code 10 if it does not hold
    fanfare simulate run fixtures/scenarios/customer-down.toml --seeds 100 --expect 'exhausted = 0'

  A page with what happened over time, which needs no network to be looked at
    fanfare simulate run fixtures/scenarios/mass-outage.toml --report out.html

  One seed again, for a machine to read
    fanfare simulate run fixtures/scenarios/customer-down.toml --seed 17 --seeds 1 --json";

/// Arguments of `fanfare simulate run`.
#[derive(Clone, Debug, Args)]
pub(super) struct RehearseArguments {
    /// The scenario; docs/rehearsal.md says what it may hold
    #[arg(value_name = "SCENARIO.toml")]
    file: PathBuf,
    #[command(flatten)]
    seeds: SeedArguments,
    /// What must hold, as 'p99_delivery < 30s'; takes the place of what the file expects, and may be
    /// given several times
    #[arg(long, value_name = "EXPECTATION")]
    expect: Vec<Expectation>,
    /// Print what came of it as one JSON document
    #[arg(long)]
    json: bool,
    /// Write what happened in one run as a page (.html) or its charts alone (.svg): the first run in
    /// which something did not hold, else the first of all
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    failing: FailingArguments,
    #[cfg(feature = "mutants")]
    #[command(flatten)]
    mistake: super::mistake::MistakeArguments,
}

/// Which seeds a scenario is run with.
#[derive(Clone, Debug, Args)]
pub(super) struct SeedArguments {
    /// How many runs, with the first seed and those that follow [default: what the file says, or 1]
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// The first seed [default: what the file says, or 1]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl SeedArguments {
    /// The first seed and how many there are.
    pub(super) fn over(&self, file: &ScenarioFile) -> (u64, u64) {
        let first = self.seed.unwrap_or(file.scenario.seed);
        (first, self.seeds.unwrap_or(file.seeds))
    }
}

/// Reads a scenario file.
pub(super) fn scenario_file(path: &Path) -> Result<ScenarioFile, Failure> {
    let shown = path.display();
    let text = read_file(path)
        .map_err(|error| Failure::Usage(format!("{shown} can't be read: {error}")))?;
    ScenarioFile::read(&text).map_err(|faults| {
        let lines = faults.iter();
        let lines = lines.map(|fault| format!("{shown}:{}: {}", fault.line, fault.reason));
        let lines: Vec<String> = lines.collect();
        Failure::Usage(lines.join("\n"))
    })
}

/// The document of a rehearsal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Document<'a> {
    scenario: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<&'a str>,
    held: bool,
    expectations: &'a [Verdict],
    figures: &'a [Spread],
    /// Whether the property that the file says does not hold still does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    still_fails: Option<bool>,
    #[serde(flatten)]
    report: &'a Report,
    /// What did not hold, as small scenarios; left out where all is well.
    #[serde(skip_serializing_if = "<[Failing]>::is_empty")]
    failures: &'a [Failing],
}

/// Runs a scenario and tells what came of it.
pub(super) fn rehearse(arguments: &RehearseArguments) -> Result<(), Failure> {
    let mut file = scenario_file(&arguments.file)?;
    if !arguments.expect.is_empty() {
        file.expectations.clone_from(&arguments.expect);
        for expectation in &file.expectations {
            let checked = expectation.check(&file.scenario);
            checked.map_err(|error| Failure::Usage(error.to_string()))?;
        }
    }
    if let Some(path) = &arguments.report {
        picture::check(path)?;
    }
    #[cfg(feature = "mutants")]
    {
        file.scenario = arguments.mistake.made_in(file.scenario)?;
    }
    let (first, count) = arguments.seeds.over(&file);
    let runs = runs(&file.scenario, first, count)?;
    let report = sum(&runs, first);
    let verdicts: Vec<Verdict> = file
        .expectations
        .iter()
        .map(|expectation| verdict(expectation, &runs, |seed| again(arguments, seed)))
        .collect();
    let figures = spreads(&file.scenario, &runs);
    let failing = failing(arguments, &file, &report);
    let still_fails = file
        .fails
        .as_deref()
        .map(|invariant| still_fails(invariant, &report));
    let held = verdicts.iter().all(|verdict| verdict.held) && report.violations.is_empty();
    let text = summary::text(&file, &report, &figures, &verdicts, runs.first());
    let told = if arguments.json {
        let document = Document {
            scenario: arguments.file.display().to_string(),
            question: file.question.as_deref(),
            held,
            expectations: &verdicts,
            figures: &figures,
            still_fails,
            report: &report,
            failures: &failing,
        };
        print_json(&document)
    } else {
        print(&text)
    };
    // Neither a reader that went away nor a full disk takes a verdict back, nor one of them the other's part.
    let pictured = arguments.report.as_ref().map_or(Ok(()), |path| {
        write_report(path, &file, &report, &verdicts, &text)
    });
    let verdict = judged(arguments, &file, &report, &verdicts);
    Failure::of_both(told, Failure::of_both(pictured, verdict))
}

/// What is done about a run in which a property did not hold. A file that says that it does not has
/// been made small and kept before.
fn failing(arguments: &RehearseArguments, file: &ScenarioFile, report: &Report) -> Vec<Failing> {
    let Some(found) = report.violations.first() else {
        return Vec::new();
    };
    let scenario = Scenario {
        seed: found.seed,
        ..file.scenario.clone()
    };
    if file.fails.as_ref() == Some(&found.invariant) {
        show(&scenario);
        return Vec::new();
    }
    #[cfg(feature = "mutants")]
    let options = arguments.mistake.options();
    #[cfg(not(feature = "mutants"))]
    let options = [];
    vec![treat(&arguments.failing, &scenario, found, &options)]
}

/// Writes what happened in the run that tells most. It is made once more: it does the same again.
fn write_report(
    path: &Path,
    file: &ScenarioFile,
    report: &Report,
    verdicts: &[Verdict],
    summary: &str,
) -> Result<(), Failure> {
    let violated = report.violations.first().map(|found| found.seed);
    let broken = verdicts.iter().filter_map(|verdict| verdict.seed).min();
    let scenario = Scenario {
        seed: violated.or(broken).unwrap_or(report.seed),
        ..file.scenario.clone()
    };
    let (run, logbook) = rehearsed(&scenario)?;
    let subject = Subject {
        scenario: &scenario,
        question: file.question.as_deref(),
        report: &run.report,
        logbook: &logbook,
        summary,
    };
    picture::write(path, &subject)
}

/// Exit code 10 if a property or an expectation did not hold, with the command that shows it.
fn judged(
    arguments: &RehearseArguments,
    file: &ScenarioFile,
    report: &Report,
    verdicts: &[Verdict],
) -> Result<(), Failure> {
    if let Some(first) = report.violations.first() {
        let list: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        let (seed, list) = (first.seed, list.join("; "));
        let still = if file.fails.as_ref() == Some(&first.invariant) {
            "as the file says, "
        } else {
            ""
        };
        return Err(Failure::Violated(format!(
            "seed {seed}: {still}a property did not hold; please report this: {list}; repeat it with `{}`",
            again(arguments, seed)
        )));
    }
    let broken: Vec<String> = verdicts
        .iter()
        .filter_map(|verdict| {
            let seed = verdict.seed?;
            let (expected, measured) = (&verdict.expectation, &verdict.shown);
            let told = format!("{expected} does not hold: {measured} with seed {seed}");
            let command = verdict.command.as_ref()?;
            Some(format!("{told}; see `{command}`"))
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Violated(broken.join("\n")))
}

/// The command that runs one seed again.
fn again(arguments: &RehearseArguments, seed: u64) -> String {
    let file = quoted(&arguments.file.display().to_string());
    let mut command = format!("fanfare simulate run {file} --seed {seed} --seeds 1");
    for expectation in &arguments.expect {
        command.push_str(" --expect ");
        command.push_str(&quoted(&expectation.to_string()));
    }
    command
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Runs a scenario with each seed.
pub(super) fn runs(scenario: &Scenario, first: u64, count: u64) -> Result<Vec<Rehearsed>, Failure> {
    crew::check(first, count)?;
    let runs = crew::each(first, count, |seed| {
        let scenario = Scenario {
            seed,
            ..scenario.clone()
        };
        let (mut run, _) = rehearsed(&scenario)?;
        if seed != first {
            // Only the first one's is shown.
            run.series = Series::default();
        }
        Ok(run)
    });
    runs.into_iter().collect()
}

/// All runs as one report.
fn sum(runs: &[Rehearsed], first: u64) -> Report {
    let mut reports = runs.iter().map(|run| run.report.clone());
    let mut sum = reports.next().unwrap_or_default();
    for report in reports {
        sum.add(report);
    }
    sum.seed = first;
    sum
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// The arguments as a line of their own.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: RehearseArguments,
    }

    #[test]
    fn a_property_that_does_not_hold_is_told_with_its_command_before_any_expectation() {
        let Line { arguments } = Line::parse_from(["run", "a b.toml", "--seeds", "5"]);
        let file = ScenarioFile::of(Scenario::new(1, 1, 1).expect("it can run"));
        let found = crate::sim::Found {
            invariant: "I4".to_owned(),
            seed: 3,
            what: "something went on after its end".to_owned(),
        };
        let report = Report {
            violations: vec![found],
            ..Report::default()
        };
        let failure = judged(&arguments, &file, &report, &[]).expect_err("it did not hold");
        assert_eq!(failure.exit_code(), 10);
        let told = failure.to_string();
        for part in [
            "seed 3",
            "I4: something",
            "run 'a b.toml' --seed 3 --seeds 1`",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(judged(&arguments, &file, &Report::default(), &[]).is_ok());
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_part_it() {
        assert_eq!(quoted("fixtures/a-b_c.toml"), "fixtures/a-b_c.toml");
        assert_eq!(quoted("p99_delivery < 3s"), "'p99_delivery < 3s'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
