//! `fanfare simulate raw`: every record of every run on standard output, as bytes. What
//! `simulate meta` compares.

use std::{
    cell::RefCell,
    io::{self, BufWriter, Stdout, Write as _},
    rc::Rc,
};

use clap::Args;

use super::{Failure, Worlds, batch, crew};
use crate::{
    cli::output::unwritten,
    sim::{
        Report,
        trace::{Listener, RECORD_BYTES, Record},
    },
};

pub(super) const EXAMPLES: &str = "\
Examples:
  The records of two seeds, 64 bytes each
    fanfare simulate raw --layer store --seeds 2";

/// The kind of the mark before the records of a seed; its value is the seed.
pub(super) const BEGIN: u64 = 1_000;
/// The kind of the mark behind them; it holds two parts of the report's hash.
pub(super) const END: u64 = 1_001;

/// Arguments of `fanfare simulate raw`.
#[derive(Clone, Debug, Args)]
pub(super) struct RawArguments {
    #[command(flatten)]
    worlds: Worlds,
}

/// Standard output, and how the last write to it ended.
struct Output {
    to: BufWriter<Stdout>,
    written: io::Result<()>,
}

impl Output {
    fn write(&mut self, bytes: &[u8; RECORD_BYTES]) {
        if self.written.is_ok() {
            self.written = self.to.write_all(bytes);
        }
    }
}

/// Runs each seed and writes what happened.
pub(super) fn raw(arguments: &RawArguments) -> Result<(), Failure> {
    let worlds = &arguments.worlds;
    crew::check(worlds.seed, worlds.seeds)?;
    let output = Rc::new(RefCell::new(Output {
        to: BufWriter::with_capacity(1 << 16, io::stdout()),
        written: Ok(()),
    }));
    for seed in (0..).map_while(|index| worlds.seed_at(index)) {
        output.borrow_mut().write(&mark(BEGIN, seed, 0).to_bytes());
        let inside = Rc::clone(&output);
        let listener: Listener =
            Box::new(move |record| inside.borrow_mut().write(&record.to_bytes()));
        let report = batch::one(worlds, seed, Some(listener))?;
        let end = mark(END, seed, digest(&report)?);
        output.borrow_mut().write(&end.to_bytes());
    }
    let mut output = output.borrow_mut();
    let written = core::mem::replace(&mut output.written, Ok(()));
    let written = written.and_then(|()| output.to.flush());
    written.map_err(|error| unwritten(&error))
}

/// The whole report as one number.
fn digest(report: &Report) -> Result<u64, Failure> {
    let json = report.to_json();
    let json = json.map_err(|error| Failure::Operation(error.to_string()))?;
    Ok(xxhash_rust::xxh3::xxh3_64(json.as_bytes()))
}

const fn mark(kind: u64, seed: u64, first: u64) -> Record {
    Record {
        time: crate::time::Timestamp::ZERO,
        sequence: 0,
        kind,
        value: seed,
        first: first as u128,
        second: 0,
    }
}
