//! The disk as the embedded store sees it: named files in one folder. Production has a folder of the
//! system; the simulator has one in memory that loses, tears and refuses.

use core::sync::atomic::{AtomicBool, Ordering};
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

/// A file of which it is known whether a sync of it failed. redb syncs once more when it is closed, and
/// has nobody to tell then; what such a sync was to make durable is lost, though the next one succeeds.
#[derive(Debug)]
pub(super) struct Watched {
    file: Arc<dyn DiskFile>,
    has_failed: AtomicBool,
}

impl Watched {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> Arc<Self> {
        Arc::new(Self {
            file,
            has_failed: AtomicBool::new(false),
        })
    }

    /// Makes everything durable that was written, if every sync before did.
    ///
    /// # Errors
    /// What the system says, now or before.
    pub(super) fn finish(&self) -> io::Result<()> {
        if self.has_failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("the new file was not made durable"));
        }
        self.file.sync()
    }
}

impl DiskFile for Watched {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn sync(&self) -> io::Result<()> {
        let done = self.file.sync();
        if done.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        done
    }
}

/// How much room a disk has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What is left for us.
    pub free: u64,
    /// What there is in all.
    pub total: u64,
}
