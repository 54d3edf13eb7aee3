//! The operators: what is done by hand is chosen as in the other layers and asked over HTTP, by the routes
//! of API v1. Who gets no answer, or is told to come again, looks anew a second later.

use std::{rc::Rc, str::FromStr as _, sync::Arc};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio::task::spawn_local;

use super::{
    exchange::{Answer, Call, exchange},
    producers::{ASK_AGAIN_AFTER, register},
    stage::Stage,
};
use crate::{
    domain::{
        audit::Act,
        command::{Command, EndpointUpdate},
        event::EventPosition,
        history::Name,
        id::{EventId, TaskId},
        task::Selection,
    },
    limits,
    signing::encode_secret,
    sim::{
        by_hand::{Action, Asked},
        changed::Changed,
        operator::Operator,
        violation::Violation,
    },
    time::{Span, Timestamp},
};

/// How far back a task may go, less than by what a process stands still at most before it hears of it.
const FURTHEST_BACK: Span = Span::from_millis(limits::TASK_SPAN_MS_MAX - 3_600_000);

/// Everything that is done by hand, each at its time.
pub(super) fn begin(stage: &Rc<Stage>) {
    for (number, (after, action)) in (0_u32..).zip(stage.scenario.by_hand.clone()) {
        let waiting = &stage.producers.waiting;
        waiting.set(waiting.get() + 1);
        let stage = Rc::clone(stage);
        spawn_local(async move {
            tokio::time::sleep(after.as_duration()).await;
            act(&stage, number, in_whole_seconds(action)).await;
            let waiting = &stage.producers.waiting;
            waiting.set(waiting.get() - 1);
        });
    }
}

/// The same action, as far as it can be said over HTTP.
const fn in_whole_seconds(action: Action) -> Action {
    match action {
        Action::Rotate(endpoint, grace) => {
            let seconds = grace.as_millis() / 1_000;
            Action::Rotate(endpoint, Span::from_seconds(seconds))
        }
        _ => action,
    }
}

/// Does something by hand, if there is something to do it to.
async fn act(stage: &Stage, number: u32, action: Action) {
    if action == Action::Add {
        while !stage.producers.has_registered.get() {
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
        if stage.is_healed() {
            return;
        }
        stage.witness.borrow_mut().happened.added += 1;
        let added = stage.scenario.endpoints.saturating_add(number);
        return register(stage, added).await;
    }
    // What was asked before is asked again, as in the other layers, until all is well.
    while !stage.is_healed() {
        // While there is no process, nobody can read what there is.
        if stage.handle.borrow().is_some() {
            let Some((call, asked)) = call_of(stage, number, action) else {
                return;
            };
            let asked_at = stage.moment();
            stage.witness.borrow_mut().asked_by_hand(&asked, asked_at);
            if let (Some(of), Asked::Change { changed, .. }) = (action.endpoint(), &asked)
                && let Some((secret, _)) = &changed.rotation
            {
                stage.producers.rotate(of, secret.clone());
            }
            let answer = exchange(stage, call).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
            stage.tell(|trace| trace.operator_answered(number, status));
            if let Some(answer) = answer.filter(|answer| is_final(answer.status)) {
                let moment = stage.moment();
                let mut witness = stage.witness.borrow_mut();
                if answer.status.is_success() {
                    if let (Asked::Task { .. }, Some(task)) = (&asked, task_of(&answer)) {
                        witness.task_told(task, moment);
                    }
                    return witness.done_by_hand(&asked, asked_at, moment);
                }
                if let Some(violation) = unfair(answer) {
                    witness.object(violation);
                }
                return;
            }
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

/// Whether an answer does not tell to come again, or to look anew.
fn is_final(status: StatusCode) -> bool {
    let later = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::PRECONDITION_FAILED,
    ];
    !status.is_server_error() && !later.contains(&status)
}

/// Judges a refusal: what is not there any more can't be changed, and nothing else is wrong with what is
/// asked here.
fn unfair(answer: Answer) -> Option<Violation> {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let fair = [
        StatusCode::NOT_FOUND,
        StatusCode::CONFLICT,
        StatusCode::GONE,
    ];
    let is_fair = fair.contains(&answer.status) || body.contains("missing_payload");
    let status = answer.status.as_u16();
    (!is_fair).then_some(Violation::TurnedAway { status, body })
}

/// The task that an answer names.
fn task_of(answer: &Answer) -> Option<TaskId> {
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    TaskId::from_str(document.get("id")?.as_str()?).ok()
}

/// What an action calls for, with what can be read now; nothing if there is nothing to do it to.
fn call_of(stage: &Stage, number: u32, action: Action) -> Option<(Call, Asked)> {
    let handle = stage.handle.borrow();
    let reads = handle.as_ref()?.reads();
    let witness = stage.witness.borrow();
    let endpoint = action.endpoint();
    let operator = Operator {
        scenario: &stage.scenario,
        witness: &witness,
        store: reads,
        application: stage.application.get(),
        endpoint: endpoint.map(|number| Name::Uid(format!("receiver-{number}").into())),
    };
    let (command, asked) = operator.command_of(action, number)?;
    let earliest = (stage.clock())()
        .wall
        .plus(Span::from_micros(-FURTHEST_BACK.as_micros()));
    let event_at = |position: &EventPosition| {
        let seen = witness.events.get(position)?;
        Some((seen.event.id, seen.event.accepted_wall.max(earliest)))
    };
    Some((call(&command, &asked, event_at)?, asked))
}

/// A command as a call; `event_at` gives the event at a place and from when on a task covers it.
fn call(
    command: &Command,
    asked: &Asked,
    event_at: impl Fn(&EventPosition) -> Option<(EventId, Timestamp)>,
) -> Option<Call> {
    let post = |path: String, body: String| Call::new(Method::POST, path, body);
    Some(match command {
        Command::UpdateEndpoint(update) => return change(update, asked),
        Command::DeleteEndpoint { endpoint, .. } => {
            let path = format!("app/default/endpoint/{endpoint}");
            Call::new(Method::DELETE, path, String::new())
        }
        Command::Resend {
            endpoint, event, ..
        } => {
            let event = event.id;
            let path = format!("app/default/msg/{event}/endpoint/{endpoint}/resend");
            post(path, String::new())
        }
        Command::SetAside(entry) => {
            let what = match entry.act {
                Act::Skip => "skip",
                Act::Park => "park",
            };
            let (event, endpoint) = (entry.event, entry.endpoint);
            let path = format!("app/default/msg/{event}/endpoint/{endpoint}/{what}");
            post(path, json!({ "reason": &*entry.reason }).to_string())
        }
        Command::StartTask(task) => {
            let what = match task.selection {
                Selection::Failed => "recover",
                Selection::Missing => "replay-missing",
                Selection::Matching(_) => "bulk-replay",
            };
            let (_, since) = event_at(&task.from)?;
            let since = jiff::Timestamp::from_microsecond(since.as_micros()).ok()?;
            let path = format!("app/default/endpoint/{}/{what}", task.endpoint);
            post(path, json!({ "since": since.to_string() }).to_string())
        }
        Command::CancelTask(task) => {
            let path = format!("background-task/{}/cancel", task.id);
            post(path, String::new())
        }
        Command::Expunge { position, .. } => {
            let (event, _) = event_at(position)?;
            let path = format!("app/default/msg/{event}/content");
            Call::new(Method::DELETE, path, String::new())
        }
        // Nothing else is done by hand.
        _ => return None,
    })
}

/// The change of an endpoint, of the revision that was read; only what is to be other is said.
fn change(update: &EndpointUpdate, asked: &Asked) -> Option<Call> {
    let Asked::Change { changed, .. } = asked else {
        return None;
    };
    let path = format!("app/default/endpoint/{}", update.endpoint);
    let call = if let Some((secret, grace)) = &changed.rotation {
        let grace = grace.as_millis() / 1_000;
        let body = json!({ "key": encode_secret(secret), "gracePeriodSeconds": grace });
        Call::new(
            Method::POST,
            format!("{path}/secret/rotate"),
            body.to_string(),
        )
    } else {
        Call::new(Method::PATCH, path, fields_of(changed).to_string())
    };
    Some(Call {
        revision: Some(update.revision),
        ..call
    })
}

/// What is to be other about an endpoint, as a body says it.
fn fields_of(changed: &Changed) -> Value {
    let words = |words: &[Arc<str>]| -> Value {
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        json!((!words.is_empty()).then_some(words))
    };
    let mut fields = Map::new();
    let mut say = |name: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (name.to_owned(), value)));
    };
    let filter = changed.filter.as_ref();
    let headers = changed.headers.as_ref().map(|headers| {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), json!(&**value)));
        Value::Object(headers.collect())
    });
    say("url", changed.url.as_ref().map(|url| url.text().into()));
    say(
        "eventTypes",
        filter.map(|filter| words(&filter.event_types)),
    );
    say("channels", filter.map(|filter| words(&filter.channels)));
    say("headers", headers);
    say(
        "throttleRate",
        changed.throttle_rate.map(|rate| json!(rate)),
    );
    let ordering = changed.ordering;
    say("ordering", ordering.map(|ordering| ordering.name().into()));
    say(
        "disabled",
        changed.is_enabled.map(|is_enabled| (!is_enabled).into()),
    );
    Value::Object(fields)
}
