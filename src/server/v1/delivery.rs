//! Deliveries: the messages that went or will go to an endpoint, and where a message went or will go.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answered,
    called::Called,
    cursor::{List, ListKind},
    endpoint,
    entry::{Entry, off_thread},
    faults::Faults,
    filter::EventFilter,
    message::{self, MessageOut},
    once::{Makes, recalled, replayed_if},
    page::PageQuery,
    query::Query,
    status::Status,
    told, unexpected,
};
use crate::{
    domain::{
        command::{Answer, Command, Refusal},
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey},
        event::EventPosition,
        history::{EventEntry, HistoryQuery, Order},
        id::Id,
    },
    limits,
    runtime::handle::Work,
    server::{
        backend::Backend,
        problem::{Code, Problem},
        v1::wall_time,
    },
    store::{ReadError, Reads},
    time::{Now, Timestamp},
};

/// `GET /api/v1/app/{app}/endpoint/{endpoint}/msg`: 200 with a page.
pub(super) async fn of_endpoint<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let mut faults = Faults::default();
    let query = &called.query;
    let page = PageQuery::of(query, &mut faults);
    let with_content = query.flag("with_content", true, &mut faults);
    let asked = Asked::of(query, &mut faults);
    let filter = EventFilter::of(query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::DeliveriesOfEndpoint,
        application: application.id.id(),
        of: endpoint.id.id(),
    };
    let steady = called.keys.now().steady;
    let backend = called.backend;
    let now = backend.now();
    let part = page.part(list, now)?;
    off_thread(move || {
        let reads = backend.reads();
        let read = |query: HistoryQuery| {
            let events = reads.events(application.key, query)?.into_iter();
            let rows = events.map(|entry| entry.as_of(steady)).map(|entry| {
                let state = if filter.fits(&entry.event) {
                    reads.delivery_state(endpoint.key, entry.event.position)?
                } else {
                    None
                };
                Ok(Row { of: entry, state })
            });
            rows.collect::<Result<Vec<Row<EventEntry>>, ReadError>>()
        };
        let wanted = |row: &Row<EventEntry>| asked.wants(row.state);
        let entries = part.read_where(limits::PAGE_EVENTS_READ, read, wanted)?;
        let page = entries.answer(|row| MessageDelivery {
            message: message::shown(&row.of, with_content),
            delivery: asked.shown(row.state, now),
        });
        told(StatusCode::OK, &page)
    })
    .await
}

/// `GET /api/v1/app/{app}/msg/{message}/endpoint`: 200 with a page.
pub(super) async fn of_message<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    let mut faults = Faults::default();
    let page = PageQuery::of_objects(&called.query, &mut faults);
    let asked = Asked::of(&called.query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::DeliveriesOfEvent,
        application: application.id.id(),
        of: event.id.id(),
    };
    let backend = called.backend;
    let now = backend.now();
    let part = page.part(list, now)?;
    off_thread(move || {
        let reads = backend.reads();
        let read = |query: HistoryQuery| {
            let endpoints = reads.endpoints_by_id(application.key, query)?.into_iter();
            let rows = endpoints.map(|endpoint| {
                let state = reads.delivery_state(endpoint.key, event.position)?;
                let of = endpoint;
                Ok(Row { of, state })
            });
            rows.collect::<Result<Vec<Row<Arc<Endpoint>>>, ReadError>>()
        };
        let wanted = |row: &Row<Arc<Endpoint>>| asked.wants(row.state);
        let entries = part.read_where(limits::PAGE_EVENTS_READ, read, wanted)?;
        let page = entries.answer(|row| {
            let mut shown = endpoint::shown(&row.of);
            if let Some(fields) = shown.as_object_mut() {
                fields.remove("metadata");
            }
            EndpointDelivery {
                endpoint: shown,
                delivery: asked.shown(row.state, now),
            }
        });
        told(StatusCode::OK, &page)
    })
    .await
}

/// `POST /api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/resend`: 202 once the attempt is owed.
pub(super) async fn resend<B: Backend>(called: Called<B>) -> Answered {
    let (application, endpoint) = called.endpoint_since()?;
    let entry = called.message(&application)?;
    let (endpoint, gone) = (endpoint.object, endpoint.gone);
    let key = called.key.clone()?;
    called.must_have_room(Some(application.key.shard), Work::Again)?;
    let objects = [application.id.id(), entry.event.id.id(), endpoint.id.id()];
    // What a body might say means nothing.
    let place = (application.key.shard, Makes::Resend, &objects[..]);
    if let Some(gone) = gone {
        recalled(&called, place, &[], gone).await?;
        return accepted(true);
    }
    let reads = called.backend.reads();
    let position = entry.event.position;
    if reads.delivery_state(endpoint.key, position)?.is_none() {
        let message = "this message did not go to this endpoint: it did not take its type or \
                       channel, or came later";
        return Err(Problem::new(Code::NotFound, message));
    }
    if !entry.has_payload {
        let message = "the payload is no longer kept: send the message anew";
        let refused = Problem::new(Code::MissingPayload, message);
        recalled(&called, place, &[], refused).await?;
        return accepted(true);
    }
    let command = Command::Resend {
        endpoint: endpoint.id,
        attempts: attempts_made(reads, endpoint.key, position)?,
        event: entry.event,
    };
    let command = key.once(Makes::Resend, &objects, &[], command);
    match called.backend.command(command).await {
        Ok(Answer::Resend) => accepted(false),
        Ok(Answer::Replayed { .. }) => accepted(true),
        Ok(other) => Err(unexpected("an attempt was asked for", Some(other))),
        Err(Refusal::UnknownEndpoint) => called.endpoint(&application).and_then(|_| {
            let message = "the endpoint was deleted meanwhile";
            Err(Problem::new(Code::NotFound, message))
        }),
        Err(refusal) => Err(refusal.into()),
    }
}

fn accepted(is_replayed: bool) -> Answered {
    let answer = told(StatusCode::ACCEPTED, &json!({}))?;
    Ok(replayed_if(is_replayed, answer))
}

/// The number of the last attempt of a delivery.
fn attempts_made(
    reads: &dyn Reads,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<u16, ReadError> {
    let mut query = HistoryQuery {
        above: None,
        below: None,
        order: Order::NewestFirst,
        limit: limits::PAGE_ENTRIES_MAX,
    };
    loop {
        let page = reads.attempts_of_event(endpoint.application, position, query)?;
        let last = page.iter().find(|entry| entry.record.endpoint == endpoint);
        if let Some(last) = last {
            return Ok(last.record.number);
        }
        match page.last() {
            Some(entry) if page.len() == query.limit => query.below = Some(entry.record.id.id()),
            _ => return Ok(0),
        }
    }
}

/// One end of a delivery, and how it stands; `None` where there is no delivery.
struct Row<E> {
    of: E,
    state: Option<DeliveryState>,
}

impl<E: Entry> Entry for Row<E> {
    fn id(&self) -> Id {
        self.of.id()
    }

    fn wall(&self) -> Timestamp {
        self.of.wall()
    }

    fn bytes(&self) -> usize {
        self.of.bytes()
    }
}

/// Which deliveries are asked for, and how they are shown.
struct Asked {
    status: Option<Status>,
    /// Whether the caller knows the status `canceled`, which older client libraries do not.
    expanded: bool,
}

impl Asked {
    /// Reads the query; what is wrong is noted.
    fn of(query: &Query, faults: &mut Faults) -> Self {
        Self {
            status: Status::asked(query, faults),
            expanded: query.flag("expanded_statuses", false, faults),
        }
    }

    fn wants(&self, state: Option<DeliveryState>) -> bool {
        let status = state.map(|state| self.status_of(state));
        status.is_some_and(|status| self.status.is_none_or(|asked| asked == status))
    }

    fn status_of(&self, state: DeliveryState) -> Status {
        match Status::of_delivery(state) {
            Status::Canceled if !self.expanded => Status::Fail,
            status => status,
        }
    }

    fn shown(&self, state: Option<DeliveryState>, now: Now) -> DeliveryOut {
        let state = state.unwrap_or(DeliveryState::Pending);
        let status = self.status_of(state);
        let next_attempt = match state {
            DeliveryState::Waiting { due } => Some(wall_time::shown(now.wall_at(due))),
            _ => None,
        };
        DeliveryOut {
            status: status.number(),
            status_text: status.text(),
            next_attempt,
        }
    }
}

/// How a delivery stands, as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryOut {
    status: u16,
    status_text: &'static str,
    next_attempt: Option<String>,
}

#[derive(Serialize)]
struct MessageDelivery<'event> {
    #[serde(flatten)]
    message: MessageOut<'event>,
    #[serde(flatten)]
    delivery: DeliveryOut,
}

#[derive(Serialize)]
struct EndpointDelivery {
    #[serde(flatten)]
    endpoint: Value,
    #[serde(flatten)]
    delivery: DeliveryOut,
}
