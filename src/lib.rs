//! Fanfare takes an event once and delivers it to every endpoint that subscribed: signed, retried,
//! never lost. The whole engine is deterministic, so the code that runs in production also runs in
//! a simulator.
//!
//! The floors, ground first. A module uses only lower floors; `tests/tidy.rs` holds this table.
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | F0 | [`limits`], [`time`], [`random`] | every bound; time and randomness as data |
//! | F1 | [`domain`] | the nouns, plain data |
//! | F2 | [`policy`], [`signing`], [`generator`] | pure judgements and makers |
//! | F3 | [`engine`] | the verbs: ingest → fan_out → schedule → dispatch → settle → record |
//! | F4 | [`store`], [`transport`], [`journal`] | what is durable; what goes out; what happened, as data |
//! | F5 | [`runtime`] | the host of production: drive loop, clock, entropy, shutdown |
//! | F6 | [`server`] | the HTTP face |
//! | F7 | [`sim`] | the host of simulation |
//! | F8 | [`config`] | file, environment and flags made into one valid configuration |
//! | F9 | [`cli`] | the commands |

pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod generator;
pub mod journal;
pub mod limits;
pub mod policy;
pub mod random;
pub mod runtime;
pub mod server;
pub mod signing;
pub mod sim;
pub mod store;
pub mod time;
pub mod transport;
