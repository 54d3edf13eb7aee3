//! Keys of the API: made, listed, revoked. A key itself is shown once, where it is made.

use std::sync::Arc;

use axum::extract::Request;
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Answered, body,
    called::Called,
    cursor::{List, ListKind},
    entry::Entry,
    faults::Faults,
    fields::Fields,
    nothing,
    once::{self, Makes, gone, replayed_if},
    page::PageQuery,
    revision::{TRIES, overtaken, told_at},
    told, unexpected,
    wall_time::{self, WallTime},
};
use crate::{
    domain::{
        command::{Answer, Command, Refusal},
        history::{HistoryQuery, Order},
        id::{ApiKeyId, ApplicationId, Id, ShardId},
        record::RecordKind,
    },
    limits,
    runtime::entropy,
    server::{
        access::token,
        api_key::{ApiKey, Scope, Seed, digest, record_name, text_of},
        backend::Backend,
        capability::Capability,
        key_ring::KnownKey,
        problem::{Code, FaultKind, Problem},
    },
    time::Timestamp,
};

impl Entry for Arc<KnownKey> {
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

/// `POST /api/v1/key`: 201 with the key, which nobody is shown again.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = body::read(request).await?;
    let new = judged(&called, Fields::of(&body, Faults::default())?);
    let asked = ((Makes::ApiKey, Id::default()), &body[..]);
    let made = match new {
        Ok(new) => made(&called, new, asked).await?,
        // It may have been made before its application was deleted, or before its end came.
        Err(refused) => recalled(&called, asked, refused).await?,
    };
    let mut said = shown(&made.known);
    if let Some(fields) = said.as_object_mut() {
        fields.insert("key".into(), made.key.into());
    }
    let answer = told_at(StatusCode::CREATED, made.known.record.revision, &said)?;
    Ok(replayed_if(made.is_replayed, answer))
}

/// `GET /api/v1/key`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let mut faults = Faults::default();
    let page = PageQuery::of_objects(&called.query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::Keys,
        application: Id::default(),
        of: Id::default(),
    };
    let part = page.part(list, called.backend.now())?;
    let entries = part.read(limits::PAGE_ENTRIES_MAX + 1, |query| {
        let wanted = |known: &KnownKey| query.contains(known.record.id);
        let mut found = called.keys.all(called.backend.reads(), wanted)?;
        in_order(&mut found, query);
        Ok(found)
    })?;
    told(StatusCode::OK, &entries.answer(|known| shown(known)))
}

/// Cuts what is in the order of ids to what a query asks for.
fn in_order(found: &mut Vec<Arc<KnownKey>>, query: HistoryQuery) {
    if query.order == Order::NewestFirst {
        found.reverse();
    }
    found.truncate(query.limit);
}

/// `GET /api/v1/key/{key}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let known = there(&called)?;
    told_at(StatusCode::OK, known.record.revision, &shown(&known))
}

/// `DELETE /api/v1/key/{key}`: 204; nobody is let in by it any more.
pub(super) async fn revoke<B: Backend>(called: Called<B>) -> Answered {
    for _ in 0..TRIES {
        let known = there(&called)?;
        called.precondition.clone()?.judge(known.record.revision)?;
        match ended(&called, &known).await {
            Ok(()) => return Ok(nothing()),
            Err(Refusal::Stale) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(overtaken())
}

/// Deletes the record of a key.
///
/// # Errors
/// The engine's [`Refusal`].
pub(super) async fn ended<B: Backend>(called: &Called<B>, known: &KnownKey) -> Result<(), Refusal> {
    let name = Arc::clone(&known.record.name);
    let command = Command::DeleteRecord {
        kind: RecordKind::ApiKey,
        name: Arc::clone(&name),
        revision: known.record.revision,
    };
    let reply = called.keys.change(&called.backend, name, command).await;
    reply.map(|_| ())
}

/// Has a key end at a time.
///
/// # Errors
/// The engine's [`Refusal`].
pub(super) async fn put_end<B: Backend>(
    called: &Called<B>,
    known: &KnownKey,
    at: Timestamp,
) -> Result<(), Refusal> {
    let name = Arc::clone(&known.record.name);
    let key = ApiKey {
        expires_at: Some(at),
        ..known.key.clone()
    };
    let command = Command::PutRecord {
        kind: RecordKind::ApiKey,
        name: Arc::clone(&name),
        revision: Some(known.record.revision),
        body: key.body(),
    };
    let reply = called.keys.change(&called.backend, name, command).await;
    reply.map(|_| ())
}

/// The key that the path names.
fn there<B: Backend>(called: &Called<B>) -> Result<Arc<KnownKey>, Problem> {
    let id = called.key_id();
    let reads = called.backend.reads();
    let known = id.map(|id| called.keys.named(id, reads)).transpose()?;
    known.flatten().ok_or_else(|| {
        let message = "there is no key of this id: it was revoked, or it never was";
        Problem::new(Code::NotFound, message)
    })
}

/// A key that was made, now or before.
pub(super) struct Made {
    pub(super) known: Arc<KnownKey>,
    /// The key itself, which is kept nowhere.
    pub(super) key: String,
    /// Whether it was made before, under the same idempotency key.
    pub(super) is_replayed: bool,
}

/// Makes a key, once below an object if there is an idempotency key. Such a key is made of what the
/// caller shows, of the idempotency key and of a seed that is kept with it: so a repetition makes it
/// again, though nothing is kept that opens anything.
///
/// # Errors
/// That it can't be written, [`Code::Conflict`] if it was made before and can't be shown again, or
/// [`Code::Internal`] if the system has no randomness.
pub(super) async fn made<B: Backend>(
    called: &Called<B>,
    new: ApiKey,
    ((makes, object), body): ((Makes, Id), &[u8]),
) -> Result<Made, Problem> {
    let once = called.key.clone()?;
    let random = entropy::api_key().map_err(|error| {
        tracing::error!(%error, "a key could not be made");
        Problem::new(Code::Internal, error.to_string())
    })?;
    let seed = Seed::new(random);
    let again = |seed: Seed| seed.key(credential(called)?, once.bytes());
    let repeatable = once.is_given().then(|| again(seed)).flatten();
    let new = ApiKey {
        seed: repeatable.as_ref().map(|_| seed),
        ..new
    };
    let key = repeatable.unwrap_or_else(|| text_of(&random));
    let new = ApiKey {
        hint: ApiKey::hint_of(&key),
        ..new
    };
    let digest = digest(key.as_bytes());
    let name: Arc<str> = record_name(&digest).into();
    let command = Command::PutRecord {
        kind: RecordKind::ApiKey,
        name: Arc::clone(&name),
        revision: None,
        body: new.body(),
    };
    let command = once.once(makes, &[object], body, command);
    let reads = called.backend.reads();
    match called.keys.change(&called.backend, name, command).await? {
        Answer::Record { .. } => {
            let known = called.keys.find(&digest, reads)?;
            let known = known.ok_or_else(|| unexpected("a key is missing", None))?;
            Ok(Made {
                known,
                key,
                is_replayed: false,
            })
        }
        Answer::Replayed { id } => made_before(called, id),
        other => Err(unexpected("a key was asked for", Some(other))),
    }
}

/// The key that the same request made before, though `refused` says why it can't make one now.
///
/// # Errors
/// `refused` if it made none, or as of [`made`].
pub(super) async fn recalled<B: Backend>(
    called: &Called<B>,
    ((makes, object), body): ((Makes, Id), &[u8]),
    refused: Problem,
) -> Result<Made, Problem> {
    let place = (ShardId::DIRECTORY, makes, &[object][..]);
    let id = once::recalled(called, place, body, refused).await?;
    made_before(called, id)
}

/// The key of this id, made again of what the caller shows.
fn made_before<B: Backend>(called: &Called<B>, id: Id) -> Result<Made, Problem> {
    let once = called.key.clone()?;
    let known = called.keys.named(id, called.backend.reads())?;
    let known = known.ok_or_else(|| gone("key"))?;
    let again = |seed: Seed| seed.key(credential(called)?, once.bytes());
    let key = known.key.seed.and_then(again);
    let is_same = |key: &String| *record_name(&digest(key.as_bytes())) == *known.record.name;
    let key = key.filter(is_same).ok_or_else(|| hidden(&known))?;
    Ok(Made {
        known,
        key,
        is_replayed: true,
    })
}

/// What the caller shows, unless it may be easy to guess: where everybody is let in, anything is
/// shown.
fn credential<B: Backend>(called: &Called<B>) -> Option<&[u8]> {
    let shown = called.credential.as_ref()?;
    token(shown.as_bytes()).filter(|token| token.len() >= limits::ADMIN_KEY_BYTES_MIN)
}

/// A key that was made before can't be made again by this caller.
fn hidden(known: &KnownKey) -> Problem {
    let id = ApiKeyId::new(known.record.id);
    let message = format!(
        "the key {id} was made under this idempotency key, for who showed another key than this \
         request, or none: if nobody has it, delete it, then make another under a new one"
    );
    Problem::new(Code::Conflict, message)
}

/// What a body says of a new key.
fn judged<B: Backend>(called: &Called<B>, mut fields: Fields<'_>) -> Result<ApiKey, Problem> {
    let name = fields.required_text("name");
    let scope = fields.required_raw_text("scope");
    let parsed = scope.as_deref().and_then(Scope::parse);
    if scope.is_some() && parsed.is_none() {
        let message = "`scope` must be admin, ingest or read";
        let loc = ["body", "scope"];
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    let application = match fields.raw_text("application") {
        None => None,
        Some(text) => {
            let found = called.application_called(&text)?;
            if found.is_none() {
                let message = "`application` must be the id or uid of one that exists";
                let loc = ["body", "application"];
                fields.faults.add(&loc, FaultKind::Value, message);
            }
            found.map(|application| application.id)
        }
    };
    let expires_at = fields.raw_text("expiresAt");
    let end = expires_at.as_deref().map(WallTime::parse);
    let now = called.keys.now().wall;
    let end = end.map(|end| end.map(|end| end.floor).filter(|end| *end > now));
    if end == Some(None) {
        let message = "`expiresAt` must be a time to come as RFC 3339 has it, such as \
                       2026-11-24T16:00:00Z";
        let loc = ["body", "expiresAt"];
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    let rate = fields.rate("rateLimit");
    fields.finish()?;
    let (Some(name), Some(scope)) = (name, parsed) else {
        // What is missing or wrong was told by `finish`.
        return Err(unexpected("a fault was not told", None));
    };
    Ok(ApiKey {
        name,
        scope,
        application,
        expires_at: end.flatten(),
        rate,
        hint: String::new(),
        portal: None,
        seed: None,
    })
}

/// A key as the API shows it, without the key itself.
fn shown(known: &KnownKey) -> Value {
    let key = &known.key;
    let portal = key.portal.as_ref();
    let capabilities = portal.map(|portal| portal.capabilities.iter().map(Capability::text));
    json!({
        "id": ApiKeyId::new(known.record.id).to_string(),
        "name": key.name,
        "scope": key.scope.text(),
        "application": key.application.map(|id: ApplicationId| id.to_string()),
        "expiresAt": key.expires_at.map(wall_time::shown),
        "rateLimit": key.rate,
        "hint": key.hint,
        "portal": portal.is_some(),
        "capabilities": capabilities.map(Iterator::collect::<Vec<_>>),
        "sessionId": portal.and_then(|portal| portal.session.as_deref()),
        "createdAt": wall_time::shown(known.record.created_at.wall),
    })
}
