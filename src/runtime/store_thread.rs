//! A store on a thread of its own: the loop hands batches over and goes on, the thread commits
//! whatever has gathered in one group and hands the answers back.
//!
//! Both crossings are a vector behind a mutex, swapped whole, that wakes the other side only when
//! it was empty. While one group is synced the next one gathers, so a busy disk makes groups larger
//! and a lone batch waits for nobody.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures::task::AtomicWaker;

use super::{port::StorePort, store_meter::StoreMeter};
use crate::{
    domain::{
        change::{Batch, Epoch, StoreMode},
        id::ShardId,
        page::{LoadHandle, PageRequest, ShardState},
    },
    limits,
    store::{AcquireError, Completion, Store, StoreFailure},
    time::Span,
};

/// Something for the store to do, in order.
enum Order {
    Acquire(ShardId),
    Release(ShardId),
    Submit(Box<Batch>),
    Load(LoadHandle, PageRequest),
}

/// What the loop and the thread share.
#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    ordered: Condvar,
    answers: Mutex<Answers>,
    acquired: Condvar,
    waker: AtomicWaker,
}

#[derive(Default)]
struct Orders {
    list: Vec<Order>,
    /// The loop is gone: do what is there, then end.
    closed: bool,
}

#[derive(Default)]
struct Answers {
    done: Vec<Completion>,
    acquired: Option<Result<(Epoch, ShardState), AcquireError>>,
    failure: Option<StoreFailure>,
    /// The thread is gone.
    ended: bool,
}

/// The loop's end of a store on a thread of its own.
pub struct StoreThread {
    shared: Arc<Shared>,
    data_shards: u16,
    /// What was submitted in this turn.
    gathered: Vec<Order>,
    thread: Option<JoinHandle<()>>,
    meter: StoreMeter,
}

impl StoreThread {
    /// Starts the thread. The store ends with it, after the loop has let this go.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<S: Store + Send + 'static>(store: S) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let data_shards = store.data_shards();
        let inside = Arc::clone(&shared);
        let meter = StoreMeter::default();
        let counting = meter.clone();
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                // Told in a panic too, so that the loop never waits for a thread that is gone.
                let _ending = Ending(Arc::clone(&inside));
                serve(store, &inside, &counting);
            })?;
        Ok(Self {
            shared,
            data_shards,
            gathered: Vec::new(),
            thread: Some(thread),
            meter,
        })
    }

    /// What counts its commits.
    #[must_use]
    pub fn meter(&self) -> StoreMeter {
        self.meter.clone()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        lock(&self.shared.answers)
    }
}

impl StorePort for StoreThread {
    fn data_shards(&self) -> u16 {
        self.data_shards
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.gathered.push(Order::Acquire(shard));
        self.flush();
        let answers = self.answers();
        let waiting = |answers: &mut Answers| answers.acquired.is_none() && !answers.ended;
        let mut answers = self
            .shared
            .acquired
            .wait_while(answers, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        let failure = answers.failure.clone();
        let gone = failure.unwrap_or_else(ended_unexpectedly);
        answers.acquired.take().unwrap_or(Err(gone.into()))
    }

    fn release(&mut self, shard: ShardId) {
        self.gathered.push(Order::Release(shard));
    }

    fn submit(&mut self, batch: Box<Batch>) {
        self.gathered.push(Order::Submit(batch));
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.gathered.push(Order::Load(load, request));
    }

    fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let mut orders = lock(&self.shared.orders);
        let was_empty = orders.list.is_empty();
        orders.list.append(&mut self.gathered);
        drop(orders);
        if was_empty {
            self.shared.ordered.notify_one();
        }
    }

    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        self.shared.waker.register(context.waker());
        let mut answers = self.answers();
        if !answers.done.is_empty() {
            done.append(&mut answers.done);
            return Poll::Ready(Ok(()));
        }
        if let Some(failure) = answers.failure.clone() {
            return Poll::Ready(Err(failure));
        }
        if answers.ended {
            return Poll::Ready(Err(ended_unexpectedly()));
        }
        Poll::Pending
    }
}

impl Drop for StoreThread {
    /// Waits until what was handed over is done and the store is closed.
    fn drop(&mut self) {
        lock(&self.shared.orders).closed = true;
        self.shared.ordered.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic was told where it happened.
            drop(thread.join());
        }
    }
}

/// Tells the loop that the thread is gone.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        lock(&self.0.answers).ended = true;
        self.0.acquired.notify_all();
        self.0.waker.wake();
    }
}

fn ended_unexpectedly() -> StoreFailure {
    StoreFailure {
        reason: "its thread ended unexpectedly; this is a bug, its message stands above".to_owned(),
    }
}

/// The thread: group after group, until the loop is gone or the store has failed.
fn serve<S: Store>(mut store: S, shared: &Shared, meter: &StoreMeter) {
    let mut orders = Vec::new();
    let mut done = Vec::new();
    let mut mode = StoreMode::Normal;
    let mut last_sync: Option<Instant> = None;
    while next_orders(shared, &mut orders, mode, last_sync) {
        let mut batches = 0;
        for order in orders.drain(..) {
            match order {
                Order::Acquire(shard) => {
                    let acquired = store.acquire(shard);
                    lock(&shared.answers).acquired = Some(acquired);
                    shared.acquired.notify_all();
                }
                Order::Release(shard) => store.release(shard),
                Order::Submit(batch) => {
                    batches += 1;
                    store.submit(batch);
                }
                Order::Load(load, request) => store.load(load, request),
            }
        }
        let began = Instant::now();
        let flushed = store.flush(&mut done);
        if batches > 0 {
            let ended = Instant::now();
            last_sync = Some(ended);
            let took = i64::try_from((ended - began).as_micros()).unwrap_or(i64::MAX);
            meter.committed(batches, Span::from_micros(took));
        }
        for completion in &done {
            if let Completion::Mode(now) = completion {
                mode = *now;
            }
        }
        let mut answers = lock(&shared.answers);
        let was_empty = answers.done.is_empty();
        if let Err(failure) = flushed {
            // Nothing of the group is told: it may be durable or not.
            answers.failure = Some(failure);
            drop(answers);
            shared.waker.wake();
            return;
        }
        let has_news = !done.is_empty();
        answers.done.append(&mut done);
        drop(answers);
        if has_news && was_empty {
            shared.waker.wake();
        }
    }
}

/// Waits for something to do and takes all of it; false when there will be nothing more.
///
/// After a sync, the next group is given a moment to gather, unless it was idle for longer.
fn next_orders(
    shared: &Shared,
    list: &mut Vec<Order>,
    mode: StoreMode,
    last_sync: Option<Instant>,
) -> bool {
    let mut orders = lock(&shared.orders);
    loop {
        if !orders.list.is_empty() || orders.closed {
            break;
        }
        if mode == StoreMode::Normal {
            orders = wait(&shared.ordered, orders, None);
        } else {
            // The disk is full: look every now and then whether there is room again.
            let pause = Duration::from_millis(limits::DISK_LOOK_MS);
            orders = wait(&shared.ordered, orders, Some(pause));
            break;
        }
    }
    let pause = Duration::from_micros(limits::GROUP_PAUSE_US);
    let since = last_sync.map_or(pause, |at| at.elapsed());
    if since < pause && !orders.closed {
        orders = wait(&shared.ordered, orders, Some(pause - since));
    }
    core::mem::swap(&mut orders.list, list);
    !(list.is_empty() && orders.closed)
}

fn wait<'lock>(
    ordered: &Condvar,
    orders: MutexGuard<'lock, Orders>,
    longest: Option<Duration>,
) -> MutexGuard<'lock, Orders> {
    match longest {
        None => ordered.wait(orders).unwrap_or_else(PoisonError::into_inner),
        Some(longest) => {
            let waited = ordered.wait_timeout(orders, longest);
            waited.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
