//! F7: the host of simulation. The engine and the memory store of production, in virtual time, with
//! a network that is data: the same seed gives the same run, record by record, on every machine.
//!
//! [`workload`] says what producers ask and when, [`network`] how receivers answer, [`scenario`]
//! what goes wrong besides; the world carries the arrows between them and the engine and decides
//! nothing. A witness keeps what the world saw, [`oracle`] judges it, [`trace`] hashes it and
//! [`report`] sums it up.

mod closing;
mod disk;
pub mod network;
pub mod oracle;
pub mod report;
pub mod run;
pub mod scenario;
pub mod simulated_disk;
pub mod trace;
mod witness;
pub mod workload;
mod world;

pub use self::{
    report::Report,
    run::{SimulationError, run},
    scenario::{Faults, Scenario, ScenarioError},
};
