//! The handle by which callers on other threads reach a cell.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{oneshot, watch};

use super::mailbox::Mailbox;
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Command, Refusal, Reply},
        endpoint::Endpoint,
    },
    engine::Stats,
    store::Store,
};

/// Whether commands are taken; it only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// Not yet.
    #[default]
    Starting,
    /// Yes.
    Ready,
    /// No more: the process is shutting down.
    Draining,
}

/// A store that the cell and the readers of lists share.
///
/// The cell holds the lock once per turn, a reader once per page.
#[derive(Debug)]
pub struct SharedStore<S>(Arc<Mutex<S>>);

impl<S> SharedStore<S> {
    /// Shares a store.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(Mutex::new(store)))
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

/// Reads lists from whatever store there is.
trait Lists: Send + Sync {
    fn endpoints(&self, application: ApplicationKey, from: u32, limit: usize)
    -> Vec<Arc<Endpoint>>;
}

impl<S: Store + Send> Lists for SharedStore<S> {
    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Vec<Arc<Endpoint>> {
        self.lock().endpoints(application, from, limit)
    }
}

/// What the cell lets others see of it.
#[derive(Debug, Default)]
pub(super) struct Status {
    readiness: watch::Sender<Readiness>,
    pub(super) default_application: OnceLock<ApplicationKey>,
    pub(super) stats: Mutex<Stats>,
}

impl Status {
    /// Tells others that commands are taken, or no more; draining is never left again.
    pub(super) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.send_if_modified(|now| {
            let grows = readiness > *now;
            *now = readiness.max(*now);
            grows
        });
    }
}

/// Reaches a cell from any thread; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) status: Arc<Status>,
    lists: Arc<dyn Lists>,
}

impl Handle {
    /// A handle for a cell that is to be driven with this store.
    #[must_use]
    pub fn new<S: Store + Send + 'static>(store: &SharedStore<S>) -> Self {
        Self {
            mailbox: Arc::default(),
            status: Arc::default(),
            lists: Arc::new(store.clone()),
        }
    }

    /// Asks the engine and waits for its answer. Dropping the wait does not take the command back.
    ///
    /// # Errors
    /// The engine's [`Refusal`]; [`Refusal::Unknown`] if the cell ended before it answered.
    pub async fn command(&self, command: Command) -> Reply {
        let (answer, wait) = oneshot::channel();
        self.mailbox.put((command, answer))?;
        wait.await.unwrap_or(Err(Refusal::Unknown))
    }

    /// Whether commands are taken.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        *self.status.readiness.borrow()
    }

    /// Waits until commands are taken, or will never be because a shutdown came first.
    pub async fn started(&self) {
        let mut changes = self.status.readiness.subscribe();
        let started = changes.wait_for(|readiness| *readiness > Readiness::Starting);
        // The sender lives as long as this handle.
        drop(started.await);
    }

    /// The application of the original routes and the generator; `None` while starting.
    #[must_use]
    pub fn default_application(&self) -> Option<ApplicationKey> {
        self.status.default_application.get().copied()
    }

    /// Endpoints of an application in the order of their registration, read from the store: at
    /// most `limit` from the ordinal `from` on.
    #[must_use]
    pub fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Vec<Arc<Endpoint>> {
        self.lists.endpoints(application, from, limit)
    }

    /// What the engine had done at the end of its last turn.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self
            .status
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the cell to shut down: no new commands, no new attempts; what is in flight may end
    /// within `within_ms`, then it is called off.
    pub fn shut_down(&self, within_ms: u64) {
        self.status.set_readiness(Readiness::Draining);
        self.mailbox.shut_down(within_ms);
    }
}
