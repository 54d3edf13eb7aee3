//! F1: the nouns of webhooks as plain data with total functions.
//!
//! Nothing here decides, waits or does I/O. An [`Application`](application::Application) owns
//! [`Endpoint`](endpoint::Endpoint)s; an [`Event`](event::Event) accepted for it becomes one
//! delivery per endpoint that matches; a delivery is tried by attempts, each of which meets an
//! [`Outcome`](outcome::Outcome). What is decided about them leaves as [`Change`](change::Change)s.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod application;
pub mod attempt;
pub mod audit;
pub mod change;
pub mod circuit;
pub mod command;
pub mod delivery;
pub mod endpoint;
pub mod endpoint_url;
pub mod event;
pub mod filter;
pub mod histogram;
pub mod history;
pub mod id;
pub mod master_key;
pub mod observation;
pub mod once;
pub mod ordering;
pub mod outbox;
pub mod outcome;
pub mod page;
pub mod present;
pub mod record;
pub mod secret;
pub mod task;
