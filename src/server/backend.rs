//! What the routes need of the engine's host, so that they can be tried without one.

use crate::{
    domain::{
        application::ApplicationKey,
        command::{Command, Refusal, Reply},
        id::ShardId,
    },
    engine::Figures,
    runtime::handle::{Handle, Readiness, Work},
    store::Reads,
    time::Now,
};
use core::future::Future;

/// Takes commands and reads lists; cheap to clone.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Asks the engine and waits for its answer.
    fn command(&self, command: Command) -> impl Future<Output = Reply> + Send;

    /// What this would be refused with now, as far as is known without asking the engine.
    fn early_refusal(&self, shard: Option<ShardId>, work: Work) -> Option<Refusal>;

    /// Whether commands are taken.
    fn readiness(&self) -> Readiness;

    /// The application of the original routes; `None` while starting.
    fn default_application(&self) -> Option<ApplicationKey>;

    /// The moment of the engine's last turn: how far wall and steady time are apart.
    fn now(&self) -> Now;

    /// What the engine tells an operator; `None` if it does not answer.
    fn figures(&self) -> impl Future<Output = Option<Box<Figures>>> + Send;

    /// Reads lists and history from the store.
    fn reads(&self) -> &(dyn Reads + Send + Sync);
}

impl Backend for Handle {
    fn command(&self, command: Command) -> impl Future<Output = Reply> + Send {
        Self::command(self, command)
    }

    fn early_refusal(&self, shard: Option<ShardId>, work: Work) -> Option<Refusal> {
        Self::early_refusal(self, shard, work)
    }

    fn readiness(&self) -> Readiness {
        Self::readiness(self)
    }

    fn default_application(&self) -> Option<ApplicationKey> {
        Self::default_application(self)
    }

    fn now(&self) -> Now {
        Self::now(self)
    }

    fn figures(&self) -> impl Future<Output = Option<Box<Figures>>> + Send {
        Self::figures(self)
    }

    fn reads(&self) -> &(dyn Reads + Send + Sync) {
        Self::reads(self)
    }
}
