//! What came of a rehearsal, as a text for people.

use core::fmt::Write as _;

use super::{rehearsed::Rehearsed, spark::blocks, spread::Spread, verdicts::Verdict};
use crate::{
    config::scenario::ScenarioFile,
    sim::{
        Report,
        figure::Figure,
        units::{grouped, readable_span},
    },
    time::Span,
};

/// What of a group of endpoints stands in the table of groups.
const OF_GROUPS: [Figure; 7] = [
    Figure::Deliveries,
    Figure::Succeeded,
    Figure::AttemptsPerDelivery,
    Figure::P50Delivery,
    Figure::P99Delivery,
    Figure::PeakSendsPerSecond,
    Figure::DrainedAfter,
];

/// The whole text.
pub(super) fn text(
    file: &ScenarioFile,
    report: &Report,
    figures: &[Spread],
    verdicts: &[Verdict],
    first: Option<&Rehearsed>,
) -> String {
    let mut out = String::new();
    if let Some(question) = &file.question {
        out.push_str(question);
        out.push_str("\n\n");
    }
    out.push_str(&heading(report));
    out.push_str(&figures_of_all(report, figures));
    out.push_str(&table_of_groups(file, figures));
    if let Some(first) = first {
        out.push_str(&sketch(first));
    }
    out.push_str(&faults(report));
    out.push_str(&expectations(verdicts, report.seeds));
    out
}

fn heading(report: &Report) -> String {
    let (layer, first, count) = (report.layer, report.seed, report.seeds);
    if count <= 1 {
        return format!(
            "layer {layer}, seed {first}, trace hash {}\n\n",
            report.trace_hash
        );
    }
    let last = first.saturating_add(count - 1);
    format!("layer {layer}, seeds {first} to {last}\n\n")
}

/// Rows of words, each column as wide as its widest word; the first one flush left.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let words = rows.iter().filter_map(|row| row.get(column));
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (word, width)) in row.iter().zip(&widths).enumerate() {
            let missing = width.saturating_sub(word.chars().count());
            if column == 0 {
                line.push_str(word);
                line.push_str(&" ".repeat(missing));
            } else {
                line.push_str(&" ".repeat(missing + 2));
                line.push_str(word);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn figures_of_all(report: &Report, figures: &[Spread]) -> String {
    let is_one = report.seeds <= 1;
    let mut rows = Vec::new();
    if !is_one {
        rows.push(["", "least", "median", "most"].map(str::to_owned).to_vec());
    }
    for spread in figures.iter().filter(|spread| spread.endpoint.is_none()) {
        let mut row = vec![spread.figure.to_owned()];
        if is_one {
            row.push(spread.shown(spread.median));
        } else {
            let values = [spread.least, spread.median, spread.most];
            row.extend(values.map(|value| spread.shown(value)));
        }
        rows.push(row);
    }
    columns(&rows)
}

fn table_of_groups(file: &ScenarioFile, figures: &[Spread]) -> String {
    if file.scenario.receivers.len() < 2 {
        return String::new();
    }
    let mut rows = vec![vec!["endpoint".to_owned()]];
    if let Some(head) = rows.first_mut() {
        head.extend(OF_GROUPS.map(|figure| figure.name().to_owned()));
    }
    for group in &file.scenario.receivers {
        let of_group = |figure: Figure| {
            let mut spreads = figures.iter();
            let spread = spreads.find(|spread| {
                spread.of == figure && spread.endpoint.as_ref() == Some(&group.name)
            });
            spread.map_or_else(String::new, |spread| spread.shown(spread.median))
        };
        let mut row = vec![group.name.clone()];
        row.extend(OF_GROUPS.map(of_group));
        rows.push(row);
    }
    format!("\n{}", columns(&rows))
}

/// How the first run went: over its time, and how long deliveries took.
fn sketch(run: &Rehearsed) -> String {
    let Some(all) = run.series.all() else {
        return String::new();
    };
    let most = |values: &[u64]| values.iter().copied().max().unwrap_or(0);
    let lasts = readable_span(run.series.lasts);
    let mut rows = Vec::new();
    for (name, values) in [
        ("open deliveries", &all.backlog),
        ("sends in a second", &all.sends),
    ] {
        let most = grouped(most(values));
        rows.push((
            name,
            blocks(values),
            format!("over {lasts}, at most {most}"),
        ));
    }
    // Each block is twice as long as the one before it, the first at most a millisecond.
    let doublings = all.histogram.len().checked_sub(1);
    let doublings = doublings.and_then(|count| u32::try_from(count).ok());
    if let Some(longest) = doublings.and_then(|count| 1_i64.checked_shl(count)) {
        let longest = readable_span(Span::from_millis(longest));
        let told = format!("of deliveries, from 1 ms to {longest} by doubling");
        rows.push(("time to delivery", blocks(&all.histogram), told));
    }
    let mut out = format!("\nseed {}:\n", run.report.seed);
    for (name, blocks, told) in rows {
        // Writing to a text does not fail.
        _ = writeln!(out, "{name:<17}  {blocks}  {told}");
    }
    out
}

fn faults(report: &Report) -> String {
    if report.faults.is_empty() {
        return String::new();
    }
    let met = report.faults.iter();
    let met: Vec<String> = met.map(|(kind, count)| format!("{kind} {count}")).collect();
    format!("\nwhat went wrong: {}\n", met.join(", "))
}

fn expectations(verdicts: &[Verdict], seeds: u64) -> String {
    let mut out = String::new();
    if !verdicts.is_empty() {
        out.push('\n');
    }
    for verdict in verdicts {
        let word = if verdict.held { "held  " } else { "BROKEN" };
        // Writing to a text does not fail.
        _ = write!(out, "{word}  {}", verdict.expectation);
        if !verdict.held && seeds > 1 {
            _ = write!(out, " (in {} of {seeds} runs)", verdict.broken);
        }
        out.push('\n');
    }
    out
}
