//! Shrinking: from a scenario that fails to a small one that fails with the same property.
//!
//! Each step makes one thing simpler (a fault less, half the time, fewer events, a size of
//! production) and is kept if the run still fails with the same property. The steps are repeated
//! until none is kept, not even with other seeds, or until a bound on runs or on their records is reached. Nothing is drawn, so
//! the same scenario shrinks to the same one each time.

mod described;
mod fault_numbers;
mod gone;
mod neighbours;
mod steps;

use self::steps::{List, Number, Setting};
use super::{report::Report, scenario::Scenario};
use crate::limits;

/// What a run costs at least, in records: it has to be set up.
const RECORDS_OF_A_RUN: u64 = 200;
/// What a run costs that did not come to an end, beside its records.
const RECORDS_OF_AN_ENDLESS_RUN: u64 = 300_000;

/// How many other seeds are tried where fewer events or endpoints do not do with one.
const SEEDS_TRIED: u64 = 16;

/// How much shrinking may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Runs.
    pub runs_max: u32,
    /// Trace records of all runs together.
    pub records_max: u64,
    /// How many times the records of the first run these may be, if that is more.
    pub first_runs_max: u64,
}

impl Budget {
    /// For one that is to be done in seconds in a build without optimisation: less small, but quick.
    pub const QUICK: Self = Self {
        runs_max: limits::SHRINK_RUNS_MAX / 4,
        records_max: limits::SHRINK_RECORDS_MAX / 40,
        first_runs_max: 3,
    };
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            runs_max: limits::SHRINK_RUNS_MAX,
            records_max: limits::SHRINK_RECORDS_MAX,
            first_runs_max: limits::SHRINK_FIRST_RUNS_MAX,
        }
    }
}

/// A scenario that could not be made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// It.
    pub scenario: Scenario,
    /// How large it is.
    pub size: Size,
    /// How many runs it took.
    pub runs: u32,
    /// Whether nothing more could be left out; else a bound was reached.
    pub is_smallest: bool,
}

/// How large a scenario is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Events.
    pub events: u32,
    /// Endpoints.
    pub endpoints: u32,
    /// What goes wrong beside the receivers: lives that end, troubles, failing batches, what is done
    /// by hand, and each kind of trouble that goes on all the time.
    pub faults: u32,
}

impl Size {
    /// Of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            events: scenario.events,
            endpoints: scenario.endpoints,
            faults: steps::faults(scenario),
        }
    }
}

/// Makes a scenario smaller as long as its run fails with `invariant`. `judge` runs one and gives its
/// report, or `None` if it could not be run.
pub fn shrink(
    scenario: &Scenario,
    invariant: &str,
    budget: Budget,
    judge: &mut dyn FnMut(&Scenario) -> Option<Report>,
) -> Shrunk {
    let mut search = Search {
        best: scenario.clone(),
        whole: scenario.clone(),
        is_strict: false,
        invariant,
        judge,
        runs: 0,
        records: 0,
        budget,
    };
    // How much a run costs, and whether it fails at all.
    if search.fails(scenario) {
        let first = search.records.saturating_mul(budget.first_runs_max);
        search.budget.records_max = budget.records_max.max(first);
        search.until_smallest();
        search.make_whole();
    }
    Shrunk {
        size: Size::of(&search.best),
        runs: search.runs,
        is_smallest: !search.is_spent(),
        scenario: search.best,
    }
}

/// The smallest scenario so far, and what the search for it has cost.
struct Search<'judge> {
    best: Scenario,
    /// The last one that says nothing of endpoints that are gone.
    whole: Scenario,
    /// Whether none is taken that does.
    is_strict: bool,
    invariant: &'judge str,
    judge: &'judge mut dyn FnMut(&Scenario) -> Option<Report>,
    runs: u32,
    records: u64,
    budget: Budget,
}

impl Search<'_> {
    /// Makes it smaller until nothing more can be left out, or a bound is reached.
    fn until_smallest(&mut self) {
        loop {
            let before = self.best.clone();
            self.round();
            if self.best == before {
                self.reseed();
            }
            if self.best == before || self.is_spent() {
                break;
            }
        }
    }

    /// Leaves out what is said of endpoints that are gone. Where that is needed, for it wakes the process,
    /// the search goes on from before there was any.
    fn make_whole(&mut self) {
        if self.best == self.whole {
            return;
        }
        self.is_strict = true;
        if !self.try_one(self.best.clone()) {
            self.best = self.whole.clone();
        }
        self.until_smallest();
    }

    /// Tries every step once.
    fn round(&mut self) {
        for setting in steps::together() {
            self.set(&setting);
        }
        for number in steps::counts() {
            self.lower(&number);
        }
        let described = described::lists().into_iter();
        for list in [neighbours::list()]
            .into_iter()
            .chain(described)
            .chain(steps::lists())
        {
            self.leave_out(&list);
        }
        let described = described::settings(&self.best);
        let described = described
            .into_iter()
            .chain(neighbours::settings(&self.best));
        for setting in steps::settings(&self.best).into_iter().chain(described) {
            self.set(&setting);
        }
        let described = described::numbers(&self.best);
        let described = described.into_iter().chain(neighbours::numbers(&self.best));
        for number in steps::numbers(&self.best).into_iter().chain(described) {
            self.lower(&number);
        }
    }

    /// Tries other seeds with fewer events or endpoints. What fails by a rare draw needs many events
    /// to meet it with one seed, and few with another.
    fn reseed(&mut self) {
        for number in steps::counts() {
            let value = (number.read)(&self.best);
            for fewer in [number.least, value / 4, value / 2] {
                if !(number.least..value).contains(&fewer) {
                    continue;
                }
                for further in 1..=SEEDS_TRIED {
                    let mut candidate = self.best.clone();
                    candidate.seed = candidate.seed.wrapping_add(further);
                    (number.write)(&mut candidate, fewer);
                    if self.try_one(candidate) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a bound is reached.
    const fn is_spent(&self) -> bool {
        self.runs >= self.budget.runs_max || self.records >= self.budget.records_max
    }

    /// Whether a scenario fails with the property.
    fn fails(&mut self, candidate: &Scenario) -> bool {
        self.runs += 1;
        self.records += RECORDS_OF_A_RUN;
        let Some(report) = (self.judge)(candidate) else {
            return false;
        };
        self.records += report.records;
        let first = report.violations.first();
        let found = first.map_or("", |found| found.invariant.as_str());
        if found == "L6" {
            self.records += RECORDS_OF_AN_ENDLESS_RUN;
        }
        found == self.invariant
    }

    /// Takes a candidate if it differs and fails.
    fn try_one(&mut self, mut candidate: Scenario) -> bool {
        if self.is_strict {
            gone::follow(&mut candidate, self.best.endpoints);
        }
        if candidate == self.best || self.is_spent() || !self.fails(&candidate) {
            return false;
        }
        if gone::is_whole(&candidate) {
            self.whole = candidate.clone();
        }
        self.best = candidate;
        true
    }

    /// Tries one setting.
    fn set(&mut self, setting: &Setting) {
        let mut candidate = self.best.clone();
        setting(&mut candidate);
        self.try_one(candidate);
    }

    /// Leaves entries out: all of them, halves, quarters and so on to single ones.
    fn leave_out(&mut self, list: &List) {
        let mut part = (list.length)(&self.best);
        while part > 0 {
            let mut from = 0;
            while from < (list.length)(&self.best) {
                let mut candidate = self.best.clone();
                (list.leave_out)(&mut candidate, from, part);
                if !self.try_one(candidate) {
                    from += part;
                }
            }
            part /= 2;
        }
    }

    /// Makes a number smaller: to the least it can be, else by halves.
    fn lower(&mut self, number: &Number) {
        let mut value = (number.read)(&self.best);
        let mut cut = value.saturating_sub(number.least);
        while cut > 0 {
            let lower = number.rounded(value - cut);
            let mut candidate = self.best.clone();
            (number.write)(&mut candidate, lower);
            if lower < value && self.try_one(candidate) {
                value = lower;
                cut = value.saturating_sub(number.least);
            } else if number.is_time && cut < value / 2 {
                // To the last microsecond is of no use to anybody.
                break;
            } else {
                cut /= 2;
            }
        }
    }
}
