//! Explanations: why each attempt of a delivery was made when it was, and what it waits for now. All of
//! it from what was recorded with each attempt, and for the present from the engine.

use http::StatusCode;
use serde::Serialize;

use super::{Answered, called::Called, entry::off_thread, status::Status, told, unexpected};
use crate::{
    domain::{
        attempt::{AttemptRecord, AttemptResult, RetryWait, Trigger},
        circuit::CircuitState,
        command::{Answer, Command},
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey, EndpointState},
        event::{Event, EventPosition},
        history::{HistoryQuery, Order},
        outcome::OutcomeKind,
        present::{InLine, Present, Question},
    },
    limits,
    server::{
        backend::Backend,
        problem::{Code, Problem},
        v1::wall_time,
    },
    store::{ReadError, Reads},
    time::{Now, Span, Timestamp},
};

/// `GET /api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/explain`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let event = called.message(&application)?.event;
    let now = called.keys.now();
    let backend = called.backend;
    // Asked before the store is read: what ends in between has ended, and not both.
    let present = match backend
        .command(Command::Present(
            endpoint.key,
            Question::Delivery(event.position),
        ))
        .await?
    {
        Answer::Present(present) => *present,
        other => return Err(unexpected("how an endpoint stands was asked", Some(other))),
    };
    off_thread(move || {
        let reads = backend.reads();
        let Some(state) = reads.delivery_state(endpoint.key, event.position)? else {
            let message = "this message did not go to this endpoint: it did not take its type or \
                           channel, or came later";
            return Err(Problem::new(Code::NotFound, message));
        };
        let attempts = last_attempts(reads, endpoint.key, event.position)?;
        let explained = Explained {
            event: &event,
            endpoint: &endpoint,
            state,
            attempts: &attempts,
            present: &present,
            now,
        };
        told(StatusCode::OK, &explained.shown())
    })
    .await
}

/// The newest attempts of a delivery, oldest first.
fn last_attempts(
    reads: &dyn Reads,
    endpoint: EndpointKey,
    position: EventPosition,
) -> Result<Vec<AttemptRecord>, ReadError> {
    let mut query = HistoryQuery {
        above: None,
        below: None,
        order: Order::NewestFirst,
        limit: limits::PAGE_ENTRIES_MAX,
    };
    let mut found = Vec::new();
    while found.len() < limits::EXPLAINED_ATTEMPTS_MAX {
        let page = reads.attempts_of_event(endpoint.application, position, query)?;
        let last = page.last().map(|entry| entry.record.id.id());
        let is_full = page.len() == query.limit;
        let own = page.into_iter().map(|entry| entry.record);
        found.extend(own.filter(|record| record.endpoint == endpoint));
        match last {
            Some(last) if is_full => query.below = Some(last),
            _ => break,
        }
    }
    found.truncate(limits::EXPLAINED_ATTEMPTS_MAX);
    found.reverse();
    Ok(found)
}

/// What there is to be explained.
struct Explained<'of> {
    event: &'of Event,
    endpoint: &'of Endpoint,
    state: DeliveryState,
    attempts: &'of [AttemptRecord],
    present: &'of Present,
    now: Now,
}

/// The explanation of a delivery, as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplanationOut {
    id: String,
    status_text: &'static str,
    accepted_at: String,
    attempts: Vec<AttemptOut>,
    endpoint: EndpointOut,
    why: String,
}

/// An attempt, and why it was made when it was.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptOut {
    id: String,
    number: u16,
    /// Which attempt of its schedule; `None` beside it, or where that is not known.
    step: Option<u16>,
    due_at: Option<String>,
    started_at: String,
    held_ms: i64,
    held_by: Option<&'static str>,
    duration_ms: i64,
    response_status_code: u16,
    outcome: String,
    next: Option<NextOut>,
    why: String,
}

/// How the wait for the next attempt came about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NextOut {
    due_at: String,
    wait_ms: i64,
    scheduled_ms: i64,
    jitter_ms: i64,
    retry_after_ms: Option<i64>,
    why: String,
}

/// How attempts to the endpoint stand now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointOut {
    id: String,
    disabled: bool,
    in_flight: usize,
    window: u16,
    throttle_rate: Option<u16>,
    circuit: &'static str,
    circuit_openings: u16,
    failing_since: Option<String>,
    held_by: Option<&'static str>,
    held_until: Option<String>,
}

impl Explained<'_> {
    fn shown(&self) -> ExplanationOut {
        ExplanationOut {
            id: format!("{}/{}", self.event.id, self.endpoint.id),
            status_text: Status::of_delivery(self.state).text(),
            accepted_at: wall_time::shown(self.event.accepted_wall),
            attempts: self
                .attempts
                .iter()
                .map(|record| self.attempt(record))
                .collect(),
            endpoint: self.endpoint(),
            why: self.why(),
        }
    }

    fn attempt(&self, record: &AttemptRecord) -> AttemptOut {
        let timing = &record.timing;
        let started = record.started_at;
        // What was recorded before this was known has no step and no trigger that needs none.
        let is_known = timing.due != Timestamp::ZERO;
        let late = started.steady.since(timing.due).max(Span::ZERO);
        let held = if is_known { late } else { Span::ZERO };
        let (response_status_code, outcome) = match record.outcome {
            OutcomeKind::Status(code) => (code, format!("status {code}")),
            other => (0, format!("{}: {other}", other.name())),
        };
        let ended = started.steady.plus(record.duration);
        let next = match (record.result, timing.next) {
            (AttemptResult::RetryAt(due), Some(wait)) => Some(self.next(due, wait)),
            (AttemptResult::RetryAt(due), None) => Some(NextOut {
                due_at: wall_time::shown(self.now.wall_at(due)),
                wait_ms: due.since(ended).as_millis(),
                scheduled_ms: due.since(ended).as_millis(),
                jitter_ms: 0,
                retry_after_ms: None,
                why: "it is tried again".to_owned(),
            }),
            _ => None,
        };
        AttemptOut {
            id: record.id.to_string(),
            number: record.number,
            step: (timing.step > 0).then_some(timing.step),
            due_at: is_known.then(|| wall_time::shown(started.wall_at(timing.due))),
            started_at: wall_time::shown(started.wall),
            held_ms: held.as_millis(),
            held_by: timing.held_by.map(|holder| holder.name()),
            duration_ms: record.duration.as_millis(),
            response_status_code,
            outcome,
            next,
            why: why_made(record, held),
        }
    }

    fn next(&self, due: Timestamp, wait: RetryWait) -> NextOut {
        NextOut {
            due_at: wall_time::shown(self.now.wall_at(due)),
            wait_ms: wait.whole().as_millis(),
            scheduled_ms: wait.scheduled.as_millis(),
            jitter_ms: wait.jittered.as_millis() - wait.scheduled.as_millis(),
            retry_after_ms: wait.asked.map(Span::as_millis),
            why: why_waits(wait),
        }
    }

    fn endpoint(&self) -> EndpointOut {
        let present = self.present;
        let wall = |at: Timestamp| wall_time::shown(self.now.wall_at(at));
        EndpointOut {
            id: self.endpoint.id.to_string(),
            disabled: self.endpoint.state != EndpointState::Enabled,
            in_flight: present.in_flight.len(),
            window: present.window,
            throttle_rate: self.endpoint.throttle_rate,
            circuit: circuit_name(present.circuit.state, self.now.steady),
            circuit_openings: present.circuit.openings,
            failing_since: present.circuit.failing_since.map(wall),
            held_by: present.held_by.map(|holder| holder.name()),
            held_until: present.held_until.map(wall),
        }
    }

    /// What the delivery waits for now, or how it ended.
    fn why(&self) -> String {
        let shown = |at: Timestamp| wall_time::shown(self.now.wall_at(at));
        if self.present.in_flight.contains(&self.event.id) {
            return "an attempt is in flight".to_owned();
        }
        let due = match self.state {
            DeliveryState::Succeeded => return "it was delivered".to_owned(),
            DeliveryState::Exhausted => {
                return "all attempts of its schedule failed".to_owned();
            }
            DeliveryState::Expired => {
                return format!("its time was over at {}", shown(self.event.expires_at));
            }
            DeliveryState::Cancelled => {
                return "it was called off: its endpoint was deleted or its payload taken away"
                    .to_owned();
            }
            DeliveryState::Skipped => {
                return "somebody skipped it: see the audit of its endpoint".to_owned();
            }
            DeliveryState::Parked => {
                return "somebody parked it: see the audit of its endpoint; `recover` sends it again"
                    .to_owned();
            }
            DeliveryState::Waiting { due } => due,
            DeliveryState::Pending => self.event.not_before(),
        };
        let behind = match self.present.in_line {
            Some(InLine::Behind { ahead }) => {
                return format!(
                    "it waits in line behind {ahead} of its line, which go out one after the other"
                );
            }
            Some(InLine::Head { behind }) if behind > 0 => {
                format!("; {behind} wait in line behind it")
            }
            Some(InLine::Head { .. }) | None => String::new(),
        };
        if let EndpointState::Disabled(reason) = self.endpoint.state {
            return format!("it is held: the endpoint is disabled, since {reason}");
        }
        if due > self.now.steady {
            return format!("its next attempt is due at {}{behind}", shown(due));
        }
        let until = self.present.held_until.map(shown);
        let until = until.map_or_else(String::new, |until| format!(", until {until}"));
        match self.present.held_by {
            Some(holder) => {
                format!(
                    "an attempt is due since {}: {holder}{until}{behind}",
                    shown(due)
                )
            }
            None => format!(
                "an attempt is due since {} and comes when those before it had their turn{behind}",
                shown(due)
            ),
        }
    }
}

/// Why an attempt was made, and what held it.
fn why_made(record: &AttemptRecord, held: Span) -> String {
    let timing = &record.timing;
    let made = match (record.trigger, timing.step) {
        (Trigger::Manual, 0) => "somebody asked for it".to_owned(),
        (Trigger::Manual, _) => "a task sent the delivery again".to_owned(),
        (Trigger::Schedule, 0) => format!("attempt {} of its schedule", record.number),
        (Trigger::Schedule, 1) => "the first attempt".to_owned(),
        (Trigger::Schedule, step) => format!("attempt {step} of its schedule"),
    };
    match timing.held_by {
        Some(holder) => format!(
            "{made}; it came {} later than due: {holder}",
            told_span(held)
        ),
        None => made,
    }
}

/// How a wait came about.
fn why_waits(wait: RetryWait) -> String {
    let spread = format!(
        "the schedule says {}, spread to {}",
        told_span(wait.scheduled),
        told_span(wait.jittered)
    );
    match wait.asked {
        Some(asked) if asked > wait.jittered => {
            format!(
                "the receiver asked for {} (Retry-After); {spread}",
                told_span(asked)
            )
        }
        Some(asked) => format!(
            "{spread}; the receiver asked for {} (Retry-After), which is no longer",
            told_span(asked)
        ),
        None => spread,
    }
}

/// A span for people, to the millisecond.
fn told_span(span: Span) -> String {
    let millis = span.as_millis();
    format!("{}.{:03} s", millis / 1_000, millis.rem_euclid(1_000))
}

/// The name of a circuit's state at `now`: one whose pause is over is half-open.
const fn circuit_name(state: CircuitState, now: Timestamp) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Open { until, .. } if until.as_micros() > now.as_micros() => "open",
        CircuitState::Open { .. } | CircuitState::HalfOpen { .. } => "half-open",
        CircuitState::Recovering => "recovering",
    }
}
