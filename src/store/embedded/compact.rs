//! Gives space back: writes what the file of a closed store holds into a new one and puts that in
//! its place. A crash at any point leaves the old file or the new one, each whole.

use std::sync::Arc;

use redb::Durability;

use super::{
    caught::{Held, caught},
    check::check_file,
    disk::{Disk, DiskFile, Watched},
    fault::Fault,
    file::{self, FILE, OpenError, Trust, UNFINISHED, damaged},
    memory::ALL,
    offline::{Closed, Progress, Step, existing},
    tables::{TableName, Writing},
};
use crate::limits;

/// What a compaction gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// Length of the file before, in bytes.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

/// Compacts the file of a disk.
///
/// # Errors
/// [`OpenError`]; the file is as it was then.
pub fn compact(disk: &dyn Disk, progress: &Arc<dyn Progress>) -> Result<Compacted, OpenError> {
    let from = existing(disk)?;
    let bytes_before = from.length()?;
    let written = write_new(disk, from, progress);
    match written {
        Ok(bytes_after) if bytes_after < bytes_before => {
            disk.rename(UNFINISHED, FILE)?;
            disk.sync_folder()?;
            Ok(Compacted {
                bytes_before,
                bytes_after,
            })
        }
        Ok(_) => {
            disk.remove(UNFINISHED)?;
            Ok(Compacted {
                bytes_before,
                bytes_after: bytes_before,
            })
        }
        Err(error) => {
            // What can't be removed either is removed by the next start.
            drop(disk.remove(UNFINISHED));
            Err(error)
        }
    }
}

/// Writes the new file and gives its length.
fn write_new(
    disk: &dyn Disk,
    from: Arc<dyn DiskFile>,
    progress: &Arc<dyn Progress>,
) -> Result<u64, OpenError> {
    // All pages are compared with their checksums: what is damaged must not be made to look whole.
    let closed = Closed::open(from, Trust::Nothing, progress)?;
    disk.remove(UNFINISHED)?;
    let to = Watched::new(disk.open(UNFINISHED)?);
    let mut held = file::begin(Arc::clone(&to), closed.data_shards)?;
    closed.read(|closed| copy_rows(closed, &held, &**progress))?;
    held.compact().map_err(damaged)?;
    drop(held);
    to.finish()?;
    let report = check_file(to.clone(), progress)?;
    match report.faults.into_iter().next() {
        None => Ok(to.length()?),
        Some(reason) => Err(OpenError::Damaged { reason }),
    }
}

/// Rows on their way.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Writes all rows of all tables, in the order of their keys.
fn copy_rows(closed: &Closed, to: &Held, progress: &dyn Progress) -> Result<(), Fault> {
    let mut reading = closed.reading()?;
    let names = reading.tables()?;
    let mut of = 0;
    for name in &names {
        of += reading.size(*name)?.rows;
    }
    let mut done = 0;
    for name in names {
        let mut rows = Rows::new();
        let mut bytes = 0;
        reading.scan(name, ALL, false, |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            bytes += key.len() + value.len();
            done += 1;
            if bytes >= limits::COPY_COMMIT_BYTES {
                write(to, name, &mut rows, Durability::None)?;
                bytes = 0;
                progress.at(Step::Rows, done, of);
            }
            Ok(true)
        })?;
        // A table is made though it may stay empty.
        write(to, name, &mut rows, Durability::None)?;
        progress.at(Step::Rows, done, of);
    }
    // Until here the file has no name, so that nothing need be durable.
    let transaction = to.database()?.begin_write()?;
    Ok(transaction.commit()?)
}

/// Writes rows of a table and lets go of them.
fn write(to: &Held, name: TableName, rows: &mut Rows, durability: Durability) -> Result<(), Fault> {
    let mut transaction = to.database()?.begin_write()?;
    transaction.set_durability(durability)?;
    let mut writing = Writing::new(&transaction);
    writing.table(name)?;
    for (key, value) in rows.drain(..) {
        writing.put(name, &key, &value)?;
    }
    drop(writing);
    Ok(transaction.commit()?)
}

impl Held {
    /// Lets redb give back what it does not need.
    fn compact(&mut self) -> Result<(), Fault> {
        let database = self.database_mut()?;
        caught(|| {
            database.compact()?;
            Ok(())
        })
    }
}
