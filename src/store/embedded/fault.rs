//! What can go wrong inside the embedded store, before it is told to others.

use std::{error::Error, io};

use crate::store::{ReadError, StoreFailure};

/// A failed operation on the file.
#[derive(Debug)]
pub(super) struct Fault {
    /// For the operator.
    reason: String,
    /// Whether nothing is wrong but that the disk is full.
    is_full: bool,
}

impl Fault {
    /// What stands in the file makes no sense.
    pub(super) fn damaged(what: &str) -> Self {
        Self {
            reason: format!("{what} is damaged: see with `fanfare store check`, restore a backup"),
            is_full: false,
        }
    }

    /// redb met what can't be in a file that is whole.
    pub(super) fn broken(message: &str) -> Self {
        Self {
            reason: format!(
                "the file seems to be damaged ({message}): see with `fanfare store check`, restore \
                 a backup"
            ),
            is_full: false,
        }
    }

    /// The file was closed after a failure.
    pub(super) fn closed() -> Self {
        Self {
            reason: "the store is closed after a failure: start again".to_owned(),
            is_full: false,
        }
    }

    /// Whether nothing is wrong but that the disk is full.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }
}

/// Of any error that a library or the system gave.
impl<E: Error + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        let is_full = {
            let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
            let mut found = false;
            while let Some(inner) = cause {
                found |= is_no_room(inner);
                cause = inner.source();
            }
            found
        };
        Self {
            reason: reason(&error),
            is_full,
        }
    }
}

/// What an error says, on one line, and what to do where the file is to blame.
fn reason(error: &(impl Error + 'static)) -> String {
    let text = error.to_string().replace('\n', " ");
    let is_damaged = match storage(error) {
        Some(redb::StorageError::Corrupted(_)) => true,
        Some(redb::StorageError::Io(io)) => matches!(
            io.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
        ),
        _ => matches!(
            (error as &dyn Error).downcast_ref::<redb::DatabaseError>(),
            Some(redb::DatabaseError::RepairAborted | redb::DatabaseError::UpgradeRequired(_))
        ),
    };
    if is_damaged {
        Fault::broken(&text).reason
    } else {
        text
    }
}

/// Whether this error itself says that the disk is full.
fn is_no_room(error: &(dyn Error + 'static)) -> bool {
    let io = error
        .downcast_ref::<io::Error>()
        .or_else(|| match storage(error) {
            Some(redb::StorageError::Io(io)) => Some(io),
            _ => None,
        });
    io.is_some_and(|io| {
        matches!(
            io.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    })
}

/// What redb says of the storage; its errors don't name their cause as a source.
fn storage<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error redb::StorageError> {
    if let Some(redb::CommitError::Storage(storage)) = error.downcast_ref() {
        return Some(storage);
    }
    if let Some(redb::TableError::Storage(storage)) = error.downcast_ref() {
        return Some(storage);
    }
    if let Some(redb::TransactionError::Storage(storage)) = error.downcast_ref() {
        return Some(storage);
    }
    if let Some(redb::DatabaseError::Storage(storage)) = error.downcast_ref() {
        return Some(storage);
    }
    error.downcast_ref()
}

impl From<Fault> for StoreFailure {
    fn from(fault: Fault) -> Self {
        Self {
            reason: fault.reason,
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self {
            reason: fault.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let error = |kind: io::ErrorKind| redb::StorageError::Io(kind.into());
        let full = redb::CommitError::Storage(error(io::ErrorKind::StorageFull));
        assert!(Fault::from(full).is_full());
        assert!(Fault::from(error(io::ErrorKind::StorageFull)).is_full());
        let broken = redb::TableError::Storage(error(io::ErrorKind::Other));
        assert!(!Fault::from(broken).is_full());
        assert!(!Fault::damaged("a row").is_full());
    }
}
