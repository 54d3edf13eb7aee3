//! The report of one run or of many: counts, times, what was found wrong and the trace hash. Nothing
//! in it differs from run to run.

use core::fmt;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    happened::Happened,
    units::{grouped, readable_span},
    violation::Violation,
};
use crate::time::Span;

/// What came of a simulation. All times are virtual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was simulated: `core` or `store`.
    pub layer: &'static str,
    /// The seed of the scenario; of several runs, the first one's.
    pub seed: u64,
    /// How many seeds were run; all counts below are their sums.
    pub seeds: u64,
    /// Events that were accepted.
    pub events: u64,
    /// Endpoints they were for.
    pub endpoints: u64,
    /// Deliveries that follow from both.
    pub deliveries: u64,
    /// Attempts that were sent.
    pub attempts: u64,
    /// Deliveries that ended with success.
    pub succeeded: u64,
    /// Deliveries that ended without, their schedule spent.
    pub exhausted: u64,
    /// Deliveries that ended because their time ran out.
    pub expired: u64,
    /// Deliveries that were skipped or parked by hand; left out where there is none.
    #[serde(skip_serializing_if = "is_none")]
    pub set_aside: u64,
    /// Deliveries that were called off by hand; left out where there is none.
    #[serde(skip_serializing_if = "is_none")]
    pub cancelled: u64,
    /// How often the process died.
    pub crashes: u64,
    /// What went wrong on purpose, by kind; kinds that did not come are left out.
    pub faults: BTreeMap<&'static str, u64>,
    /// What did not hold; empty if all is well.
    pub violations: Vec<Found>,
    /// What many drawn worlds should have met and did not; told of enough of them only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<&'static str>,
    /// From the start to the last thing that happened, in milliseconds.
    pub virtual_ms: u64,
    /// From acceptance to success; of one run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Percentiles>,
    /// What happened, as 16 hexadecimal digits: see [`super::trace`]; of several runs, the sum.
    pub trace_hash: String,
    /// How many records its trace has; not part of the document.
    #[serde(skip)]
    pub records: u64,
    /// Faults and paths, as counts; not part of the document, which has the faults by kind.
    #[serde(skip)]
    pub happened: Happened,
}

/// Whether a count is left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Which property, by its name in `docs/simulation.md`.
    pub invariant: String,
    /// The seed of the run in which it did not hold.
    pub seed: u64,
    /// What was seen.
    pub what: String,
}

impl Found {
    /// What an oracle found in the run of a seed.
    #[must_use]
    pub fn of(violation: &Violation, seed: u64) -> Self {
        let text = violation.to_string();
        let (invariant, what) = text.split_once(": ").unwrap_or(("", &text));
        Self {
            invariant: invariant.to_owned(),
            seed,
            what: what.to_owned(),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.invariant, self.what)
    }
}

/// How a set of times spreads, in milliseconds; all 0 for an empty set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are not longer.
    pub p50: u64,
    /// Nine in ten are not longer.
    pub p90: u64,
    /// Ninety-nine in a hundred are not longer.
    pub p99: u64,
    /// None is longer.
    pub max: u64,
}

impl Percentiles {
    /// Of a set of times in microseconds, by the nearest rank; changes their order.
    #[must_use]
    pub fn of(micros: &mut [u64]) -> Self {
        let count = micros.len();
        let (mut shorter, mut time) = (micros, 0);
        // The longest first: each of the others stands among those that are shorter.
        let [max, p99, p90, p50] = [100, 99, 90, 50].map(|percent| {
            let place = (count * percent).div_ceil(100).saturating_sub(1);
            if place < shorter.len() {
                let rest = core::mem::take(&mut shorter);
                let (before, found, _) = rest.select_nth_unstable(place);
                (shorter, time) = (before, *found);
            }
            time / 1_000
        });
        Self { p50, p90, p99, max }
    }
}

impl Report {
    /// Takes the counts of a run over, so that they show in the document.
    #[must_use]
    pub(super) fn having_met(self, happened: Happened) -> Self {
        Self {
            crashes: happened.crashes(),
            faults: happened.faults_met(),
            happened,
            ..self
        }
    }

    /// Adds the run of another seed. The order of the runs makes no difference: of what was found
    /// wrong, that of the least seed stays.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.endpoints += other.endpoints;
        self.deliveries += other.deliveries;
        self.attempts += other.attempts;
        self.succeeded += other.succeeded;
        self.exhausted += other.exhausted;
        self.expired += other.expired;
        self.set_aside += other.set_aside;
        self.cancelled += other.cancelled;
        self.virtual_ms += other.virtual_ms;
        self.records += other.records;
        self.latency_ms = None;
        let hash = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
        let sum = hash(&self.trace_hash).wrapping_add(hash(&other.trace_hash));
        self.trace_hash = format!("{sum:016x}");
        self.happened.add(&other.happened);
        self.crashes = self.happened.crashes();
        self.faults = self.happened.faults_met();
        let least = |found: &[Found]| found.first().map_or(u64::MAX, |found| found.seed);
        if least(&other.violations) < least(&self.violations) {
            self.violations = other.violations;
        }
    }

    /// One JSON document, its fields always in the same order.
    ///
    /// # Errors
    /// None is known: a report holds integers and a string only.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// A table for people.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds = match self.seeds {
            0 | 1 => ("seed", self.seed.to_string()),
            seeds => ("seeds", grouped(seeds)),
        };
        let mut rows = vec![
            ("layer", self.layer.to_owned()),
            seeds,
            ("events", grouped(self.events)),
            ("endpoints", grouped(self.endpoints)),
            ("deliveries", grouped(self.deliveries)),
            ("attempts", grouped(self.attempts)),
            ("succeeded", of_all(self.succeeded, self.deliveries)),
            ("exhausted", of_all(self.exhausted, self.deliveries)),
            ("expired", of_all(self.expired, self.deliveries)),
        ];
        if self.set_aside > 0 {
            rows.push(("set aside", of_all(self.set_aside, self.deliveries)));
        }
        if self.cancelled > 0 {
            rows.push(("called off", of_all(self.cancelled, self.deliveries)));
        }
        rows.extend([
            ("crashes", grouped(self.crashes)),
            ("virtual time", time(self.virtual_ms)),
            ("throughput", per_hour(self.attempts, self.virtual_ms)),
        ]);
        // Of nothing there is no time.
        if let Some(latency_ms) = self.latency_ms.filter(|_| self.succeeded > 0) {
            rows.extend([
                ("delivered in, p50", time(latency_ms.p50)),
                ("delivered in, p90", time(latency_ms.p90)),
                ("delivered in, p99", time(latency_ms.p99)),
                ("delivered in, max", time(latency_ms.max)),
            ]);
        }
        let faults = self.faults.iter();
        rows.extend(faults.map(|(kind, count)| (*kind, grouped(*count))));
        if self.seeds > 1 {
            let paths = self.happened.paths().into_iter();
            rows.extend(paths.map(|(name, count)| (name, grouped(count))));
        }
        rows.push(("trace hash", self.trace_hash.clone()));
        for (name, value) in rows {
            writeln!(out, "{name:<22} {value}")?;
        }
        Ok(())
    }
}

/// `98,000 (98.0 %)`.
fn of_all(part: u64, all: u64) -> String {
    let permille = (part * 1_000).checked_div(all).unwrap_or(0);
    format!("{} ({}.{} %)", grouped(part), permille / 10, permille % 10)
}

/// A time of whole milliseconds.
fn time(millis: u64) -> String {
    if millis < 1_000 {
        return format!("{millis} ms");
    }
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    readable_span(Span::from_millis(millis))
}

/// `1,200 attempts per virtual hour`.
fn per_hour(attempts: u64, millis: u64) -> String {
    let rate = (attempts.saturating_mul(3_600_000)).checked_div(millis);
    format!("{} attempts per virtual hour", grouped(rate.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            layer: "store",
            seed: 1,
            seeds: 1,
            events: 10,
            endpoints: 100,
            deliveries: 1_000,
            attempts: 1_234,
            succeeded: 985,
            exhausted: 15,
            expired: 0,
            virtual_ms: 277_567_000,
            latency_ms: Some(Percentiles {
                p50: 12,
                p90: 5_250,
                p99: 61_000,
                max: 90_000_000,
            }),
            trace_hash: "00ff00ff00ff00ff".to_owned(),
            ..Report::default()
        }
        .having_met(Happened {
            kills: 2,
            power_losses: 1,
            ..Happened::default()
        })
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times: Vec<u64> = (1..=200).rev().map(|ms| ms * 1_000).collect();
        let found = Percentiles::of(&mut times);
        assert_eq!(
            (found.p50, found.p90, found.p99, found.max),
            (100, 180, 198, 200)
        );
        assert_eq!(Percentiles::of(&mut [7_999]).p50, 7);
        assert_eq!(Percentiles::of(&mut []), Percentiles::default());
    }

    #[test]
    fn the_document_has_its_fields_in_a_fixed_order() {
        let json = report().to_json().expect("valid");
        let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let names: Vec<&String> = document.as_object().expect("an object").keys().collect();
        let expected = [
            "layer",
            "seed",
            "seeds",
            "events",
            "endpoints",
            "deliveries",
            "attempts",
            "succeeded",
            "exhausted",
            "expired",
            "crashes",
            "faults",
            "violations",
            "virtual_ms",
            "latency_ms",
            "trace_hash",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_table_says_times_and_shares_for_people() {
        let table = report().to_string();
        for line in [
            "attempts               1,234",
            "succeeded              985 (98.5 %)",
            "crashes                3",
            "virtual time           3 d 05:06:07",
            "delivered in, p50      12 ms",
            "delivered in, p90      5.250 s",
            "delivered in, p99      00:01:01",
            "throughput             16 attempts per virtual hour",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }
}
