//! Event types: the catalogue of what a service sends. A message may have any type; only one that is
//! archived here is refused.

mod body;

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use self::body::{judged, shown};
use super::{
    Answered,
    body::read,
    called::Called,
    cursor::{List, ListKind},
    entry::Entry,
    faults::Faults,
    fields::Fields,
    nothing,
    once::{IdempotencyKey, Makes, gone, replayed_if},
    page::PageQuery,
    revision::{TRIES, overtaken, told_at},
    told, unexpected,
};
use crate::{
    domain::{
        command::{Answer, Command, Refusal},
        history::{HistoryQuery, Order},
        id::Id,
        record::RecordKind,
    },
    limits,
    server::{
        backend::Backend,
        catalogue::EventType,
        problem::{Code, FaultKind, Problem},
    },
    time::Timestamp,
};

impl Entry for EventType {
    fn id(&self) -> Id {
        self.record.id
    }

    fn wall(&self) -> Timestamp {
        self.record.created_at.wall
    }

    fn bytes(&self) -> usize {
        self.record.body.len()
    }
}

/// `GET /api/v1/event-type`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let mut faults = Faults::default();
    let query = &called.query;
    let page = PageQuery::of_objects(query, &mut faults);
    let with_archived = query.flag("include_archived", false, &mut faults);
    let with_content = query.flag("with_content", false, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::EventTypes,
        application: Id::default(),
        of: Id::default(),
    };
    let part = page.part(list, called.backend.now())?;
    let all = called.catalogue.entries(called.backend.reads())?;
    let entries = part.read_where(
        limits::PAGE_ENTRIES_MAX + 1,
        |query| Ok(asked(all.values(), query)),
        |entry: &EventType| with_archived || !entry.is_archived(),
    )?;
    told(
        StatusCode::OK,
        &entries.answer(|entry| shown(entry, with_content)),
    )
}

/// The entries that a query asks for, in its order.
fn asked<'a>(all: impl Iterator<Item = &'a EventType>, query: HistoryQuery) -> Vec<EventType> {
    let mut found: Vec<EventType> = all
        .filter(|entry| query.contains(entry.record.id))
        .cloned()
        .collect();
    found.sort_unstable_by_key(|entry| entry.record.id);
    if query.order == Order::NewestFirst {
        found.reverse();
    }
    found.truncate(query.limit);
    found
}

/// `POST /api/v1/event-type`: 201; a name that was archived is taken into use again.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = read(request).await?;
    let (name, said) = judged(Fields::of(&body, Faults::default())?, None)?;
    // A name that is missing or wrong was told already.
    let name = name.ok_or_else(|| unexpected("a fault was not told", None))?;
    let key = called.key.clone()?;
    if let Some(answer) = made(&called, (&name, &said), (&key, &body)).await? {
        return Ok(answer);
    }
    for _ in 0..TRIES {
        let known = known(&called, &name)?;
        if let Some(known) = known.as_ref().filter(|known| !known.is_archived()) {
            return Err(taken(&known.record.name));
        }
        let revision = known.map(|known| known.record.revision);
        let once = |command| key.once(Makes::EventType, &[Id::default()], &body, command);
        if let Some((made, is_replayed)) =
            written_once(&called, &name, revision, &said, once).await?
        {
            let revision = made.record.revision;
            let answer = told_at(StatusCode::CREATED, revision, &shown(&made, true))?;
            return Ok(replayed_if(is_replayed, answer));
        }
    }
    Err(overtaken())
}

/// Makes an entry, once under a key; `None` if there is one of this name.
async fn made<B: Backend>(
    called: &Called<B>,
    (name, said): (&Arc<str>, &Bytes),
    (key, body): (&IdempotencyKey, &Bytes),
) -> Result<Option<Response>, Problem> {
    let command = Command::PutRecord {
        kind: RecordKind::EventType,
        name: Arc::clone(name),
        revision: None,
        body: said.clone(),
    };
    let command = key.once(Makes::EventType, &[Id::default()], body, command);
    let answer = called.catalogue.change(&called.backend, command).await;
    let entries = called.catalogue.entries(called.backend.reads())?;
    let (id, is_replayed) = match answer {
        Ok(Answer::Record { id }) => (id, false),
        Ok(Answer::Replayed { id }) => (id, true),
        Ok(Answer::NameTaken { .. }) => return Ok(None),
        Ok(other) => return Err(unexpected("an event type was made", Some(other))),
        Err(refusal) => return Err(refused(refusal)),
    };
    // One that was taken into use again is known by its name alone.
    let is_same = |entry: &&EventType| id == Id::default() || entry.record.id == id;
    let Some(entry) = entries.get(name).filter(is_same) else {
        return Err(gone("event type"));
    };
    let answer = told_at(
        StatusCode::CREATED,
        entry.record.revision,
        &shown(entry, true),
    )?;
    Ok(Some(replayed_if(is_replayed, answer)))
}

/// Why an entry can't be written.
fn refused(refusal: Refusal) -> Problem {
    if refusal != Refusal::TooManyRecords {
        return refusal.into();
    }
    let most = limits::EVENT_TYPES_MAX;
    let message = format!("there are {most} event types, the most there can be");
    Faults::default().and(&["body", "name"], FaultKind::Quota, &message)
}

/// `GET /api/v1/event-type/{event_type}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let name = named(&called)?;
    let known = there(&called, &name)?;
    told_at(StatusCode::OK, known.record.revision, &shown(&known, true))
}

/// `PUT /api/v1/event-type/{event_type}`: 200, or 201 where it is made by this.
pub(super) async fn put<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let name = named(&called)?;
    let body = read(request).await?;
    let precondition = called.precondition.clone()?;
    let (_, said) = judged(Fields::of(&body, Faults::default())?, Some(&name))?;
    for _ in 0..TRIES {
        let known = known(&called, &name)?;
        match &known {
            Some(known) => precondition.judge(known.record.revision)?,
            None => precondition.judge_new()?,
        }
        let status = match known {
            Some(_) => StatusCode::OK,
            None => StatusCode::CREATED,
        };
        let revision = known.map(|known| known.record.revision);
        if let Some(now) = written(&called, &name, revision, &said).await? {
            return told_at(status, now.record.revision, &shown(&now, true));
        }
    }
    Err(overtaken())
}

/// `PATCH /api/v1/event-type/{event_type}`: 200.
pub(super) async fn patch<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let name = named(&called)?;
    let body = read(request).await?;
    let precondition = called.precondition.clone()?;
    for _ in 0..TRIES {
        let known = there(&called, &name)?;
        precondition.judge(known.record.revision)?;
        let base = Bytes::from(Value::Object(known.fields.clone()).to_string());
        let (_, said) = judged(Fields::over(&body, &base, &[])?, Some(&name))?;
        let revision = Some(known.record.revision);
        if let Some(now) = written(&called, &name, revision, &said).await? {
            return told_at(StatusCode::OK, now.record.revision, &shown(&now, true));
        }
    }
    Err(overtaken())
}

/// `DELETE /api/v1/event-type/{event_type}`: 204; it is archived, or with `expunge=true` forgotten.
pub(super) async fn delete<B: Backend>(called: Called<B>) -> Answered {
    let name = named(&called)?;
    let mut faults = Faults::default();
    let expunge = called.query.flag("expunge", false, &mut faults);
    faults.into_result()?;
    let precondition = called.precondition.clone()?;
    for _ in 0..TRIES {
        let known = there(&called, &name)?;
        precondition.judge(known.record.revision)?;
        if expunge {
            if forgotten(&called, &known).await? {
                return Ok(nothing());
            }
            continue;
        }
        let mut fields = known.fields.clone();
        fields.insert("archived".into(), true.into());
        let said = Bytes::from(Value::Object(fields).to_string());
        let revision = Some(known.record.revision);
        if written(&called, &name, revision, &said).await?.is_some() {
            return Ok(nothing());
        }
    }
    Err(overtaken())
}

/// The name in the path; anything that can be no name is no entry.
fn named<B: Backend>(called: &Called<B>) -> Result<Arc<str>, Problem> {
    called.event_type().ok_or_else(absent)
}

fn absent() -> Problem {
    Problem::new(Code::NotFound, "there is no event type of this name")
}

fn taken(name: &str) -> Problem {
    let message = format!("there is an event type `{name}` already: change it with PUT or PATCH");
    Problem::new(Code::Conflict, message)
}

/// The entry of this name, archived or not.
fn known<B: Backend>(called: &Called<B>, name: &str) -> Result<Option<EventType>, Problem> {
    let all = called.catalogue.entries(called.backend.reads())?;
    Ok(all.get(name).cloned())
}

/// The entry of this name, which must be there.
fn there<B: Backend>(called: &Called<B>, name: &str) -> Result<EventType, Problem> {
    known(called, name)?.ok_or_else(absent)
}

/// Writes an entry and gives it as it is then; `None` if another change came first.
async fn written<B: Backend>(
    called: &Called<B>,
    name: &Arc<str>,
    revision: Option<u32>,
    said: &Bytes,
) -> Result<Option<EventType>, Problem> {
    let written = written_once(called, name, revision, said, |command| command).await?;
    Ok(written.map(|(entry, _)| entry))
}

/// As [`written`], once under a key; and whether that was before.
async fn written_once<B: Backend>(
    called: &Called<B>,
    name: &Arc<str>,
    revision: Option<u32>,
    said: &Bytes,
    once: impl FnOnce(Command) -> Command,
) -> Result<Option<(EventType, bool)>, Problem> {
    let command = Command::PutRecord {
        kind: RecordKind::EventType,
        name: Arc::clone(name),
        revision,
        body: said.clone(),
    };
    let answer = called
        .catalogue
        .change(&called.backend, once(command))
        .await;
    let entries = called.catalogue.entries(called.backend.reads())?;
    match answer {
        Ok(answer @ (Answer::Record { .. } | Answer::Replayed { .. })) => {
            let entry = entries.get(name).cloned();
            let entry = entry.ok_or_else(|| unexpected("an event type is missing", None))?;
            Ok(Some((entry, matches!(answer, Answer::Replayed { .. }))))
        }
        Ok(Answer::NameTaken { .. }) | Err(Refusal::Stale) => Ok(None),
        Ok(other) => Err(unexpected("an event type was written", Some(other))),
        Err(refusal) => Err(refused(refusal)),
    }
}

/// Takes an entry away; false if another change came first.
async fn forgotten<B: Backend>(called: &Called<B>, known: &EventType) -> Result<bool, Problem> {
    let command = Command::DeleteRecord {
        kind: RecordKind::EventType,
        name: Arc::clone(&known.record.name),
        revision: known.record.revision,
    };
    let answer = called.catalogue.change(&called.backend, command).await;
    match answer {
        Ok(Answer::Record { .. }) => Ok(true),
        Err(Refusal::Stale) => Ok(false),
        Ok(other) => Err(unexpected("an event type was deleted", Some(other))),
        Err(refusal) => Err(refusal.into()),
    }
}
