//! The engine's whole contract with the world: [`Input`]s in, [`Effect`]s out.
//!
//! A host works in turns. One turn:
//!
//! 1. take what has arrived, at most `limits::TURN_INPUTS_MAX` inputs;
//! 2. call [`Engine::step`](super::Engine::step) for each, then once with [`Input::TurnEnd`];
//! 3. carry the effects out, in their order;
//! 4. wait until something arrives or [`Engine::next_deadline`](super::Engine::next_deadline)
//!    comes; then the next turn begins, with [`Input::DeadlineReached`] if nothing else woke it.
//!
//! Inputs only fold into state; fan-out, dispatch and recording run at the turn's end. Equal
//! inputs give equal effects, byte for byte. What the host must keep:
//!
//! - batches of a shard commit in the order submitted; when one fails, all later ones fail;
//! - a load sees every batch submitted before it and shows only durable rows;
//! - every [`Effect::Send`] is answered by exactly one [`Input::AttemptDone`];
//! - after [`Effect::ReleaseShard`] it acquires the shard again and says [`Input::ShardAcquired`].

use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        change::{Batch, BatchHandle, Epoch, StoreMode},
        command::{Command, Reply, RequestHandle},
        id::ShardId,
        observation::Observation,
        outcome::Outcome,
        page::{LoadHandle, Page, PageRequest, ShardState},
    },
    time::Timestamp,
};

/// What the world tells the engine.
#[derive(Debug)]
pub enum Input {
    /// A caller asks; answered by exactly one [`Effect::Reply`].
    Command(RequestHandle, Command),
    /// The host owns the shard from now on; the only way to build its state.
    ShardAcquired(ShardId, Epoch, Box<ShardState>),
    /// The host owns the shard no more; its state is forgotten.
    ShardLost(ShardId),
    /// The batch is durable; it comes back with its results, its lists empty.
    Committed(Box<Batch>),
    /// The batch is not durable, or nobody knows; so are all later ones of its shard.
    CommitFailed(ShardId, BatchHandle),
    /// A load has its page.
    Loaded(LoadHandle, Box<Page>),
    /// A load failed; the engine asks again later.
    LoadFailed(LoadHandle),
    /// The store has room for more or for less than before.
    StoreMode(StoreMode),
    /// An attempt has its outcome.
    AttemptDone(AttemptHandle, Outcome),
    /// The deadline came.
    DeadlineReached,
    /// The turn is over: decide.
    TurnEnd,
    /// Take no more commands, start no more attempts; be done by the deadline (steady time).
    Shutdown(Timestamp),
}

/// What the engine asks of the world.
#[derive(Debug)]
pub enum Effect {
    /// Make the batch durable.
    Commit(Box<Batch>),
    /// Load a page.
    Load(LoadHandle, PageRequest),
    /// Send an attempt.
    Send(AttemptRequest),
    /// Call an attempt off; its outcome still comes.
    CancelSend(AttemptHandle),
    /// Answer a caller.
    Reply(RequestHandle, Reply),
    /// Tell whoever listens.
    Notify(Observation),
    /// Give the shard up and acquire it again.
    ReleaseShard(ShardId),
    /// Shutdown is complete: nothing is in flight, everything is durable.
    Stopped,
}

/// An effect is moved several times on its way; it stays within one cache line.
const _: () = assert!(size_of::<Effect>() <= 64);
