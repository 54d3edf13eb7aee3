//! The embedded store: one file on a disk, durable before it is told.
//!
//! Everything lies in the B-trees of one redb file. One commit holds an event, what it is unique by
//! and thereby the duty to fan it out; there is no row per delivery but for those that wait. A
//! *group* of batches is one transaction, told of only behind its syncs, of which it needs two. The store is
//! a plain synchronous state machine over a [`Disk`]: production runs it on a thread of
//! its own over a folder, the simulator calls it inline over a disk that loses and tears what was
//! not synced.
//!
//! The files read from the outside in: `disk`, `file` and `caught` (what it stands on), `tables`, `table_name`,
//! `seal`, `keys`, `names`, `rows`, `grown`, `vault`, `endpoint_row`, `lane_row`, `record_row` and `blocks` (how it is laid out), `memory` (what is kept beside it), `group`,
//! `accept`, `apply`, `directory`, `endpoints`, `once`, `resends`, `tasks`, `outbox`, `expunge`, `index` and `buckets` (how it is written), `recovery`, `pages`, `reading`,
//! `shared_file`, `reader` and `listing` (how it is read). `offline`, `overlay`, `check`, `stats`, `backup` and
//! `compact` are about the file of a store that no process has open.

mod apply;
mod attempts;
mod audit;
pub mod backup;
mod blocks;
mod buckets;
mod caught;
pub mod check;
mod circuits;
pub mod compact;
mod copy;
mod deliveries;
mod directory;
pub mod disk;
mod endpoint_row;
mod endpoints;
mod expunge;
mod fault;
pub mod file;
mod group;
mod grown;
mod index;
mod keys;
mod lane_row;
mod listing;
mod memory;
#[cfg(feature = "mutants")]
pub mod mutant;
mod names;
pub mod offline;
mod once;
mod ordered;
mod outbox;
mod overlay;
mod pages;
pub mod probe;
mod reader;
mod reading;
mod record_row;
mod recovery;
mod resends;
mod rows;
mod seal;
mod shared_file;
mod space;
pub mod stats;
mod sweep;
pub mod system_disk;
mod table_name;
mod tables;
mod tasks;
mod vault;

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use self::{
    caught::caught, disk::Disk, fault::Fault, file::OpenError, memory::Memory,
    shared_file::SharedFile, space::Room, tables::Reading, vault::Vault,
};
pub use self::{caught::is_caught, reader::EmbeddedReader, vault::VaultError};
use super::{AcquireError, Completion, ReadThrough, Reads, Store, StoreFailure};
use crate::{
    domain::{
        change::{Batch, Epoch, StoreMode},
        id::ShardId,
        master_key::MasterKey,
        page::{LoadHandle, PageRequest, ShardState},
    },
    limits,
    time::{Now, Span},
};

/// How an [`EmbeddedStore`] keeps and lets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Shards of data in a new file; an old one keeps what it was made with.
    pub data_shards: u16,
    /// A bucket of this many bytes is closed.
    pub bucket_bytes: u64,
    /// A bucket of this age is closed.
    pub bucket_age: Span,
    /// Payloads of ended work are kept this long after their bucket was closed.
    pub payload_age: Span,
    /// Events and attempts of ended work are kept this long after their bucket was closed and last
    /// written.
    pub row_age: Span,
    /// How often it is looked for buckets that may go; one goes at a time.
    pub retain_every: Span,
    /// Room on the disk below which nothing new is taken, at most; a small disk has less.
    pub reserve_bytes: u64,
    /// Attempts of one shard that may be in the journal before the index by endpoint is written.
    pub journal_attempts_max: usize,
    /// Signing secrets are sealed with it when they are written; without one they are written in
    /// the clear.
    pub master_key: Option<MasterKey>,
    /// A mistake that the store makes.
    #[cfg(feature = "mutants")]
    pub mutant: Option<mutant::Mutant>,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            data_shards: limits::DATA_SHARDS,
            bucket_bytes: limits::BUCKET_BYTES,
            bucket_age: Span::from_millis(limits::BUCKET_AGE_MS),
            payload_age: Span::from_millis(limits::PAYLOAD_AGE_MS),
            row_age: Span::from_millis(limits::ROW_AGE_MS),
            retain_every: Span::from_millis(limits::RETAIN_EVERY_MS),
            reserve_bytes: limits::RESERVE_BYTES_MAX,
            journal_attempts_max: limits::JOURNAL_ATTEMPTS_MAX,
            master_key: None,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

/// A store in one file of a disk; see the module's page.
#[derive(Debug)]
pub struct EmbeddedStore {
    disk: Arc<dyn Disk>,
    options: EmbeddedOptions,
    file: SharedFile,
    data_shards: u16,
    memory: Memory,
    submitted: VecDeque<Submitted>,
    room: Room,
    failure: Option<StoreFailure>,
}

/// Something that waits for the next flush.
#[derive(Debug)]
enum Submitted {
    Batch(Box<Batch>),
    Load(LoadHandle, PageRequest),
}

impl EmbeddedStore {
    /// Opens the store of a disk, or makes one. What a crash left behind is put right here.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(disk: Arc<dyn Disk>, options: EmbeddedOptions) -> Result<Self, OpenError> {
        #[cfg(feature = "mutants")]
        let disk = mutant::disk(disk, options.mutant);
        let vault = Arc::new(Vault::new(options.master_key.as_ref())?);
        let opened = file::open(&*disk, options.data_shards)?;
        let file = SharedFile(Arc::new(RwLock::new(Some(opened.database))), vault);
        file.read(endpoints::unlock).map_err(file::damaged)??;
        let memory = file.read(Memory::read).map_err(file::damaged)?;
        let mut store = Self {
            disk,
            options,
            file,
            data_shards: opened.data_shards,
            memory,
            submitted: VecDeque::new(),
            room: Room::default(),
            failure: None,
        };
        #[cfg(feature = "mutants")]
        store.mistake_at_start().map_err(file::damaged)?;
        for number in 0..=store.data_shards {
            store.memory.shards.entry(ShardId::new(number)).or_default();
        }
        Ok(store)
    }

    /// The last pair of times that was written; `None` in a new store. Steady time goes on from
    /// there.
    #[must_use]
    pub const fn last_clock(&self) -> Option<Now> {
        self.memory.clock
    }

    /// Reads lists and history, on any thread.
    #[must_use]
    pub fn reader(&self) -> EmbeddedReader {
        EmbeddedReader::new(self.file.clone())
    }

    /// Commits all batches that were submitted as one group.
    fn commit(&mut self, batches: &mut [Box<Batch>]) -> Result<group::Applied, Fault> {
        let file = self.file.0.read().unwrap_or_else(PoisonError::into_inner);
        let database = file.as_ref().ok_or_else(Fault::closed)?.database()?;
        let vault = &self.file.1;
        caught(|| group::commit(database, vault, &mut self.memory, &self.options, batches))
    }

    /// Closes the file and opens it again, as after a crash. The shards of the failed group must be
    /// acquired anew; what the others stand on is durable, so they go on.
    fn reopen(&mut self, failed: &[Box<Batch>]) -> Result<(), Fault> {
        let mut file = self.file.0.write().unwrap_or_else(PoisonError::into_inner);
        drop(file.take());
        let opened = file::reopen(&*self.disk)?;
        let database = opened.database.database()?;
        let memory = caught(|| Memory::read(&mut Reading::new(database)?))?;
        *file = Some(opened.database);
        drop(file);
        let before = core::mem::replace(&mut self.memory, memory);
        #[cfg(feature = "mutants")]
        {
            self.memory.mutant = self.options.mutant;
        }
        for (shard, known) in before.shards {
            // Epochs that were given out and not written must not be given out again.
            let again = self.memory.shards.entry(shard).or_default();
            again.epoch = again.epoch.max(known.epoch);
            let has_failed = failed.iter().any(|batch| batch.shard == shard);
            again.writer = known.writer.filter(|_| !has_failed);
        }
        Ok(())
    }

    /// Commits the batches of a flush and says what became of them; `None` where the disk was full.
    fn commit_or_reopen(
        &mut self,
        batches: &mut [Box<Batch>],
    ) -> Result<Option<group::Applied>, StoreFailure> {
        if batches.is_empty() {
            return Ok(Some(Vec::new()));
        }
        match self.commit(batches) {
            Ok(applied) => Ok(Some(applied)),
            Err(fault) if fault.is_full() => {
                self.reopen(batches)?;
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Refuses everything from now on.
    fn fail(&mut self, failure: StoreFailure) -> StoreFailure {
        self.failure.get_or_insert(failure).clone()
    }
}

/// Whoever holds the store reads it as others do.
impl ReadThrough for EmbeddedStore {
    fn read_through<T>(&self, look: impl FnOnce(&dyn Reads) -> T) -> T {
        look(&self.reader())
    }
}

impl Store for EmbeddedStore {
    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        let number = shard.number();
        if number > self.data_shards {
            return Err(AcquireError::UnknownShard { number });
        }
        let known = self.memory.shards.entry(shard).or_default();
        known.epoch = Epoch::new(known.epoch.number() + 1);
        known.writer = Some(known.epoch);
        let epoch = known.epoch;
        // The epoch is written with its first batch: until then nothing durable bears it.
        let memory = &self.memory;
        let read = self
            .file
            .read(|reading| recovery::state(reading, memory, shard));
        let state = read.map_err(|fault| AcquireError::Read(fault.into()))?;
        Ok((epoch, state))
    }

    fn release(&mut self, shard: ShardId) {
        if let Some(known) = self.memory.shards.get_mut(&shard) {
            known.writer = None;
        }
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.submitted.push_back(Submitted::Batch(batch));
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.submitted.push_back(Submitted::Load(load, request));
    }

    fn flush(&mut self, done: &mut Vec<Completion>) -> Result<(), StoreFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let submitted = core::mem::take(&mut self.submitted);
        let is_idle = submitted.is_empty();
        if is_idle && self.room.mode == StoreMode::Normal {
            return Ok(());
        }
        let mut batches = Vec::new();
        let mut order = Vec::with_capacity(submitted.len());
        for one in submitted {
            match one {
                Submitted::Batch(batch) => {
                    batches.push(batch);
                    order.push(None);
                }
                Submitted::Load(load, request) => order.push(Some((load, request))),
            }
        }
        let applied = self
            .commit_or_reopen(&mut batches)
            .map_err(|failure| self.fail(failure))?;
        let is_full = applied.is_none();
        let mut batches = batches.into_iter();
        let mut applied = applied.unwrap_or_default().into_iter();
        for one in order {
            match one {
                Some((load, request)) => done.push(self.page(load, request)),
                None => {
                    if let Some(batch) = batches.next() {
                        let taken = applied.next().unwrap_or(false);
                        done.push(told(batch, taken));
                    }
                }
            }
        }
        self.look_at_space(is_full, is_idle, done);
        Ok(())
    }

    fn data_shards(&self) -> u16 {
        self.data_shards
    }
}

impl EmbeddedStore {
    /// Reads a page, behind everything that was committed.
    fn page(&self, load: LoadHandle, request: PageRequest) -> Completion {
        let memory = &self.memory;
        let page = self
            .file
            .read(|reading| pages::page(reading, memory, request));
        page.map_or(Completion::LoadFailed(load), |page| {
            Completion::Loaded(load, Box::new(page))
        })
    }
}

/// What became of a batch.
fn told(batch: Box<Batch>, taken: bool) -> Completion {
    if taken {
        Completion::Committed(batch)
    } else {
        Completion::CommitFailed(batch.shard, batch.handle)
    }
}
