//! What is asked of each parser whatever bytes it gets; it panics if that is not so. The fuzz targets
//! call these, and so does `tests/it/fuzz.rs`.

use std::sync::Arc;

use fanfare::{config, domain::filter::Filter, server::probe, store::embedded};

/// A name of a target, and what it asks.
pub(super) type Check = (&'static str, fn(&[u8]));

/// All of them.
pub(super) const CHECKS: [Check; 7] = [
    ("json", json),
    ("cursor", cursor),
    ("key", key),
    ("row", row),
    ("filter", filter),
    ("config", config_file),
    ("scenario", scenario),
];

/// Bodies of JSON.
pub(super) fn json(bytes: &[u8]) {
    told(probe::json(bytes));
}

/// Iterators of lists.
pub(super) fn cursor(bytes: &[u8]) {
    told(probe::cursor(bytes));
}

/// Keys of the API and of the caller, and what else is read of headers and queries.
pub(super) fn key(bytes: &[u8]) {
    told(probe::key(bytes));
}

/// Keys and rows of the store.
pub(super) fn row(bytes: &[u8]) {
    told(embedded::probe::row(bytes));
}

/// The configuration file.
pub(super) fn config_file(bytes: &[u8]) {
    told(config::probe::file(bytes));
}

/// Scenario files.
pub(super) fn scenario(bytes: &[u8]) {
    told(config::probe::scenario(bytes));
}

/// Filters of endpoints: three lists, each behind an empty line, of patterns, of channels that are
/// wanted, and of those that an event has; before them its type.
pub(super) fn filter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (event_type, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut lists = rest.split("\n\n").map(|list| {
        let names = list.lines().filter(|name| !name.is_empty());
        names.map(Arc::from).collect::<Vec<Arc<str>>>()
    });
    let mut next = || lists.next().unwrap_or_default();
    let filter = Filter {
        event_types: next(),
        channels: next(),
    };
    let channels = next();
    let of_type = filter.event_types.is_empty()
        || filter
            .event_types
            .iter()
            .any(|pattern| fits(pattern.as_bytes(), event_type.as_bytes()));
    let in_channel = filter.channels.is_empty()
        || channels
            .iter()
            .any(|channel| filter.channels.contains(channel));
    assert_eq!(
        filter.takes(event_type, &channels),
        of_type && in_channel,
        "{filter:?} {event_type:?} {channels:?}"
    );
}

/// Whether a name fits a pattern, by the plainest way there is: one row of a table for each byte.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    // Whether the pattern so far fits each beginning of the name.
    let mut fitting: Vec<bool> = (0..=name.len()).map(|length| length == 0).collect();
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        for length in 0..=name.len() {
            next[length] = if *wanted == b'*' {
                fitting[length] || (length > 0 && next[length - 1])
            } else {
                length > 0 && fitting[length - 1] && name[length - 1] == *wanted
            };
        }
        fitting = next;
    }
    fitting[name.len()]
}

fn told(result: Result<(), String>) {
    if let Err(what) = result {
        panic!("{what}");
    }
}
