//! Between the drive loop and its store: groups take time here, and what is written and told passes
//! by the witness. It stands where the thread of the store stands in production.

use core::{
    pin::Pin,
    task::{Context, Poll},
};
use std::{collections::BTreeMap, rc::Rc};

use tokio::time::Sleep;

use super::stage::Stage;
use crate::{
    domain::{
        change::{Batch, Epoch},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    engine::io::Input,
    runtime::port::{SharedStore, StorePort},
    sim::store_host::Flushed,
    store::{
        AcquireError, Completion, ReadThrough, Reads, Store, StoreFailure, embedded::EmbeddedStore,
    },
    time::Timestamp,
};

/// The way to the store of one life of the process.
pub(super) struct SimulatedPort {
    stage: Rc<Stage>,
    /// When the next group begins.
    begins_at: Option<Timestamp>,
    /// What the loop hears, by the time at which it does; in order where times are equal.
    told: BTreeMap<(Timestamp, u64), Input>,
    told_count: u64,
    failure: Option<StoreFailure>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl SimulatedPort {
    /// The way to a store that is open.
    pub(super) fn new(stage: &Rc<Stage>, store: Hosted) -> Self {
        let mut host = stage.host.borrow_mut();
        host.close();
        host.host(Box::new(store), &stage.disk);
        drop(host);
        Self {
            stage: Rc::clone(stage),
            begins_at: None,
            told: BTreeMap::new(),
            told_count: 0,
            failure: None,
            sleep: None,
        }
    }

    /// Begins the group that is due and lets its news come when they are.
    fn begin(&mut self) {
        let now = self.stage.moment();
        let flushed = {
            let mut witness = self.stage.witness.borrow_mut();
            self.stage.host.borrow_mut().flush(now, &mut witness)
        };
        match flushed {
            Flushed::Told(told) => {
                for (at, input) in told {
                    self.told_count += 1;
                    self.told.insert((at, self.told_count), input);
                }
            }
            Flushed::Ended => {
                let reason = self.stage.witness.borrow().failure.clone();
                self.failure = reason.map(|reason| StoreFailure { reason });
                // With a failure the loop ends by itself.
                if self.failure.is_none() {
                    // A group that is durable on a disk that lives, and nobody hears of it.
                    let untold = u64::from(!self.stage.disk.is_dead());
                    self.stage.witness.borrow_mut().happened.died_untold += untold;
                    self.stage.crash.notify_one();
                }
            }
        }
    }

    /// Plans the next group, if something waits for it.
    fn plan(&mut self) {
        if let Some(at) = self.stage.host.borrow_mut().plan(self.stage.real()) {
            self.begins_at = Some(at);
        }
    }

    /// Does everything that is due and appends what is to be heard now.
    fn advance(&mut self, done: &mut Vec<Completion>) {
        let now = self.stage.real();
        while self.begins_at.is_some_and(|at| at <= now) {
            self.begins_at = None;
            self.begin();
            self.plan();
        }
        while let Some(entry) = self.told.first_entry()
            && entry.key().0 <= now
        {
            let input = entry.remove();
            self.stage.tell(|trace| trace.input(&input));
            if let Some(completion) = self.completion(input) {
                done.push(completion);
            }
        }
    }

    fn completion(&self, input: Input) -> Option<Completion> {
        Some(match input {
            Input::Committed(batch) => Completion::Committed(batch),
            Input::CommitFailed(shard, handle) => Completion::CommitFailed(shard, handle),
            Input::Loaded(load, page) => Completion::Loaded(load, page),
            Input::LoadFailed(load) => Completion::LoadFailed(load),
            Input::StoreMode(mode) => {
                let mut witness = self.stage.witness.borrow_mut();
                witness.mode_changed(mode, self.stage.moment());
                Completion::Mode(mode)
            }
            // A store tells of nothing else.
            _ => return None,
        })
    }

    /// The next time at which something is due.
    fn next(&self) -> Option<Timestamp> {
        let told = self.told.first_key_value().map(|((at, _), _)| *at);
        [self.begins_at, told].into_iter().flatten().min()
    }
}

impl StorePort for SimulatedPort {
    fn data_shards(&self) -> u16 {
        self.stage.host.borrow().data_shards()
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        let acquired = self.stage.host.borrow_mut().acquire(shard);
        let gone = || StoreFailure {
            reason: "the process is gone".to_owned(),
        };
        let (epoch, state) = acquired.unwrap_or_else(|| Err(gone().into()))?;
        self.stage.witness.borrow_mut().ready(self.stage.moment());
        Ok((epoch, state))
    }

    fn release(&mut self, shard: ShardId) {
        let mut witness = self.stage.witness.borrow_mut();
        witness.lost_shard(shard, self.stage.moment());
        self.stage.host.borrow_mut().release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.stage.tell(|trace| trace.commit(&batch));
        self.stage.host.borrow_mut().submit(batch);
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        let mut witness = self.stage.witness.borrow_mut();
        self.stage
            .host
            .borrow_mut()
            .load(load, request, &mut witness);
    }

    fn flush(&mut self) {
        self.plan();
    }

    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        loop {
            let before = done.len();
            self.advance(done);
            if done.len() > before {
                return Poll::Ready(Ok(()));
            }
            if let Some(failure) = self.failure.take() {
                return Poll::Ready(Err(failure));
            }
            let Some(next) = self.next() else {
                return Poll::Pending;
            };
            let wait = next.since(self.stage.real()).as_duration();
            let mut sleep = Box::pin(tokio::time::sleep(wait));
            let is_over = sleep.as_mut().poll(context).is_ready();
            self.sleep = Some(sleep);
            if !is_over {
                return Poll::Pending;
            }
        }
    }
}

/// The embedded store, shared by the loop and the routes as their host is.
#[derive(Debug)]
pub(super) struct Hosted(pub(super) SharedStore<EmbeddedStore>);

impl Store for Hosted {
    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.0.lock().acquire(shard)
    }

    fn release(&mut self, shard: ShardId) {
        self.0.lock().release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.0.lock().submit(batch);
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.0.lock().load(load, request);
    }

    fn flush(&mut self, done: &mut Vec<Completion>) -> Result<(), StoreFailure> {
        self.0.lock().flush(done)
    }

    fn data_shards(&self) -> u16 {
        self.0.lock().data_shards()
    }
}

impl ReadThrough for Hosted {
    fn read_through<T>(&self, look: impl FnOnce(&dyn Reads) -> T) -> T {
        self.0.read_through(look)
    }
}

impl Drop for SimulatedPort {
    /// The process is gone, and its store with it.
    fn drop(&mut self) {
        self.stage.host.borrow_mut().close();
    }
}
