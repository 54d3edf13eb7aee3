//! What follows once a change is durable.

use std::sync::Arc;

use super::set_aside::Aside;
use crate::domain::{
    application::{Application, ApplicationKey},
    command::{Refusal, RequestHandle},
    endpoint::Endpoint,
    event::{Event, EventPosition},
    id::{EndpointId, Id, TaskId},
    task::Task,
};

/// What follows once a change is durable.
#[derive(Clone, Debug)]
pub(super) enum OnCommit {
    /// Nothing: state followed when the change was gathered.
    Nothing,
    /// The application is known and its creator answered.
    Application(RequestHandle, Arc<Application>),
    /// The application is as it is here and who asked is answered.
    ApplicationChanged(RequestHandle, Arc<Application>),
    /// Who asked for the record is answered.
    Record(RequestHandle, Id),
    /// The endpoint is known and its creator answered.
    Endpoint(RequestHandle, Arc<Endpoint>),
    /// The endpoint is enabled from this event on and who asked is answered.
    Enabled(RequestHandle, EndpointId, EventPosition),
    /// The endpoint is as it is here and who asked is answered.
    EndpointChanged(RequestHandle, Arc<Endpoint>, bool),
    /// The endpoint is gone from this event on and who asked is answered.
    EndpointDeleted(RequestHandle, EndpointId, EventPosition),
    /// The payload of this event is gone, or of none but the body of a reply, and who asked is answered.
    Expunged(RequestHandle, Option<(ApplicationKey, EventPosition)>),
    /// Something is sent again, or not any more, and who asked is answered.
    SentAgain(SentAgain),
    /// Who asked is refused, unless it was done before under the same key.
    Refused(RequestHandle, Refusal),
    /// What follows the change, and the row of the outbox that was written with it is sent on.
    Told(Box<Self>, Id),
    /// The row of the outbox is sent on.
    Outbox(Id),
    /// The event that a row of the outbox told of is fanned out, and the row goes.
    Forwarded(Id, Arc<Event>),
    /// The event is fanned out and its producer answered, if there is one.
    Event(Option<RequestHandle>, Arc<Event>),
}

/// What is sent again, or is not any more.
#[derive(Clone, Debug)]
pub(super) enum SentAgain {
    /// The attempt of this event, after so many, is made.
    Resend(RequestHandle, EndpointId, u16, Arc<Event>),
    /// The task begins.
    Task(RequestHandle, Arc<Task>),
    /// The delivery is set aside.
    SetAside(RequestHandle, Aside),
    /// The task is over.
    TaskCancelled(RequestHandle, TaskId),
}

impl OnCommit {
    /// Who waits for it.
    pub(super) const fn request(&self) -> Option<RequestHandle> {
        match self {
            Self::Nothing | Self::Outbox(_) | Self::Forwarded(..) => None,
            Self::Told(then, _) => then.request(),
            Self::Application(request, _)
            | Self::ApplicationChanged(request, _)
            | Self::Record(request, _)
            | Self::Endpoint(request, _)
            | Self::Enabled(request, ..)
            | Self::EndpointChanged(request, ..)
            | Self::EndpointDeleted(request, ..)
            | Self::Expunged(request, ..)
            | Self::Refused(request, _)
            | Self::SentAgain(
                SentAgain::Resend(request, ..)
                | SentAgain::SetAside(request, _)
                | SentAgain::Task(request, _)
                | SentAgain::TaskCancelled(request, _),
            ) => Some(*request),
            Self::Event(request, _) => *request,
        }
    }
}
