//! Opens the store that the configuration names, and fastens steady time to it.

use std::{path::Path, sync::Arc};

use super::{data_folder, failure::Failure};
use crate::{
    config::{Config, settings::StoreKind},
    runtime::{
        clock::SystemClock,
        port::{InlinePort, SharedStore, StorePort},
        store_meter::StoreMeter,
        store_thread::StoreThread,
    },
    store::{
        Reads,
        embedded::{EmbeddedOptions, EmbeddedStore, system_disk::SystemDisk},
        memory::MemoryStore,
    },
};

/// An open store.
pub(super) struct Storage {
    /// The engine's way to it.
    pub(super) port: Box<dyn StorePort + Send>,
    /// What lists are read from.
    pub(super) reads: Arc<dyn Reads + Send + Sync>,
    /// Steady time goes on where the store left it.
    pub(super) clock: SystemClock,
    /// What counts its commits.
    pub(super) meter: StoreMeter,
}

impl Storage {
    /// Opens it.
    ///
    /// # Errors
    /// [`Failure::Operation`] if the folder is in use, can't be written or holds something else.
    pub(super) fn open(config: &Config) -> Result<Self, Failure> {
        let given = config.data_dir.as_ref();
        match (config.store, given) {
            (StoreKind::Embedded, Some(folder)) => {
                data_folder::prepare(&folder.path)?;
                embedded(&folder.path, config)
            }
            // The configuration has seen to it that an embedded store has a folder.
            (StoreKind::Embedded, None) | (StoreKind::Memory, _) => {
                if let Some(folder) = given.filter(|folder| folder.is_given) {
                    data_folder::prepare(&folder.path)?;
                }
                Ok(memory())
            }
        }
    }
}

fn memory() -> Storage {
    let store = SharedStore::new(MemoryStore::default());
    Storage {
        port: Box::new(InlinePort::new(&store)),
        reads: Arc::new(store),
        clock: SystemClock::start(),
        meter: StoreMeter::default(),
    }
}

fn embedded(folder: &Path, config: &Config) -> Result<Storage, Failure> {
    let disk = SystemDisk::lock(folder).map_err(failed)?;
    let options = EmbeddedOptions {
        payload_age: config.retention.payload,
        row_age: config.retention.attempt,
        master_key: config.master_key.clone(),
        ..EmbeddedOptions::default()
    };
    let store = EmbeddedStore::open(Arc::new(disk), options).map_err(failed)?;
    let clock = match store.last_clock() {
        None => SystemClock::start(),
        Some(last) => SystemClock::resume(last, config.trust_clock).map_err(failed)?,
    };
    let reads = Arc::new(store.reader());
    let port = StoreThread::start(store);
    let port =
        port.map_err(|error| Failure::Operation(format!("no thread for the store: {error}")))?;
    Ok(Storage {
        meter: port.meter(),
        port: Box::new(port),
        reads,
        clock,
    })
}

fn failed(error: impl core::fmt::Display) -> Failure {
    Failure::Operation(error.to_string())
}
