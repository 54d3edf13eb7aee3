//! What several themes need.

pub(crate) mod answer;
pub(crate) mod changes;
pub(crate) mod client;
pub(crate) mod described;
pub(crate) mod fake_backend;
pub(crate) mod hostile;
pub(crate) mod memory_transport;
pub(crate) mod open_metrics;
pub(crate) mod process;
pub(crate) mod raw_server;
pub(crate) mod receiver;
pub(crate) mod rig;
pub(crate) mod running;
pub(crate) mod stall;
