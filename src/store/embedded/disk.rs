//! The disk as the embedded store sees it: named files in one folder. Production has a folder of the
//! system; the simulator has one in memory that loses, tears and refuses.

use std::{fmt::Debug, io, sync::Arc};

/// A folder with files.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file for reading and writing; makes an empty one if there is none.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Whether there is such a file.
    ///
    /// # Errors
    /// What the system says.
    fn exists(&self, name: &str) -> io::Result<bool>;

    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a file away, if it is there.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self) -> io::Result<()>;

    /// How much room there is.
    ///
    /// # Errors
    /// What the system says.
    fn space(&self) -> io::Result<Space>;
}

/// One file.
pub trait DiskFile: Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says, like all of these.
    fn length(&self) -> io::Result<u64>;

    /// Makes it longer, with zeros, or shorter.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Fills `out` with what stands at `offset`.
    ///
    /// # Errors
    /// What the system says; too short a file too.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `data` at `offset`.
    ///
    /// # Errors
    /// What the system says.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// What the system says; what was written since the last sync may then be lost or not.
    fn sync(&self) -> io::Result<()>;
}

/// How much room a disk has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What is left for us.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}
