//! `fanfare simulate replay`: runs a recorded engine again and compares all that it did.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure,
    journal::{Journal, JournalFault},
    policy, print,
};
use crate::{
    cli::{output::print_json, say},
    journal::{
        frame::VERSION,
        lives::{Life, LifeEnd, Lives, Skipped, Until},
        replay::Difference,
        trace::Record,
    },
    time::Timestamp,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  Does the engine do again what it did?
    fanfare serve --record journal
    fanfare simulate replay journal

  The same as one JSON document
    fanfare simulate replay journal --json

  What is whole of a journal that was cut off
    fanfare simulate replay journal --partial

  What would have come of its traffic with another retry schedule
    fanfare simulate replay journal --policy NEW.toml

  How things stood at a moment
    fanfare simulate replay journal --until 2026-11-24T16:00:00Z";

/// Arguments of `fanfare simulate replay`.
#[derive(Clone, Debug, Args)]
pub(super) struct ReplayArguments {
    /// The journal, as given to serve --record; its older parts are found beside it
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Stop at a time, as 2026-11-24T16:00:00Z, or behind the turn of a record: RECORD or LIFE:RECORD
    #[arg(long, value_name = "TIME|RECORD", value_parser = until)]
    until: Option<Until>,
    /// Of a journal that is damaged or cut off, run what stands before the fault
    #[arg(long)]
    partial: bool,
    /// Run its traffic under other settings of the engine, the tables `engine` and `limits` of a
    /// scenario file, with receivers that answer as they did; and compare figures
    #[arg(long, value_name = "NEW.toml", conflicts_with_all = ["until", "partial"])]
    policy: Option<PathBuf>,
    /// Print what came of it as one JSON document
    #[arg(long)]
    json: bool,
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Until::Time(Timestamp::from_micros(time.as_microsecond())));
    }
    let parted = text.split_once(':');
    let (life, record) = parted.unwrap_or(("0", text));
    match (life.parse(), record.parse()) {
        (Ok(0), Ok(_)) if parted.is_some() => Err("lives are counted from 1".to_owned()),
        (Ok(life), Ok(record)) => Ok(Until::Record { life, record }),
        _ => Err(
            "give a time such as 2026-11-24T16:00:00Z, or the number of a record, as 5000 or 2:5000"
                .to_owned(),
        ),
    }
}

/// What came of a replay.
struct Outcome {
    parts: usize,
    lives: Vec<Life>,
    skipped: Option<Skipped>,
    difference: Option<Difference>,
    fault: Option<Box<JournalFault>>,
}

/// Runs the journal and compares. Exit code 0 only if everything is equal.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<(), Failure> {
    if let Some(policy) = &arguments.policy {
        return policy::compare(&arguments.journal, policy, arguments.json);
    }
    if !arguments.partial {
        Journal::find(&arguments.journal)?
            .check()
            .map_err(|fault| refused(&fault))?;
    }
    let outcome = run(arguments)?;
    if let (Some(fault), false) = (&outcome.fault, arguments.partial) {
        return Err(refused(fault));
    }
    if outcome.lives.is_empty() {
        return Err(Failure::Usage(nothing_to_run(arguments, &outcome)));
    }
    if let Some(missing) = outcome.not_reached(arguments.until) {
        return Err(Failure::Usage(missing));
    }
    if let Some(fault) = &outcome.fault {
        say(&format!("{fault}; what stands before it was run"));
    }
    if let Some(skipped) = outcome.skipped {
        say(&skipped_line(skipped));
    }
    let told = if arguments.json {
        print_json(&outcome.to_json(arguments))
    } else {
        print(&outcome.to_text())
    };
    let verdict = match &outcome.difference {
        None => Ok(()),
        Some(difference) => {
            let turn = difference.turn;
            Err(Failure::Violated(format!(
                "the replay did something else than the recorded run in turn {turn}"
            )))
        }
    };
    Failure::of_both(told, verdict)
}

fn refused(fault: &JournalFault) -> Failure {
    Failure::Usage(format!(
        "{fault}; with --partial what stands before it is run"
    ))
}

fn skipped_line(skipped: Skipped) -> String {
    let Skipped { life, turns_before } = skipped;
    format!(
        "the oldest part that is there begins in life {life} behind its turn {turns_before}: the \
         rest of that life can't be run, since its beginning is gone"
    )
}

fn nothing_to_run(arguments: &ReplayArguments, outcome: &Outcome) -> String {
    let journal = arguments.journal.display();
    match (outcome.skipped, &outcome.fault) {
        (Some(skipped), _) => format!(
            "nothing of {journal} can be run: {}; record with a larger --record-max-bytes",
            skipped_line(skipped)
        ),
        (None, Some(fault)) => format!("nothing of {journal} can be run: {fault}"),
        (None, None) => format!("nothing stands in {journal}"),
    }
}

fn run(arguments: &ReplayArguments) -> Result<Outcome, Failure> {
    let mut journal = Journal::find(&arguments.journal)?;
    let parts = journal.parts();
    let mut lives = Lives::new(arguments.until);
    let (mut difference, mut fault) = (None, None);
    while !lives.is_stopped() {
        match journal.next() {
            Ok(Some(content)) => {
                if let Err(found) = lives.take(content) {
                    difference = Some(*found);
                    break;
                }
            }
            Ok(None) => break,
            Err(found) => {
                fault = Some(found);
                break;
            }
        }
    }
    let (lives, skipped) = lives.finish();
    Ok(Outcome {
        parts,
        lives,
        skipped,
        difference,
        fault,
    })
}

impl Outcome {
    /// Why a replay that was to stop behind a record did not; nothing if it did, or if a difference ended it.
    fn not_reached(&self, until: Option<Until>) -> Option<String> {
        let Some(Until::Record { life, record }) = until else {
            return None;
        };
        let has_stopped = self.lives.iter().any(|life| life.end == LifeEnd::Until);
        if has_stopped || self.difference.is_some() {
            return None;
        }
        let numbers = self.lives.iter().map(|life| life.opening.life);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let mut lives = self.lives.iter();
        let asked = lives.find(|run| life == 0 || run.opening.life == life);
        Some(match asked {
            Some(asked) => format!(
                "there is no record {record}: life {} has {} records, the first one is 0",
                asked.opening.life, asked.replayed.records
            ),
            None => format!(
                "life {life} can't be run up to record {record}: the journal has the lives {} from their beginning",
                numbers.join(", ")
            ),
        })
    }

    fn hashes(&self) -> (u64, u64) {
        let last = self.lives.last();
        last.map_or((0, 0), |life| (life.replayed.hash, life.recorded_hash))
    }

    fn sum(&self, count: impl Fn(&Life) -> u64) -> u64 {
        self.lives.iter().map(count).sum()
    }

    fn to_json(&self, arguments: &ReplayArguments) -> Value {
        let (trace_hash, recorded_hash) = self.hashes();
        let begun = self.lives.last().map(|life| life.opening.begun.steady);
        let told = |record: &Option<Record>| {
            let begun = begun.unwrap_or_default();
            record.as_ref().map(|record| record_json(record, begun))
        };
        json!({
            "journal": arguments.journal,
            "version": VERSION,
            "parts": self.parts,
            "equal": self.difference.is_none(),
            "trace_hash": hex(trace_hash),
            "recorded_hash": hex(recorded_hash),
            "turns": self.sum(|life| life.replayed.turns),
            "records": self.sum(|life| life.replayed.records),
            "closed": self.lives.last().is_some_and(|life| life.end == LifeEnd::Closed),
            "lives": self.lives.iter().map(life_json).collect::<Vec<_>>(),
            "skipped": self.skipped.map(|skipped| json!({
                "life": skipped.life,
                "turns_before": skipped.turns_before,
            })),
            "fault": self.fault.as_ref().map(|fault| json!({
                "file": fault.path,
                "offset": fault.at.offset,
                "record": fault.at.record,
                "reason": fault.at.fault.to_string(),
            })),
            "difference": self.difference.as_ref().map(|difference| json!({
                "life": self.lives.last().map(|life| life.opening.life),
                "turn": difference.turn,
                "recorded": told(&difference.recorded),
                "replayed": told(&difference.replayed),
            })),
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for life in &self.lives {
            text.push_str(&life_line(life));
        }
        let (trace, recorded) = self.hashes();
        let Some(difference) = &self.difference else {
            text.push_str(&format!("equal: trace hash {}\n", hex(trace)));
            return text;
        };
        let begun = self.lives.last().map(|life| life.opening.begun.steady);
        let begun = begun.unwrap_or_default();
        let told = |record: &Option<Record>| match record {
            Some(record) => record.line(begun).to_string(),
            None => "nothing more in this turn".to_owned(),
        };
        text.push_str(&format!(
            "differs in turn {}: trace hash {}, recorded {}\n",
            difference.turn,
            hex(trace),
            hex(recorded)
        ));
        if difference.recorded.is_none() && difference.replayed.is_none() {
            text.push_str(
                "  the effects are equal, what the engine was told is traced otherwise\n",
            );
        } else {
            text.push_str(&format!("  recorded  {}\n", told(&difference.recorded)));
            text.push_str(&format!("  replayed  {}\n", told(&difference.replayed)));
        }
        text
    }
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// A wall time, in UTC and with microseconds.
pub(super) fn wall(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or_default();
    format!("{time:.6}")
}

const fn end_name(end: LifeEnd) -> &'static str {
    match end {
        LifeEnd::Closed => "closed",
        LifeEnd::Unclosed => "unclosed",
        LifeEnd::Until => "until",
        LifeEnd::Differs => "differs",
    }
}

fn life_line(life: &Life) -> String {
    let Life {
        opening,
        replayed,
        stats,
        ..
    } = life;
    let end = match life.end {
        LifeEnd::Closed => "closed by a shutdown",
        LifeEnd::Unclosed => "not closed: killed, or not over",
        LifeEnd::Until => "stopped where it was asked to",
        LifeEnd::Differs => "differs",
    };
    format!(
        "life {} of version {}, begun {}, seed {}: {} turns, {} records; {} events, {} attempts, {} \
         succeeded, {} exhausted, {} in flight; {end}\n",
        opening.life,
        opening.program,
        wall(opening.begun.wall),
        opening.options.seed,
        replayed.turns,
        replayed.records,
        stats.events,
        stats.attempts,
        stats.succeeded,
        stats.exhausted,
        stats.in_flight,
    )
}

fn life_json(life: &Life) -> Value {
    let Life {
        opening,
        replayed,
        stats,
        ..
    } = life;
    json!({
        "life": opening.life,
        "program": opening.program,
        "seed": opening.options.seed,
        "begun": wall(opening.begun.wall),
        "bodies": opening.has_bodies,
        "end": end_name(life.end),
        "turns": replayed.turns,
        "records": replayed.records,
        "trace_hash": hex(replayed.hash),
        "recorded_hash": hex(life.recorded_hash),
        "events": stats.events,
        "attempts": stats.attempts,
        "succeeded": stats.succeeded,
        "exhausted": stats.exhausted,
        "expired": stats.expired,
        "set_aside": stats.set_aside,
        "retried": stats.retried,
        "in_flight": stats.in_flight,
        "commits": stats.commits,
    })
}

/// A record for programs: its kind and the line that people read.
fn record_json(record: &Record, begun: Timestamp) -> Value {
    json!({
        "record": record.sequence,
        "time_us": record.time.since(begun).as_micros(),
        "kind": record.kind,
        "name": record.name().trim(),
        "value": record.value,
        "first": format!("{:032x}", record.first),
        "second": format!("{:032x}", record.second),
        "line": record.line(begun).to_string(),
    })
}
