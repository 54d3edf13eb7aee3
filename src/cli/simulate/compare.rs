//! `fanfare simulate compare`: two scenarios with the same seeds, and by how much their figures differ.
//! Both runs of a seed draw from the same streams, so what differs between them is what the files make
//! differ, and the difference is known better than either figure.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{
    Failure, print,
    rehearse::{quoted, runs, scenario_file},
    rehearsed::Rehearsed,
    summary::columns,
};
use crate::sim::{Scenario, figure::Figure};

pub(super) const EXAMPLES: &str = "\
Examples:
  What does another schedule change? Both with the same fifty seeds
    fanfare simulate compare served.toml planned.toml --seeds 50

  The same for a machine to read
    fanfare simulate compare served.toml planned.toml --seeds 50 --json";

/// Seeds where nothing else is said: enough for an interval.
const SEEDS: u64 = 20;
/// The factors of Student's t distribution for 95 per cent on both sides, in thousandths, by degrees of
/// freedom from 1; beyond the table the last one is a little too wide.
const STUDENT: [u128; 30] = [
    12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228, 2_201, 2_179, 2_160,
    2_145, 2_131, 2_120, 2_110, 2_101, 2_093, 2_086, 2_080, 2_074, 2_069, 2_064, 2_060, 2_056,
    2_052, 2_048, 2_045, 2_042,
];

/// Arguments of `fanfare simulate compare`.
#[derive(Clone, Debug, Args)]
pub(super) struct CompareArguments {
    /// The scenario that is compared with; docs/rehearsal.md says what it may hold
    #[arg(value_name = "A.toml")]
    first: PathBuf,
    /// The other one
    #[arg(value_name = "B.toml")]
    second: PathBuf,
    /// How many pairs of runs, with the first seed and those that follow
    #[arg(long, value_name = "COUNT", default_value_t = SEEDS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed [default: what the first file says, or 1]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Print the differences as one JSON document
    #[arg(long)]
    json: bool,
}

/// A figure in both scenarios, in its unit.
#[derive(Clone, Debug, Serialize)]
struct Compared {
    figure: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    unit: &'static str,
    /// The means over all runs, rounded to the nearest; nothing if one of them has nothing to measure.
    a: Option<i64>,
    b: Option<i64>,
    #[serde(flatten)]
    difference: Difference,
    #[serde(skip)]
    of: Figure,
}

/// The mean of the differences of pairs, and how well it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Difference {
    /// B less A, rounded to the nearest; nothing without both.
    difference: Option<i64>,
    /// The mean of all seeds lies with 95 per cent confidence from here
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<i64>,
    /// to here; of one pair nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    a: String,
    b: String,
    seed: u64,
    seeds: u64,
    figures: &'a [Compared],
}

/// Runs both scenarios and tells how their figures differ.
pub(super) fn compare(arguments: &CompareArguments) -> Result<(), Failure> {
    let files = [
        scenario_file(&arguments.first)?,
        scenario_file(&arguments.second)?,
    ];
    let [first, second] = &files;
    let seed = arguments.seed.unwrap_or(first.scenario.seed);
    let a = runs(&first.scenario, seed, arguments.seeds)?;
    let a = whole(&arguments.first, a)?;
    let b = runs(&second.scenario, seed, arguments.seeds)?;
    let b = whole(&arguments.second, b)?;
    let figures = compared(&first.scenario, &second.scenario, &a, &b);
    let names = [&arguments.first, &arguments.second].map(|path| path.display().to_string());
    if arguments.json {
        let [a, b] = names;
        let document = Document {
            a,
            b,
            seed,
            seeds: arguments.seeds,
            figures: &figures,
        };
        let json = serde_json::to_string_pretty(&document);
        let json = json.map_err(|error| Failure::Operation(error.to_string()))?;
        return print(&format!("{json}\n"));
    }
    print(&table(&names, seed, arguments.seeds, &figures))
}

/// Runs in which everything held that must; others can't be compared.
fn whole(file: &Path, runs: Vec<Rehearsed>) -> Result<Vec<Rehearsed>, Failure> {
    match runs.iter().find_map(|run| run.report.violations.first()) {
        None => Ok(runs),
        Some(found) => Err(Failure::Violated(format!(
            "seed {0}: a property did not hold; please report this: {found}; repeat it with `fanfare \
             simulate run {1} --seed {0} --seeds 1`",
            found.seed,
            quoted(&file.display().to_string())
        ))),
    }
}

/// All figures that both have.
fn compared(
    first: &Scenario,
    second: &Scenario,
    a: &[Rehearsed],
    b: &[Rehearsed],
) -> Vec<Compared> {
    let is_in_both = |name: &&String| second.receivers.iter().any(|group| group.name == **name);
    let names = first.receivers.iter().map(|group| &group.name);
    let names: Vec<&String> = names.filter(is_in_both).collect();
    // One group is all there is.
    let is_all = first.receivers.len() == 1 && second.receivers.len() == 1;
    let names = names.into_iter().filter(|_| !is_all);
    let names = names.map(|name| Some(name.as_str()));
    let mut found = Vec::new();
    for endpoint in [None].into_iter().chain(names) {
        let all = Figure::ALL.into_iter();
        for of in all.filter(|of| endpoint.is_none() || of.is_of_endpoints()) {
            let values = |runs: &[Rehearsed]| {
                let values = runs.iter().map(|run| run.measures.get(of, endpoint));
                let values = values.map(|value| value.and_then(|value| i64::try_from(value).ok()));
                values.collect::<Option<Vec<i64>>>()
            };
            let (a, b) = (values(a), values(b));
            let pairs = a.as_ref().zip(b.as_ref()).map(|(a, b)| {
                let pairs = a.iter().zip(b).map(|(a, b)| b - a);
                pairs.collect::<Vec<i64>>()
            });
            found.push(Compared {
                figure: of.name(),
                endpoint: endpoint.map(str::to_owned),
                unit: of.unit().machine_name(),
                a: a.as_deref().map(mean),
                b: b.as_deref().map(mean),
                difference: pairs.as_deref().map(difference).unwrap_or_default(),
                of,
            });
        }
    }
    found
}

/// The mean, rounded to the nearest; 0 of nothing.
fn mean(values: &[i64]) -> i64 {
    let count = i128::try_from(values.len()).unwrap_or(i128::MAX);
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let mean = (sum * 2 + count).checked_div_euclid(count * 2);
    mean.and_then(|mean| i64::try_from(mean).ok()).unwrap_or(0)
}

/// The mean of differences with its interval of 95 per cent, by Student's t.
fn difference(pairs: &[i64]) -> Difference {
    let mean = mean(pairs);
    let Some(half) = half_width(pairs) else {
        return Difference {
            difference: Some(mean),
            low: None,
            high: None,
        };
    };
    Difference {
        difference: Some(mean),
        low: Some(mean.saturating_sub(half)),
        high: Some(mean.saturating_add(half)),
    }
}

/// Half of the interval, rounded up: t times the standard deviation over the root of the count.
fn half_width(pairs: &[i64]) -> Option<i64> {
    let freedom = pairs.len().checked_sub(2)?;
    let factor = STUDENT.get(freedom).or_else(|| STUDENT.last())?;
    let count = u128::try_from(pairs.len()).ok()?;
    let squares = pairs
        .iter()
        .map(|pair| u128::from(pair.unsigned_abs()).pow(2));
    let sum: i128 = pairs.iter().map(|pair| i128::from(*pair)).sum();
    // The variance of the mean is this over count² (count - 1).
    let spread = (squares.sum::<u128>() * count).saturating_sub(sum.unsigned_abs().pow(2));
    let divisor = count * count * (count - 1);
    // In millionths of the square, as long as that fits.
    let squared = match spread.checked_mul(factor * factor) {
        Some(product) => product.div_ceil(divisor),
        None => spread.div_ceil(divisor).saturating_mul(factor * factor),
    };
    i64::try_from(squared.isqrt().div_ceil(1_000)).ok()
}

fn table(names: &[String; 2], seed: u64, seeds: u64, figures: &[Compared]) -> String {
    let last = seed.saturating_add(seeds - 1);
    let [a, b] = names;
    let mut out = format!("A  {a}\nB  {b}\nmeans over seeds {seed} to {last}\n\n");
    let head = ["", "A", "B", "B - A", "95 % from", "to", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for compared in figures {
        let difference = compared.difference;
        let is_same = compared.a.is_some() == compared.b.is_some()
            && difference.difference.unwrap_or(0) == 0
            && difference.low.unwrap_or(0) == 0
            && difference.high.unwrap_or(0) == 0;
        if is_same && compared.endpoint.is_some() {
            continue;
        }
        let shown = |value: Option<i64>| match value {
            Some(value) => shown(compared.of, value),
            None => "-".to_owned(),
        };
        let is_clear = match (difference.low, difference.high) {
            (Some(low), Some(high)) => low > 0 || high < 0,
            _ => false,
        };
        let name = match &compared.endpoint {
            Some(endpoint) => format!("{}[{endpoint}]", compared.figure),
            None => compared.figure.to_owned(),
        };
        rows.push(vec![
            name,
            shown(compared.a),
            shown(compared.b),
            if is_same {
                "same".to_owned()
            } else {
                shown(difference.difference)
            },
            if is_same {
                String::new()
            } else {
                shown(difference.low)
            },
            if is_same {
                String::new()
            } else {
                shown(difference.high)
            },
            if is_clear {
                "*".to_owned()
            } else {
                String::new()
            },
        ]);
    }
    out.push_str(&columns(&rows));
    out.push_str("\n* the interval does not hold 0: the difference is hardly chance\n");
    out
}

/// A value or a difference, for people.
fn shown(of: Figure, value: i64) -> String {
    let shown = of.unit().shown(value.unsigned_abs());
    let is_seen = shown.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if value < 0 && is_seen {
        format!("-{shown}")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_the_interval_of_students_t() {
        // Worked by hand: mean 3, standard deviation 1.5811, t 2.776, so 2.776 * 1.5811 / 2.2361 = 1.963.
        let found = difference(&[1_000, 2_000, 3_000, 4_000, 5_000]);
        assert_eq!(found.difference, Some(3_000));
        let half = found.high.expect("of several") - 3_000;
        assert!((1_962..=1_965).contains(&half), "{half}");
        assert_eq!(found.low, Some(3_000 - half));
    }

    #[test]
    fn equal_pairs_leave_no_doubt_and_one_pair_nothing_else() {
        let same = difference(&[7; 10]);
        assert_eq!(
            (same.difference, same.low, same.high),
            (Some(7), Some(7), Some(7))
        );
        let one = difference(&[7]);
        assert_eq!((one.difference, one.low, one.high), (Some(7), None, None));
    }

    #[test]
    fn large_differences_do_not_overflow() {
        let days = 30 * 86_400 * 1_000_000;
        let found = difference(&[days, -days, days, -days]);
        assert_eq!(found.difference, Some(0));
        assert!(found.high > Some(days), "{found:?}");
    }

    #[test]
    fn a_mean_is_rounded_to_the_nearest() {
        assert_eq!(
            [mean(&[1, 2]), mean(&[-1, -2]), mean(&[1, 1, 2]), mean(&[])],
            [2, -1, 1, 0]
        );
    }
}
