//! What all work on a closed store shares: finding its file, opening it without changing it, telling
//! how far it is.

use core::fmt::Debug;
use std::sync::Arc;

use super::{
    caught::{Held, caught},
    disk::{Disk, DiskFile},
    fault::Fault,
    file::{self, FILE, OpenError, Trust},
    overlay::Overlay,
    tables::Reading,
};

/// A part of long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Pages are compared with their checksums; counted in bytes.
    Pages,
    /// Rows are compared with each other; counted in rows.
    Rows,
    /// The file is copied; counted in bytes.
    Copy,
}

/// Hears how far long work is, often.
pub trait Progress: Debug + Send + Sync {
    /// So much of a step is done.
    fn at(&self, step: Step, done: u64, of: u64);
}

/// Nobody hears.
#[derive(Clone, Copy, Debug)]
pub struct Unseen;

impl Progress for Unseen {
    fn at(&self, _: Step, _: u64, _: u64) {}
}

/// A closed store, opened beside its file: nothing that is done to it changes the file.
pub(super) struct Closed {
    database: Held,
    /// How many shards of data it has.
    pub(super) data_shards: u16,
    /// Length of its file.
    pub(super) file_bytes: u64,
}

impl Closed {
    /// Reads its file.
    pub(super) fn open(
        file: Arc<dyn DiskFile>,
        trust: Trust,
        progress: &Arc<dyn Progress>,
    ) -> Result<Self, OpenError> {
        let file_bytes = file.length()?;
        let overlay = Overlay::new(file, Arc::clone(progress))?;
        let opened = file::open_file(Arc::new(overlay), trust)?;
        Ok(Self {
            database: opened.database,
            data_shards: opened.data_shards,
            file_bytes,
        })
    }

    /// Its tables.
    pub(super) fn reading(&self) -> Result<Reading, Fault> {
        Reading::new(self.database.database()?)
    }

    /// Reads from it; what redb can't bear in a damaged file is a fault.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Self) -> Result<T, Fault>,
    ) -> Result<T, OpenError> {
        caught(|| look(self)).map_err(file::damaged)
    }
}

/// The file of a store that must be there.
pub(super) fn existing(disk: &dyn Disk) -> Result<Arc<dyn DiskFile>, OpenError> {
    if disk.exists(FILE)? {
        Ok(disk.open(FILE)?)
    } else {
        Err(OpenError::Missing)
    }
}
