//! What a closed store holds, in numbers.

use std::sync::Arc;

use serde::Serialize;

use super::{
    disk::Disk,
    fault::Fault,
    file::{FORMAT, OpenError, Trust},
    keys::Reader,
    memory::{ALL, Memory, Progress as Standing},
    offline::{Closed, Progress, Unseen, existing},
    rows,
    tables::{Reading, TableName},
};
use crate::{
    domain::application::ApplicationKey,
    limits,
    time::{Now, Timestamp},
};

/// What a store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreStats {
    /// Version of the file's format.
    pub format: u32,
    /// Shards of data.
    pub data_shards: u16,
    /// Length of the file.
    pub file_bytes: u64,
    /// When it was last written, by the wall clock of that time, in microseconds since 1970.
    pub last_written_wall_us: Option<i64>,
    /// Applications.
    pub applications: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Deliveries that wait for their next attempt.
    pub waiting: u64,
    /// The tables, in the order of their names.
    pub tables: Vec<TableStats>,
    /// The buckets, oldest first.
    pub buckets: Vec<BucketStats>,
    /// Applications with events that some endpoint was not yet tried with, largest backlog first,
    /// `limits::STATS_APPLICATIONS_MAX` at most.
    pub backlogs: Vec<BacklogStats>,
    /// How many there are.
    pub backlogs_count: u64,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its keys and values.
    pub bytes: u64,
}

/// One bucket. Ages are as of the last write of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketStats {
    /// Its number.
    pub bucket: u32,
    /// Whether no new events go into it.
    pub is_closed: bool,
    /// Seconds since it was opened.
    pub age_s: i64,
    /// Seconds since it was closed.
    pub closed_s: Option<i64>,
    /// Seconds since the last attempt was written into it.
    pub written_s: i64,
    /// Bytes of events and payloads, roughly.
    pub bytes: u64,
    /// Deliveries of its events that wait.
    pub waiting: u64,
    /// Whether its payloads are gone already.
    pub payloads_dropped: bool,
}

/// Where one application stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BacklogStats {
    /// Its id.
    pub id: String,
    /// The name that was chosen for it.
    pub uid: Option<String>,
    /// Events from the one on that the endpoint furthest behind comes to next.
    pub events: u64,
    /// Endpoints that lag behind what is kept in memory.
    pub lagging_endpoints: u64,
}

/// Counts what the store of a disk holds. The file is not changed.
///
/// # Errors
/// [`OpenError`]
pub fn stats(disk: &dyn Disk) -> Result<StoreStats, OpenError> {
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let closed = Closed::open(existing(disk)?, Trust::Pages, &progress)?;
    closed.read(|closed| {
        let mut reading = closed.reading()?;
        let memory = Memory::read(&mut reading)?;
        counted(closed, &mut reading, &memory)
    })
}

fn counted(closed: &Closed, reading: &mut Reading, memory: &Memory) -> Result<StoreStats, Fault> {
    let mut tables = Vec::new();
    for name in reading.tables()? {
        let size = reading.size(name)?;
        tables.push(TableStats {
            name: name.text(),
            rows: size.rows,
            bytes: size.bytes,
        });
    }
    let (backlogs, backlogs_count) = backlogs(reading, memory)?;
    Ok(StoreStats {
        format: FORMAT,
        data_shards: closed.data_shards,
        file_bytes: closed.file_bytes,
        last_written_wall_us: memory.clock.map(|now| now.wall.as_micros()),
        applications: reading.size(TableName::Applications)?.rows,
        endpoints: reading.size(TableName::Endpoints)?.rows,
        waiting: reading.size(TableName::Open)?.rows,
        tables,
        buckets: buckets(memory),
        backlogs,
        backlogs_count,
    })
}

fn buckets(memory: &Memory) -> Vec<BucketStats> {
    let now = memory
        .clock
        .unwrap_or(Now::at(Timestamp::from_micros(0)))
        .steady;
    let seconds = |at: i64| now.since(Timestamp::from_micros(at)).as_micros() / 1_000_000;
    let one = |(number, row): (&u32, &rows::BucketRow)| BucketStats {
        bucket: *number,
        is_closed: row.closed_at.is_some(),
        age_s: seconds(row.opened_at),
        closed_s: row.closed_at.map(seconds),
        written_s: seconds(row.written_at),
        bytes: row.bytes,
        waiting: row.open,
        payloads_dropped: row.payloads_dropped,
    };
    memory.buckets.iter().map(one).collect()
}

/// Applications with a backlog, and how many there are.
fn backlogs(reading: &mut Reading, memory: &Memory) -> Result<(Vec<BacklogStats>, u64), Fault> {
    let mut standing: Vec<(u64, ApplicationKey, u64)> = Vec::new();
    for (shard, known) in &memory.shards {
        for (ordinal, progress) in &known.applications {
            let key = ApplicationKey {
                shard: *shard,
                ordinal: *ordinal,
            };
            let behind = behind(progress);
            if behind > 0 {
                standing.push((behind, key, progress.lagging.len() as u64));
            }
        }
    }
    let count = standing.len() as u64;
    standing.sort_by_key(|(behind, key, _)| (core::cmp::Reverse(*behind), *key));
    standing.truncate(limits::STATS_APPLICATIONS_MAX);
    let mut names = std::collections::BTreeMap::new();
    reading.scan(TableName::Applications, ALL, false, |key, row| {
        if let Some(key) = Reader(key).application()
            && standing.iter().any(|(_, listed, _)| *listed == key)
        {
            names.insert(key, rows::application(key, row)?);
        }
        Ok(true)
    })?;
    let listed = standing.into_iter().map(|(events, key, lagging)| {
        let application = names.get(&key);
        BacklogStats {
            id: application.map_or_else(String::new, |known| known.id.to_string()),
            uid: application.and_then(|known| known.uid.as_deref().map(str::to_owned)),
            events,
            lagging_endpoints: lagging,
        }
    });
    Ok((listed.collect(), count))
}

/// Events that some endpoint was not yet tried with.
fn behind(progress: &Standing) -> u64 {
    progress.next_position.since(progress.settled_until())
}
