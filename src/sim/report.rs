//! The report of a run: counts, times and the trace hash. Nothing in it differs from run to run.

use core::fmt;

use serde::Serialize;

/// What came of a simulation. All times are virtual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The seed of the scenario.
    pub seed: u64,
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
    /// From the start to the last thing that happened, in milliseconds.
    pub virtual_ms: u64,
    /// From acceptance to success.
    pub latency_ms: Percentiles,
    /// What happened, as 16 hexadecimal digits: see [`super::trace`].
    pub trace_hash: String,
    /// How often the paths were taken that a quiet run leaves aside; not part of the document.
    #[serde(skip)]
    pub happened: Happened,
}

/// Counts by which a test knows that it tested something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Batches whose commit failed.
    pub failed_commits: u64,
    /// Pages of events that were loaded.
    pub event_pages: u64,
    /// Pages of open deliveries that were loaded.
    pub open_pages: u64,
    /// Shards that the engine gave up.
    pub shards_lost: u64,
    /// Attempts in flight when a shard was given up.
    pub orphans: u64,
    /// Attempts that were made again because their result was lost.
    pub repeated: u64,
    /// Lives of the process that ended when only the process went.
    pub kills: u64,
    /// Lives that ended when the power went.
    pub power_losses: u64,
    /// Lives that ended before the store was open: in recovery, or in the first creation.
    pub died_opening: u64,
    /// Lives that ended between a commit and all that would have been told of it.
    pub died_untold: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Groups of which nobody knew, and that were durable.
    pub unsure_there: u64,
    /// Groups of which nobody knew, and that were not durable.
    pub unsure_gone: u64,
    /// Times that the disk was nearly full.
    pub reserves: u64,
    /// Times that the disk was full.
    pub full_disks: u64,
    /// Steps of the wall clock.
    pub wall_steps: u64,
    /// Asks that were answered with what their key had made before.
    pub replayed: u64,
    /// Inspections of lists and history.
    pub inspections: u64,
    /// Buckets or payloads that had gone when somebody looked.
    pub retained: u64,
}

impl Happened {
    /// Each count with its name.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 19] {
        [
            ("processes killed", self.kills),
            ("power losses", self.power_losses),
            ("of these while opening", self.died_opening),
            ("of these before a reply", self.died_untold),
            ("failed syncs", self.failed_syncs),
            ("unknown groups kept", self.unsure_there),
            ("unknown groups gone", self.unsure_gone),
            ("disk nearly full", self.reserves),
            ("disk full", self.full_disks),
            ("wall clock steps", self.wall_steps),
            ("shards lost", self.shards_lost),
            ("failed commits", self.failed_commits),
            ("pages of events", self.event_pages),
            ("pages of retries", self.open_pages),
            ("orphaned attempts", self.orphans),
            ("repeated attempts", self.repeated),
            ("keys used again", self.replayed),
            ("inspections", self.inspections),
            ("events let go", self.retained),
        ]
    }

    /// Adds another run's counts.
    pub const fn add(&mut self, other: &Self) {
        self.failed_commits += other.failed_commits;
        self.event_pages += other.event_pages;
        self.open_pages += other.open_pages;
        self.shards_lost += other.shards_lost;
        self.orphans += other.orphans;
        self.repeated += other.repeated;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.died_opening += other.died_opening;
        self.died_untold += other.died_untold;
        self.failed_syncs += other.failed_syncs;
        self.unsure_there += other.unsure_there;
        self.unsure_gone += other.unsure_gone;
        self.reserves += other.reserves;
        self.full_disks += other.full_disks;
        self.wall_steps += other.wall_steps;
        self.replayed += other.replayed;
        self.inspections += other.inspections;
        self.retained += other.retained;
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
    /// Of a set of times in microseconds, by the nearest rank; sorts it.
    #[must_use]
    pub fn of(micros: &mut [u64]) -> Self {
        micros.sort_unstable();
        let rank = |percent: usize| {
            let place = (micros.len() * percent).div_ceil(100).saturating_sub(1);
            micros.get(place).map_or(0, |time| time / 1_000)
        };
        Self {
            p50: rank(50),
            p90: rank(90),
            p99: rank(99),
            max: rank(100),
        }
    }
}

impl Report {
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
        let rows = [
            ("seed", self.seed.to_string()),
            ("events", grouped(self.events)),
            ("endpoints", grouped(self.endpoints)),
            ("deliveries", grouped(self.deliveries)),
            ("attempts", grouped(self.attempts)),
            ("succeeded", of_all(self.succeeded, self.deliveries)),
            ("exhausted", of_all(self.exhausted, self.deliveries)),
            ("expired", of_all(self.expired, self.deliveries)),
            ("virtual time", time(self.virtual_ms)),
            ("throughput", per_hour(self.attempts, self.virtual_ms)),
            ("delivered in, p50", time(self.latency_ms.p50)),
            ("delivered in, p90", time(self.latency_ms.p90)),
            ("delivered in, p99", time(self.latency_ms.p99)),
            ("delivered in, max", time(self.latency_ms.max)),
            ("trace hash", self.trace_hash.clone()),
        ];
        for (name, value) in rows {
            writeln!(out, "{name:<18} {value}")?;
        }
        Ok(())
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// `98,000 (98.0 %)`.
fn of_all(part: u64, all: u64) -> String {
    let permille = (part * 1_000).checked_div(all).unwrap_or(0);
    format!("{} ({}.{} %)", grouped(part), permille / 10, permille % 10)
}

/// `3 d 05:06:07`, `00:01:01`, `5.250 s` or `12 ms`.
fn time(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{:03} s", millis % 1_000),
        _ => {
            let (days, rest) = (seconds / 86_400, seconds % 86_400);
            let (hours, minutes, seconds) = (rest / 3_600, rest / 60 % 60, rest % 60);
            let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
            match days {
                0 => clock,
                _ => format!("{days} d {clock}"),
            }
        }
    }
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
            seed: 1,
            events: 10,
            endpoints: 100,
            deliveries: 1_000,
            attempts: 1_234,
            succeeded: 985,
            exhausted: 15,
            expired: 0,
            virtual_ms: 277_567_000,
            latency_ms: Percentiles {
                p50: 12,
                p90: 5_250,
                p99: 61_000,
                max: 90_000_000,
            },
            trace_hash: "00ff00ff00ff00ff".to_owned(),
            happened: Happened::default(),
        }
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
            "seed",
            "events",
            "endpoints",
            "deliveries",
            "attempts",
            "succeeded",
            "exhausted",
            "expired",
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
            "attempts           1,234",
            "succeeded          985 (98.5 %)",
            "virtual time       3 d 05:06:07",
            "delivered in, p50  12 ms",
            "delivered in, p90  5.250 s",
            "delivered in, p99  00:01:01",
            "throughput         16 attempts per virtual hour",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }
}
