//! The memory store: the reference that every other store is compared with, and the store of
//! `--store memory` and of core simulations. What it holds is gone with the process.
//!
//! Shard 0 is the directory, shard 1 holds endpoints and events. Everything stands in ordered maps,
//! so two stores that were told the same hold the same, in the same order. Events that are still
//! open are never forgotten; ended ones are kept as far as [`MemoryOptions`] has room.

mod attempts;
mod audit;
mod data;
mod directory;
mod endpoint_changes;
mod endpoint_rows;
mod event_log;
mod expunge;
mod history;
mod lists;
mod once;
mod outbox;
mod reads;
mod retention;
mod tasks;

use std::{collections::VecDeque, sync::Arc};

use self::{data::DataShard, directory::Directory};
use super::{AcquireError, Completion, Store, StoreFailure};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptRecord,
        change::{Batch, Epoch},
        delivery::DeliveryState,
        endpoint::EndpointKey,
        event::{Event, EventPosition},
        id::ShardId,
        page::{LoadHandle, Page, PageRequest, ShardState},
    },
    limits,
};

/// The shard of endpoints and events.
pub const DATA_SHARD: ShardId = ShardId::new(1);

/// How much a [`MemoryStore`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Ended events that are kept; as many open ones fill the store.
    pub events_max: usize,
    /// Attempt records of ended events that are kept.
    pub attempts_max: usize,
    /// Bytes of payloads and reply bodies that are kept; open events with as many fill the store.
    pub bytes_max: usize,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            events_max: limits::MEMORY_STORE_EVENTS_MAX,
            attempts_max: limits::MEMORY_STORE_ATTEMPTS_MAX,
            bytes_max: limits::MEMORY_STORE_BYTES_MAX,
        }
    }
}

/// How much is kept at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What belongs to events with unfinished deliveries.
    pub open: Volume,
    /// What belongs to events whose deliveries have all ended.
    pub ended: Volume,
    /// Rows of open deliveries.
    pub open_rows: usize,
    /// Rows of lagging lanes.
    pub lanes: usize,
}

/// An amount of events and what hangs on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Events.
    pub events: usize,
    /// Attempt records.
    pub attempts: usize,
    /// Bytes of payloads and reply bodies.
    pub bytes: usize,
}

/// A store in memory; see the module's page.
#[derive(Debug)]
pub struct MemoryStore {
    directory: Directory,
    directory_owner: Ownership,
    data: DataShard,
    data_owner: Ownership,
    submitted: VecDeque<Submitted>,
}

/// Something that waits for the next flush.
#[derive(Debug)]
enum Submitted {
    Batch(Box<Batch>),
    Load(LoadHandle, PageRequest),
}

/// Who may write to a shard.
#[derive(Debug, Default)]
struct Ownership {
    /// The last epoch that was given out.
    last: Epoch,
    /// The epoch whose batches are taken; `None` when the shard was given up or a batch failed.
    writer: Option<Epoch>,
}

impl Ownership {
    /// Gives out the next epoch; all earlier ones end.
    fn acquire(&mut self) -> Epoch {
        self.last = Epoch::new(self.last.number() + 1);
        self.writer = Some(self.last);
        self.last
    }

    /// Whether batches of `epoch` are taken.
    fn allows(&self, epoch: Epoch) -> bool {
        self.writer == Some(epoch)
    }

    /// Ends `epoch`; a younger one stays.
    fn end(&mut self, epoch: Epoch) {
        if self.allows(epoch) {
            self.writer = None;
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(options: MemoryOptions) -> Self {
        Self {
            directory: Directory::default(),
            directory_owner: Ownership::default(),
            data: DataShard::new(options),
            data_owner: Ownership::default(),
            submitted: VecDeque::new(),
        }
    }

    /// The state of a delivery; `None` if there is none or its event was forgotten.
    #[must_use]
    pub fn delivery(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Option<DeliveryState> {
        self.data.delivery(endpoint, position)
    }

    /// The attempts of an event in the order of their ids; none if it was forgotten.
    #[must_use]
    pub fn attempts(
        &self,
        application: ApplicationKey,
        position: EventPosition,
    ) -> &[AttemptRecord] {
        self.data.attempts(application, position)
    }

    /// An event, unless it was forgotten or never written.
    #[must_use]
    pub fn event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
    ) -> Option<&Arc<Event>> {
        self.data.event(application, position)
    }

    /// How much is kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.data.counts()
    }

    /// Who may write to `shard`; `None` if there is no such shard.
    fn owner(&mut self, shard: ShardId) -> Option<&mut Ownership> {
        match shard {
            ShardId::DIRECTORY => Some(&mut self.directory_owner),
            DATA_SHARD => Some(&mut self.data_owner),
            _ => None,
        }
    }

    /// Applies a batch whole, or not at all.
    fn commit(&mut self, mut batch: Box<Batch>) -> Completion {
        let (shard, epoch) = (batch.shard, batch.epoch);
        let allowed = self.owner(shard).is_some_and(|owner| owner.allows(epoch));
        batch.results.clear();
        let applied = allowed
            && if shard == ShardId::DIRECTORY {
                self.directory.apply(&mut batch)
            } else {
                self.data.apply(&mut batch)
            };
        if applied {
            return Completion::Committed(batch);
        }
        if let Some(owner) = self.owner(shard) {
            owner.end(epoch);
        }
        Completion::CommitFailed(shard, batch.handle)
    }

    /// Reads a page; `None` if the shard is not one with pages.
    fn page(&self, request: PageRequest) -> Option<Page> {
        match request {
            PageRequest::Events {
                application,
                from,
                limit,
            } => (application.shard == DATA_SHARD)
                .then(|| self.data.events_page(application, from, limit)),
            PageRequest::Open {
                endpoint,
                after,
                limit,
            } => (endpoint.application.shard == DATA_SHARD)
                .then(|| self.data.open_page(endpoint, after, limit)),
            PageRequest::Candidates {
                endpoint,
                from,
                until,
                limit,
            } => (endpoint.application.shard == DATA_SHARD)
                .then(|| Page::Candidates(self.data.candidates(endpoint, (from, until), limit))),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryOptions::default())
    }
}

impl Store for MemoryStore {
    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        let number = shard.number();
        let owner = self.owner(shard);
        let epoch = owner
            .ok_or(AcquireError::UnknownShard { number })?
            .acquire();
        let state = if shard == ShardId::DIRECTORY {
            self.directory.state()
        } else {
            self.data.state()
        };
        Ok((epoch, state))
    }

    fn release(&mut self, shard: ShardId) {
        if let Some(owner) = self.owner(shard) {
            owner.writer = None;
        }
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.submitted.push_back(Submitted::Batch(batch));
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.submitted.push_back(Submitted::Load(load, request));
    }

    fn flush(&mut self, done: &mut Vec<Completion>) -> Result<(), StoreFailure> {
        // As in the embedded store: a group's batches are one commit, and its pages see all of it.
        let mut loads = Vec::new();
        while let Some(submitted) = self.submitted.pop_front() {
            done.push(match submitted {
                Submitted::Batch(batch) => self.commit(batch),
                Submitted::Load(load, request) => {
                    loads.push((done.len(), request));
                    Completion::LoadFailed(load)
                }
            });
        }
        for (place, request) in loads {
            if let (Some(page), Some(completion)) = (self.page(request), done.get_mut(place))
                && let Completion::LoadFailed(load) = *completion
            {
                *completion = Completion::Loaded(load, Box::new(page));
            }
        }
        Ok(())
    }

    fn data_shards(&self) -> u16 {
        DATA_SHARD.number()
    }
}
