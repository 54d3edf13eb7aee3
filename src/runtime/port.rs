//! The way between a drive loop and its store.
//!
//! A store is a plain state machine that completes what was submitted when it is told to. An
//! [`InlinePort`] tells it at the end of each turn, on the loop's own thread: right for a store that
//! never waits. For one that syncs a disk there is the [`StoreThread`](super::store_thread).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use crate::{
    domain::{
        change::{Batch, Epoch},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    store::{AcquireError, Completion, ReadThrough, Reads, Store, StoreFailure},
};

/// What a drive loop asks of its store. Nothing here waits but [`StorePort::acquire`].
pub trait StorePort {
    /// The shards of data: the numbers from 1 to this one.
    fn data_shards(&self) -> u16;

    /// Takes a shard over; waits for it.
    ///
    /// # Errors
    /// [`AcquireError`]
    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError>;

    /// Gives a shard up.
    fn release(&mut self, shard: ShardId);

    /// Submits a batch.
    fn submit(&mut self, batch: Box<Batch>);

    /// Asks for a page.
    fn load(&mut self, load: LoadHandle, request: PageRequest);

    /// The turn is over: what was submitted goes to the store.
    fn flush(&mut self);

    /// Appends what the store has completed; pending while there is nothing.
    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>>;
}

impl StorePort for Box<dyn StorePort + Send> {
    fn data_shards(&self) -> u16 {
        (**self).data_shards()
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        (**self).acquire(shard)
    }

    fn release(&mut self, shard: ShardId) {
        (**self).release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        (**self).submit(batch);
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        (**self).load(load, request);
    }

    fn flush(&mut self) {
        (**self).flush();
    }

    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        (**self).poll_completions(context, done)
    }
}

/// A store that its loop and the readers of lists share.
///
/// The loop holds the lock once per turn, a reader once per page.
#[derive(Debug)]
pub struct SharedStore<S>(Arc<Mutex<S>>);

impl<S> SharedStore<S> {
    /// Shares a store.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// The store itself, where this is the only share; else nothing.
    #[must_use]
    pub fn into_inner(self) -> Option<S> {
        let inside = Arc::into_inner(self.0)?;
        Some(inside.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The store, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for SharedStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A store that completes everything at the end of the turn, on the loop's thread.
#[derive(Debug)]
pub struct InlinePort<S> {
    store: SharedStore<S>,
    done: Vec<Completion>,
    failure: Option<StoreFailure>,
}

impl<S> InlinePort<S> {
    /// A port to this store.
    #[must_use]
    pub fn new(store: &SharedStore<S>) -> Self {
        Self {
            store: store.clone(),
            done: Vec::new(),
            failure: None,
        }
    }
}

impl<S: Store> StorePort for InlinePort<S> {
    fn data_shards(&self) -> u16 {
        self.store.lock().data_shards()
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.store.lock().acquire(shard)
    }

    fn release(&mut self, shard: ShardId) {
        self.store.lock().release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.store.lock().submit(batch);
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.store.lock().load(load, request);
    }

    fn flush(&mut self) {
        if let Err(failure) = self.store.lock().flush(&mut self.done) {
            self.failure.get_or_insert(failure);
        }
    }

    fn poll_completions(
        &mut self,
        _context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        // Only a flush adds something, and that is done by whoever polls here.
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        if self.done.is_empty() {
            return Poll::Pending;
        }
        done.append(&mut self.done);
        Poll::Ready(Ok(()))
    }
}

impl<S: Reads> ReadThrough for SharedStore<S> {
    fn read_through<T>(&self, look: impl FnOnce(&dyn Reads) -> T) -> T {
        look(&*self.lock())
    }
}
