//! Messages: events as the API calls them. Accepted, shown again, listed.

mod accept;
mod said;
mod shown;

use axum::extract::Request;
use http::StatusCode;

use self::{accept::judge_payload, said::judged};
pub(super) use self::{
    accept::{Offer, accepted, judge_type},
    shown::{MessageOut, shown},
};
use super::{
    Answered, application, body,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    filter::EventFilter,
    nothing,
    once::Makes,
    page::PageQuery,
    told, unexpected,
};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command},
        event::Event,
        history::EventEntry,
        id::AttemptId,
    },
    limits,
    runtime::handle::Work,
    server::{
        backend::Backend,
        problem::{Code, Problem},
    },
};

/// `POST /api/v1/app/{app}/msg`: 202 once it is durable and will be delivered.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Answered {
    let mut named = called.application_or_free()?;
    let mut gone = None;
    if matches!(named, Err(None)) {
        // A message that it took before may be asked for again.
        let since = called.application_since()?;
        (named, gone) = (Ok(since.object), since.gone);
    }
    let key = called.key.clone()?;
    let shard = named.as_ref().ok().map(|application| application.key.shard);
    called.must_have_room(shard, Work::New)?;
    let mut faults = Faults::default();
    let with_content = called.query.flag("with_content", true, &mut faults);
    let body = body::read(request).await?;
    let said = judged(&body, called.keys.now().wall, faults)?;
    let refused = match (gone, judge_type(&called, &said.event_type)) {
        (Some(gone), _) => Some(gone),
        (None, Ok(())) => judge_payload(&called, &said).await.err(),
        (None, Err(refused)) => Some(refused),
    };
    let application = match (named, &said.application) {
        (Ok(known), None) => known,
        (Ok(known), Some(also)) => {
            judge_named(&called, &known, also)?;
            known
        }
        (Err(Some(free)), Some(new)) => {
            if let Some(refused) = refused {
                return Err(refused);
            }
            application::made_along(&called, free, new).await?
        }
        (Err(_), _) => called.application()?,
    };
    let event = said.offered(&application)?;
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

/// Refuses what names another application than the one that it is for and that alone the key reaches.
fn judge_named<B: Backend>(
    called: &Called<B>,
    known: &Application,
    said: &application::Said,
) -> Result<(), Problem> {
    let (Some(uid), Some(_)) = (&said.0, called.caller.application) else {
        return Ok(());
    };
    if known.uid.as_ref() == Some(uid) {
        return Ok(());
    }
    let message = "this key is for one application, and `application` is another one: leave it out";
    Err(Problem::new(Code::Forbidden, message))
}

/// `GET /api/v1/app/{app}/msg/{message}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let mut faults = Faults::default();
    let with_content = called.query.flag("with_content", true, &mut faults);
    faults.into_result()?;
    let application = called.application()?;
    let entry = called.message(&application)?;
    told(StatusCode::OK, &shown(&entry, with_content))
}

/// `GET /api/v1/app/{app}/msg`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
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
    // The cell's last turn may be long ago: a payload's time is told by the clock itself.
    let steady = called.keys.now().steady;
    let part = page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let reads = backend.reads();
        let read = |query| {
            let entries = reads.events(application.key, query)?.into_iter();
            Ok(entries.map(|entry| entry.as_of(steady)).collect())
        };
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
pub(super) async fn expunge<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    expunged(&called.backend, &event, None).await
}

/// Lets a payload go, or the body of the reply to an attempt.
pub(super) async fn expunged<B: Backend>(
    backend: &B,
    event: &Event,
    attempt: Option<AttemptId>,
) -> Answered {
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
