//! F4: where everything durable lives. One trait, one contract, several stores.
//!
//! A [`Store`] is a synchronous state machine without threads or clocks: the host submits batches
//! and loads in order and calls [`Store::flush`], which completes them in that order. In production
//! the host decides on which thread that happens; the simulator calls it inline and decides when.

pub mod memory;

use thiserror::Error;

use crate::domain::{
    application::ApplicationKey,
    change::{Batch, BatchHandle, Epoch},
    endpoint::Endpoint,
    id::ShardId,
    page::{LoadHandle, Page, PageRequest, ShardState},
};
use std::sync::Arc;

/// A durable store of shards.
///
/// The contract, which `tests/it/store_contract.rs` checks:
///
/// - a batch is applied whole or not at all, in the order submitted, and is durable before
///   [`Completion::Committed`] tells of it;
/// - a batch whose epoch is not the shard's current one changes nothing and fails;
/// - uniqueness and capacity are judged in the commit, change by change, in order;
/// - a load sees every batch submitted before it and shows only durable rows.
pub trait Store {
    /// Takes a shard over: raises its epoch and gives its state.
    ///
    /// # Errors
    /// [`AcquireError`]; the shard stays as it was.
    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError>;

    /// Gives a shard up; batches of its epoch fail from now on.
    fn release(&mut self, shard: ShardId);

    /// Submits a batch; [`Store::flush`] completes it.
    fn submit(&mut self, batch: Box<Batch>);

    /// Asks for a page; [`Store::flush`] completes it.
    fn load(&mut self, load: LoadHandle, request: PageRequest);

    /// Completes what was submitted, in order, and appends it to `done`.
    fn flush(&mut self, done: &mut Vec<Completion>);

    /// Endpoints of an application in the order of their registration, for lists: at most `limit`
    /// from the ordinal `from` on.
    fn endpoints(&self, application: ApplicationKey, from: u32, limit: usize)
    -> Vec<Arc<Endpoint>>;
}

/// What became of something submitted.
#[derive(Debug)]
pub enum Completion {
    /// The batch is durable; its results are filled, its lists empty.
    Committed(Box<Batch>),
    /// The batch failed.
    CommitFailed(ShardId, BatchHandle),
    /// The page asked for.
    Loaded(LoadHandle, Box<Page>),
    /// The page could not be read.
    LoadFailed(LoadHandle),
}

/// Why a shard can't be acquired.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AcquireError {
    /// This store has no such shard; a bug of the caller.
    #[error("the store has no shard {number}")]
    UnknownShard {
        /// Its number.
        number: u16,
    },
}
