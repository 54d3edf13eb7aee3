//! The layer `full`: everything that ships but sockets, TLS and threads. The drive loop of
//! production, the embedded store on a simulated disk, hyper as a server to the producers and as a
//! client to the receivers, over streams in memory and in tokio's paused time.
//!
//! A process is a `LocalSet`: when it dies, all of its tasks are dropped wherever they are, as the
//! tasks of a killed process are. The disk, the receivers and the producers go on. What happens is
//! seen where it passes: by [`port`] between the loop and its store, by [`tap`] between the loop and
//! its transport, by the [`receivers`] and the [`producers`] at the ends of the wires. The witness
//! and its judgements are those of the other layers.

#![expect(
    clippy::disallowed_methods,
    reason = "time is tokio's here, and tokio's is paused: it moves by what is waited for alone"
)]

mod bad_asks;
mod clock;
mod conduct;
mod exchange;
mod hub;
mod lives;
mod operators;
mod port;
mod process;
mod producers;
mod receipts;
mod receivers;
mod stage;
mod standing_still;
mod stranger;
mod stream;
mod tap;

use std::rc::Rc;

use tokio::{runtime::Builder, task::LocalSet};

use self::stage::Stage;
use super::{
    logbook::SharedLogbook, report::Report, run::SimulationError, scenario::Scenario,
    trace::Listener,
};
use crate::store::embedded::EmbeddedOptions;

/// Runs a scenario of the layer `full` until every delivery has ended.
pub(super) fn run(
    scenario: &Scenario,
    options: &EmbeddedOptions,
    listener: Option<Listener>,
    logbook: Option<SharedLogbook>,
) -> Result<Report, SimulationError> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(SimulationError::Runtime)?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let stage = Rc::new(Stage::new(scenario, listener)?);
        stage.witness.borrow_mut().logbook = logbook;
        lives::play(&stage, options).await
    })
}
