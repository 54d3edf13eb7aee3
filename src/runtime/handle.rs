//! The handle by which callers on other threads reach a cell.

use std::sync::Arc;

use crate::domain::{
    application::ApplicationKey,
    command::{Command, Refusal, Reply},
    endpoint::Endpoint,
};

/// Whether commands are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// No more: the process is shutting down.
    Draining,
}

/// Reaches a cell from any thread; cheap to clone.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Asks the engine and waits for its answer.
    ///
    /// # Errors
    /// The engine's [`Refusal`].
    pub async fn command(&self, _command: Command) -> Reply {
        Err(Refusal::NotReady)
    }

    /// Whether commands are taken.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::Starting
    }

    /// The application of the original routes and the generator; `None` while starting.
    #[must_use]
    pub fn default_application(&self) -> Option<ApplicationKey> {
        None
    }

    /// Endpoints of an application in the order of their registration, read from the store: at
    /// most `limit` from the ordinal `from` on.
    #[must_use]
    pub fn endpoints(
        &self,
        _application: ApplicationKey,
        _from: u32,
        _limit: usize,
    ) -> Vec<Arc<Endpoint>> {
        Vec::new()
    }
}
