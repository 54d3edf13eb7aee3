//! A folder of the system as the store's disk, owned by one process at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate, statvfs};
use thiserror::Error;

use super::disk::{Disk, DiskFile, Space};

/// The file whose lock says that a process uses the folder.
const LOCK: &str = "fanfare.lock";

/// A folder with files, which only we use if it is locked; the lock goes with this value.
#[derive(Debug)]
pub struct SystemDisk {
    folder: PathBuf,
    /// Held for its lock; `None` where others may use the folder, too.
    _lock: Option<File>,
}

/// Why a folder can't be used.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process uses it; the operator's to decide which of them goes.
    #[error(
        "the data folder {folder:?} is in use by another process: stop that one or choose another \
         folder with --data-dir"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It can't be opened or locked.
    #[error("the data folder {folder:?} can't be locked: {error}")]
    Failed {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl SystemDisk {
    /// Takes a folder that exists, for this process alone.
    ///
    /// # Errors
    /// [`LockError`]
    pub fn lock(folder: &Path) -> Result<Self, LockError> {
        let failed = |error| LockError::Failed {
            folder: folder.to_owned(),
            error,
        };
        let lock = open_file(&folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse {
                folder: folder.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// A folder that others use as well, where we only make a file of our own.
    #[must_use]
    pub fn shared(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _lock: None,
        }
    }

    /// Where a file of this name stands.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Disk for SystemDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = open_file(&self.path(name))?;
        // After a failed sync the system may still show what never reached the disk, as clean pages:
        // a start reads what is there. Where it can't be asked for that there is nothing to forget.
        _ = fadvise(&file, 0, None, Advice::DontNeed);
        Ok(Arc::new(SystemFile(file)))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        fs::exists(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn space(&self) -> io::Result<Space> {
        let found = statvfs(&self.folder)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

/// Opens a file for its owner only.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// A file of the system.
#[derive(Debug)]
struct SystemFile(File);

impl DiskFile for SystemFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// A longer file gets its blocks at once where the file system can do that: a disk that is full
    /// says so here, before a commit has begun to write.
    fn set_len(&self, length: u64) -> io::Result<()> {
        let before = self.length()?;
        if let Some(added) = length.checked_sub(before)
            && added > 0
            && added <= ALLOCATED_AT_ONCE_MAX
        {
            match fallocate(&self.0, FallocateFlags::empty(), before, added) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.0.set_len(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// More than this is left to be allocated as it is written, in bytes: the file grows by doubling,
/// and what it may never use must not be taken from others.
const ALLOCATED_AT_ONCE_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = SystemDisk::lock(folder.path()).expect("it is free");
        let second = SystemDisk::lock(folder.path()).expect_err("it is in use");
        assert!(second.to_string().contains("--data-dir"), "{second}");
        drop(first);
        SystemDisk::lock(folder.path()).expect("it is free again");
    }

    #[test]
    fn files_grow_with_zeros_and_keep_what_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = SystemDisk::lock(folder.path()).expect("it is free");
        let file = disk.open("a").expect("it opens");
        file.set_len(10_000).expect("there is room");
        file.write(9_000, b"kept").expect("there is room");
        file.sync().expect("the disk works");
        let mut read = [1; 6];
        file.read(8_999, &mut read).expect("it is that long");
        assert_eq!(&read, b"\0kept\0");
        assert!(file.read(9_999, &mut read).is_err());
        disk.rename("a", "b").expect("it is there");
        disk.sync_folder().expect("the disk works");
        assert!(disk.exists("b").expect("readable") && !disk.exists("a").expect("readable"));
        disk.remove("a").expect("nothing to do");
        assert!(disk.space().expect("known").total > 0);
    }
}
