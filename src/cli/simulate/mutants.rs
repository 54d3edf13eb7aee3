//! `fanfare simulate mutants`: mistakes that are made on purpose, and how many seeds it takes to find
//! each of them.

use clap::Args;

use super::Failure;

pub(super) const EXAMPLES: &str = "\
Examples:
  Each mistake from one seed on, in a few minutes
    cargo run --release --features mutants -- simulate mutants --quick

  From thirty seeds on, as a table of medians
    fanfare simulate mutants --json";

/// Arguments of `fanfare simulate mutants`.
#[derive(Clone, Debug, Args)]
pub(super) struct MutantsArguments {
    /// Look for each mistake from one seed on, and not from thirty
    #[arg(long)]
    quick: bool,
    /// From how many seeds on each mistake is looked for
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 30,
        conflicts_with = "quick"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000))]
    bases: u64,
    /// Only the mistakes whose names have this in them
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// The first seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Print the table as one JSON document
    #[arg(long)]
    json: bool,
}

/// Says that this build has none.
#[cfg(not(feature = "mutants"))]
pub(super) fn mutants(_arguments: &MutantsArguments) -> Result<(), Failure> {
    let text = "this build has no mistakes in it: build it with `--features mutants`";
    Err(Failure::Usage(text.to_owned()))
}

#[cfg(feature = "mutants")]
pub(super) use self::looking::mutants;

#[cfg(feature = "mutants")]
mod looking {
    use std::{
        io::IsTerminal as _,
        panic,
        sync::{Mutex, PoisonError},
        thread,
    };

    use indicatif::{ProgressBar, ProgressDrawTarget};
    use serde::Serialize;

    use super::{Failure, MutantsArguments};
    use crate::{
        cli::output::{laid_out, print, print_json},
        sim::{
            mutants::{Look, Mutant},
            shrink::{Budget, Shrunk},
        },
    };

    /// Seeds after which a mistake counts as not found.
    const SEEDS_MAX: u64 = 10_000;
    /// How far these are apart.
    const BASES_APART: u64 = 1_000_000;

    /// From which base it was looked for, what came of it, and what that shrank to.
    type Looked = (u64, Look, Option<Shrunk>);

    /// What came of one mistake.
    #[derive(Clone, Debug, Serialize)]
    struct Row {
        name: String,
        layer: &'static str,
        /// Whether it was found from every seed on.
        found: bool,
        /// The property that did not hold, the first time.
        invariant: Option<String>,
        /// The median of the seeds that it took.
        seeds_to_find: Option<u64>,
        /// What 95 in 100 did not exceed.
        seeds_to_find_p95: Option<u64>,
        /// How small the scenario became in which it was found first; `None` if it was not.
        shrunk: Option<SmallSize>,
        /// Whether it made any difference, if it was not found.
        reached: bool,
    }

    /// How large a scenario is.
    #[derive(Clone, Copy, Debug, Serialize)]
    struct SmallSize {
        events: u32,
        endpoints: u32,
        faults: u32,
    }

    #[derive(Serialize)]
    struct Document {
        mutants: Vec<Row>,
    }

    /// Looks for all of them, on all cores.
    pub(in crate::cli::simulate) fn mutants(arguments: &MutantsArguments) -> Result<(), Failure> {
        let only = arguments.only.as_deref().unwrap_or_default();
        let all = Mutant::all().into_iter();
        let asked: Vec<Mutant> = all.filter(|mutant| mutant.name().contains(only)).collect();
        if asked.is_empty() {
            let text =
                format!("no mistake has `{only}` in its name: leave --only out to see them all");
            return Err(Failure::Usage(text));
        }
        // A panic counts as found; what it says is no news.
        panic::set_hook(Box::new(|_| {}));
        let rows = look(&asked, arguments);
        drop(panic::take_hook());
        let rows = rows?;
        let escaped: Vec<String> = rows
            .iter()
            .filter(|row| !row.found)
            .map(|row| match row.reached {
                true => format!(
                    "{} (it makes a difference that nothing objects to)",
                    row.name
                ),
                false => format!("{} (it is never reached)", row.name),
            })
            .collect();
        let told = if arguments.json {
            print_json(&Document { mutants: rows })
        } else {
            print(&table(&rows))
        };
        if escaped.is_empty() {
            return told;
        }
        let list = escaped.join(", ");
        let verdict = Err(Failure::Violated(format!(
            "not found after {SEEDS_MAX} seeds (500 in the layer `full`): {list}"
        )));
        Failure::of_both(told, verdict)
    }

    /// The rows of all, in their order.
    fn look(asked: &[Mutant], arguments: &MutantsArguments) -> Result<Vec<Row>, Failure> {
        let (bases, budget) = if arguments.quick {
            (1, Budget::QUICK)
        } else {
            (arguments.bases, Budget::default())
        };
        let length = u64::try_from(asked.len()).unwrap_or(u64::MAX) * bases;
        let progress = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        if !std::io::stderr().is_terminal() {
            progress.set_draw_target(ProgressDrawTarget::hidden());
        }
        let work: Vec<(usize, u64)> = (0..bases)
            .flat_map(|base| (0..asked.len()).map(move |place| (place, base)))
            .collect();
        let next = Mutex::new(work.into_iter());
        let looks = Mutex::new(vec![Vec::new(); asked.len()]);
        let failed = Mutex::new(None);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((place, base)) = taken else { return };
                        let Some(mutant) = asked.get(place) else {
                            return;
                        };
                        let first = arguments.seed.wrapping_add(base * BASES_APART);
                        let look = mutant.look(first, SEEDS_MAX).map(|look| {
                            // What is found from the first seed on stands for the rest.
                            let shrunk =
                                (base == 0).then(|| look.shrunk(*mutant, budget)).flatten();
                            (look, shrunk)
                        });
                        progress.inc(1);
                        match look {
                            Ok((look, shrunk)) => {
                                let mut looks =
                                    looks.lock().unwrap_or_else(PoisonError::into_inner);
                                if let Some(of) = looks.get_mut(place) {
                                    of.push((base, look, shrunk));
                                }
                            }
                            Err(error) => {
                                let failure = Failure::Operation(error.to_string());
                                *failed.lock().unwrap_or_else(PoisonError::into_inner) =
                                    Some(failure);
                            }
                        }
                    }
                });
            }
        });
        progress.finish_and_clear();
        if let Some(failure) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let looks = looks.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(asked
            .iter()
            .zip(looks)
            .map(|(mutant, looks)| row(*mutant, looks))
            .collect())
    }

    fn row(mutant: Mutant, mut looks: Vec<Looked>) -> Row {
        looks.sort_unstable_by_key(|(base, ..)| *base);
        let seeds = looks.iter().filter_map(|(_, look, _)| look.seeds);
        let mut seeds: Vec<u64> = seeds.collect();
        seeds.sort_unstable();
        let found = !looks.is_empty() && seeds.len() == looks.len();
        let rank = |percent: usize| {
            let place = (seeds.len() * percent).div_ceil(100).saturating_sub(1);
            seeds.get(place).copied().filter(|_| found)
        };
        let first = looks.iter().find_map(|(_, look, _)| look.found.clone());
        let shrunk = looks.iter().find_map(|(.., shrunk)| shrunk.as_ref());
        Row {
            name: mutant.name(),
            layer: mutant.layer(),
            found,
            invariant: first.map(|found| found.invariant),
            seeds_to_find: rank(50),
            seeds_to_find_p95: rank(95),
            shrunk: shrunk.map(|shrunk| SmallSize {
                events: shrunk.size.events,
                endpoints: shrunk.size.endpoints,
                faults: shrunk.size.faults,
            }),
            reached: looks.iter().all(|(_, look, _)| look.is_reached),
        }
    }

    fn table(rows: &[Row]) -> String {
        let head = [
            "mistake",
            "layer",
            "found by",
            "seeds (median)",
            "seeds (95 %)",
            "events",
            "endpoints",
            "faults",
        ];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        let count =
            |seeds: Option<u64>| seeds.map_or_else(|| "-".to_owned(), |seeds| seeds.to_string());
        let small =
            |row: &Row, part: fn(SmallSize) -> u32| count(row.shrunk.map(|size| part(size).into()));
        for row in rows {
            lines.push(vec![
                row.name.clone(),
                row.layer.to_owned(),
                row.invariant
                    .clone()
                    .unwrap_or_else(|| "nothing".to_owned()),
                count(row.seeds_to_find),
                count(row.seeds_to_find_p95),
                small(row, |size| size.events),
                small(row, |size| size.endpoints),
                small(row, |size| size.faults),
            ]);
        }
        laid_out(&lines)
    }
}
