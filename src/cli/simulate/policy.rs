//! `fanfare simulate replay --policy`: what a journal's traffic would have come to under other settings.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, journal::Journal, print};
use crate::{
    cli::{
        output::{laid_out, print_json},
        say,
    },
    config::{places::read_file, scenario::read_policy},
    sim::whatif::{Figures, Traffic},
};

/// Runs the traffic under the policy of a file and prints both figures.
pub(super) fn compare(journal: &Path, policy: &Path, is_json: bool) -> Result<(), Failure> {
    let mut traffic = Traffic::default();
    let mut contents = Journal::find(journal)?;
    loop {
        match contents.next() {
            Ok(Some(content)) => traffic.take(content),
            Ok(None) => break,
            Err(fault) => return Err(Failure::Usage(fault.to_string())),
        }
    }
    let Some(recorded) = traffic.options() else {
        let journal = journal.display();
        return Err(Failure::Usage(format!("nothing stands in {journal}")));
    };
    let shown = policy.display();
    let text = read_file(policy)
        .map_err(|error| Failure::Usage(format!("{shown} can't be read: {error}")))?;
    let options = read_policy(&text, recorded).map_err(|faults| {
        let lines = faults.iter();
        let lines = lines.map(|fault| format!("{shown}:{}: {}", fault.line, fault.reason));
        Failure::Usage(lines.collect::<Vec<_>>().join("\n"))
    })?;
    let left_out = traffic.left_out();
    let (was, would_be) = traffic
        .run(options)
        .map_err(|error| Failure::Usage(format!("{}: {error}", journal.display())))?;
    if left_out > 0 {
        say(&format!(
            "{left_out} resends, tasks and payloads let go are left out: they were asked about what happened"
        ));
    }
    if is_json {
        return print_json(&json!({
            "journal": journal,
            "policy": policy,
            "left_out": left_out,
            "recorded": to_json(&was),
            "replayed": to_json(&would_be),
        }));
    }
    let mut rows = vec![
        ["figure", "recorded", "under the policy"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for ((name, was), (_, would_be)) in rows_of(&was).into_iter().zip(rows_of(&would_be)) {
        rows.push(vec![name.to_owned(), was.to_string(), would_be.to_string()]);
    }
    print(&laid_out(&rows))
}

/// The figures by name.
const fn rows_of(figures: &Figures) -> [(&'static str, u64); 9] {
    [
        ("events", figures.events),
        ("deliveries_begun", figures.begun),
        ("attempts", figures.attempts),
        ("succeeded", figures.succeeded),
        ("exhausted", figures.exhausted),
        ("expired", figures.expired),
        ("in_flight_max", figures.in_flight_max),
        ("p50_delivery_ms", figures.p50_ms),
        ("p99_delivery_ms", figures.p99_ms),
    ]
}

fn to_json(figures: &Figures) -> Value {
    let rows = rows_of(figures).map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(rows.into_iter().collect())
}
