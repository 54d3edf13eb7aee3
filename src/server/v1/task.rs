//! Tasks that go on in the background: listed, looked at and called off.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Answered,
    called::Called,
    cursor::{List, ListKind},
    entry::off_thread,
    faults::Faults,
    page::PageQuery,
    query::Query,
    told, unexpected, wall_time,
};
use crate::{
    domain::{
        command::{Answer, CalledTask, Command},
        id::Id,
        task::{Selection, Task, TaskState},
    },
    limits,
    server::{backend::Backend, problem::FaultKind},
};

/// What a task is told to do.
pub(super) const KINDS: [&str; 3] = [
    "endpoint.recover",
    "endpoint.replay",
    "endpoint.bulk-replay",
];
/// What tasks of the published shape are told to do that there are none of here.
pub(super) const OTHER_KINDS: [&str; 5] = [
    "application.stats",
    "application.purge_content",
    "message.broadcast",
    "event-type.aggregate",
    "sdk.generate",
];
/// How a task stands.
pub(super) const STATUSES: [&str; 3] = ["running", "finished", "failed"];

/// `GET /api/v1/background-task`: 200 with a page.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let mut faults = Faults::default();
    let query = &called.query;
    let page = PageQuery::of_objects(query, &mut faults);
    let status = word(query, "status", &STATUSES, &mut faults);
    let kinds = [&KINDS[..], &OTHER_KINDS].concat();
    let kind = word(query, "task", &kinds, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::Tasks,
        application: Id::default(),
        of: Id::default(),
    };
    let part = page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let entries = part.read_where(
            limits::PAGE_ENTRIES_MAX + 1,
            |query| backend.reads().tasks(query),
            |task: &Arc<Task>| {
                status.is_none_or(|asked| asked == status_of(task))
                    && kind.is_none_or(|asked| asked == kind_of(task))
            },
        )?;
        told(StatusCode::OK, &entries.answer(|task| shown(task)))
    })
    .await
}

/// One of several words that a query asks for; what is wrong is noted.
fn word(
    query: &Query,
    key: &str,
    words: &[&'static str],
    faults: &mut Faults,
) -> Option<&'static str> {
    let asked = query.one(key, faults)?;
    let found = words.iter().find(|word| **word == asked).copied();
    if found.is_none() {
        let message = format!("`{key}` must be one of {}", words.join(", "));
        faults.add(&["query", key], FaultKind::Value, message);
    }
    found
}

/// `GET /api/v1/background-task/{task}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let task = called.task()?;
    told(StatusCode::OK, &shown(&task))
}

/// `POST /api/v1/background-task/{task}/cancel`: 200 with the task, which sends nothing more.
pub(super) async fn cancel<B: Backend>(called: Called<B>) -> Answered {
    let task = called.task()?;
    if !task.state.has_ended() {
        let command = Command::CancelTask(CalledTask {
            application: task.endpoint.application,
            endpoint: task.endpoint_id,
            id: task.id,
        });
        match called.backend.command(command).await? {
            Answer::Task { .. } => {}
            other => return Err(unexpected("a task was called off", Some(other))),
        }
    }
    told(StatusCode::OK, &shown(&*called.task()?))
}

const fn kind_of(task: &Task) -> &'static str {
    match task.selection {
        Selection::Failed => KINDS[0],
        Selection::Missing => KINDS[1],
        Selection::Matching(_) => KINDS[2],
    }
}

const fn status_of(task: &Task) -> &'static str {
    match task.state {
        TaskState::Counting | TaskState::Sending => STATUSES[0],
        TaskState::Finished => STATUSES[1],
        TaskState::Cancelled | TaskState::EndpointGone => STATUSES[2],
    }
}

/// A task as it is answered when it was asked for.
pub(super) fn begun(task: &Task) -> Value {
    json!({
        "id": task.id.to_string(),
        "status": status_of(task),
        "task": kind_of(task),
        "updatedAt": wall_time::shown(task.updated_at.wall),
    })
}

/// A task as the API shows it.
fn shown(task: &Task) -> Value {
    let mut shown = begun(task);
    let is_counting = task.state == TaskState::Counting;
    let mut data = json!({
        "endpointId": task.endpoint_id.to_string(),
        "createdAt": wall_time::shown(task.created_at.wall),
        "total": (!is_counting).then_some(task.total),
        "done": task.done,
    });
    let reason = match task.state {
        TaskState::Cancelled => Some("it was cancelled"),
        TaskState::EndpointGone => Some("its endpoint was deleted"),
        TaskState::Counting | TaskState::Sending | TaskState::Finished => None,
    };
    if let Some(fields) = data.as_object_mut() {
        fields.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
    }
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("data".to_owned(), data);
    }
    shown
}
