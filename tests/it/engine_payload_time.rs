//! Payloads with a time of their own: nothing is sent of them once it is over, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Command, NewTask},
        delivery::DeliveryState,
        event::{Besides, Event, EventPosition},
        history::{HistoryQuery, Name, Order},
        id::EndpointId,
        outcome::OutcomeKind,
        task::Selection,
    },
    engine::options::Options,
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_event};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
/// Longer than the wait for the second attempt, shorter than that for the third.
const PERIOD: Span = Span::from_seconds(60);

/// A rig that sends one attempt at a time, with one event whose payload has a time of its own and one
/// whose payload has none.
fn rig() -> (Rig, ApplicationKey, EndpointId) {
    let options = Options {
        window_max: 1,
        ..Options::default()
    };
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (endpoint, _) = rig.endpoint(application, "e");
    for payload_for in [Some(PERIOD), None] {
        let Command::AcceptEvent(mut event) = new_event(application) else {
            unreachable!("it is one")
        };
        event.besides = Besides {
            payload_for,
            ..Besides::default()
        };
        rig.command(Command::AcceptEvent(event));
    }
    (rig, application, endpoint)
}

/// How the deliveries of both events stand.
fn states(rig: &Rig, application: ApplicationKey, id: EndpointId) -> [Option<DeliveryState>; 2] {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let endpoint = found.expect("readable").expect("it is there");
    let state = |place| rig.store.delivery(endpoint.key, EventPosition::new(place));
    [state(0), state(1)]
}

/// Answers all that is sent within so long, all of it with `kind`; tells the events' places.
fn answer_all(rig: &mut Rig, kind: OutcomeKind, span: Span) -> Vec<u64> {
    let mut answered = Vec::new();
    rig.advance(span);
    while !rig.sent.is_empty() {
        answered.push(rig.answer(kind).event.position.number());
    }
    rig.advance(Span::from_millis(100));
    answered.sort_unstable();
    answered
}

fn event(rig: &Rig, application: ApplicationKey, place: u64) -> Arc<Event> {
    let found = rig.store.event(application, EventPosition::new(place));
    Arc::clone(found.expect("it is there"))
}

#[test]
fn a_retry_that_is_due_later_than_the_payload_ends_is_not_made() {
    let (mut rig, application, endpoint) = rig();
    assert_eq!(answer_all(&mut rig, FAILED, Span::ZERO), [0, 1]);
    assert_eq!(answer_all(&mut rig, FAILED, Span::from_seconds(8)), [0, 1]);
    assert_eq!(answer_all(&mut rig, OK, Span::from_seconds(600)), [1]);
    let told = states(&rig, application, endpoint);
    let ended = [DeliveryState::Expired, DeliveryState::Succeeded];
    assert_eq!(told, ended.map(Some));
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn an_attempt_that_was_asked_for_is_not_made_once_the_payload_has_ended() {
    let (mut rig, application, endpoint) = rig();
    assert_eq!(answer_all(&mut rig, OK, Span::ZERO), [0, 1]);
    rig.advance(PERIOD);
    for place in [0, 1] {
        let event = event(&rig, application, place);
        rig.command(Command::Resend {
            endpoint,
            event,
            attempts: 1,
        });
    }
    assert_eq!(answer_all(&mut rig, OK, Span::ZERO), [1]);
    let state = rig.recovered(application);
    assert!(state.endpoints.iter().all(|row| row.resends.is_empty()));
}

/// Starts a task that recovers both events.
fn recover(rig: &mut Rig, application: ApplicationKey, endpoint: EndpointId) {
    rig.command(Command::StartTask(Box::new(NewTask {
        application,
        endpoint,
        selection: Selection::Failed,
        from: EventPosition::new(0),
        until: EventPosition::new(2),
    })));
}

#[test]
fn what_a_task_reopens_ends_with_its_payload() {
    let (mut rig, application, endpoint) = rig();
    assert_eq!(answer_all(&mut rig, FAILED, Span::ZERO), [0, 1]);
    assert_eq!(answer_all(&mut rig, FAILED, Span::from_seconds(8)), [0, 1]);
    rig.advance(Span::from_seconds(49));
    recover(&mut rig, application, endpoint);
    let soon = Span::from_millis(100);
    assert_eq!(answer_all(&mut rig, FAILED, soon), [0, 1]);
    // Their schedules began anew: the next attempts are due when one payload has ended.
    assert_eq!(answer_all(&mut rig, OK, Span::from_seconds(8)), [1]);
    let told = states(&rig, application, endpoint);
    let ended = [DeliveryState::Expired, DeliveryState::Succeeded];
    assert_eq!(told, ended.map(Some));
}

#[test]
fn a_task_passes_over_what_has_ended() {
    let (mut rig, application, endpoint) = rig();
    assert_eq!(answer_all(&mut rig, FAILED, Span::ZERO), [0, 1]);
    assert_eq!(answer_all(&mut rig, FAILED, Span::from_seconds(8)), [0, 1]);
    rig.advance(PERIOD);
    recover(&mut rig, application, endpoint);
    let soon = Span::from_millis(100);
    rig.advance(soon);
    assert_eq!(tasks(&rig), [(1, 1)], "counted, and made due");
    assert_eq!(answer_all(&mut rig, OK, soon), [1]);
    assert_eq!(tasks(&rig), [(1, 1)]);
}

/// Deliveries that each task has to send, and those that it has made due.
fn tasks(rig: &Rig) -> Vec<(u64, u64)> {
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: 9,
    };
    let tasks = rig.store.tasks(query).expect("readable");
    tasks.iter().map(|task| (task.total, task.done)).collect()
}
