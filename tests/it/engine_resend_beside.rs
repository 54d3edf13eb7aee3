//! Attempts that somebody asks for, beside other deliveries: what comes of one is of its own delivery alone, and
//! what is counted of them is as many as there are.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::AttemptRequest,
        command::{Answer, Command, Refusal},
        event::Event,
        history::Name,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    limits,
    store::Reads,
    time::Span,
};

use crate::support::{
    changes::change_endpoint,
    rig::{Rig, path, undaunted},
};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

/// A rig with endpoints of these names, whose windows have grown.
fn warm(options: Options, names: &[&str]) -> (Rig, ApplicationKey, Vec<EndpointId>) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let endpoints = names.iter().map(|name| rig.endpoint(application, name).0);
    let endpoints: Vec<EndpointId> = endpoints.collect();
    for _ in 0..20 {
        rig.event(application);
    }
    while !rig.sent.is_empty() {
        rig.answer(OK);
    }
    rig.advance(Span::from_millis(100));
    (rig, application, endpoints)
}

fn event(rig: &mut Rig, application: ApplicationKey) -> Arc<Event> {
    let id = rig.event(application);
    let found = Reads::event(&rig.store, application, &Name::Id(id.id()));
    found.expect("readable").expect("it is there").event
}

fn ask(rig: &mut Rig, endpoint: EndpointId, event: &Arc<Event>) -> u64 {
    rig.command(Command::Resend {
        endpoint,
        event: Arc::clone(event),
        attempts: 1,
    })
}

fn asked(rig: &mut Rig, endpoint: EndpointId, event: &Arc<Event>) {
    let request = ask(rig, endpoint, event);
    assert_eq!(rig.replies.get(&request), Some(&Ok(Answer::Resend)));
}

/// Takes the attempts in flight of which this holds.
fn take(rig: &mut Rig, is_one: impl Fn(&AttemptRequest) -> bool) -> Vec<AttemptRequest> {
    let (taken, left) = rig.sent.drain(..).partition(|request| is_one(request));
    let taken: Vec<AttemptRequest> = taken;
    let left: Vec<AttemptRequest> = left;
    rig.sent = left.into();
    taken
}

#[test]
fn a_success_by_hand_calls_off_no_other_event_that_is_in_flight() {
    let (mut rig, application, endpoints) = warm(undaunted(), &["a"]);
    let other = event(&mut rig, application);
    let one = event(&mut rig, application);
    // One of them waits for its retry, and the other is in flight.
    for request in take(&mut rig, |request| request.event.id == one.id) {
        rig.done(&request, FAILED);
    }
    asked(&mut rig, endpoints[0], &one);
    for request in take(&mut rig, |request| request.event.id == one.id) {
        assert!(request.is_by_hand);
        rig.done(&request, OK);
    }
    let flying = take(&mut rig, |request| request.event.id == other.id);
    assert_eq!(flying.len(), 1);
    rig.done(&flying[0], FAILED);
    rig.advance(Span::from_seconds(10));
    let retried: Vec<_> = rig.sent.iter().map(|sent| sent.event.id).collect();
    assert_eq!(retried, [other.id], "its own schedule goes on");
}

#[test]
fn a_success_by_hand_calls_off_no_attempt_of_the_same_event_to_another_endpoint() {
    let (mut rig, application, endpoints) = warm(undaunted(), &["a", "b"]);
    let event = event(&mut rig, application);
    for request in take(&mut rig, |request| path(request) == "b") {
        rig.done(&request, FAILED);
    }
    asked(&mut rig, endpoints[1], &event);
    for request in take(&mut rig, |request| path(request) == "b") {
        rig.done(&request, OK);
    }
    let flying = take(&mut rig, |request| path(request) == "a");
    assert_eq!(flying.len(), 1);
    rig.done(&flying[0], FAILED);
    rig.advance(Span::from_seconds(10));
    let retried: Vec<_> = rig.sent.iter().map(path).collect();
    assert_eq!(retried, ["a"]);
}

#[test]
fn a_retry_that_a_success_by_hand_calls_off_makes_room_for_another() {
    let options = Options {
        open_rows_max: 2,
        ..undaunted()
    };
    let (mut rig, application, endpoints) = warm(options, &["a"]);
    let first = event(&mut rig, application);
    rig.answer(FAILED);
    asked(&mut rig, endpoints[0], &first);
    rig.answer(OK);
    for left in [1, 0] {
        event(&mut rig, application);
        assert_eq!(rig.sent.len(), 1, "there is room for {left} more");
        rig.answer(FAILED);
    }
    event(&mut rig, application);
    assert!(rig.sent.is_empty(), "there is none");
}

#[test]
fn attempts_that_come_to_nothing_make_room_for_others() {
    for deletes in [true, false] {
        let (mut rig, application, endpoints) = warm(undaunted(), &["off", "on"]);
        change_endpoint(&mut rig, (application, endpoints[0]), |update| {
            update.is_enabled = false;
        });
        let most = limits::RESENDS_WAITING_MAX;
        let events: Vec<_> = (0..most).map(|_| event(&mut rig, application)).collect();
        while !rig.sent.is_empty() {
            rig.answer(OK);
        }
        for event in &events {
            asked(&mut rig, endpoints[0], event);
        }
        let request = ask(&mut rig, endpoints[1], &events[0]);
        let reply = rig.replies.get(&request);
        assert_eq!(reply, Some(&Err(Refusal::Overloaded)));
        let freed = if deletes {
            rig.command(Command::DeleteEndpoint {
                application,
                endpoint: endpoints[0],
            });
            most
        } else {
            rig.command(Command::Expunge {
                application,
                position: events[0].position,
                attempt: None,
            });
            1
        };
        change_endpoint(&mut rig, (application, endpoints[1]), |update| {
            update.is_enabled = false;
        });
        for event in events.iter().rev().take(freed) {
            asked(&mut rig, endpoints[1], event);
        }
        let request = ask(&mut rig, endpoints[1], &events[1]);
        let reply = rig.replies.get(&request);
        // One that waits already is asked for once more all the same.
        assert_eq!(reply, Some(&Err(Refusal::Overloaded)), "as many as that");
    }
}
