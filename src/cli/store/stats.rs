//! `fanfare store stats`.

use super::{Failure, FolderArguments, Taken, laid_out, print, print_json};
use crate::store::embedded::stats::{self, StoreStats};

/// Tells what the store holds.
pub(super) fn stats(arguments: &FolderArguments) -> Result<(), Failure> {
    let taken = Taken::take(arguments)?;
    let stats = stats::stats(&taken.disk).map_err(|error| taken.failed(&error))?;
    if arguments.json {
        print_json(&stats)
    } else {
        print(&text(&stats))
    }
}

fn text(stats: &StoreStats) -> String {
    let written = stats.last_written_wall_us.map_or_else(
        || "never".to_owned(),
        |micros| {
            let at = jiff::Timestamp::from_microsecond(micros);
            at.map_or_else(|_| micros.to_string(), |at| at.to_string())
        },
    );
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut parts = vec![laid_out(&[
        row("format", stats.format.to_string()),
        row("data shards", stats.data_shards.to_string()),
        row("file bytes", stats.file_bytes.to_string()),
        row("last written", written),
        row("applications", stats.applications.to_string()),
        row("endpoints", stats.endpoints.to_string()),
        row("waiting deliveries", stats.waiting.to_string()),
    ])];
    parts.push(laid_out(&tables(stats)));
    parts.push(laid_out(&buckets(stats)));
    parts.push(laid_out(&backlogs(stats)));
    let mut text = parts.join("\n");
    let listed = u64::try_from(stats.backlogs.len()).unwrap_or(u64::MAX);
    if let Some(more @ 1..) = stats.backlogs_count.checked_sub(listed) {
        text.push_str(&format!("and {more} more with a backlog\n"));
    }
    text
}

fn head(names: &[&str]) -> Vec<Vec<String>> {
    vec![names.iter().map(ToString::to_string).collect()]
}

fn tables(stats: &StoreStats) -> Vec<Vec<String>> {
    let mut rows = head(&["table", "rows", "bytes"]);
    rows.extend(stats.tables.iter().map(|table| {
        vec![
            table.name.clone(),
            table.rows.to_string(),
            table.bytes.to_string(),
        ]
    }));
    rows
}

fn buckets(stats: &StoreStats) -> Vec<Vec<String>> {
    let mut rows = head(&["bucket", "age", "closed", "written", "bytes", "waiting"]);
    rows.extend(stats.buckets.iter().map(|bucket| {
        vec![
            bucket.bucket.to_string(),
            format!("{} s", bucket.age_s),
            bucket
                .closed_s
                .map_or_else(|| "-".to_owned(), |ago| format!("{ago} s ago")),
            format!("{} s ago", bucket.written_s),
            bucket.bytes.to_string(),
            bucket.waiting.to_string(),
        ]
    }));
    rows
}

fn backlogs(stats: &StoreStats) -> Vec<Vec<String>> {
    let mut rows = head(&["application", "uid", "backlog", "lagging endpoints"]);
    rows.extend(stats.backlogs.iter().map(|backlog| {
        vec![
            backlog.id.clone(),
            backlog.uid.clone().unwrap_or_else(|| "-".to_owned()),
            backlog.events.to_string(),
            backlog.lagging_endpoints.to_string(),
        ]
    }));
    rows
}
