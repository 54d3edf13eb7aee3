//! Keys under which something was done: one table per day of steady time, dropped as a whole when the
//! day after it is over. So a key is known for a day and for two at most.

use std::collections::BTreeSet;

use super::{
    apply,
    fault::Fault,
    keys,
    memory::Memory,
    rows::{self, OnceRow},
    tables::{Reading, TableName, Writing},
};
use crate::{
    domain::{
        change::{Change, ChangeResult},
        id::Id,
        once::Once,
    },
    limits,
    time::Now,
};

/// The day that a moment of steady time belongs to.
fn day(now: Now) -> u32 {
    let day = now
        .steady
        .as_micros()
        .div_euclid(limits::ONCE_AGE_MS * 1_000);
    u32::try_from(day).unwrap_or(0)
}

/// The tables of keys that are there.
pub(super) fn tables(reading: &Reading) -> Result<BTreeSet<u32>, Fault> {
    let tables = reading.tables()?.into_iter();
    Ok(tables
        .filter_map(|name| match name {
            TableName::Once(day) => Some(day),
            _ => None,
        })
        .collect())
}

/// Applies a change unless its key was used before; an event's position is used either way.
pub(super) fn apply(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    once: &Once,
    change: Change,
    now: Now,
) -> Result<ChangeResult, Fault> {
    let Some((shard, id)) = change.done_once() else {
        // No store lets such a batch through.
        return Ok(ChangeResult::Stale);
    };
    let key = keys::once(shard, &once.key_sha256);
    let today = day(now);
    for day in [Some(today), today.checked_sub(1)].into_iter().flatten() {
        if !memory.once.contains(&day) {
            continue;
        }
        #[cfg(feature = "mutants")]
        if day != today && memory.has(super::mutant::Mutant::ForgetsYesterdaysKeys) {
            continue;
        }
        let made: Option<OnceRow> = writing.read(TableName::Once(day), &key, |row| {
            rows::decode(row, "the row of a key")
        })?;
        if let Some(made) = made {
            if let Change::PutEvent(event) = &change {
                apply::pass(memory, event);
            }
            return Ok(if made.body_sha256 == once.body_sha256 {
                ChangeResult::Replayed(Id::from_value(made.id))
            } else {
                ChangeResult::Reused
            });
        }
    }
    let result = apply::change(writing, memory, change, now)?;
    if result == ChangeResult::Fresh {
        let row = OnceRow {
            id: id.value(),
            body_sha256: once.body_sha256,
        };
        let row = rows::encode(&row, Vec::with_capacity(64))?;
        writing.put(TableName::Once(today), &key, &row)?;
        memory.once.insert(today);
    }
    Ok(result)
}

/// Lets the tables go whose keys have had their time.
pub(super) fn retain(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    now: Now,
) -> Result<(), Fault> {
    let first_kept = day(now).saturating_sub(1);
    while let Some(oldest) = memory.once.first().copied()
        && oldest < first_kept
    {
        writing.drop_table(TableName::Once(oldest))?;
        memory.once.remove(&oldest);
    }
    Ok(())
}
