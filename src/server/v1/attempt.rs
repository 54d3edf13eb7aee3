//! Attempts: what came of each request to an endpoint.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::{
    called::Called,
    cursor::{List, ListKind},
    entry::{off_thread, recorded_wall},
    faults::Faults,
    page::PageQuery,
    query::Query,
    told, unexpected,
};
use crate::{
    domain::{
        attempt::AttemptResult,
        endpoint::Endpoint,
        history::{AttemptEntry, Name},
        id::EndpointId,
        outcome::OutcomeKind,
    },
    limits,
    server::{backend::Backend, problem::Problem, v1::wall_time},
};

/// `GET /api/v1/app/{app}/attempt/endpoint/{endpoint}`: 200 with a page.
pub(super) async fn of_endpoint<B: Backend>(called: Called<B>) -> Response {
    to_endpoint(called)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn to_endpoint<B: Backend>(called: Called<B>) -> Result<Response, Problem> {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let asked = Asked::of(&called.query, &[])?;
    let list = List {
        kind: ListKind::AttemptsOfEndpoint,
        application: application.id.id(),
        of: endpoint.id.id(),
    };
    let part = asked.page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let entries = part.read(limits::PAGE_ENTRIES_MAX + 1, |query| {
            backend.reads().attempts_of_endpoint(endpoint.key, query)
        })?;
        let page =
            entries.answer(|entry| shown(entry, endpoint.target.url.text(), asked.with_content));
        told(StatusCode::OK, &page)
    })
    .await
}

/// `GET /api/v1/app/{app}/attempt/msg/{message}`: 200 with a page.
pub(super) async fn of_message<B: Backend>(called: Called<B>) -> Response {
    for_message(called)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn for_message<B: Backend>(called: Called<B>) -> Result<Response, Problem> {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    let asked = Asked::of(&called.query, &["endpoint_id"])?;
    let list = List {
        kind: ListKind::AttemptsOfEvent,
        application: application.id.id(),
        of: event.id.id(),
    };
    let part = asked.page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let reads = backend.reads();
        let entries = part.read(limits::PAGE_ENTRIES_MAX + 1, |query| {
            reads.attempts_of_event(application.key, event.position, query)
        })?;
        let mut endpoints: BTreeMap<EndpointId, Arc<Endpoint>> = BTreeMap::new();
        for entry in &entries.shown {
            if let Entry::Vacant(place) = endpoints.entry(entry.endpoint) {
                let name = Name::Id(entry.endpoint.id());
                let found = reads.endpoint(application.key, &name)?;
                let found = found.ok_or_else(|| unexpected("an endpoint is missing", None))?;
                place.insert(found);
            }
        }
        let page = entries.answer(|entry| {
            let endpoint = endpoints.get(&entry.endpoint);
            let url = endpoint.map_or("", |endpoint| endpoint.target.url.text());
            shown(entry, url, asked.with_content)
        });
        told(StatusCode::OK, &page)
    })
    .await
}

/// What a list of attempts is asked for.
struct Asked {
    page: PageQuery,
    with_content: bool,
}

impl Asked {
    fn of(query: &Query, more_filters: &[&str]) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let page = PageQuery::of(query, &mut faults);
        let with_content = query.flag("with_content", true, &mut faults);
        let filters = [
            "status",
            "status_code_class",
            "channel",
            "event_types",
            "tag",
        ];
        query.not_yet(&filters, &mut faults);
        query.not_yet(more_filters, &mut faults);
        if query.flag("with_msg", false, &mut faults) {
            faults.not_yet(&["query", "with_msg"], "read the message by its own route");
        }
        faults.into_result()?;
        Ok(Self { page, with_content })
    }
}

/// An attempt as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptOut<'e> {
    id: String,
    msg_id: String,
    endpoint_id: String,
    url: &'e str,
    response: Cow<'e, str>,
    response_status_code: u16,
    response_duration_ms: i64,
    status: u8,
    status_text: &'static str,
    trigger_type: u8,
    timestamp: String,
}

fn shown<'e>(entry: &'e AttemptEntry, url: &'e str, with_content: bool) -> AttemptOut<'e> {
    let record = &entry.record;
    let (status, status_text) = match record.result {
        AttemptResult::Succeeded => (0, "success"),
        AttemptResult::RetryAt(_) | AttemptResult::Exhausted => (2, "fail"),
    };
    // Of a kept body what is no UTF-8 becomes `�`.
    let (response_status_code, response) = match record.outcome {
        OutcomeKind::Status(code) if with_content => (code, String::from_utf8_lossy(&record.body)),
        OutcomeKind::Status(code) => (code, Cow::Borrowed("")),
        other => (0, Cow::Owned(format!("{}: {other}", other.name()))),
    };
    AttemptOut {
        id: record.id.to_string(),
        msg_id: entry.event.to_string(),
        endpoint_id: entry.endpoint.to_string(),
        url,
        response,
        response_status_code,
        response_duration_ms: record.duration.as_millis(),
        status,
        status_text,
        // On its schedule; nothing else makes attempts yet.
        trigger_type: 0,
        timestamp: wall_time::shown(recorded_wall(record)),
    }
}
