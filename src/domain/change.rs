//! Changes: the facts a store may write, and the batch that makes a set of them one fact.

use std::sync::Arc;

use super::{
    application::{Application, ApplicationKey},
    attempt::AttemptRecord,
    audit::AuditEntry,
    circuit::Circuit,
    delivery::{LaneRow, OpenDelivery, Resend},
    endpoint::{Endpoint, EndpointKey, EndpointState},
    event::{Event, EventPosition},
    id::{AttemptId, Id, ShardId},
    once::Once,
    ordering::OrderingKey,
    outbox::OutboxRow,
    record::{Record, RecordKind},
    task::Task,
};
use crate::time::Now;

/// Names a batch in flight to the store, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchHandle(u64);

impl BatchHandle {
    /// From its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The fencing token of a shard: it grows whenever the shard is acquired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// From its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// An atomic set of changes to one shard. All of it becomes durable, or nothing.
///
/// A store answers a batch by giving it back with its `results` filled and its lists emptied, so
/// that the engine can use their memory again.
#[derive(Debug)]
pub struct Batch {
    /// Names it in the answer.
    pub handle: BatchHandle,
    /// The shard it belongs to.
    pub shard: ShardId,
    /// The writer's fencing token; a store refuses a batch of an older one.
    pub epoch: Epoch,
    /// When it was submitted.
    pub now: Now,
    /// What changes, in this order.
    pub changes: Vec<Change>,
    /// The attempts that ended, in the order of their ids.
    pub attempts: Vec<AttemptRecord>,
    /// Filled by the store: one result per entry of `changes`, in the same order.
    pub results: Vec<ChangeResult>,
}

/// One fact to be written.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new application; unique by its `uid`, if it has one.
    PutApplication(Arc<Application>),
    /// An application as it is from now on: it takes the place of the revision before its own. Its
    /// `uid` may be another one, if that is free.
    UpdateApplication(Arc<Application>),
    /// A record as it is from now on. Of revision 1 it is new, and its name must be free; else it takes
    /// the place of the revision before its own.
    PutRecord(Arc<Record>),
    /// A record goes, if it is still of this revision.
    DeleteRecord {
        /// What it is of.
        kind: RecordKind,
        /// Its name.
        name: Arc<str>,
        /// Its revision.
        revision: u32,
    },
    /// A new endpoint; unique by its key, if it has one.
    PutEndpoint {
        /// The endpoint.
        endpoint: Arc<Endpoint>,
        /// What must not exist yet.
        unique: Option<UniqueKey>,
    },
    /// An endpoint as it is from now on: it takes the place of the revision before its own. Its `uid`
    /// may be another one, if that is free.
    UpdateEndpoint(Arc<Endpoint>),
    /// An endpoint is deleted, from an event on: its names are free, its lane is gone. Rows of its
    /// open deliveries are taken away one by one.
    DeleteEndpoint {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The first event that it can't have got.
        from: EventPosition,
    },
    /// An endpoint is enabled or disabled, from an event on.
    SetEndpointState {
        /// The endpoint.
        endpoint: EndpointKey,
        /// Its new state.
        state: EndpointState,
        /// The first event that is judged by it.
        from: EventPosition,
    },
    /// A new event, and thereby the duty to fan it out; unique by its `uid`, if it has one.
    PutEvent(Arc<Event>),
    /// A delivery gets a row, or its row a new due time. Stale if a task began it anew and the payload was taken away.
    PutOpen(OpenDelivery),
    /// A delivery with a row stands in a line; that goes with its row.
    PutOrdered {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The event.
        position: EventPosition,
        /// The line.
        order: OrderingKey,
    },
    /// A delivery's row goes: it has ended.
    DeleteOpen {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The event.
        position: EventPosition,
    },
    /// Somebody asked for an attempt of a delivery, however that stands: the attempt is owed. Stale if the payload
    /// was taken away, since which nothing may be sent of it.
    PutResend(Resend),
    /// The attempt that was asked for was made, or can't be any more.
    DeleteResend {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The event.
        position: EventPosition,
    },
    /// The payload of an event goes, and with it the rows of its open deliveries.
    Expunge {
        /// The application.
        application: ApplicationKey,
        /// The event.
        position: EventPosition,
    },
    /// The body of an attempt's reply goes.
    ExpungeAttempt {
        /// The application.
        application: ApplicationKey,
        /// The event.
        position: EventPosition,
        /// The attempt.
        attempt: AttemptId,
    },
    /// A delivery ended because its time ran out.
    Expire {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The event.
        position: EventPosition,
    },
    /// Somebody skipped or parked a delivery: its row goes, it ends, and that is noted for good. Stale if it
    /// has no row.
    SetAside(Arc<AuditEntry>),
    /// Where a lane stands that lags behind the watermark.
    PutLane {
        /// The endpoint.
        endpoint: EndpointKey,
        /// Where.
        row: LaneRow,
    },
    /// A lane no longer lags.
    DeleteLane {
        /// The endpoint.
        endpoint: EndpointKey,
    },
    /// What is kept of an endpoint's circuit breaker; nothing, if it is as a new one.
    PutCircuit {
        /// The endpoint.
        endpoint: EndpointKey,
        /// Its circuit.
        circuit: Option<Circuit>,
    },
    /// Every event before `position` is settled, but for open rows and lagging lanes.
    Watermark {
        /// The application.
        application: ApplicationKey,
        /// The first event that may be unsettled.
        position: EventPosition,
    },
    /// A new task. Where as many are kept as may be, the oldest that has ended goes.
    PutTask(Arc<Task>),
    /// A task as it is from now on, if it is still kept.
    UpdateTask(Arc<Task>),
    /// What somebody asked for, unless it was done under the same key before: then nothing is written.
    /// Only a change that is written uses its key up.
    Once(Once, Box<Self>),
    /// A change that another shard is told of: the row of the outbox is written if the change is. It is
    /// of the shard of the change.
    Told(Box<Self>, Arc<OutboxRow>),
    /// Another shard is told of what stands beside it in the batch.
    PutOutbox(Arc<OutboxRow>),
    /// The other shard was told, or never will be.
    DeleteOutbox(Id),
    /// Nothing: what was asked of this shard can't be done now. Done once, it tells whether it was done
    /// before; by itself it is stale.
    Refuse(ShardId),
}

impl Change {
    /// This change, made once under a key if there is one and if it can be.
    #[must_use]
    pub fn once(self, once: Option<Once>) -> Self {
        match once.filter(|_| self.done_once().is_some()) {
            Some(once) => Self::Once(once, Box::new(self)),
            None => self,
        }
    }

    /// What it writes, whether or not that is done once and told.
    #[must_use]
    pub fn bare(&self) -> &Self {
        if let Self::Once(_, change) | Self::Told(change, _) = self {
            change.bare()
        } else {
            self
        }
    }

    /// The row of the outbox that it writes, if it is written.
    #[must_use]
    pub fn told(&self) -> Option<&Arc<OutboxRow>> {
        if let Self::Once(_, change) = self {
            change.told()
        } else if let Self::Told(_, row) | Self::PutOutbox(row) = self {
            Some(row)
        } else {
            None
        }
    }

    /// The shard in which its key is judged and the id that a repetition is told: of what is new by it,
    /// or of the endpoint that it changes; zero where who asks knows it by its name. `None` if it can't
    /// be done once, since nobody asks for it under a key.
    #[must_use]
    pub fn done_once(&self) -> Option<(ShardId, Id)> {
        match self {
            Self::PutApplication(application) => Some((ShardId::DIRECTORY, application.id.id())),
            Self::PutEndpoint { endpoint, .. } => {
                Some((endpoint.key.application.shard, endpoint.id.id()))
            }
            Self::PutEvent(event) => Some((event.application.shard, event.id.id())),
            Self::PutTask(task) => Some((task.endpoint.application.shard, task.id.id())),
            Self::PutRecord(record) => {
                // A changed record keeps the id that the store knows, whatever is said here.
                let is_new = record.revision == 1;
                let id = if is_new { record.id } else { Id::default() };
                Some((ShardId::DIRECTORY, id))
            }
            Self::UpdateEndpoint(endpoint) => {
                Some((endpoint.key.application.shard, endpoint.id.id()))
            }
            Self::PutResend(row) => Some((row.endpoint.application.shard, Id::default())),
            Self::Refuse(shard) => Some((*shard, Id::default())),
            Self::Told(change, _) => change.done_once(),
            Self::UpdateApplication(_)
            | Self::DeleteEndpoint { .. }
            | Self::SetEndpointState { .. }
            | Self::PutOpen(_)
            | Self::PutOrdered { .. }
            | Self::DeleteOpen { .. }
            | Self::Expunge { .. }
            | Self::ExpungeAttempt { .. }
            | Self::DeleteResend { .. }
            | Self::Expire { .. }
            | Self::SetAside(_)
            | Self::PutLane { .. }
            | Self::DeleteLane { .. }
            | Self::PutCircuit { .. }
            | Self::Watermark { .. }
            | Self::DeleteRecord { .. }
            | Self::UpdateTask(_)
            | Self::PutOutbox(_)
            | Self::DeleteOutbox(_)
            | Self::Once(..) => None,
        }
    }
}

/// What must exist only once; judged by the store in the commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UniqueKey {
    /// An original registration: the application and the SHA-256 of the URL's exact text.
    OriginalUrl {
        /// The application.
        application: ApplicationKey,
        /// The hash.
        url_sha256: [u8; 32],
    },
    /// The name that an endpoint's owner chose.
    EndpointUid {
        /// The application.
        application: ApplicationKey,
        /// The name.
        uid: Arc<str>,
    },
    /// The name that an event's producer chose.
    EventUid {
        /// The application.
        application: ApplicationKey,
        /// The name.
        uid: Arc<str>,
    },
}

impl UniqueKey {
    /// All that an endpoint has and that must exist only once.
    #[must_use]
    pub fn of_endpoint(endpoint: &Endpoint) -> Vec<Self> {
        let application = endpoint.key.application;
        let original = endpoint
            .original_url_sha256
            .map(|url_sha256| Self::OriginalUrl {
                application,
                url_sha256,
            });
        let named = endpoint
            .uid
            .clone()
            .map(|uid| Self::EndpointUid { application, uid });
        original.into_iter().chain(named).collect()
    }
}

/// What a store says to one change of a committed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeResult {
    /// Written.
    Fresh,
    /// Not written: what it is unique by exists and belongs to this object.
    Existing(Id),
    /// Not written: the object is gone, or another change of it came first.
    Stale,
    /// Not written: the same was done before under the same key, and made or changed this object; zero
    /// where who asks knows it by its name.
    Replayed(Id),
    /// Not written: something else was asked before under the same key.
    Reused,
    /// Not written: the store holds as much of it as it may.
    Full,
}

/// What a store has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreMode {
    /// Everything.
    #[default]
    Normal,
    /// Results of attempts, but no new events, endpoints or applications: the disk is nearly full.
    Reserve,
    /// Nothing: the disk is full.
    ReadOnly,
}
