//! A cell: one thread that runs one engine, its lanes and its connections.

use std::{io, sync::Arc, thread};

use thiserror::Error;
use tokio::{sync::oneshot, task::LocalSet};

use super::{
    clock::SystemClock,
    drive::{Drive, DriveError, Observer},
    handle::Handle,
    port::StorePort,
    recorder::Recorder,
    recording::Recording,
};
use crate::{
    domain::observation::Observation,
    engine::{Engine, options::Options},
    store::Reads,
    transport::{Transport, hyper_transport::TransportError},
};

/// Told on the cell's thread whatever the engine observes; it must not block.
pub type SendObserver = Box<dyn FnMut(&Observation) + Send>;

/// Why a cell ended before it was asked to.
#[derive(Debug, Error)]
pub enum CellError {
    /// Its thread or its runtime could not be made.
    #[error("the engine's thread could not be started: {0}")]
    Start(#[source] io::Error),
    /// The store did not give its shards, or failed.
    #[error(transparent)]
    Store(#[from] DriveError),
    /// The transport could not be made.
    #[error("deliveries can't be sent: {0}")]
    Transport(#[from] TransportError),
    /// It panicked; a bug.
    #[error("the engine ended unexpectedly; this is a bug, its message stands above")]
    Panicked,
}

/// A running cell.
pub struct Cell {
    ended: oneshot::Receiver<Result<(), CellError>>,
}

impl Cell {
    /// Starts a cell on a thread of its own. The transport is made there, inside its runtime. What its
    /// engine is told goes into `recording`, if there is one.
    ///
    /// # Errors
    /// [`CellError::Start`] if the system gives no thread.
    pub fn start<P, T>(
        options: Options,
        clock: SystemClock,
        store: P,
        reads: Arc<dyn Reads + Send + Sync>,
        transport: impl FnOnce() -> Result<T, TransportError> + Send + 'static,
        observer: Option<SendObserver>,
        recording: Option<Recording>,
    ) -> Result<(Handle, Self), CellError>
    where
        P: StorePort + Send + 'static,
        T: Transport + 'static,
    {
        let handle = Handle::new(reads);
        let (end, ended) = oneshot::channel();
        let inside = handle.clone();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let result = runtime.map_err(CellError::Start).and_then(|runtime| {
                LocalSet::new().block_on(&runtime, async {
                    let observer = observer.map(|observer| observer as Observer);
                    let engine = Engine::new(options);
                    Drive::new(engine, clock, store, transport()?, inside, observer)
                        .recorded(recording.map(Recorder::new))
                        .run()
                        .await?;
                    Ok(())
                })
            });
            // If nobody waits for the end any more, the process is going away.
            drop(end.send(result));
        };
        thread::Builder::new()
            .name("cell".to_owned())
            .spawn(run)
            .map_err(CellError::Start)?;
        Ok((handle, Self { ended }))
    }

    /// Waits until the cell has ended: after a shutdown, or because it failed.
    ///
    /// # Errors
    /// [`CellError`]
    pub async fn ended(self) -> Result<(), CellError> {
        self.ended.await.unwrap_or(Err(CellError::Panicked))
    }
}
