//! `fanfare store …`: work on the file of a store that no process has open. The work itself is done
//! by `store::embedded`; here are folders, words and progress bars.

mod backup;
mod bar;
mod check;
mod compact;
mod stats;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};

use super::{
    failure::Failure,
    output::{laid_out, print, print_json},
};
use crate::{
    config::{self, environment::Environment, places::read_file},
    store::embedded::{
        file::{FILE, OpenError},
        system_disk::SystemDisk,
    },
};

const EXAMPLES: &str = "\
Examples:
  See whether the store of a stopped server is whole, and what it holds
    fanfare store check
    fanfare store stats

  Copy it, then give space back
    fanfare store backup fanfare-2026-11-26.db
    fanfare store compact

  The same with the store of `fanfare dev`, which is in ./fanfare-data
    fanfare store check --data-dir fanfare-data";

const CHECK_EXAMPLES: &str = "\
Examples:
  Before a start after a disk made trouble
    fanfare store check

  In a script: exit code 0 if it is whole, 1 if not, and what is wrong as JSON
    fanfare store check --data-dir /var/lib/fanfare --json

  The store of `fanfare dev`
    fanfare store check --data-dir fanfare-data";

const STATS_EXAMPLES: &str = "\
Examples:
  What lies in the tables and how far behind which application is
    fanfare store stats

  The largest backlog, by jq
    fanfare store stats --json | jq '.backlogs[0]'";

const BACKUP_EXAMPLES: &str = "\
Examples:
  Copy the store of a stopped server
    fanfare store backup /backup/fanfare-2026-11-26.db

  Bring it back: into an empty data folder, as fanfare.db
    install -d -m 0700 /var/lib/fanfare
    install -m 0600 /backup/fanfare-2026-11-26.db /var/lib/fanfare/fanfare.db";

const COMPACT_EXAMPLES: &str = "\
Examples:
  Give back what retention has freed
    fanfare store compact

  See before and after as JSON
    fanfare store compact --data-dir /var/lib/fanfare --json";

/// Arguments of `fanfare store`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct StoreArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What can be done to a closed store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// See whether the store is whole
    ///
    /// Compares every page with its checksum and the rows with each other. Changes nothing. Exit
    /// code 0 if all is well; 1 if not, with a list of what is wrong.
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(FolderArguments),
    /// Tell what the store holds
    ///
    /// Tables, buckets with their ages as of the last write, applications with a backlog. A table
    /// on a terminal, parted by tabs else. Changes nothing.
    #[command(after_long_help = STATS_EXAMPLES)]
    Stats(FolderArguments),
    /// Copy the store into a new file
    ///
    /// The copy is synced and checked before it gets its name, and an existing file is never
    /// overwritten.
    #[command(after_long_help = BACKUP_EXAMPLES)]
    Backup(BackupArguments),
    /// Give unused space back to the system
    ///
    /// Writes a new file beside the old one, so there must be room for both, checks it and puts it
    /// in the place of the old one. A crash leaves one of the two, whole.
    #[command(after_long_help = COMPACT_EXAMPLES)]
    Compact(FolderArguments),
}

/// Which store, and how to tell.
#[derive(Clone, Debug, Args)]
pub struct FolderArguments {
    /// The folder for data [default: as of serve; dev keeps its own in ./fanfare-data]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file (TOML) [default: ./fanfare.toml and other places, if there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `fanfare store backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// The file to make
    #[arg(value_name = "DEST")]
    pub destination: PathBuf,
    /// Which store.
    #[command(flatten)]
    pub folder: FolderArguments,
}

/// Does it.
pub(super) fn store(arguments: &StoreArguments) -> Result<(), Failure> {
    match &arguments.command {
        StoreCommand::Check(folder) => check::check(folder),
        StoreCommand::Stats(folder) => stats::stats(folder),
        StoreCommand::Backup(arguments) => backup::backup(arguments),
        StoreCommand::Compact(folder) => compact::compact(folder),
    }
}

/// A store that this process alone may use.
struct Taken {
    folder: PathBuf,
    disk: SystemDisk,
}

impl Taken {
    /// Takes the store that the arguments name.
    fn take(arguments: &FolderArguments) -> Result<Self, Failure> {
        let folder = config::data_folder(
            arguments.data_dir.clone(),
            arguments.config.as_deref(),
            &Environment::of_process(),
            &read_file,
        )?;
        // Before the lock, so that nothing is made in a folder that has nothing to do with us.
        match fs::exists(folder.join(FILE)) {
            Ok(true) => {}
            Ok(false) => return Err(missing(&folder)),
            Err(error) => {
                let text = format!("the data folder {folder:?} can't be read: {error}");
                return Err(Failure::Operation(text));
            }
        }
        let disk = SystemDisk::lock(&folder);
        let disk = disk.map_err(|error| Failure::Operation(error.to_string()))?;
        Ok(Self { folder, disk })
    }

    /// Why nothing came of it.
    fn failed(&self, error: &OpenError) -> Failure {
        match error {
            OpenError::Missing => missing(&self.folder),
            other => Failure::Operation(format!("{:?}: {other}", self.folder.join(FILE))),
        }
    }
}

fn missing(folder: &std::path::Path) -> Failure {
    Failure::Operation(format!(
        "there is no {FILE} in the data folder {folder:?}: name the folder with --data-dir \
         (`fanfare dev` keeps its own in ./fanfare-data)"
    ))
}
