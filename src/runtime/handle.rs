//! The handle by which callers on other threads reach a cell.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::mailbox::Mailbox;
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Command, Refusal, Reply},
    },
    engine::{Figures, Stats},
    limits,
    store::Reads,
    time::Now,
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

/// What the cell lets others see of it.
#[derive(Debug, Default)]
pub(super) struct Status {
    readiness: watch::Sender<Readiness>,
    pub(super) default_application: OnceLock<ApplicationKey>,
    pub(super) stats: Mutex<Stats>,
    pub(super) now: Mutex<Now>,
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
    reads: Arc<dyn Reads + Send + Sync>,
}

impl Handle {
    /// A handle for a cell whose store is read by `reads`.
    #[must_use]
    pub fn new(reads: Arc<dyn Reads + Send + Sync>) -> Self {
        Self {
            mailbox: Arc::default(),
            status: Arc::default(),
            reads,
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

    /// Reads lists and history from the store, without the engine.
    #[must_use]
    pub fn reads(&self) -> &(dyn Reads + Send + Sync) {
        &*self.reads
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

    /// What the engine tells an operator: as it stands at the end of its next turn, which comes at
    /// once. `None` if it does not answer in time, or has ended. It looks at each lane, so ask every
    /// few seconds at most.
    pub async fn figures(&self) -> Option<Box<Figures>> {
        let (look, wait) = oneshot::channel();
        self.mailbox.look(look);
        let timeout = Duration::from_millis(limits::LOOK_TIMEOUT_MS);
        tokio::time::timeout(timeout, wait).await.ok()?.ok()
    }

    /// The moment of the last turn; the epoch while starting.
    #[must_use]
    pub fn now(&self) -> Now {
        *self
            .status
            .now
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
