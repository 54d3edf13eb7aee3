//! What the routes need of the engine's host, so that they can be tried without one.

use core::future::Future;
use std::sync::Arc;

use crate::{
    domain::{
        application::ApplicationKey,
        command::{Command, Reply},
        endpoint::Endpoint,
    },
    runtime::handle::{Handle, Readiness},
};

/// Takes commands and reads lists; cheap to clone.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Asks the engine and waits for its answer.
    fn command(&self, command: Command) -> impl Future<Output = Reply> + Send;

    /// Whether commands are taken.
    fn readiness(&self) -> Readiness;

    /// The application of the original routes; `None` while starting.
    fn default_application(&self) -> Option<ApplicationKey>;

    /// Endpoints of an application in the order of their registration: at most `limit` from the
    /// ordinal `from` on.
    fn endpoints(&self, application: ApplicationKey, from: u32, limit: usize)
    -> Vec<Arc<Endpoint>>;
}

impl Backend for Handle {
    fn command(&self, command: Command) -> impl Future<Output = Reply> + Send {
        Self::command(self, command)
    }

    fn readiness(&self) -> Readiness {
        Self::readiness(self)
    }

    fn default_application(&self) -> Option<ApplicationKey> {
        Self::default_application(self)
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Vec<Arc<Endpoint>> {
        Self::endpoints(self, application, from, limit)
    }
}
