//! The HTTP face: connections, routes and their answers; no delivery logic.
//!
//! Reading order: [`connections`] takes sockets, as long as there are `places`, and turns them into requests,
//! while `conduct` says how long a client may take and [`held`] how much of bodies there may be; [`router`] finds the
//! route, [`original`] speaks the original server's contract, `v1` is the API, and [`problem`] is the one place that
//! knows what refusals look like. [`backend`] is all that the routes know of the engine, [`catalogue`]
//! what they know of event types, and [`access`] with [`key_ring`] what they know of callers.
//! [`metrics`] tells operators how all of it does.

pub mod access;
pub mod api_key;
pub mod backend;
pub mod capability;
pub mod catalogue;
mod client_address;
mod client_network;
mod conduct;
pub mod connections;
mod guesses;
mod head;
pub mod held;
mod json_scan;
pub mod key_ring;
pub mod metrics;
pub mod original;
mod places;
pub mod problem;
mod request_body;
pub mod router;
pub mod schema;
mod unwanted;
mod v1;
mod watched_stream;

pub use self::v1::{description::text as openapi, in_place, probe};
