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
        change::StoreMode,
        command::{Command, Refusal, Reply},
        id::ShardId,
    },
    engine::{Figures, Stats, pressure::Pressure},
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

/// What is asked for, in the order in which it is refused when there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Attempts of what was accepted long ago: jobs, resends, examples.
    Again,
    /// A new event.
    New,
}

/// What the engine said at the end of its last turn of how full it is.
#[derive(Debug, Default)]
struct Pressed {
    store: StoreMode,
    /// The shards whose pressure is not low.
    shards: Vec<(ShardId, Pressure)>,
}

/// What the cell lets others see of it.
#[derive(Debug, Default)]
pub(super) struct Status {
    readiness: watch::Sender<Readiness>,
    pub(super) default_application: OnceLock<ApplicationKey>,
    pub(super) stats: Mutex<Stats>,
    pub(super) now: Mutex<Now>,
    pressed: Mutex<Pressed>,
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

    /// Takes in how full the engine is: `tell` gives the pressed shards and what the store has room for.
    pub(super) fn press(&self, tell: impl FnOnce(&mut Vec<(ShardId, Pressure)>) -> StoreMode) {
        let mut pressed = self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        pressed.shards.clear();
        pressed.store = tell(&mut pressed.shards);
    }

    /// What the engine would refuse this with, as far as it is known without asking it.
    fn refusal(&self, shard: Option<ShardId>, work: Work, mailbox: Pressure) -> Option<Refusal> {
        let pressed = self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        if pressed.store != StoreMode::Normal {
            return Some(Refusal::DiskFull);
        }
        let of_shard = pressed.shards.iter().find(|(one, _)| Some(*one) == shard);
        let pressure = of_shard.map_or(mailbox, |(_, pressure)| mailbox.max(*pressure));
        let most = match work {
            Work::Again => Pressure::High,
            Work::New => Pressure::Full,
        };
        (pressure >= most).then_some(Refusal::Overloaded)
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

    /// What this would be refused with now, as far as can be told without asking the engine: for
    /// callers that would rather not read what is refused anyhow. `shard` is that of the application;
    /// `None` if it is not there yet.
    #[must_use]
    pub fn early_refusal(&self, shard: Option<ShardId>, work: Work) -> Option<Refusal> {
        self.status.refusal(shard, work, self.mailbox.pressure())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_wait_is_refused_first_and_only_where_the_pressure_is() {
        let status = Status::default();
        let (calm, pressed) = (Some(ShardId::new(1)), Some(ShardId::new(2)));
        let both = |shard, mailbox| {
            [Work::Again, Work::New].map(|work| status.refusal(shard, work, mailbox))
        };
        let overloaded = Some(Refusal::Overloaded);
        assert_eq!(both(pressed, Pressure::Low), [None, None]);
        for (pressure, expected) in [
            (Pressure::High, [overloaded, None]),
            (Pressure::Full, [overloaded, overloaded]),
        ] {
            status.press(|shards| {
                shards.push((ShardId::new(2), pressure));
                StoreMode::Normal
            });
            assert_eq!(both(pressed, Pressure::Low), expected);
            assert_eq!(both(calm, Pressure::Low), [None, None]);
            assert_eq!(both(None, Pressure::Low), [None, None]);
            // Commands that wait for the engine are in the way of all.
            assert_eq!(both(calm, pressure), expected);
        }
        for mode in [StoreMode::Reserve, StoreMode::ReadOnly] {
            status.press(|_| mode);
            assert_eq!(both(calm, Pressure::Low), [Some(Refusal::DiskFull); 2]);
        }
        status.press(|_| StoreMode::Normal);
        assert_eq!(both(pressed, Pressure::Low), [None, None]);
    }
}
