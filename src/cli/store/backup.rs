//! `fanfare store backup`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{BackupArguments, Failure, Taken, bar::Bar, print, print_json};
use crate::store::embedded::{
    backup::{self, BackupError},
    offline::Progress,
    system_disk::SystemDisk,
};

/// Copies the store.
pub(super) fn backup(arguments: &BackupArguments) -> Result<(), Failure> {
    let destination = &arguments.destination;
    let Some(name) = destination.file_name().and_then(|name| name.to_str()) else {
        let text = format!("{destination:?} names no file: say which file to make");
        return Err(Failure::Usage(text));
    };
    let folder = match destination.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let taken = Taken::take(&arguments.folder)?;
    let bar = Bar::new();
    let progress: Arc<dyn Progress> = bar.clone();
    let copied = backup::backup(&taken.disk, &SystemDisk::shared(&folder), name, &progress);
    bar.clear();
    let report = copied.map_err(|error| match error {
        BackupError::Open(error) => taken.failed(&error),
        other => Failure::Operation(format!("{destination:?}: {other}")),
    })?;
    if arguments.folder.json {
        return print_json(&report);
    }
    let (rows, bytes) = (report.rows, report.file_bytes);
    print(&format!(
        "{}: {rows} rows, {bytes} bytes, checked\n",
        destination.display()
    ))
}
