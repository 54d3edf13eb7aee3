//! Sending deliveries of an endpoint again: what failed, what is missing, or what a filter names.
//!
//! Each starts a task, which goes on by itself (see [`super::task`]); with `dryRun=true` nothing is
//! started and the answer tells how many deliveries would be sent.

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{
    Answered, body,
    called::Called,
    entry::off_thread,
    faults::Faults,
    fields::Fields,
    once::{Makes, gone, recalled, replayed_if},
    page::first_id_of,
    task, told, unexpected,
    wall_time::WallTime,
};
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Answer, Command, NewTask},
        endpoint::Endpoint,
        event::EventPosition,
        history::{HistoryQuery, Order},
        id::Id,
        task::{Matching, Selection, Standing},
    },
    limits,
    policy::recovery::{has_its_time, selects},
    runtime::handle::Work,
    server::{
        backend::Backend,
        problem::{Code, FaultKind, Problem},
    },
    store::{ReadError, Reads},
    time::{Now, Span, Timestamp},
};

/// `POST /api/v1/app/{app}/endpoint/{endpoint}/recover`: 202 with the task.
pub(super) async fn recover<B: Backend>(called: Called<B>, request: Request) -> Answered {
    started(called, request, Makes::Recovery).await
}

/// `POST /api/v1/app/{app}/endpoint/{endpoint}/replay-missing`: 202 with the task.
pub(super) async fn replay_missing<B: Backend>(called: Called<B>, request: Request) -> Answered {
    started(called, request, Makes::MissingReplay).await
}

/// `POST /api/v1/app/{app}/endpoint/{endpoint}/bulk-replay`: 202 with the task.
pub(super) async fn bulk_replay<B: Backend>(called: Called<B>, request: Request) -> Answered {
    started(called, request, Makes::BulkReplay).await
}

async fn started<B: Backend>(called: Called<B>, request: Request, makes: Makes) -> Answered {
    let (application, endpoint) = called.endpoint_since()?;
    let (endpoint, gone) = (endpoint.object, endpoint.gone);
    let key = called.key.clone()?;
    let mut faults = Faults::default();
    let is_dry = called.query.flag("dryRun", false, &mut faults);
    if !is_dry {
        called.must_have_room(Some(application.key.shard), Work::Again)?;
    }
    let body = body::read(request).await?;
    let asked = match gone {
        Some(gone) => Err(gone),
        None => Asked::of(&body, makes, called.keys.now().wall, faults),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refused) if is_dry => return Err(refused),
        // It may have been started before, when the endpoint was there or its time not so far back.
        Err(refused) => {
            let place = (application.key.shard, makes, &[endpoint.id.id()][..]);
            let id = recalled(&called, place, &body, refused).await?;
            return begun(&called, id, true);
        }
    };
    let backend = called.backend.clone();
    let (selection, span, now) = (asked.selection, asked.span, called.backend.now());
    let known = Arc::clone(&endpoint);
    let steady = called.keys.now().steady;
    if is_dry {
        return off_thread(move || {
            let reads = backend.reads();
            let places = places(reads, known.key.application, span, now)?;
            let count = count(reads, &known, &selection, places, steady)?;
            told(StatusCode::OK, &json!({ "count": count }))
        })
        .await;
    }
    let (from, until) = off_thread(move || {
        let application = known.key.application;
        Ok(places(backend.reads(), application, span, now)?)
    })
    .await?;
    let command = Command::StartTask(Box::new(NewTask {
        application: application.key,
        endpoint: endpoint.id,
        selection,
        from,
        until,
    }));
    let command = key.once(makes, &[endpoint.id.id()], &body, command);
    let (id, is_replayed) = match called.backend.command(command).await? {
        Answer::Task { id } => (id.id(), false),
        Answer::Replayed { id } => (id, true),
        other => return Err(unexpected("a task was asked for", Some(other))),
    };
    begun(&called, id, is_replayed)
}

/// Shows a task that was started, now or before.
fn begun<B: Backend>(called: &Called<B>, id: Id, is_replayed: bool) -> Answered {
    let known = called.backend.reads().task(id)?;
    let known = known.ok_or_else(|| gone("task"))?;
    let response = told(StatusCode::ACCEPTED, &task::begun(&known))?;
    Ok(replayed_if(is_replayed, response))
}

/// What a body asks for.
struct Asked {
    selection: Selection,
    /// The wall times between which events were accepted; the later one is left out.
    span: (Timestamp, Option<Timestamp>),
}

impl Asked {
    /// Reads a body; `wall` is the time now.
    fn of(body: &Bytes, makes: Makes, wall: Timestamp, faults: Faults) -> Result<Self, Problem> {
        let mut fields = Fields::of(body, faults)?;
        let since = fields.required_moment("since");
        let until = fields.moment("until");
        let selection = match makes {
            Makes::Recovery => Selection::Failed,
            Makes::MissingReplay => Selection::Missing,
            _ => Selection::Matching(matching(&mut fields)),
        };
        let span_max = Span::from_millis(limits::TASK_SPAN_MS_MAX);
        let first = wall.plus(Span::from_micros(-span_max.as_micros()));
        if since.is_some_and(|since| since.floor < first) {
            let message = "`since` must not be more than 14 days back";
            let loc = ["body", "since"];
            fields.faults.add(&loc, FaultKind::Value, message);
        }
        if let (Some(since), Some(until)) = (since, until)
            && until.floor <= since.floor
        {
            let message = "`until` must be later than `since`";
            let loc = ["body", "until"];
            fields.faults.add(&loc, FaultKind::Value, message);
        }
        fields.finish()?;
        let Some(since) = since else {
            // What is missing or wrong was told by `finish`.
            return Err(unexpected("a fault was not told", None));
        };
        Ok(Self {
            selection,
            span: (since.ceiling, until.map(|until: WallTime| until.ceiling)),
        })
    }
}

/// The filter of a bulk replay.
fn matching(fields: &mut Fields<'_>) -> Matching {
    let event_types = fields.names("eventTypes", limits::ENDPOINT_EVENT_TYPES_MAX);
    let channel = fields.channel("channel");
    let tag = fields.tag("tag");
    let standing = fields.whole("status", (0, 4)).map(|number| match number {
        0 => Standing::Succeeded,
        1 => Standing::Waiting,
        2 => Standing::Failed,
        _ => Standing::Unsendable,
    });
    let class = fields.whole("statusCodeClass", (0, 500));
    if class.is_some_and(|class| class % 100 != 0) {
        let message = "`statusCodeClass` must be one of 0, 100, 200, 300, 400, 500";
        let loc = ["body", "statusCodeClass"];
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    Matching {
        event_types: event_types.unwrap_or_default(),
        channel,
        tag,
        standing,
        status_class: class.and_then(|class| u16::try_from(class / 100).ok()),
    }
}

/// The first event that was accepted in a span of wall time, and the one behind the last.
fn places(
    reads: &dyn Reads,
    application: ApplicationKey,
    (since, until): (Timestamp, Option<Timestamp>),
    now: Now,
) -> Result<(EventPosition, EventPosition), ReadError> {
    let from = place(reads, application, since, now)?;
    let until = match until {
        Some(until) => place(reads, application, until, now)?,
        None => reads.next_position(application)?,
    };
    Ok((from, until.max(from)))
}

/// The first event that was accepted at this wall time or later, or the place behind all events.
fn place(
    reads: &dyn Reads,
    application: ApplicationKey,
    wall: Timestamp,
    now: Now,
) -> Result<EventPosition, ReadError> {
    // Read before the events: what comes meanwhile is later.
    let end = reads.next_position(application)?;
    let steady = now.steady.plus(wall.since(now.wall)).as_millis();
    let first = first_id_of(steady.saturating_sub(limits::CLOCK_DRIFT_MS));
    let mut query = HistoryQuery {
        above: Some(Id::from_value(first.value().saturating_sub(1))),
        below: None,
        order: Order::OldestFirst,
        limit: limits::PAGE_EVENTS_READ,
    };
    loop {
        let events = reads.events(application, query)?;
        let mut found = events.iter().map(|entry| &entry.event);
        if let Some(event) = found.find(|event| event.accepted_wall >= wall) {
            return Ok(event.position);
        }
        match events.last() {
            Some(last) if events.len() >= query.limit => query.above = Some(last.event.id.id()),
            _ => return Ok(end),
        }
    }
}

/// How many deliveries a task would send.
fn count(
    reads: &dyn Reads,
    endpoint: &Endpoint,
    selection: &Selection,
    (from, until): (EventPosition, EventPosition),
    steady: Timestamp,
) -> Result<usize, Problem> {
    if until.since(from) > limits::DRY_RUN_EVENTS_MAX {
        let most = limits::DRY_RUN_EVENTS_MAX;
        let message =
            format!("there are more than {most} messages in this time: ask for a shorter one");
        return Err(Problem::new(Code::LimitReached, message));
    }
    let (mut next, mut count) = (from, 0);
    while next < until {
        let seen = reads.candidates(endpoint.key, (next, until), limits::TASK_STEP_EVENTS)?;
        let chosen = seen.found.iter();
        count += chosen
            .filter(|candidate| has_its_time(&candidate.event, steady))
            .filter(|candidate| selects(selection, endpoint, candidate))
            .count();
        if seen.until <= next {
            break;
        }
        next = seen.until;
    }
    Ok(count)
}
