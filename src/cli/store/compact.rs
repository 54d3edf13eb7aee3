//! `fanfare store compact`.

use std::sync::Arc;

use super::{Failure, FolderArguments, Taken, bar::Bar, print, print_json};
use crate::store::embedded::{compact, offline::Progress};

/// Gives space back.
pub(super) fn compact(arguments: &FolderArguments) -> Result<(), Failure> {
    let taken = Taken::take(arguments)?;
    let bar = Bar::new();
    let progress: Arc<dyn Progress> = bar.clone();
    let compacted = compact::compact(&taken.disk, &progress);
    bar.clear();
    let compacted = compacted.map_err(|error| taken.failed(&error))?;
    if arguments.json {
        return print_json(&compacted);
    }
    let (before, after) = (compacted.bytes_before, compacted.bytes_after);
    let given = before.saturating_sub(after);
    print(&format!(
        "before {before} bytes, after {after} bytes, given back {given} bytes\n"
    ))
}
