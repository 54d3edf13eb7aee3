//! `fanfare store check`.

use std::sync::Arc;

use super::{Failure, FolderArguments, Taken, bar::Bar, print, print_json};
use crate::store::embedded::{check, offline::Progress};

/// Tells whether the store is whole.
pub(super) fn check(arguments: &FolderArguments) -> Result<(), Failure> {
    let taken = Taken::take(arguments)?;
    let bar = Bar::new();
    let progress: Arc<dyn Progress> = bar.clone();
    let checked = check::check(&taken.disk, &progress);
    bar.clear();
    let report = checked.map_err(|error| taken.failed(&error))?;
    if arguments.json {
        print_json(&report)?;
    } else if report.is_clean {
        let (rows, bytes) = (report.rows, report.file_bytes);
        print(&format!("clean: {rows} rows, {bytes} bytes\n"))?;
    } else {
        let lines: Vec<String> = report.faults.iter().map(|it| format!("{it}\n")).collect();
        print(&lines.concat())?;
    }
    if report.is_clean {
        return Ok(());
    }
    let count = report.faults_count;
    let faults = if count == 1 { "fault" } else { "faults" };
    Err(Failure::Operation(format!(
        "the store is damaged, {count} {faults}: restore a backup"
    )))
}
