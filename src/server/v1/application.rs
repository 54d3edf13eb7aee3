//! Applications: made, found again by their `uid`, listed and changed.

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Answered, body,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    fields::Fields,
    nothing,
    once::{IdempotencyKey, Makes, gone, replayed},
    page::PageQuery,
    revision::{TRIES, overtaken, told_at},
    scope, taken, told, unexpected,
};
use crate::{
    domain::{
        application::{Application, DEFAULT_APPLICATION_UID, Registration},
        command::{Answer, Command, Refusal},
        history::Name,
        id::{ApplicationId, Id},
    },
    limits,
    server::{
        backend::Backend,
        problem::{Code, FaultKind, Problem},
        v1::wall_time,
    },
};

/// Where applications are made.
const PATH: &str = "/api/v1/app";

/// `POST /api/v1/app`: 201, or with `get_if_exists=true` 200 for a `uid` that is known.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let key = called.key.clone()?;
    let mut faults = Faults::default();
    let get_if_exists = called.query.flag("get_if_exists", false, &mut faults);
    let body = body::read(request).await?;
    let (uid, registration) = judged(Fields::of(&body, faults)?)?;
    match make(&called, (&key, &body), uid, registration).await? {
        Made::Fresh(application) => told_at(
            StatusCode::CREATED,
            application.revision,
            &shown(&application),
        ),
        Made::Again(application) => told_at(
            StatusCode::CREATED,
            application.revision,
            &shown(&application),
        )
        .map(replayed),
        Made::Known(application) if get_if_exists => {
            told_at(StatusCode::OK, application.revision, &shown(&application))
        }
        Made::Known(application) => Err(taken("uid", &application.id)),
    }
}

/// `GET /api/v1/app`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let mut faults = Faults::default();
    let page = PageQuery::of_objects(&called.query, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::Applications,
        application: Id::default(),
        of: Id::default(),
    };
    let part = page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let entries = part.read_where(
            limits::PAGE_ENTRIES_MAX + 1,
            |query| backend.reads().applications(query),
            |application: &Arc<Application>| !application.is_deleted,
        )?;
        told(
            StatusCode::OK,
            &entries.answer(|application| shown(application)),
        )
    })
    .await
}

/// `GET /api/v1/app/{app}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    told_at(StatusCode::OK, application.revision, &shown(&application))
}

/// `PUT /api/v1/app/{app}`: 200, or 201 where it is made by this.
pub(super) async fn put<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = body::read(request).await?;
    changed(called, &body, Way::Whole).await
}

/// `PATCH /api/v1/app/{app}`: 200.
pub(super) async fn patch<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let body = body::read(request).await?;
    changed(called, &body, Way::Part).await
}

/// `DELETE /api/v1/app/{app}`: 204; no attempt for it starts after that.
pub(super) async fn delete<B: Backend>(called: Called<B>) -> Answered {
    let precondition = called.precondition.clone()?;
    for _ in 0..TRIES {
        let known = called.application()?;
        precondition.judge(known.revision)?;
        if known.uid.as_deref() == Some(DEFAULT_APPLICATION_UID) {
            let message = "the original routes need this application: delete its endpoints instead";
            return Err(Problem::new(Code::Conflict, message));
        }
        let command = Command::DeleteApplication {
            application: known.key,
            revision: known.revision,
        };
        match called.backend.command(command).await {
            Ok(Answer::Application { .. }) => return Ok(nothing()),
            Err(Refusal::Stale) => {}
            Ok(other) => return Err(unexpected("an application was deleted", Some(other))),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(overtaken())
}

/// How a body changes an application.
#[derive(Clone, Copy)]
enum Way {
    /// It says all of it.
    Whole,
    /// What it leaves out stays.
    Part,
}

/// Changes the application that the path names; a change that another one overtook is made anew.
async fn changed<B: Backend>(called: Called<B>, body: &Bytes, way: Way) -> Answered {
    let precondition = called.precondition.clone()?;
    for _ in 0..TRIES {
        let known = match (called.application_or_free()?, way) {
            (Ok(known), _) => known,
            (Err(Some(free)), Way::Whole) => {
                let (uid, registration) = judged(Fields::of(body, Faults::default())?)?;
                precondition.judge_new()?;
                let no_key = IdempotencyKey::default();
                match make(&called, (&no_key, body), uid.or(Some(free)), registration).await? {
                    Made::Fresh(new) => {
                        return told_at(StatusCode::CREATED, new.revision, &shown(&new));
                    }
                    Made::Known(other) if Some(&other.id) != named(&called).as_ref() => {
                        return Err(taken("uid", &other.id));
                    }
                    // Somebody made it at the same time.
                    Made::Known(_) | Made::Again(_) => continue,
                }
            }
            (Err(_), _) => called.application()?,
        };
        let base = Bytes::from(fields_of(&known).to_string());
        let fields = match way {
            Way::Whole => Fields::of(body, Faults::default())?,
            Way::Part => Fields::over(body, &base, &[("throttleRate", "rateLimit")])?,
        };
        let (uid, registration) = judged(fields)?;
        // Who says it anew by its `uid` finds it by that again, however often it is said.
        let uid = match way {
            Way::Whole => uid.or_else(|| called.application_uid()),
            Way::Part => uid,
        };
        precondition.judge(known.revision)?;
        if known.uid.as_deref() == Some(DEFAULT_APPLICATION_UID) && uid != known.uid {
            let message = "the original routes need the `uid` `default`: leave it as it is";
            return Err(Problem::new(Code::Conflict, message));
        }
        let command = Command::UpdateApplication {
            application: known.key,
            revision: known.revision,
            uid,
            registration,
        };
        match called.backend.command(command).await {
            Ok(Answer::Application { id, .. }) => {
                let now = found(&called, id)?;
                return told_at(StatusCode::OK, now.revision, &shown(&now));
            }
            Ok(Answer::NameTaken { id }) => return Err(taken("uid", &ApplicationId::new(id))),
            Err(Refusal::Stale) => {}
            Ok(other) => return Err(unexpected("an application was changed", Some(other))),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(overtaken())
}

/// The id of the application that the path names, if it is there now.
fn named<B: Backend>(called: &Called<B>) -> Option<ApplicationId> {
    called.application().ok().map(|application| application.id)
}

/// The `uid` and the rest of what a body says of an application.
pub(super) type Said = (Option<Arc<str>>, Registration);

/// What a body says of an application.
fn judged(mut fields: Fields<'_>) -> Result<Said, Problem> {
    let said = said(&mut fields);
    fields.finish()?;
    Ok(said)
}

/// The same; what is wrong is noted.
pub(super) fn said(fields: &mut Fields<'_>) -> Said {
    let name = fields.required_text("name");
    let uid = fields.uid("uid", ApplicationId::PREFIX);
    let metadata = fields.metadata("metadata");
    let throttle_rate = fields.throttle_rate();
    let said = json!({ "name": name, "metadata": metadata, "throttleRate": throttle_rate });
    let registration = Registration {
        said: said.to_string().into(),
        throttle_rate,
    };
    (uid, registration)
}

/// Makes the application that the path names by a `uid` which is free, along with something else and as
/// its body says, or finds the one that somebody made at the same time.
///
/// # Errors
/// [`Problem`]: the body says another `uid`, the caller may not make applications, or the engine
/// refused it.
pub(super) async fn made_along<B: Backend>(
    called: &Called<B>,
    free: Arc<str>,
    (uid, registration): &Said,
) -> Result<Arc<Application>, Problem> {
    if uid.as_ref() != Some(&free) {
        let message = "`uid` must be the one in the path, by which the application is made";
        let loc = ["body", "application", "uid"];
        return Err(Faults::default().and(&loc, FaultKind::Value, message));
    }
    scope::judge(&called.caller, &Method::POST, PATH)?;
    // A `uid` is there once, so no key is needed to do it once.
    let no_key = IdempotencyKey::default();
    match make(called, (&no_key, &[]), Some(free), registration.clone()).await? {
        Made::Fresh(made) | Made::Again(made) | Made::Known(made) => Ok(made),
    }
}

/// An application that was asked to be made.
enum Made {
    /// It was made.
    Fresh(Arc<Application>),
    /// It was made before, by the same request under the same key.
    Again(Arc<Application>),
    /// One of its `uid` is there already, as it is here.
    Known(Arc<Application>),
}

async fn make<B: Backend>(
    called: &Called<B>,
    (key, body): (&IdempotencyKey, &[u8]),
    uid: Option<Arc<str>>,
    registration: Registration,
) -> Result<Made, Problem> {
    let command = Command::CreateApplication { uid, registration };
    let command = key.once(Makes::Application, &[Id::default()], body, command);
    match called.backend.command(command).await? {
        Answer::Application { id, fresh, .. } if fresh => Ok(Made::Fresh(found(called, id)?)),
        Answer::Application { id, .. } => Ok(Made::Known(found(called, id)?)),
        Answer::Replayed { id } => {
            let made = found(called, ApplicationId::new(id))?;
            if made.is_deleted {
                return Err(gone("application"));
            }
            Ok(Made::Again(made))
        }
        other => Err(unexpected("an application was asked for", Some(other))),
    }
}

/// An application that was made or changed just now.
fn found<B: Backend>(called: &Called<B>, id: ApplicationId) -> Result<Arc<Application>, Problem> {
    let found = called.backend.reads().application(&Name::Id(id.id()))?;
    found.ok_or_else(|| unexpected("an application is missing", None))
}

/// What a body could say of an application, as it is.
fn fields_of(application: &Application) -> Value {
    let mut said: Map<String, Value> =
        serde_json::from_slice(&application.registration.said).unwrap_or_default();
    // The application of the original routes was made by nobody who named it.
    let unnamed = || application.uid.as_deref().unwrap_or_default().into();
    json!({
        "uid": application.uid.as_deref(),
        "name": said.remove("name").unwrap_or_else(unnamed),
        "metadata": said.remove("metadata").unwrap_or_else(|| json!({})),
        "throttleRate": said.remove("throttleRate"),
    })
}

/// An application as the API shows it.
fn shown(application: &Application) -> Value {
    let mut shown = fields_of(application);
    let times = [
        ("createdAt", application.created_at),
        ("updatedAt", application.updated_at),
    ];
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("id".into(), application.id.to_string().into());
        for (name, at) in times {
            fields.insert(name.into(), wall_time::shown(at.wall).into());
        }
    }
    shown
}
