//! Commands: what callers ask of the engine, and its answers.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::{
    application::{ApplicationKey, Registration},
    audit::NewAuditEntry,
    endpoint::{BodyFormat, EndpointKey},
    endpoint_url::EndpointUrl,
    event::{Besides, Event, EventPosition, Payload},
    filter::Filter,
    id::{ApplicationId, AttemptId, AuditId, EndpointId, EventId, Id, ShardId, TaskId},
    once::Once,
    ordering::Ordering,
    present::{Present, Question},
    record::RecordKind,
    secret::Secret,
    task::Selection,
};
use crate::time::{Span, Timestamp};

/// Names a request in flight, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestHandle(u64);

impl RequestHandle {
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

/// What a caller asks. What it carries was checked where it came in.
#[derive(Debug)]
pub enum Command {
    /// Creates an application, or finds the one that has its `uid`.
    CreateApplication {
        /// The name its owner chose, if any.
        uid: Option<Arc<str>>,
        /// What its creator said of it, as a JSON object.
        registration: Registration,
    },
    /// Changes an application, unless another change of it came first.
    UpdateApplication {
        /// The application.
        application: ApplicationKey,
        /// The revision that the change was made from.
        revision: u32,
        /// Its name from now on, if it has one.
        uid: Option<Arc<str>>,
        /// What is said of it from now on, as a JSON object.
        registration: Registration,
    },
    /// Deletes an application with its endpoints, unless another change of it came first: no attempt
    /// for it starts after the answer.
    DeleteApplication {
        /// The application.
        application: ApplicationKey,
        /// The revision that the caller saw.
        revision: u32,
    },
    /// Makes a record whose name must be free, or changes the one of this revision.
    PutRecord {
        /// What it is of.
        kind: RecordKind,
        /// Its name.
        name: Arc<str>,
        /// The revision that the change was made from; `None` for a new one.
        revision: Option<u32>,
        /// What it says from now on.
        body: Bytes,
    },
    /// Takes a record away, unless it was changed meanwhile.
    DeleteRecord {
        /// What it is of.
        kind: RecordKind,
        /// Its name.
        name: Arc<str>,
        /// Its revision as the caller saw it.
        revision: u32,
    },
    /// Creates an endpoint, or finds the one that is registered under its key and enables it.
    CreateEndpoint(Box<NewEndpoint>),
    /// Changes an endpoint, unless another change of it came first.
    UpdateEndpoint(Box<EndpointUpdate>),
    /// Deletes an endpoint: no attempt to it starts after the answer.
    DeleteEndpoint {
        /// The application it belongs to.
        application: ApplicationKey,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Accepts an event and thereby the duty to deliver it.
    AcceptEvent(Box<NewEvent>),
    /// One of those that create, accept, change an endpoint, make an attempt or recall, done once under
    /// a key. Others are done whenever they are asked.
    Once(Once, Box<Self>),
    /// Lets the payload of an event go, or the body of a reply to one attempt of it.
    Expunge {
        /// The application.
        application: ApplicationKey,
        /// The event.
        position: EventPosition,
        /// The attempt whose reply's body goes; `None` for the payload.
        attempt: Option<AttemptId>,
    },
    /// Nothing, done once: what can't be done now may have been done under the key before, in this shard.
    Recall(ShardId),
    /// Makes an attempt at once, however its delivery stands.
    Resend {
        /// The endpoint.
        endpoint: EndpointId,
        /// The event, with its payload, as it is in the store.
        event: Arc<Event>,
        /// Attempts of the delivery that were made so far.
        attempts: u16,
    },
    /// Starts a task that sends deliveries of an endpoint again.
    StartTask(Box<NewTask>),
    /// Calls a task off, unless it has ended: it sends nothing more. What it made due already is sent.
    CancelTask(CalledTask),
    /// Takes a delivery out of its course that has not ended, so that its line goes on.
    SetAside(Box<NewAuditEntry>),
    /// Nothing but a question: how attempts to an endpoint stand. It is answered at once, also on a full
    /// disk.
    Present(EndpointKey, Question),
}

/// A task and where it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalledTask {
    /// The application of its endpoint.
    pub application: ApplicationKey,
    /// Its endpoint.
    pub endpoint: EndpointId,
    /// The task.
    pub id: TaskId,
}

/// A task to be started.
#[derive(Debug)]
pub struct NewTask {
    /// The application of the endpoint.
    pub application: ApplicationKey,
    /// The endpoint, which must be enabled.
    pub endpoint: EndpointId,
    /// Which deliveries are sent.
    pub selection: Selection,
    /// The first event that is looked at.
    pub from: EventPosition,
    /// The event behind the last one that is looked at.
    pub until: EventPosition,
}

/// An endpoint to be created.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// The application it belongs to.
    pub application: ApplicationKey,
    /// Where to send.
    pub url: EndpointUrl,
    /// What to sign with; made by the caller, since the engine has no randomness for keys.
    pub secret: Secret,
    /// How bodies are made.
    pub body_format: BodyFormat,
    /// The name its owner chose, if any; it must be free.
    pub uid: Option<Arc<str>>,
    /// What of its application's events it wants.
    pub filter: Filter,
    /// Header fields that its owner adds to each request.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Whether it takes events from the start.
    pub is_enabled: bool,
    /// How many attempts a second go to it at most, from 1.
    pub throttle_rate: Option<u16>,
    /// Which of its deliveries wait for which.
    pub ordering: Ordering,
    /// The SHA-256 of the URL's text, by which an original registration is unique.
    pub original_url_sha256: Option<[u8; 32]>,
    /// What its original registration said, as JSON text; empty for others.
    pub registration: Bytes,
    /// What its owner says of it besides, as JSON text.
    pub details: Bytes,
}

/// What an endpoint is from now on.
#[derive(Debug)]
pub struct EndpointUpdate {
    /// The application it belongs to.
    pub application: ApplicationKey,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The revision that the change was made from.
    pub revision: u32,
    /// Where to send from now on; `None` where that stays as it is. Journals keep no paths, so whether it is
    /// another one can't be seen by the text.
    pub url: Option<EndpointUrl>,
    /// The name its owner chose, if any; it must be free or its own.
    pub uid: Option<Arc<str>>,
    /// What of its application's events it wants.
    pub filter: Filter,
    /// Header fields that its owner adds to each request.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Whether it takes events; held work goes on if it was disabled.
    pub is_enabled: bool,
    /// How many attempts a second go to it at most, from 1.
    pub throttle_rate: Option<u16>,
    /// Which of its deliveries wait for which.
    pub ordering: Ordering,
    /// A new secret, and how long those of before sign beside it.
    pub rotation: Option<(Secret, Span)>,
    /// What its owner says of it besides, as JSON text.
    pub details: Bytes,
}

/// An event to be accepted.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The application it belongs to.
    pub application: ApplicationKey,
    /// The name its producer chose, if any; it must be free.
    pub uid: Option<Arc<str>>,
    /// What kind of event it is.
    pub event_type: Arc<str>,
    /// The channels it belongs to.
    pub channels: Vec<Arc<str>>,
    /// Its body.
    pub payload: Payload,
    /// What is said of it besides.
    pub besides: Besides,
}

/// What the engine answers.
pub type Reply = Result<Answer, Refusal>;

/// What was done; follows only after it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The application exists.
    Application {
        /// Its public name.
        id: ApplicationId,
        /// Where it is found.
        key: ApplicationKey,
        /// Whether it was created by this command.
        fresh: bool,
    },
    /// The endpoint exists and is enabled.
    Endpoint {
        /// Its public name.
        id: EndpointId,
        /// Whether it was created by this command.
        fresh: bool,
    },
    /// The event is accepted: it will be delivered, or its failure recorded.
    Event {
        /// Its public name.
        id: EventId,
        /// When it was accepted, as the wall clock had it.
        accepted_wall: Timestamp,
    },
    /// The record is as it was asked for, or gone.
    Record {
        /// The id of a new one; of one that was changed or deleted it means nothing.
        id: Id,
    },
    /// Nothing was written: the same was done before under the same key, and made or changed this
    /// object; zero where who asks knows it by its name.
    Replayed {
        /// Its public name, without its prefix.
        id: Id,
    },
    /// What was to go is gone.
    Expunged,
    /// The attempt that was asked for will be made.
    Resend,
    /// The task is known and goes on by itself, or was called off.
    Task {
        /// Its public name.
        id: TaskId,
    },
    /// The delivery is skipped or parked.
    SetAside {
        /// The name of what was noted.
        id: AuditId,
    },
    /// How attempts to the endpoint stand.
    Present(Box<Present>),
    /// Nothing was written: the name that was chosen for it belongs to this object.
    NameTaken {
        /// Its public name, without its prefix.
        id: Id,
    },
}

/// Why a command was not done.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The caller named an application that does not exist.
    #[error("the application does not exist")]
    UnknownApplication,
    /// The endpoint has as many secrets that sign as it may have.
    #[error("the endpoint has its full number of secrets in force: wait until one's grace ends")]
    TooManySecrets,
    /// The caller named an endpoint that does not exist.
    #[error("the endpoint does not exist")]
    UnknownEndpoint,
    /// The key was used before, for something else.
    #[error(
        "this idempotency key was used for another body: repeat the first one or take a new key"
    )]
    KeyReused,
    /// The object was changed or deleted since the caller looked at it.
    #[error("it was changed meanwhile: read it again, then repeat the change")]
    Stale,
    /// The application has as many endpoints as it may have.
    #[error("the application has its full number of endpoints")]
    TooManyEndpoints,
    /// The endpoint is disabled, so that nothing is sent to it.
    #[error("the endpoint is disabled: enable it first")]
    EndpointDisabled,
    /// The payload was taken away while somebody asked for it to be sent again.
    #[error("the payload is no longer kept: send the message anew")]
    PayloadGone,
    /// The delivery has ended, or nothing of it has begun.
    #[error(
        "the delivery has ended or has not begun: only one that waits for its next attempt or in its \
         line, or of which an attempt is in flight, can be skipped or parked"
    )]
    NotOpen,
    /// The endpoint has as many tasks under way as it may have.
    #[error("the endpoint has its full number of tasks under way: wait until one has ended")]
    TooManyTasks,
    /// So many deliveries of the application wait that no event for later is taken.
    #[error(
        "too many deliveries of the application wait already: send events for later when they are \
         due, or try again when fewer wait"
    )]
    TooManyDelayed,
    /// The directory holds as many records of this kind as it may.
    #[error("there are as many of these as there may be: delete some that nobody uses")]
    TooManyRecords,
    /// The store holds as much open work as it can; later it takes more.
    #[error("the store is full of undelivered events: try again later")]
    StoreFull,
    /// The disk has no room for new events; deliveries go on. Somebody must make room.
    #[error("the disk is full: make room, then try again")]
    DiskFull,
    /// More is waiting to be written than we hold; later there is room.
    #[error("too much is waiting to be written: try again later")]
    Overloaded,
    /// The store failed in the commit: it may have been done or not.
    #[error("the store failed, so the result is unknown: try again")]
    Unknown,
    /// The engine is starting or has lost the shard for a moment.
    #[error("the engine is not ready: try again")]
    NotReady,
    /// The process is shutting down.
    #[error("the server is shutting down: try again elsewhere or later")]
    ShuttingDown,
}
