//! A copy of a closed store's file, under a name of its own only when it is whole and was compared
//! with its checksums.

use std::sync::Arc;

use thiserror::Error;

use super::{
    check::{CheckReport, check_file},
    copy,
    disk::Disk,
    file::OpenError,
    offline::{Progress, existing},
};

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something has the name already; it was not touched.
    #[error("it exists already: choose a name that is free")]
    Taken,
    /// The store can't be read or the copy can't be written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was copied is damaged; there is no copy.
    #[error("the store is damaged, nothing was kept: see with `fanfare store check`: {first}")]
    Damaged {
        /// The first fault that was found.
        first: String,
    },
}

/// Copies the store of a disk into another folder under a name that must be free there.
///
/// # Errors
/// [`BackupError`]; there is no copy then.
pub fn backup(
    store: &dyn Disk,
    destination: &dyn Disk,
    name: &str,
    progress: &Arc<dyn Progress>,
) -> Result<CheckReport, BackupError> {
    let from = existing(store)?;
    if destination.exists(name).map_err(OpenError::from)? {
        return Err(BackupError::Taken);
    }
    let unfinished = format!("{name}.new");
    let done = copied(&*from, destination, (&unfinished, name), progress);
    if done.is_err() {
        // What can't be removed either is no copy: it does not bear the name.
        drop(destination.remove(&unfinished));
    }
    done
}

fn copied(
    from: &dyn super::disk::DiskFile,
    destination: &dyn Disk,
    (unfinished, name): (&str, &str),
    progress: &Arc<dyn Progress>,
) -> Result<CheckReport, BackupError> {
    destination.remove(unfinished).map_err(OpenError::from)?;
    let to = destination.open(unfinished).map_err(OpenError::from)?;
    copy::bytes(from, &*to, &**progress)?;
    let report = check_file(to, progress)?;
    if let Some(first) = report.faults.first() {
        let first = first.clone();
        return Err(BackupError::Damaged { first });
    }
    if destination.exists(name).map_err(OpenError::from)? {
        return Err(BackupError::Taken);
    }
    let named = destination.rename(unfinished, name);
    named.map_err(OpenError::from)?;
    destination.sync_folder().map_err(OpenError::from)?;
    Ok(report)
}
