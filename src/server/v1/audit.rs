//! Deliveries that somebody skips or parks, and the audit that tells who did it, when and why.

use axum::extract::Request;
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Answered, body,
    called::Called,
    cursor::{List, ListKind},
    entry::{Entry, off_thread},
    faults::Faults,
    fields::Fields,
    page::PageQuery,
    told, unexpected, wall_time,
};
use crate::{
    domain::{
        audit::{Act, AuditEntry, NewAuditEntry},
        command::{Answer, Command},
        history::{HistoryQuery, Order},
        id::{ApiKeyId, AuditId, EndpointId, Id},
    },
    limits,
    server::{
        api_key::Caller,
        backend::Backend,
        problem::{Code, Problem},
    },
    time::Timestamp,
};

/// Who holds the admin key, or asks where no key is needed.
const ADMIN: &str = "admin";

impl Entry for AuditEntry {
    fn id(&self) -> Id {
        self.id.id()
    }

    fn wall(&self) -> Timestamp {
        self.at.wall
    }

    fn bytes(&self) -> usize {
        self.reason.len()
    }
}

/// `POST /api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/skip`: 200 with the entry.
pub(super) async fn skip<B: Backend>(called: Called<B>, request: Request) -> Answered {
    set_aside(called, request, Act::Skip).await
}

/// `POST /api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/park`: 200 with the entry.
pub(super) async fn park<B: Backend>(called: Called<B>, request: Request) -> Answered {
    set_aside(called, request, Act::Park).await
}

async fn set_aside<B: Backend>(called: Called<B>, request: Request, act: Act) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let event = called.message(&application)?.event;
    let body = body::read_or_empty(request).await?;
    let reason = reason_of(&body)?;
    let reads = called.backend.reads();
    if reads
        .delivery_state(endpoint.key, event.position)?
        .is_none()
    {
        let message = "this message did not go to this endpoint: it did not take its type or \
                       channel, or came later";
        return Err(Problem::new(Code::NotFound, message));
    }
    let command = Command::SetAside(Box::new(NewAuditEntry {
        application: application.key,
        endpoint: endpoint.id,
        position: event.position,
        event: event.id,
        act,
        by: name_of(&called.caller).into(),
        reason: reason.into(),
    }));
    let id: AuditId = match called.backend.command(command).await? {
        Answer::SetAside { id } => id,
        other => return Err(unexpected("a delivery was set aside", Some(other))),
    };
    let query = HistoryQuery {
        above: Some(Id::from_value(id.id().value().saturating_sub(1))),
        below: None,
        order: Order::OldestFirst,
        limit: 1,
    };
    let noted = called.backend.reads().audit(endpoint.key, query)?;
    let noted = noted.into_iter().find(|entry| entry.id == id);
    let noted =
        noted.ok_or_else(|| unexpected("a delivery was set aside and is not noted", None))?;
    told(StatusCode::OK, &shown(&noted, endpoint.id))
}

/// Why, as the body says it; empty if it says nothing.
fn reason_of(body: &bytes::Bytes) -> Result<String, Problem> {
    let mut fields = Fields::of(body, Faults::default())?;
    let reason = fields.text_or_empty("reason");
    fields.finish()?;
    Ok(reason.unwrap_or_default())
}

/// Who asks, by the key that was shown.
fn name_of(caller: &Caller) -> String {
    let key = caller.key.map(|id| ApiKeyId::new(id).to_string());
    key.unwrap_or_else(|| ADMIN.to_owned())
}

/// `GET /api/v1/app/{app}/endpoint/{endpoint}/audit`: 200 with a page, newest first.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint_of_history(&application)?;
    let mut faults = Faults::default();
    let page = PageQuery::of(&called.query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::AuditOfEndpoint,
        application: application.id.id(),
        of: endpoint.id.id(),
    };
    let backend = called.backend;
    let part = page.part(list, backend.now())?;
    off_thread(move || {
        let read = |query| backend.reads().audit(endpoint.key, query);
        let entries = part.read(limits::PAGE_ENTRIES_MAX + 1, read)?;
        let page = entries.answer(|entry| shown(entry, endpoint.id));
        told(StatusCode::OK, &page)
    })
    .await
}

/// An entry as the API shows it.
pub(super) fn shown(entry: &AuditEntry, endpoint: EndpointId) -> Value {
    json!({
        "id": entry.id.to_string(),
        "action": entry.act.name(),
        "msgId": entry.event.to_string(),
        "endpointId": endpoint.to_string(),
        "by": &*entry.by,
        "reason": &*entry.reason,
        "timestamp": wall_time::shown(entry.at.wall),
    })
}
