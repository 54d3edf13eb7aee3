//! Whether the file of a closed store is whole: every page fits its checksum, and the rows agree
//! with each other. The file is read and never written, so it can be asked for at any time.
//!
//! What a crash leaves is not damage: the file is looked at as the next start would find it.

mod directory;
mod events;
mod history;
mod waiting;

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    disk::{Disk, DiskFile},
    fault::Fault,
    file::{OpenError, Trust},
    keys::{self, Reader},
    memory::{ALL, Memory},
    offline::{Closed, Progress, Step, existing},
    reading::bucket_at,
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        application::ApplicationKey,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
    },
    limits,
    store::StoreFailure,
};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Whether nothing is wrong.
    pub is_clean: bool,
    /// Length of the file.
    pub file_bytes: u64,
    /// Rows that were compared.
    pub rows: u64,
    /// What is wrong, `limits::CHECK_FAULTS_MAX` at most.
    pub faults: Vec<String>,
    /// How many faults there are.
    pub faults_count: u64,
}

/// Checks the store of a disk.
///
/// # Errors
/// [`OpenError`] if there is no store, it is of a newer release, or it can't be read at all; damage
/// stands in the report.
pub fn check(disk: &dyn Disk, progress: &Arc<dyn Progress>) -> Result<CheckReport, OpenError> {
    check_file(existing(disk)?, progress)
}

/// Checks a file.
pub(super) fn check_file(
    file: Arc<dyn DiskFile>,
    progress: &Arc<dyn Progress>,
) -> Result<CheckReport, OpenError> {
    let file_bytes = file.length()?;
    let compared = Closed::open(file, Trust::Nothing, progress)
        .and_then(|closed| closed.read(|closed| compare(closed, &**progress)));
    match compared {
        Ok((rows, faults)) => Ok(faults.report(file_bytes, rows)),
        Err(OpenError::Damaged { reason }) => {
            let mut faults = Faults::default();
            faults.add(what_of(&reason).to_owned());
            Ok(faults.report(file_bytes, 0))
        }
        Err(other) => Err(other),
    }
}

/// What a fault says without what to do, which is to check.
fn what_of(reason: &str) -> &str {
    reason.split(": see with").next().unwrap_or(reason)
}

/// What is wrong, as far as it is listed.
#[derive(Default)]
struct Faults {
    listed: Vec<String>,
    count: u64,
}

impl Faults {
    fn add(&mut self, fault: String) {
        self.count += 1;
        if self.listed.len() < limits::CHECK_FAULTS_MAX {
            self.listed.push(fault);
        }
    }

    fn report(self, file_bytes: u64, rows: u64) -> CheckReport {
        CheckReport {
            is_clean: self.count == 0,
            file_bytes,
            rows,
            faults: self.listed,
            faults_count: self.count,
        }
    }
}

/// Compares the rows of all tables; how many there are, and what is wrong.
fn compare(closed: &Closed, progress: &dyn Progress) -> Result<(u64, Faults), Fault> {
    let mut reading = closed.reading()?;
    let memory = Memory::read(&mut reading)?;
    let tables = reading.tables()?;
    let mut of = 0;
    for name in &tables {
        of += reading.size(*name)?.rows;
    }
    let mut checker = Checker {
        closed,
        look: reading,
        memory,
        open_rows: BTreeMap::new(),
        waiting: BTreeMap::new(),
        faults: Faults::default(),
        done: 0,
        of,
        progress,
    };
    checker.shards();
    for name in tables {
        checker.table(name)?;
    }
    checker.open_counts();
    Ok((checker.done, checker.faults))
}

/// A check in progress.
struct Checker<'check> {
    closed: &'check Closed,
    /// Where rows that others point to are looked up.
    look: Reading,
    memory: Memory,
    /// Waiting deliveries that were counted, by bucket.
    open_rows: BTreeMap<u32, u64>,
    /// Waiting deliveries by application.
    waiting: BTreeMap<ApplicationKey, u64>,
    faults: Faults,
    done: u64,
    of: u64,
    progress: &'check dyn Progress,
}

impl Checker<'_> {
    /// Something is wrong.
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.add(what.into());
    }

    /// What an operation on a single row found is one fault; the check goes on.
    fn noted<T>(&mut self, found: Result<T, Fault>, place: &str) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(fault) => {
                let reason = StoreFailure::from(fault).reason;
                self.fault(format!("{place}: {}", what_of(&reason)));
                None
            }
        }
    }

    /// Compares the rows of one table with the others.
    fn table(&mut self, name: TableName) -> Result<(), Fault> {
        if let Some(bucket) = name.bucket()
            && !self.memory.buckets.contains_key(&bucket)
        {
            self.fault(format!(
                "table {}: there is no bucket {bucket}",
                name.text()
            ));
        }
        let mut scanning = self.closed.reading()?;
        scanning.scan(name, ALL, false, |key, value| {
            self.done += 1;
            if self.done.is_multiple_of(1_024) {
                self.progress.at(Step::Rows, self.done, self.of);
            }
            let looked = match name {
                // These were read as a whole.
                TableName::State => Ok(()),
                TableName::Applications => self.application(key, value),
                TableName::Records => self.record(key, value),
                TableName::Endpoints => self.endpoint(key, value),
                TableName::Names => self.name(key, value),
                TableName::Spans => self.span(key, value),
                TableName::Open => self.open(key, value),
                TableName::Retry => self.retry(key),
                TableName::Resends => self.resend(key, value),
                TableName::Tasks => self.task(key, value),
                TableName::Outbox => self.outbox(key, value),
                TableName::Lanes => self.lane(key, value),
                TableName::Circuits => self.circuit(key, value),
                TableName::Ordered => self.ordered(key, value),
                TableName::Journal => self.journal(key, value),
                TableName::Heads => self.head(key, value),
                TableName::Events(bucket) => self.event(bucket, key, value),
                TableName::Payloads(bucket) => self.payload(bucket, key),
                TableName::Attempts(bucket) => self.attempts(bucket, key, value),
                TableName::Index(bucket) => self.index(bucket, key, value),
                TableName::Expired(bucket) => self.other_end(bucket, key, value),
                TableName::Audit(bucket) => self.audit(bucket, key, value),
                TableName::Once(_) => self.once(key, value),
            };
            let place = format!("table {}", name.text());
            self.noted(looked, &place);
            Ok(true)
        })?;
        self.progress.at(Step::Rows, self.done, self.of);
        Ok(())
    }

    /// Shards and where their applications stand.
    fn shards(&mut self) {
        let mut found = Vec::new();
        for (shard, known) in &self.memory.shards {
            if shard.number() > self.closed.data_shards {
                found.push(format!("shard {}: there is no such shard", shard.number()));
            }
            for (ordinal, progress) in &known.applications {
                if progress.watermark > progress.next_position {
                    found.push(format!(
                        "application {}/{ordinal}: its watermark {} is beyond its next position {}",
                        shard.number(),
                        progress.watermark.number(),
                        progress.next_position.number(),
                    ));
                }
            }
        }
        for fault in found {
            self.fault(fault);
        }
    }

    /// An id must be one that its shard has given out.
    fn given_out(&mut self, shard: ShardId, id: Id, what: &str) {
        let known = self.memory.shards.get(&shard);
        let last = known.map(|known| known.last_id).unwrap_or_default();
        if id > last {
            let shard = shard.number();
            self.fault(format!(
                "{what}: its id is beyond the last one of shard {shard}"
            ));
        }
    }

    /// The place behind the newest event of an application.
    fn next_position(&self, application: ApplicationKey) -> EventPosition {
        let progress = self.memory.progress_of(application);
        progress.map_or_else(EventPosition::default, |known| known.next_position)
    }

    fn has_endpoint(&mut self, endpoint: EndpointKey) -> Result<bool, Fault> {
        self.look
            .has(TableName::Endpoints, &keys::endpoint(endpoint))
    }

    /// The bucket of an event that exists.
    fn bucket_of_event(
        &mut self,
        application: ApplicationKey,
        position: EventPosition,
    ) -> Result<Option<u32>, Fault> {
        let Some(bucket) = bucket_at(&mut self.look, application, position)? else {
            return Ok(None);
        };
        let key = keys::event(application, position);
        let exists = self.look.has(TableName::Events(bucket), &key)?;
        Ok(exists.then_some(bucket))
    }
}

/// An application for a message.
fn called(application: ApplicationKey) -> String {
    format!(
        "application {}/{}",
        application.shard.number(),
        application.ordinal
    )
}

/// An endpoint for a message.
fn called_endpoint(endpoint: EndpointKey) -> String {
    format!(
        "endpoint {} of {}",
        endpoint.ordinal,
        called(endpoint.application)
    )
}

/// An event for a message.
fn called_event(application: ApplicationKey, position: EventPosition) -> String {
    format!("event {} of {}", position.number(), called(application))
}

/// Reads the key of an event, or what a key begins with.
fn event_key(key: &[u8]) -> Result<(ApplicationKey, EventPosition), Fault> {
    let mut reader = Reader(key);
    let (Some(application), Some(position)) = (reader.application(), reader.position()) else {
        return Err(Fault::damaged("a key"));
    };
    Ok((application, position))
}

/// Reads the key of a delivery.
fn delivery_key(key: &[u8]) -> Result<(EndpointKey, EventPosition), Fault> {
    let (application, position) = event_key(key)?;
    let ordinal = Reader(key.get(14..).unwrap_or_default()).u32();
    let endpoint = EndpointKey {
        application,
        ordinal: ordinal.ok_or_else(|| Fault::damaged("a key"))?,
    };
    Ok((endpoint, position))
}

#[cfg(test)]
mod tests;
