//! F4: how an attempt goes out and what it meets. A [`Transport`] answers every request with an
//! [`Outcome`], never with an error.
//!
//! Production uses [`hyper_transport::HyperTransport`]; how an attempt travels there:
//! `hyper_transport` (start) → `pool` (a kept connection or a new task) → `connection` (the task)
//! → `dial` (resolve, vet, connect, TLS) → `exchange` (one request, one reply) → `reply_body` (what is
//! kept of it) → `outcomes`.

#![expect(
    clippy::disallowed_methods,
    reason = "deadlines of sockets are tokio's; nothing of the engine waits on them"
)]

mod body;
mod classify_error;
mod connection;
mod deadline;
pub mod dial;
mod exchange;
pub mod hyper_transport;
pub mod interfaces;
mod mask;
#[cfg(feature = "mutants")]
pub mod mutant;
mod names;
mod out_of_files;
mod outcomes;
mod pool;
pub mod proxy;
mod reply_body;
mod reply_watch;
mod request;
pub mod resolver;
mod target;
pub mod tls;

use core::task::{Context, Poll};

use crate::domain::{
    attempt::{AttemptHandle, AttemptRequest},
    outcome::Outcome,
};

/// Sends attempts.
///
/// The contract: every started attempt ends in exactly one outcome within its deadline, cancelled
/// and panicked ones too; a transport lives on its cell's thread and starts no thread of its own.
pub trait Transport {
    /// Starts an attempt; the engine's window bounds how many go to one endpoint at once.
    fn start(&mut self, request: AttemptRequest);

    /// Calls an attempt off; it ends with `OutcomeKind::Cancelled` unless it has just ended.
    fn cancel(&mut self, attempt: AttemptHandle);

    /// Moves the outcomes that have come into `done`; pending while there are none.
    fn poll_outcomes(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<(AttemptHandle, Outcome)>,
    ) -> Poll<()>;
}
