//! Messages: events as the API calls them. Accepted, shown again, listed.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    body,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    fields::Fields,
    filter::EventFilter,
    nothing,
    once::{Makes, replayed},
    page::PageQuery,
    taken, told, unexpected,
};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command, NewEvent},
        event::{Event, JSON, Payload},
        history::{EventEntry, Name},
        id::{AttemptId, EventId},
    },
    limits,
    server::{
        backend::Backend,
        catalogue::EventType,
        problem::{FaultKind, Problem},
        v1::wall_time,
    },
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
    let types = called.catalogue.entries(called.backend.reads())?;
    if types
        .get(&event.event_type)
        .is_some_and(EventType::is_archived)
    {
        let message = "this event type is archived: send one that is in use, or take it into use \
                       again with PATCH";
        let faults = Faults::default();
        return Err(faults.and(&["body", "eventType"], FaultKind::Value, message));
    }
    let (uid, event_type) = (event.uid.clone(), event.event_type.clone());
    let payload = event.payload.bytes.clone();
    let channels = event.channels.clone();
    let command = Command::AcceptEvent(Box::new(event));
    let command = key.once(Makes::Event, application.id.id(), &body, command);
    let mut is_replayed = false;
    let (id, accepted_wall) = match called.backend.command(command).await? {
        Answer::Event { id, accepted_wall } => (id, accepted_wall),
        Answer::Replayed { id } => {
            is_replayed = true;
            let known = called
                .backend
                .reads()
                .event(application.key, &Name::Id(id))?;
            // A store in memory may have forgotten the event; its id says when it was made.
            let accepted = known.map_or_else(|| id.made_at(), |known| known.event.accepted_wall);
            (EventId::new(id), accepted)
        }
        Answer::NameTaken { id } => return Err(taken("eventId", &EventId::new(id))),
        other => return Err(unexpected("an event was offered", Some(other))),
    };
    let message = MessageOut {
        id: id.to_string(),
        event_id: uid.as_deref(),
        event_type: &event_type,
        payload: content(&payload, with_content),
        channels: names(&channels),
        timestamp: wall_time::shown(accepted_wall),
    };
    let response = told(StatusCode::ACCEPTED, &message)?;
    Ok(if is_replayed {
        replayed(response)
    } else {
        response
    })
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

/// A message as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageOut<'event> {
    id: String,
    event_id: Option<&'event str>,
    event_type: &'event str,
    payload: &'event RawValue,
    channels: Option<Vec<&'event str>>,
    timestamp: String,
}

pub(super) fn shown(entry: &EventEntry, with_content: bool) -> MessageOut<'_> {
    let event = &entry.event;
    let payload = if entry.has_payload || !with_content {
        content(&event.payload.bytes, with_content)
    } else {
        raw(br#"{"expired":true}"#)
    };
    MessageOut {
        id: event.id.to_string(),
        event_id: event.uid.as_deref(),
        event_type: &event.event_type,
        payload,
        channels: names(&event.channels),
        timestamp: wall_time::shown(event.accepted_wall),
    }
}

/// A list of names, as it is shown: null where it is empty.
fn names(names: &[Arc<str>]) -> Option<Vec<&str>> {
    (!names.is_empty()).then(|| names.iter().map(|name| &**name).collect())
}

/// A payload byte for byte, or an empty object where it is not asked for.
fn content(payload: &[u8], with_content: bool) -> &RawValue {
    if with_content {
        raw(payload)
    } else {
        raw(b"{}")
    }
}

/// Bytes as the JSON that they are; what was accepted was read as JSON then.
fn raw(json: &[u8]) -> &RawValue {
    serde_json::from_slice(json).unwrap_or(RawValue::NULL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{application::ApplicationKey, event::Event, event::EventPosition},
        time::Timestamp,
    };

    fn payload_of(has_payload: bool, with_content: bool) -> String {
        let event = Event {
            id: EventId::default(),
            application: ApplicationKey::default(),
            position: EventPosition::default(),
            uid: None,
            event_type: "t".into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: Bytes::from_static(if has_payload { b"{\"a\":1}" } else { b"" }),
            },
            accepted_at: Timestamp::ZERO,
            accepted_wall: Timestamp::ZERO,
            expires_at: Timestamp::ZERO,
        };
        let entry = EventEntry {
            event: Arc::new(event),
            has_payload,
        };
        shown(&entry, with_content).payload.get().to_owned()
    }

    #[test]
    fn a_payload_that_is_no_longer_kept_shows_that_it_expired() {
        assert_eq!(payload_of(true, true), r#"{"a":1}"#);
        assert_eq!(payload_of(false, true), r#"{"expired":true}"#);
        for has_payload in [true, false] {
            assert_eq!(payload_of(has_payload, false), "{}");
        }
    }
}
