//! Endpoints: made, listed, changed and deleted, each with signing secrets of its own.

mod body;
mod change;
pub(super) mod example;
pub(super) mod headers;
pub(super) mod secret;
pub(super) mod stats;

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;

pub(super) use self::body::shown;
use self::{
    body::{OLDER_NAMES, Reach, Said, fields_of, judged},
    change::{Changed, change, found},
};
use super::{
    Answered,
    body::read,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    fields::Fields,
    nothing,
    once::{IdempotencyKey, Makes, gone, recalled, replayed_if},
    page::PageQuery,
    revision::told_at,
    taken, told, unexpected,
};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command, NewEndpoint, Refusal},
        endpoint::{BodyFormat, Endpoint},
        id::EndpointId,
        secret::Secret,
    },
    limits,
    runtime::entropy,
    server::{
        backend::Backend,
        problem::{Code, FaultKind, Problem},
    },
};

/// `POST /api/v1/app/{app}/endpoint`: 201.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let since = called.application_since()?;
    let application = since.object;
    let key = called.key.clone()?;
    let body = read(request).await?;
    if let Some(unknown) = since.gone {
        // What it made went with the application.
        let objects = [application.id.id()];
        let place = (application.key.shard, Makes::Endpoint, &objects[..]);
        recalled(&called, place, &body, unknown).await?;
        return Err(gone("endpoint"));
    }
    let said = judged(
        Fields::of(&body, Faults::default())?,
        true,
        reach(&called, None),
    )?;
    make(&called, (&key, &body), &application, said).await
}

/// `GET /api/v1/app/{app}/endpoint`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let mut faults = Faults::default();
    let page = PageQuery::of_objects(&called.query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::Endpoints,
        application: application.id.id(),
        of: application.id.id(),
    };
    let part = page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let entries = part.read_where(
            limits::PAGE_ENTRIES_MAX + 1,
            |query| backend.reads().endpoints_by_id(application.key, query),
            |endpoint: &Arc<Endpoint>| !endpoint.is_deleted(),
        )?;
        told(StatusCode::OK, &entries.answer(|endpoint| shown(endpoint)))
    })
    .await
}

/// `GET /api/v1/app/{app}/endpoint/{endpoint}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    told_at(StatusCode::OK, endpoint.revision(), &shown(&endpoint))
}

/// `PUT /api/v1/app/{app}/endpoint/{endpoint}`: 200, or 201 where it is made by this.
pub(super) async fn put<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = read(request).await?;
    let application = called.application()?;
    if let Err(free) = called.endpoint_or_free(&application)? {
        let fields = Fields::of(&body, Faults::default())?;
        let mut said = judged(fields, false, reach(&called, None))?;
        let Some(free) = free else {
            // A name that nothing can have.
            called.endpoint(&application)?;
            return Err(unexpected("an endpoint came from nowhere", None));
        };
        called.precondition.clone()?.judge_new()?;
        said.uid.get_or_insert(free);
        let no_key = IdempotencyKey::default();
        return make(&called, (&no_key, &body), &application, said).await;
    }
    let endpoint = change(&called, |known| {
        let fields = Fields::of(&body, Faults::default())?;
        let mut said = judged(fields, false, reach(&called, Some(known)))?;
        // Who says it anew by its `uid` finds it by that again, however often it is said.
        said.uid = said.uid.or_else(|| called.endpoint_uid());
        Ok(changed(said))
    })
    .await?;
    told_at(StatusCode::OK, endpoint.revision(), &shown(&endpoint))
}

/// `PATCH /api/v1/app/{app}/endpoint/{endpoint}`: 200.
pub(super) async fn patch<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = read(request).await?;
    let endpoint = change(&called, |known| {
        let base = Bytes::from(fields_of(known).to_string());
        let fields = Fields::over(&body, &base, &OLDER_NAMES)?;
        judged(fields, false, reach(&called, Some(known))).map(changed)
    })
    .await?;
    told_at(StatusCode::OK, endpoint.revision(), &shown(&endpoint))
}

/// `DELETE /api/v1/app/{app}/endpoint/{endpoint}`: 204; no attempt starts after it.
pub(super) async fn delete<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    called.precondition.clone()?.judge(endpoint.revision())?;
    let command = Command::DeleteEndpoint {
        application: application.key,
        endpoint: endpoint.id,
    };
    match called.backend.command(command).await? {
        Answer::Endpoint { .. } => Ok(nothing()),
        other => Err(unexpected("an endpoint was deleted", Some(other))),
    }
}

/// Where the URL of an endpoint may lead to, of a new one or of one that is known.
fn reach<'a, B>(called: &'a Called<B>, known: Option<&'a Endpoint>) -> Reach<'a> {
    Reach {
        targets: &called.targets,
        known: known.map(|known| &known.target.url),
    }
}

/// Everything that a body can say is changed to what it says.
fn changed(said: Said) -> Changed {
    Changed {
        url: Some(said.url),
        uid: Some(said.uid),
        filter: Some(said.filter),
        headers: said.headers,
        is_enabled: Some(said.is_enabled),
        throttle_rate: Some(said.throttle_rate),
        ordering: Some(said.ordering),
        details: Some(said.details),
        rotation: None,
    }
}

/// Makes an endpoint: 201.
async fn make<B: Backend>(
    called: &Called<B>,
    (key, body): (&IdempotencyKey, &[u8]),
    application: &Application,
    said: Said,
) -> Answered {
    let secret = match said.secret {
        Some(secret) => secret,
        None => fresh_secret()?,
    };
    let command = Command::CreateEndpoint(Box::new(NewEndpoint {
        application: application.key,
        url: said.url,
        secret,
        body_format: BodyFormat::Payload,
        uid: said.uid,
        filter: said.filter,
        headers: said.headers.unwrap_or_default(),
        is_enabled: said.is_enabled,
        throttle_rate: said.throttle_rate,
        ordering: said.ordering,
        original_url_sha256: None,
        registration: Bytes::new(),
        details: said.details,
    }));
    let command = key.once(Makes::Endpoint, &[application.id.id()], body, command);
    let mut is_replayed = false;
    let id = match called.backend.command(command).await {
        Ok(Answer::Endpoint { id, .. }) => id,
        Ok(Answer::Replayed { id }) => {
            is_replayed = true;
            EndpointId::new(id)
        }
        Ok(Answer::NameTaken { id }) => return Err(taken("uid", &EndpointId::new(id))),
        Ok(other) => return Err(unexpected("an endpoint was asked for", Some(other))),
        Err(Refusal::TooManyEndpoints) => return Err(one_too_many()),
        Err(refusal) => return Err(refusal.into()),
    };
    let endpoint = found(called, application, id)?;
    if is_replayed && endpoint.is_deleted() {
        return Err(gone("endpoint"));
    }
    let response = told_at(StatusCode::CREATED, endpoint.revision(), &shown(&endpoint))?;
    Ok(replayed_if(is_replayed, response))
}

/// A secret that nobody can guess.
fn fresh_secret() -> Result<Secret, Problem> {
    entropy::secret().map_err(|error| {
        tracing::error!(%error, "an endpoint could not be given a secret");
        Problem::new(Code::Internal, error.to_string())
    })
}

fn one_too_many() -> Problem {
    let most = limits::ENDPOINTS_PER_APPLICATION_MAX;
    let message = format!("the application has {most} endpoints, the most there can be");
    Faults::default().and(&["path", "app"], FaultKind::Quota, &message)
}
