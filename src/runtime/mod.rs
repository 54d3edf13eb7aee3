//! F5: the host of production. It carries the engine's effects to the store, the transport and the
//! callers, and brings back what they say; it decides nothing.
//!
//! A [`cell`] is one thread with one engine, its lanes and its connections. Callers on other
//! threads reach it by a [`handle::Handle`]. [`drive`] is the loop itself, over any clock, store
//! and transport, so that tests run the very same loop in paused time over a transport in memory.

#![expect(
    clippy::disallowed_methods,
    reason = "the host of production reads the clock, asks for randomness and starts the cell's thread"
)]

pub mod cell;
pub mod clock;
pub mod drive;
mod dropped;
pub mod entropy;
pub mod handle;
mod mailbox;
pub mod port;
pub mod recorder;
pub mod recording;
pub mod store_meter;
pub mod store_thread;
