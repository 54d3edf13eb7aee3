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
            reason: format!(
                "{what} is damaged: restore a backup, or see what can be read with `fanfare store \
                 check`"
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
            reason: error.to_string(),
            is_full,
        }
    }
}

/// Whether this error itself says that the disk is full.
fn is_no_room(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>().or_else(|| {
        // redb's errors don't name their cause as a source.
        let storage = match error.downcast_ref::<redb::CommitError>() {
            Some(redb::CommitError::Storage(storage)) => Some(storage),
            _ => match error.downcast_ref::<redb::TableError>() {
                Some(redb::TableError::Storage(storage)) => Some(storage),
                _ => match error.downcast_ref::<redb::TransactionError>() {
                    Some(redb::TransactionError::Storage(storage)) => Some(storage),
                    _ => error.downcast_ref::<redb::StorageError>(),
                },
            },
        };
        match storage {
            Some(redb::StorageError::Io(io)) => Some(io),
            _ => None,
        }
    });
    io.is_some_and(|io| {
        matches!(
            io.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    })
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
