//! Buckets: what was accepted in one stretch of time, in tables of its own, so that what has had its
//! time goes by dropping whole tables and never row by row.
//!
//! A bucket is closed when it is large or old enough. It may go when its age since then, or since
//! the last attempt or end of a delivery that was written into it, is that of its class, and nothing
//! pins it: no delivery of its events waits, nobody is owed an attempt that was asked for, and no lane
//! stands before its end.

use std::collections::BTreeSet;

use super::{
    fault::Fault,
    keys::Reader,
    memory::{Memory, span, span_key, span_of_bucket},
    resends,
    rows::BucketRow,
    tables::{TableName, Writing},
};
use crate::{
    domain::{application::ApplicationKey, event::EventPosition},
    store::embedded::EmbeddedOptions,
    time::{Now, Timestamp},
};

/// Opens the first bucket, or the next one if the newest has become large or old.
pub(super) fn roll(memory: &mut Memory, options: &EmbeddedOptions, now: Now) {
    let steady = now.steady.as_micros();
    let number = match memory.buckets.last_entry() {
        None => 0,
        Some(mut newest) => {
            let row = newest.get();
            let age = now.steady.since(Timestamp::from_micros(row.opened_at));
            let is_old = age.as_micros() >= options.bucket_age.as_micros();
            if row.bytes < options.bucket_bytes && !is_old {
                return;
            }
            newest.get_mut().closed_at = Some(steady);
            memory.dirty.buckets.insert(*newest.key());
            newest.key().saturating_add(1)
        }
    };
    let row = BucketRow {
        opened_at: steady,
        written_at: steady,
        ..BucketRow::default()
    };
    memory.buckets.insert(number, row);
    memory.dirty.buckets.insert(number);
}

/// The bucket that holds the event at a position; `None` if it is gone or never was.
pub(super) fn bucket_of(
    writing: &mut Writing<'_>,
    memory: &Memory,
    application: ApplicationKey,
    position: EventPosition,
) -> Result<Option<u32>, Fault> {
    let progress = memory.progress_of(application);
    if progress.is_none_or(|known| position >= known.next_position) {
        return Ok(None);
    }
    if let Some((from, bucket)) = progress.and_then(|known| known.newest_span)
        && from <= position
    {
        return Ok(Some(bucket));
    }
    let first = span(application, EventPosition::default());
    let last = span(application, position);
    let mut found = None;
    writing.scan(TableName::Spans, (&first, &last), true, |_, bucket| {
        found = Reader(bucket).u32();
        Ok(false)
    })?;
    Ok(found)
}

/// Lets at most one bucket go, or its payloads, if one may; looks every now and then.
pub(super) fn retain(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    options: &EmbeddedOptions,
    now: Now,
) -> Result<(), Fault> {
    let looked = memory
        .retained_at
        .is_some_and(|at| now.steady.since(at) < options.retain_every);
    if looked {
        return Ok(());
    }
    memory.retained_at = Some(now.steady);
    super::sweep::sweep(writing, memory)?;
    #[cfg(not(feature = "mutants"))]
    let keeps_open = true;
    #[cfg(feature = "mutants")]
    let keeps_open = !memory.has(super::mutant::Mutant::DropsOpenBuckets);
    let (from, buckets) = (memory.retained_to, &memory.buckets);
    let old: Vec<(u32, bool)> = buckets
        .range(from..)
        .chain(buckets.range(..from))
        .filter(|(_, row)| row.open == 0 || !keeps_open)
        .filter_map(|(number, row)| {
            let since = row.closed_at?.max(row.written_at);
            let age = now.steady.since(Timestamp::from_micros(since));
            let whole = age >= options.row_age;
            let payloads = age >= options.payload_age && !row.payloads_dropped;
            (whole || payloads).then_some((*number, whole))
        })
        .take(CANDIDATES_MAX)
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    // Few are owed at a time, and read only when something may go.
    let owed = resends::all(writing)?;
    let mut pinned = BTreeSet::new();
    for (endpoint, position) in owed {
        pinned.extend(bucket_of(writing, memory, endpoint.application, position)?);
    }
    for (number, whole) in old {
        // Buckets with work that waits must not keep those behind them for ever.
        memory.retained_to = number.saturating_add(1);
        if pinned.contains(&number) || (keeps_open && !is_settled(writing, memory, number)?) {
            continue;
        }
        if whole {
            return drop_bucket(writing, memory, number);
        }
        writing.drop_table(TableName::Payloads(number))?;
        if let Some(row) = memory.buckets.get_mut(&number) {
            row.payloads_dropped = true;
        }
        memory.dirty.buckets.insert(number);
        return Ok(());
    }
    Ok(())
}

/// Old buckets that are looked at in one go.
const CANDIDATES_MAX: usize = 8;

/// The applications that have events in a bucket, with their first position there.
fn applications_in(
    writing: &mut Writing<'_>,
    bucket: u32,
) -> Result<Vec<(ApplicationKey, EventPosition)>, Fault> {
    let from = [&[1][..], &bucket.to_be_bytes()].concat();
    let until = [&[1][..], &bucket.to_be_bytes(), &[0xff; 6]].concat();
    let mut found = Vec::new();
    writing.scan(TableName::Spans, (&from, &until), false, |key, value| {
        let application = Reader(key.get(5..).unwrap_or_default()).application();
        let position = Reader(value).position();
        let (Some(application), Some(position)) = (application, position) else {
            return Err(Fault::damaged("the table of spans"));
        };
        found.push((application, position));
        Ok(true)
    })?;
    Ok(found)
}

/// Whether no lane has business in a bucket any more.
fn is_settled(writing: &mut Writing<'_>, memory: &Memory, bucket: u32) -> Result<bool, Fault> {
    for (application, first) in applications_in(writing, bucket)? {
        let Some(progress) = memory.progress_of(application) else {
            continue;
        };
        let after = span(application, first.plus(1));
        let last = span(application, EventPosition::new(u64::MAX));
        let mut next = None;
        writing.scan(TableName::Spans, (&after, &last), false, |key, _| {
            next = span_key(key);
            Ok(false)
        })?;
        let end = next.map_or(progress.next_position, |(_, position)| position);
        if progress.settled_until() < end {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Lets a bucket go with all that hangs on its events.
fn drop_bucket(writing: &mut Writing<'_>, memory: &mut Memory, bucket: u32) -> Result<(), Fault> {
    for (application, first) in applications_in(writing, bucket)? {
        writing.remove(TableName::Spans, &span(application, first))?;
        writing.remove(TableName::Spans, &span_of_bucket(bucket, application))?;
        let progress = memory.progress(application);
        progress.newest_span = progress.newest_span.filter(|(_, of)| *of != bucket);
    }
    for table in [
        TableName::Events(bucket),
        TableName::Payloads(bucket),
        TableName::Attempts(bucket),
        TableName::Index(bucket),
        TableName::Expired(bucket),
        TableName::Audit(bucket),
    ] {
        writing.drop_table(table)?;
    }
    memory.buckets.remove(&bucket);
    memory.dirty.buckets.insert(bucket);
    Ok(())
}
