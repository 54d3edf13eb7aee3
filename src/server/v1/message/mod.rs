//! Messages: events as the API calls them. Accepted, shown again, listed.

mod accept;
mod shown;

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::StatusCode;

pub(super) use self::{
    accept::{Offer, accepted, judge_type},
    shown::{MessageOut, shown},
};
use super::{
    body,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    fields::Fields,
    filter::EventFilter,
    nothing,
    once::Makes,
    page::PageQuery,
    told, unexpected,
};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command, NewEvent},
        event::{Besides, Event, JSON, Payload},
        history::EventEntry,
        id::{AttemptId, EventId},
    },
    limits,
    server::{backend::Backend, problem::Problem},
};

/// `POST /api/v1/app/{app}/msg`: 202 once it is durable and will be delivered.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Response {
    created(called, request)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn created<B: Backend>(called: Called<B>, request: Request) -> Result<Response, Problem> {
    let application = called.application()?;
    let key = called.key.clone()?;
    let mut faults = Faults::default();
    let with_content = called.query.flag("with_content", true, &mut faults);
    let body = body::read(request).await?;
    let event = judged(&application, &body, faults)?;
    let refused = judge_type(&called, &event.event_type).err();
    let offer = Offer {
        event,
        key: &key,
        makes: Makes::Event,
        parent: application.id.id(),
        body: &body,
        refused,
    };
    accepted(&called, offer, (StatusCode::ACCEPTED, with_content)).await
}

/// The event that a body offers.
fn judged(application: &Application, body: &Bytes, faults: Faults) -> Result<NewEvent, Problem> {
    let mut fields = Fields::of(body, faults)?;
    let event_type = fields.required_name("eventType");
    let payload = fields.required_object("payload");
    let uid = fields.uid("eventId", EventId::PREFIX);
    let channels = fields.names("channels", limits::CHANNELS_MAX);
    fields.not_yet(&[
        "tags",
        "application",
        "deliverAt",
        "payloadRetentionPeriod",
        "payloadRetentionHours",
        "transformationsParams",
    ]);
    fields.finish()?;
    let (Some(event_type), Some(bytes)) = (event_type, payload) else {
        // What is missing or wrong was told by `finish`.
        return Err(unexpected("a fault was not told", None));
    };
    Ok(NewEvent {
        application: application.key,
        uid,
        event_type,
        channels: channels.unwrap_or_default(),
        payload: Payload {
            content_type: JSON.into(),
            bytes,
        },
        besides: Besides::default(),
    })
}

/// `GET /api/v1/app/{app}/msg/{message}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Response {
    let mut faults = Faults::default();
    let with_content = called.query.flag("with_content", true, &mut faults);
    let found = faults
        .into_result()
        .and_then(|()| called.message(&*called.application()?));
    found
        .and_then(|entry| told(StatusCode::OK, &shown(&entry, with_content)))
        .unwrap_or_else(Problem::into_response)
}

/// `GET /api/v1/app/{app}/msg`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Response {
    listed(called).await.unwrap_or_else(Problem::into_response)
}

async fn listed<B: Backend>(called: Called<B>) -> Result<Response, Problem> {
    let application = called.application()?;
    let mut faults = Faults::default();
    let query = &called.query;
    let with_content = query.flag("with_content", true, &mut faults);
    let page = PageQuery::of(query, &mut faults);
    let filter = EventFilter::of(query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::Events,
        application: application.id.id(),
        of: application.id.id(),
    };
    let part = page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let reads = backend.reads();
        let read = |query| reads.events(application.key, query);
        let entries = if filter.takes_all() {
            part.read(limits::PAGE_EVENTS_READ, read)?
        } else {
            let fits = |entry: &EventEntry| filter.fits(&entry.event);
            part.read_where(limits::PAGE_EVENTS_READ, read, fits)?
        };
        let page = entries.answer(|entry| shown(entry, with_content));
        told(StatusCode::OK, &page)
    })
    .await
}

/// `DELETE /api/v1/app/{app}/msg/{message}/content`: 204 once the payload is gone.
pub(super) async fn expunge<B: Backend>(called: Called<B>) -> Response {
    let answer = async {
        let application = called.application()?;
        let event = called.message(&application)?.event;
        expunged(&called.backend, &event, None).await
    };
    answer.await.unwrap_or_else(Problem::into_response)
}

/// Lets a payload go, or the body of the reply to an attempt.
pub(super) async fn expunged<B: Backend>(
    backend: &B,
    event: &Event,
    attempt: Option<AttemptId>,
) -> Result<Response, Problem> {
    let command = Command::Expunge {
        application: event.application,
        position: event.position,
        attempt,
    };
    match backend.command(command).await? {
        Answer::Expunged => Ok(nothing()),
        other => Err(unexpected("a content was to go", Some(other))),
    }
}
