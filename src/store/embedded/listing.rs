//! Attempts to one endpoint, over all events: from the journal, where the newest are, and from the
//! index behind it.

use super::{
    blocks::IndexEntry,
    fault::Fault,
    index::read_journal,
    keys::{self, Reader},
    rows::{self, BucketRow},
    tables::{Reading, TableName},
};
use crate::domain::{
    endpoint::EndpointKey,
    event::EventPosition,
    history::{HistoryQuery, Order},
    id::Id,
};

/// Which attempt, of which event.
pub(super) type Listed = (EventPosition, Id);

/// The attempts to an endpoint that a query asks for, in its order.
pub(super) fn list(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
) -> Result<Vec<Listed>, Fault> {
    let mut found = Vec::new();
    match query.order {
        Order::NewestFirst => {
            journaled_backwards(reading, endpoint, query, &mut found)?;
            if found.len() < query.limit {
                indexed_backwards(reading, endpoint, query, &mut found)?;
            }
        }
        Order::OldestFirst => {
            indexed_forwards(reading, endpoint, query, &mut found)?;
            if found.len() < query.limit {
                journaled_forwards(reading, endpoint, query, &mut found)?;
            }
        }
    }
    found.truncate(query.limit);
    Ok(found)
}

/// Goes from the newest piece of the journal back.
fn journaled_backwards(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
    found: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let shard = endpoint.application.shard;
    let first = keys::journal(shard, Id::default());
    let last = keys::journal(shard, query.below.unwrap_or(Id::from_value(u128::MAX)));
    let range = (first.as_slice(), last.as_slice());
    reading.scan(TableName::Journal, range, true, |key, piece| {
        let listed = listed_in(piece, endpoint, query)?;
        found.extend(listed.into_iter().rev());
        let is_past = begin_of(key).is_some_and(|begin| query.above >= Some(begin));
        Ok(found.len() < query.limit && !is_past)
    })
}

/// Goes from the oldest piece of the journal that may have something on to the newest.
fn journaled_forwards(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
    found: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let shard = endpoint.application.shard;
    let mut first = keys::journal(shard, Id::default());
    if let Some(above) = query.above {
        // The piece that holds `above` may hold what comes behind it, too.
        let edge = keys::journal(shard, above);
        let begin = first;
        reading.scan(TableName::Journal, (&begin, &edge), true, |key, _| {
            first = key.try_into().unwrap_or(begin);
            Ok(false)
        })?;
    }
    let last = keys::journal(shard, Id::from_value(u128::MAX));
    reading.scan(TableName::Journal, (&first, &last), false, |key, piece| {
        let is_past = query
            .below
            .is_some_and(|below| begin_of(key) >= Some(below));
        if !is_past {
            found.extend(listed_in(piece, endpoint, query)?);
        }
        Ok(found.len() < query.limit && !is_past)
    })
}

/// The first attempt of a piece of the journal.
fn begin_of(key: &[u8]) -> Option<Id> {
    Reader(key.get(2..).unwrap_or_default()).id()
}

/// What a piece of the journal has of what a query asks for, in the order of ids.
fn listed_in(
    piece: &[u8],
    endpoint: EndpointKey,
    query: HistoryQuery,
) -> Result<Vec<Listed>, Fault> {
    let mut found = Vec::new();
    read_journal(endpoint.application.shard, piece, |entry: IndexEntry| {
        if entry.endpoint == endpoint && query.contains(entry.id) {
            found.push((entry.position, entry.id));
        }
    })?;
    Ok(found)
}

/// Goes from the newest block back; each bucket's first block names the bucket before it.
fn indexed_backwards(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
    found: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let head = keys::endpoint(endpoint);
    let mut bucket = reading
        .read(TableName::Heads, &head, |row| Ok(Reader(row).u32()))?
        .flatten();
    let first = keys::index(endpoint, Id::default());
    let below = query.below.unwrap_or(Id::from_value(u128::MAX));
    let last = keys::index(endpoint, below);
    while let Some(number) = bucket {
        let mut is_over = false;
        reading.scan(
            TableName::Index(number),
            (&first, &last),
            true,
            |key, block| {
                let (_, mut entries) = unpack(block)?;
                entries.retain(|(_, id)| query.contains(*id));
                found.extend(entries.into_iter().rev());
                let begin = Reader(key.get(10..).unwrap_or_default()).id();
                is_over = found.len() >= query.limit
                    || query
                        .above
                        .is_some_and(|above| begin.is_some_and(|id| id <= above));
                Ok(!is_over)
            },
        )?;
        if is_over {
            return Ok(());
        }
        bucket = bucket_before(reading, endpoint, number)?;
    }
    Ok(())
}

/// The bucket that holds the blocks before those of this one.
fn bucket_before(
    reading: &mut Reading,
    endpoint: EndpointKey,
    bucket: u32,
) -> Result<Option<u32>, Fault> {
    // A bucket may be gone while older ones are kept for what is open in them.
    let mut before = match before_named_in(reading, endpoint, bucket)? {
        Some(named) => Some(named).filter(|named| *named < bucket),
        None => bucket_below(reading, bucket)?,
    };
    while let Some(number) = before
        && before_named_in(reading, endpoint, number)?.is_none()
    {
        before = bucket_below(reading, number)?;
    }
    Ok(before)
}

/// The bucket that the first block of this one names; `None` if it has no block.
fn before_named_in(
    reading: &mut Reading,
    endpoint: EndpointKey,
    bucket: u32,
) -> Result<Option<u32>, Fault> {
    let first = keys::index(endpoint, Id::default());
    let last = keys::index(endpoint, Id::from_value(u128::MAX));
    let mut named = None;
    reading.scan(
        TableName::Index(bucket),
        (&first, &last),
        false,
        |_, block| {
            named = Some(unpack(block)?.0);
            Ok(false)
        },
    )?;
    Ok(named)
}

/// The newest bucket that is older than this one.
fn bucket_below(reading: &mut Reading, bucket: u32) -> Result<Option<u32>, Fault> {
    let Some(highest) = bucket.checked_sub(1) else {
        return Ok(None);
    };
    let last = [&b"b"[..], &highest.to_be_bytes()].concat();
    let mut found = None;
    reading.scan(TableName::State, (b"b", &last), true, |key, _| {
        found = Reader(key.get(1..).unwrap_or_default()).u32();
        Ok(false)
    })?;
    Ok(found)
}

/// Goes from the oldest block that may have something on to the newest.
fn indexed_forwards(
    reading: &mut Reading,
    endpoint: EndpointKey,
    query: HistoryQuery,
    found: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let above = query.above.unwrap_or_default();
    for bucket in buckets_since(reading, above)? {
        let nothing = keys::index(endpoint, Id::default());
        let edge = keys::index(endpoint, above);
        // The block that holds `above` may hold what comes behind it, too.
        let mut first = edge;
        reading.scan(
            TableName::Index(bucket),
            (&nothing, &edge),
            true,
            |key, _| {
                first = key.try_into().unwrap_or(edge);
                Ok(false)
            },
        )?;
        let last = keys::index(endpoint, Id::from_value(u128::MAX));
        reading.scan(
            TableName::Index(bucket),
            (&first, &last),
            false,
            |_, block| {
                let (_, entries) = unpack(block)?;
                found.extend(entries.into_iter().filter(|(_, id)| query.contains(*id)));
                Ok(found.len() < query.limit)
            },
        )?;
        if found.len() >= query.limit {
            return Ok(());
        }
    }
    Ok(())
}

/// The buckets that were still open when an id was made, or opened later, oldest first.
fn buckets_since(reading: &mut Reading, id: Id) -> Result<Vec<u32>, Fault> {
    const WHAT: &str = "the list of buckets";
    let made_at = id.made_at().as_micros();
    let mut found = Vec::new();
    let (first, last) = (b"b".as_slice(), b"b\xff\xff\xff\xff".as_slice());
    reading.scan(TableName::State, (first, last), false, |key, row| {
        let number = Reader(key.get(1..).unwrap_or_default()).u32();
        let number = number.ok_or_else(|| Fault::damaged(WHAT))?;
        let row: BucketRow = rows::decode(row, WHAT)?;
        if row.closed_at.is_none_or(|closed| closed >= made_at) {
            found.push(number);
        }
        Ok(true)
    })?;
    Ok(found)
}

/// A block of the index: the bucket of the block before, and what it lists.
pub(super) fn unpack(block: &[u8]) -> Result<(u32, Vec<Listed>), Fault> {
    let damaged = || Fault::damaged("a block of the index");
    let mut reader = Reader(block);
    let before = reader.u32().ok_or_else(damaged)?;
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        let position = reader.position().ok_or_else(damaged)?;
        entries.push((position, reader.id().ok_or_else(damaged)?));
    }
    Ok((before, entries))
}
