//! The store's one file: a head of our own, then redb's pages.
//!
//! | bytes | what |
//! |---|---|
//! | 0-7 | `fanfare` and a zero |
//! | 8-11 | the format's version, big-endian |
//! | 12-13 | how many data shards there are |
//! | 14-21 | xxh3-64 of the bytes before |
//! | 4096- | redb |
//!
//! The head is read before anything else, so that a newer file is refused untouched. A file comes
//! into being under another name and gets its own only when it is whole, so that a crash at first
//! creation leaves nothing that can't be opened.

use std::{io, sync::Arc};

use redb::{Builder, StorageBackend};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    caught::{Held, caught},
    disk::{Disk, DiskFile, Watched},
    fault::Fault,
    tables,
    vault::VaultError,
};
use crate::limits;

/// The file's name.
pub const FILE: &str = "fanfare.db";
/// Its name until it is whole.
pub(super) const UNFINISHED: &str = "fanfare.db.new";
/// The version of the format that this release writes.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"fanfare\0";
const HEAD_BYTES: u64 = 4_096;
const HEAD_USED: usize = 22;

/// Why a file can't be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A newer release wrote it; it was not touched.
    #[error(
        "the store has format {found} and this release knows up to {FORMAT}: use a newer release; \
         nothing was changed"
    )]
    Newer {
        /// The format it has.
        found: u32,
    },
    /// It is something else, or its beginning is damaged.
    #[error(
        "{FILE} in the data folder is no store of Fanfare's, or its head is damaged: restore a \
         backup or choose another folder with --data-dir"
    )]
    NotAStore,
    /// There is none, where one is needed.
    #[error("there is no {FILE} in the data folder")]
    Missing,
    /// What is sealed in it can't be opened; nothing was changed.
    #[error("the store can't be opened: {0}")]
    Sealed(#[from] VaultError),
    /// It was damaged after it had been written.
    #[error("the store can't be opened: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// The system refuses.
    #[error("the store can't be opened: {0}")]
    Disk(#[from] io::Error),
}

/// One file as redb's storage, behind its head.
#[derive(Debug)]
struct Backend(Arc<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.length()?.saturating_sub(HEAD_BYTES))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset + HEAD_BYTES, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length + HEAD_BYTES)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset + HEAD_BYTES, data)
    }
}

/// An open file.
pub(super) struct OpenFile {
    pub(super) database: Held,
    pub(super) data_shards: u16,
}

/// What is believed of a file before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Every page is compared with its checksum first, which reads the whole file.
    Nothing,
    /// It was shut down or left by a crash as redb leaves it: what the crash may have torn is
    /// compared, the rest when it is read.
    Pages,
}

/// Opens the file, or makes it with that many data shards.
///
/// A file that is read in a moment is compared with its checksums as a whole, so that damage is
/// told before anything is done on its word.
pub(super) fn open(disk: &dyn Disk, data_shards: u16) -> Result<OpenFile, OpenError> {
    if !disk.exists(FILE)? {
        create(disk, data_shards)?;
    }
    if disk.exists(UNFINISHED)? {
        // Of a compaction that a crash ended.
        disk.remove(UNFINISHED)?;
    }
    // Whoever made it may have been killed before its name was durable.
    disk.sync_folder()?;
    let file = disk.open(FILE)?;
    let is_small = file.length()? <= limits::STORE_VERIFIED_BYTES_MAX;
    let trust = if is_small {
        Trust::Nothing
    } else {
        Trust::Pages
    };
    open_file(file, trust)
}

/// Opens it once more, after an error that damages nothing.
pub(super) fn reopen(disk: &dyn Disk) -> Result<OpenFile, OpenError> {
    open_file(disk.open(FILE)?, Trust::Pages)
}

/// Opens a file that is there.
pub(super) fn open_file(file: Arc<dyn DiskFile>, trust: Trust) -> Result<OpenFile, OpenError> {
    let data_shards = read_head(&*file)?;
    if file.length()? == HEAD_BYTES {
        // redb would take this for a new file.
        return Err(damaged(Fault::damaged(
            "the file, which ends behind its head,",
        )));
    }
    Ok(OpenFile {
        database: database(file, trust)?,
        data_shards,
    })
}

/// Makes a file that holds nothing.
fn create(disk: &dyn Disk, data_shards: u16) -> Result<(), OpenError> {
    // What a crash left of an earlier try; nobody was told of anything in it.
    disk.remove(UNFINISHED)?;
    let file = Watched::new(disk.open(UNFINISHED)?);
    let held = begin(Arc::clone(&file), data_shards)?;
    let made = held.database().and_then(tables::create);
    made.map_err(damaged)?;
    drop(held);
    file.finish()?;
    Ok(disk.rename(UNFINISHED, FILE)?)
}

/// Makes an empty file into one with a head and no tables.
pub(super) fn begin(file: Arc<Watched>, data_shards: u16) -> Result<Held, OpenError> {
    file.set_len(HEAD_BYTES)?;
    file.write(0, &head(data_shards))?;
    database(file, Trust::Pages)
}

fn head(data_shards: u16) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_USED);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&FORMAT.to_be_bytes());
    head.extend_from_slice(&data_shards.to_be_bytes());
    let hash = xxh3_64(&head);
    head.extend_from_slice(&hash.to_be_bytes());
    head
}

/// Checks the head and gives the number of data shards.
pub(super) fn read_head(file: &dyn DiskFile) -> Result<u16, OpenError> {
    if file.length()? < HEAD_BYTES {
        return Err(OpenError::NotAStore);
    }
    let mut head = [0; HEAD_USED];
    file.read(0, &mut head)?;
    let [magic @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &head;
    let [.., a, b, c, d, high, low, _, _, _, _, _, _, _, _] = head;
    let (kept, hash) = head.split_at(HEAD_USED - 8);
    if *magic != MAGIC || xxh3_64(kept).to_be_bytes() != *hash {
        return Err(OpenError::NotAStore);
    }
    let found = u32::from_be_bytes([a, b, c, d]);
    if found > FORMAT {
        return Err(OpenError::Newer { found });
    }
    match u16::from_be_bytes([high, low]) {
        0 => Err(OpenError::NotAStore),
        data_shards => Ok(data_shards),
    }
}

/// Opens redb's part.
fn database(file: Arc<dyn DiskFile>, trust: Trust) -> Result<Held, OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(limits::STORE_CACHE_BYTES);
    builder.set_check_integrity_on_open(trust == Trust::Nothing);
    let opened = caught(|| Ok(builder.create_with_backend(Backend(file))?));
    opened.map(Held::new).map_err(damaged)
}

pub(super) fn damaged(fault: Fault) -> OpenError {
    let failure = crate::store::StoreFailure::from(fault);
    OpenError::Damaged {
        reason: failure.reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::system_disk::SystemDisk;

    #[test]
    fn a_newer_file_is_refused_and_not_touched() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = SystemDisk::lock(folder.path()).expect("it is free");
        drop(open(&disk, 4).expect("it is made"));
        assert_eq!(open(&disk, 9).expect("it opens").data_shards, 4);
        let path = disk.path(FILE);
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[11] = 2;
        let hash = xxh3_64(&bytes[..14]).to_be_bytes();
        bytes[14..22].copy_from_slice(&hash);
        std::fs::write(&path, &bytes).expect("writable");
        assert!(matches!(open(&disk, 4), Err(OpenError::Newer { found: 2 })));
        assert_eq!(std::fs::read(&path).expect("readable"), bytes);
    }

    #[test]
    fn what_is_no_store_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = SystemDisk::lock(folder.path()).expect("it is free");
        for content in [Vec::new(), vec![7; 100], vec![7; 10_000]] {
            std::fs::write(disk.path(FILE), &content).expect("writable");
            assert!(matches!(open(&disk, 4), Err(OpenError::NotAStore)));
            assert_eq!(std::fs::read(disk.path(FILE)).expect("readable"), content);
        }
    }
}
