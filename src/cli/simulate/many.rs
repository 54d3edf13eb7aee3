//! Many runs: one seed after another on every core, until all are done or one breaks a property.

#![expect(clippy::disallowed_methods, reason = "tells how long the runs took")]

use std::{
    io::IsTerminal as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, SimulateArguments, failed, print, say};
use crate::sim::{self, Report, report::Happened};

/// What all runs came to.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    deliveries: u64,
    attempts: u64,
    virtual_ms: u64,
    /// The sum of all hashes, the same in whatever order the runs ended.
    hash: u64,
    happened: Happened,
    /// The least seed whose run failed, and why.
    failed: Option<(u64, Failure)>,
}

/// Runs all seeds.
pub(super) fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let start = Instant::now();
    let end = arguments.seed.saturating_add(arguments.seeds);
    let next = AtomicU64::new(arguments.seed);
    let is_over = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    let progress = progress(arguments.seeds);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let ended = one(arguments, seed);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    match ended {
                        Ok(report) => sum.add(&report),
                        Err(failure) => {
                            sum.fail(seed, failure);
                            is_over.store(true, Ordering::Relaxed);
                        }
                    }
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((seed, failure)) = sum.failed {
        let text = format!(
            "seed {seed}: {failure}; repeat it with `{}`",
            arguments.replay(seed)
        );
        return Err(match failure {
            Failure::Violated(_) => Failure::Violated(text),
            _ => Failure::Operation(text),
        });
    }
    print(&sum.text(arguments.json)?)?;
    let millis = start.elapsed().as_millis().max(1);
    let rate = u128::from(sum.runs) * 60_000 / millis;
    say(&format!("took {millis} ms: {rate} seeds a minute"));
    Ok(())
}

/// One run; a panic in it is a violation like any other.
fn one(arguments: &SimulateArguments, seed: u64) -> Result<Report, Failure> {
    let scenario = arguments.scenario(seed)?;
    match catch_unwind(AssertUnwindSafe(|| sim::run(&scenario))) {
        Ok(report) => report.map_err(failed),
        Err(_) => Err(Failure::Violated(
            "the run panicked; its message stands above".to_owned(),
        )),
    }
}

fn progress(count: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} seeds, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.deliveries += report.deliveries;
        self.attempts += report.attempts;
        self.virtual_ms += report.virtual_ms;
        let hash = u64::from_str_radix(&report.trace_hash, 16).unwrap_or(0);
        self.hash = self.hash.wrapping_add(hash);
        self.happened.add(&report.happened);
    }

    fn fail(&mut self, seed: u64, failure: Failure) {
        if self.failed.as_ref().is_none_or(|(least, _)| seed < *least) {
            self.failed = Some((seed, failure));
        }
    }

    /// For people, or as one JSON document.
    fn text(&self, json: bool) -> Result<String, Failure> {
        let mut rows = vec![
            ("seeds", self.runs),
            ("deliveries", self.deliveries),
            ("attempts", self.attempts),
            ("virtual hours", self.virtual_ms / 3_600_000),
        ];
        rows.extend(self.happened.counts());
        let hash = format!("{:016x}", self.hash);
        if json {
            let mut document = serde_json::Map::new();
            for (name, count) in rows {
                document.insert(name.replace(' ', "_"), count.into());
            }
            document.insert("trace_hashes".to_owned(), hash.into());
            let text = serde_json::to_string_pretty(&document);
            return text
                .map(|text| format!("{text}\n"))
                .map_err(|error| Failure::Operation(error.to_string()));
        }
        let mut text = String::new();
        for (name, count) in rows {
            text.push_str(&format!("{name:<24} {count}\n"));
        }
        text.push_str(&format!("{:<24} {hash}\n", "trace hashes, summed"));
        Ok(text)
    }
}
