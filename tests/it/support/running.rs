//! A drive loop in the background of a local set.

use std::sync::Arc;

use fanfare::{
    engine::{Engine, options::Options},
    runtime::{
        clock::Clock,
        drive::{Drive, Observer},
        handle::{Handle, Readiness},
        port::{InlinePort, SharedStore},
    },
    store::memory::MemoryStore,
    transport::Transport,
};
use tokio::task::JoinHandle;

use super::stall::{Stall, StallingPort};

/// Starts the loop over a memory store of its own and waits until it takes commands.
pub(crate) async fn start<C: Clock + 'static, T: Transport + 'static>(
    options: Options,
    clock: C,
    transport: T,
    observe: Option<Observer>,
) -> (Handle, JoinHandle<()>) {
    start_stalling(options, clock, transport, observe, Stall::default()).await
}

/// The same, over a store that may stall.
pub(crate) async fn start_stalling<C: Clock + 'static, T: Transport + 'static>(
    options: Options,
    clock: C,
    transport: T,
    observe: Option<Observer>,
    stall: Stall,
) -> (Handle, JoinHandle<()>) {
    let store = SharedStore::new(MemoryStore::default());
    let handle = Handle::new(Arc::new(store.clone()));
    let drive = Drive::new(
        Engine::new(options),
        clock,
        StallingPort {
            port: InlinePort::new(&store),
            stall,
        },
        transport,
        handle.clone(),
        observe,
    );
    let run = tokio::task::spawn_local(async move { drive.run().await.expect("shards are there") });
    while handle.readiness() != Readiness::Ready {
        tokio::task::yield_now().await;
    }
    (handle, run)
}
