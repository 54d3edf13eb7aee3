//! F7: the host of simulation. The engine of production in virtual time, over the memory store or
//! over the embedded store on a simulated disk, with a network that is data: the same seed gives the
//! same run, record by record, on every machine.
//!
//! [`workload`] says what producers ask and when, [`by_hand`] what operators do, [`network`] how receivers answer, [`faults`] what
//! goes wrong besides; [`scenario`] holds all of it, and [`swarm`] draws one from a seed. The world
//! carries the arrows between them and the engine and decides nothing. A witness keeps what the
//! world saw and a ledger what is durable, [`oracle`] judges both, inspections compare the store's
//! lists with them, [`trace`] (of the floor below) hashes everything and [`report`] sums it up.

pub mod again;
pub mod apart;
mod arrivals;
pub mod ask;
mod attempts;
mod besides;
pub mod by_hand;
mod changed;
mod closing;
mod comeback;
mod dues;
pub mod end;
mod errors;
mod evidence;
pub mod expectation;
mod fan_out;
pub mod faults;
pub mod figure;
mod full;
pub mod happened;
mod hosts;
mod inspection;
mod ledger;
mod life;
pub mod logbook;
pub mod measures;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod neighbours;
pub mod network;
pub mod news;
mod numbered;
mod odd_waits;
mod operator;
pub mod oracle;
mod oracles;
mod orderly;
mod otherwise;
pub mod pace;
mod paging;
mod rates;
mod replies;
pub mod report;
mod rerun;
pub mod run;
pub mod scenario;
mod seen;
mod seen_ends;
pub mod sequence;
pub mod shrink;
pub mod simulated_disk;
mod stalls;
mod standing;
mod store_host;
mod stretch;
pub mod swarm;
pub mod traffic;
mod trouble;
mod twice;
pub mod units;
pub mod unlike;
pub mod verdict;
pub mod violation;
mod ways;
pub mod whatif;
pub mod whole;
mod witness;
pub mod workload;
mod world;

pub use crate::journal::trace;

pub use self::{
    faults::Faults,
    report::{Found, Report},
    run::{SimulationError, run, run_heard, run_logged},
    scenario::{Layer, Scenario, ScenarioError},
};
