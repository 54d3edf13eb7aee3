//! A store that commits nothing while it is told to stall.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use fanfare::{
    domain::{
        change::{Batch, Epoch},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    runtime::port::StorePort,
    store::{AcquireError, Completion, StoreFailure},
};

/// Whether the store stalls; clones tell the same one.
#[derive(Clone, Default)]
pub(crate) struct Stall(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    stalls: bool,
    waker: Option<Waker>,
}

impl Stall {
    /// Nothing is committed from now on.
    pub(crate) fn begin(&self) {
        self.0.lock().expect("no panic").stalls = true;
    }

    /// What waits is committed, and what comes then.
    pub(crate) fn end(&self) {
        let mut inside = self.0.lock().expect("no panic");
        inside.stalls = false;
        inside.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// A port whose store may stall.
pub(crate) struct StallingPort<P> {
    /// The port of the store.
    pub(crate) port: P,
    /// Whether it stalls.
    pub(crate) stall: Stall,
}

impl<P: StorePort> StorePort for StallingPort<P> {
    fn data_shards(&self) -> u16 {
        self.port.data_shards()
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.port.acquire(shard)
    }

    fn release(&mut self, shard: ShardId) {
        self.port.release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.port.submit(batch);
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.port.load(load, request);
    }

    fn flush(&mut self) {
        if !self.stall.0.lock().expect("no panic").stalls {
            self.port.flush();
        }
    }

    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        let mut inside = self.stall.0.lock().expect("no panic");
        inside.waker = Some(context.waker().clone());
        if inside.stalls {
            return Poll::Pending;
        }
        drop(inside);
        self.port.flush();
        self.port.poll_completions(context, done)
    }
}
