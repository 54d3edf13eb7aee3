//! `fanfare simulate meta`: is a run the same in two processes? Each seed is run in both at once, and
//! every record is compared as it comes, so that the first difference is seen and not only that there
//! is one.

use std::{
    collections::VecDeque,
    io::{self, BufReader, Read},
    process::{Child, Command, Stdio},
};

use clap::Args;

use super::{Failure, Worlds, crew, print, raw};
use crate::sim::trace::{RECORD_BYTES, Record};

pub(super) const EXAMPLES: &str = "\
Examples:
  A hundred worlds whose processes die, each in two processes of this machine
    fanfare simulate meta --layer store --seeds 100

  The engine alone, with more events
    fanfare simulate meta --events 5000 --endpoints 50 --seeds 10 --json";

/// Records that are shown before one that differs.
const SHOWN_BEFORE: usize = 8;

/// Arguments of `fanfare simulate meta`.
#[derive(Clone, Debug, Args)]
pub(super) struct MetaArguments {
    #[command(flatten)]
    worlds: Worlds,
    /// Print what was compared as one JSON document
    #[arg(long)]
    json: bool,
}

/// What two runs agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Agreed {
    seeds: u64,
    records: u64,
}

/// The first difference of two runs.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    seed: u64,
    /// What both did before, oldest first.
    before: Vec<Record>,
    /// What each did then; `None` if it ended.
    then: [Option<Record>; 2],
}

/// Runs every seed in two processes.
pub(super) fn meta(arguments: &MetaArguments) -> Result<(), Failure> {
    let worlds = &arguments.worlds;
    crew::check(worlds.seed, worlds.seeds)?;
    worlds.scenario(worlds.seed)?;
    let mut runs = [Run::start(worlds)?, Run::start(worlds)?];
    let [first, second] = &mut runs;
    let compared = compare(&mut first.records, &mut second.records);
    let compared = compared.map_err(|error| {
        Failure::Operation(format!("a run could not be heard to its end: {error}"))
    })?;
    match compared {
        Ok(agreed) => {
            for run in runs {
                run.end()?;
            }
            if agreed.seeds != worlds.seeds {
                let (some, all) = (agreed.seeds, worlds.seeds);
                let text = format!("both processes ended after {some} of {all} seeds");
                return Err(Failure::Operation(text));
            }
            print(&told(arguments, agreed))
        }
        Err(difference) => {
            let told = shown(&difference, arguments.json).and_then(|text| print(&text));
            let seed = difference.seed;
            let verdict = Err(Failure::Violated(format!(
                "seed {seed} does not do the same in two processes; please report this: `fanfare \
                 simulate meta --seed {seed} --seeds 1 {}`",
                worlds.options().join(" ")
            )));
            Failure::of_both(told, verdict)
        }
    }
}

/// A run in a process of its own, which ends with this.
struct Run {
    child: Child,
    records: BufReader<std::process::ChildStdout>,
}

impl Run {
    fn start(worlds: &Worlds) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::Operation(format!("no process can be started: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let (seed, seeds) = (worlds.seed.to_string(), worlds.seeds.to_string());
        let mut child = Command::new(program)
            .args(["simulate", "raw", "--seed", &seed, "--seeds", &seeds])
            .args(worlds.options())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let records = BufReader::with_capacity(1 << 16, output);
        Ok(Self { child, records })
    }

    fn end(mut self) -> Result<(), Failure> {
        let ended = self.child.wait();
        let ended = ended.map_err(|error| Failure::Operation(error.to_string()))?;
        if ended.success() {
            return Ok(());
        }
        let text = format!("a run ended with {ended}; its message stands above");
        Err(Failure::Operation(text))
    }
}

impl Drop for Run {
    /// A run that nobody hears any more ends.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Compares two streams of records to the first difference.
fn compare(
    first: &mut impl Read,
    second: &mut impl Read,
) -> io::Result<Result<Agreed, Difference>> {
    let mut agreed = Agreed::default();
    let mut before: VecDeque<Record> = VecDeque::new();
    let mut seed = 0;
    loop {
        let then = [next(first)?, next(second)?];
        let record = match then {
            [Some(one), Some(other)] if one == other => one,
            [None, None] => return Ok(Ok(agreed)),
            _ => {
                return Ok(Err(Difference {
                    seed,
                    before: before.into(),
                    then,
                }));
            }
        };
        match record.kind {
            raw::BEGIN => {
                seed = record.value;
                before.clear();
            }
            raw::END => agreed.seeds += 1,
            _ => {
                agreed.records += 1;
                if before.len() == SHOWN_BEFORE {
                    before.pop_front();
                }
                before.push_back(record);
            }
        }
    }
}

/// The next record of a stream; `None` at its end, half a record is an error.
fn next(stream: &mut impl Read) -> io::Result<Option<Record>> {
    let mut bytes = [0; RECORD_BYTES];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match stream.read(room) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Record::from_bytes(&bytes)))
}

/// What was compared, for people or as JSON.
fn told(arguments: &MetaArguments, agreed: Agreed) -> String {
    let Agreed { seeds, records } = agreed;
    if arguments.json {
        let layer = arguments.worlds.layer.text();
        let document = serde_json::json!({
            "layer": layer, "seeds": seeds, "records": records, "difference": null,
        });
        return format!("{document:#}\n");
    }
    format!("{seeds} seeds did the same in two processes: {records} records each\n")
}

/// The first difference, for people or as JSON.
fn shown(difference: &Difference, json: bool) -> Result<String, Failure> {
    let line = |record: &Option<Record>| match record {
        Some(record) if record.kind == raw::END => {
            format!(
                "the run is over, its report has the hash {:016x}",
                record.first
            )
        }
        Some(record) => record.to_string(),
        None => "the process is gone".to_owned(),
    };
    let lines = difference.then.each_ref().map(line);
    if json {
        let before: Vec<String> = difference.before.iter().map(ToString::to_string).collect();
        let document = serde_json::json!({
            "difference": { "seed": difference.seed, "before": before, "then": lines },
        });
        let text = serde_json::to_string_pretty(&document);
        let text = text.map_err(|error| Failure::Operation(error.to_string()))?;
        return Ok(format!("{text}\n"));
    }
    let mut text = format!("seed {}: both processes did\n", difference.seed);
    for record in &difference.before {
        text.push_str(&format!("      {record}\n"));
    }
    for (name, line) in ["one", "other"].iter().zip(lines) {
        text.push_str(&format!("then the {name} did\n      {line}\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn record(kind: u64, value: u64, sequence: u64) -> Record {
        Record {
            time: Timestamp::from_millis(1_767_225_600_000),
            sequence,
            kind,
            value,
            first: 1,
            second: 2,
        }
    }

    /// The stream of one seed with so many records, one of which may be another.
    fn stream(records: u64, other: Option<u64>) -> Vec<u8> {
        let mut all = vec![record(raw::BEGIN, 7, 0)];
        for sequence in 0..records {
            let value = u64::from(other == Some(sequence));
            all.push(record(120, value, sequence));
        }
        all.push(record(raw::END, 7, 0));
        all.iter().flat_map(Record::to_bytes).collect()
    }

    #[test]
    fn equal_streams_agree() {
        let bytes = stream(30, None);
        let compared = compare(&mut bytes.as_slice(), &mut bytes.as_slice()).expect("it reads");
        let expected = Agreed {
            seeds: 1,
            records: 30,
        };
        assert_eq!(compared, Ok(expected));
    }

    #[test]
    fn the_first_record_that_differs_is_shown_with_what_came_before() {
        let (one, other) = (stream(30, None), stream(30, Some(20)));
        let compared = compare(&mut one.as_slice(), &mut other.as_slice()).expect("it reads");
        let difference = compared.expect_err("they differ");
        assert_eq!(difference.seed, 7);
        assert_eq!(difference.before.len(), SHOWN_BEFORE);
        let sequences = difference
            .then
            .map(|record| record.map(|record| record.sequence));
        assert_eq!(sequences, [Some(20), Some(20)]);
        let text = shown(&difference, false).expect("text");
        assert!(
            text.contains("#20") && text.contains("then the other did"),
            "{text}"
        );
    }

    #[test]
    fn a_process_that_ends_early_differs_and_half_a_record_is_no_end() {
        let whole = stream(5, None);
        let early = &whole[..whole.len() - 2 * RECORD_BYTES];
        let compared = compare(&mut whole.as_slice(), &mut &early[..]).expect("it reads");
        let difference = compared.expect_err("they differ");
        assert_eq!(difference.then[1], None);
        let half = &whole[..whole.len() - 3];
        assert!(compare(&mut whole.as_slice(), &mut &half[..]).is_err());
    }
}
