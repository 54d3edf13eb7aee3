//! F4: where everything durable lives. One trait, one contract, several stores.
//!
//! A [`Store`] is a synchronous state machine without threads or clocks: the host submits batches
//! and loads in order and calls [`Store::flush`], which completes them in that order. In production
//! the host decides on which thread that happens; the simulator calls it inline and decides when.

mod accept;
pub mod embedded;
pub mod memory;
mod read_through;

use std::sync::Arc;

use thiserror::Error;

pub use self::read_through::ReadThrough;

use crate::domain::{
    application::{Application, ApplicationKey},
    audit::AuditEntry,
    change::{Batch, BatchHandle, Epoch, StoreMode},
    delivery::DeliveryState,
    endpoint::{Endpoint, EndpointKey},
    event::EventPosition,
    history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name},
    id::{Id, ShardId},
    page::{LoadHandle, Page, PageRequest, ShardState},
    record::{Record, RecordKind},
    task::{Candidates, Task},
};

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

    /// Completes what was submitted and appends it to `done`, in the order of submission.
    ///
    /// # Errors
    /// [`StoreFailure`]: what was submitted may or may not be durable, nothing of it is told, and
    /// the store takes nothing more. Whoever hosts it stops, and what is durable is found again by
    /// opening it anew.
    fn flush(&mut self, done: &mut Vec<Completion>) -> Result<(), StoreFailure>;

    /// The shards of data: the numbers from 1 to this one.
    fn data_shards(&self) -> u16;
}

/// Reads lists and history, each call as of one moment, without the engine. Only durable rows show.
pub trait Reads {
    /// Lets `look` read as much as it likes as of one moment, which costs less than as many reads of
    /// their own. What is long must not be done meanwhile: what is written now keeps its old room until
    /// `look` is done.
    ///
    /// # Errors
    /// [`ReadError`], and then `look` was not called.
    fn as_of_one_moment(&self, look: &mut dyn FnMut(&dyn Reads)) -> Result<(), ReadError>;

    /// An application by its name.
    ///
    /// # Errors
    /// [`ReadError`], like all of these.
    fn application(&self, name: &Name) -> Result<Option<Arc<Application>>, ReadError>;

    /// Applications.
    ///
    /// # Errors
    /// [`ReadError`]
    fn applications(&self, query: HistoryQuery) -> Result<Vec<Arc<Application>>, ReadError>;

    /// The record of this kind and name.
    ///
    /// # Errors
    /// [`ReadError`]
    fn record(&self, kind: RecordKind, name: &str) -> Result<Option<Arc<Record>>, ReadError>;

    /// All records of a kind, in the order of their names; they are few.
    ///
    /// # Errors
    /// [`ReadError`]
    fn records(&self, kind: RecordKind) -> Result<Vec<Arc<Record>>, ReadError>;

    /// An endpoint of an application by its name.
    ///
    /// # Errors
    /// [`ReadError`]
    fn endpoint(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<Arc<Endpoint>>, ReadError>;

    /// Endpoints of an application in the order of their registration: at most `limit` from the
    /// ordinal `from` on.
    ///
    /// # Errors
    /// [`ReadError`]
    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError>;

    /// Endpoints of an application in the order of their ids, deleted ones included.
    ///
    /// # Errors
    /// [`ReadError`]
    fn endpoints_by_id(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError>;

    /// An event of an application by its name.
    ///
    /// # Errors
    /// [`ReadError`]
    fn event(
        &self,
        application: ApplicationKey,
        name: &Name,
    ) -> Result<Option<EventEntry>, ReadError>;

    /// Events of an application.
    ///
    /// # Errors
    /// [`ReadError`]
    fn events(
        &self,
        application: ApplicationKey,
        query: HistoryQuery,
    ) -> Result<Vec<EventEntry>, ReadError>;

    /// Attempts to an endpoint, over all events.
    ///
    /// # Errors
    /// [`ReadError`]
    fn attempts_of_endpoint(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError>;

    /// The state of a delivery; `None` if there is none or its event is gone.
    ///
    /// # Errors
    /// [`ReadError`]
    fn delivery_state(
        &self,
        endpoint: EndpointKey,
        position: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError>;

    /// A part of the events of an endpoint's application, each with how its delivery to the endpoint
    /// stands; none if there is no such endpoint.
    ///
    /// # Errors
    /// [`ReadError`]
    fn deliveries(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<DeliveryEntry>, ReadError>;

    /// Events of an endpoint's application that may go to it, from a place to before another, at most
    /// `limit` places; and how their deliveries stand.
    ///
    /// # Errors
    /// [`ReadError`]
    fn candidates(
        &self,
        endpoint: EndpointKey,
        span: (EventPosition, EventPosition),
        limit: usize,
    ) -> Result<Candidates, ReadError>;

    /// What was done by hand with deliveries of an endpoint.
    ///
    /// # Errors
    /// [`ReadError`]
    fn audit(
        &self,
        endpoint: EndpointKey,
        query: HistoryQuery,
    ) -> Result<Vec<AuditEntry>, ReadError>;

    /// The place that the next event of an application gets.
    ///
    /// # Errors
    /// [`ReadError`]
    fn next_position(&self, application: ApplicationKey) -> Result<EventPosition, ReadError>;

    /// The task with this id.
    ///
    /// # Errors
    /// [`ReadError`]
    fn task(&self, id: Id) -> Result<Option<Arc<Task>>, ReadError>;

    /// Tasks, over all applications.
    ///
    /// # Errors
    /// [`ReadError`]
    fn tasks(&self, query: HistoryQuery) -> Result<Vec<Arc<Task>>, ReadError>;

    /// Attempts for an event, over all endpoints.
    ///
    /// # Errors
    /// [`ReadError`]
    fn attempts_of_event(
        &self,
        application: ApplicationKey,
        position: EventPosition,
        query: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError>;
}

/// The store failed in a way that only opening it anew can mend.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the store failed: {reason}")]
pub struct StoreFailure {
    /// What happened, for the operator.
    pub reason: String,
}

/// A read failed; asking again may help, unless the file is damaged.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the store can't be read: {reason}")]
pub struct ReadError {
    /// What happened, for the operator.
    pub reason: String,
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
    /// There is room for more or for less than before.
    Mode(StoreMode),
}

/// Why a shard can't be acquired.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AcquireError {
    /// The shard's state can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The shard's new epoch can't be written.
    #[error(transparent)]
    Failed(#[from] StoreFailure),
    /// This store has no such shard; a bug of the caller.
    #[error("the store has no shard {number}")]
    UnknownShard {
        /// Its number.
        number: u16,
    },
}
