//! Payloads that are taken away while something of them is still to come, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command},
        delivery::DeliveryState,
        event::EventPosition,
        history::Name,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    store::Reads as _,
    time::Span,
};

use crate::support::rig::Rig;

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

/// A rig that sends one attempt at a time, with so many events.
fn rig(events: u64) -> (Rig, ApplicationKey, EndpointId) {
    let options = Options {
        page_rows: 2,
        window_max: 1,
        ..Options::default()
    };
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (endpoint, _) = rig.endpoint(application, "e");
    for _ in 0..events {
        rig.event(application);
    }
    (rig, application, endpoint)
}

fn expunge(rig: &mut Rig, application: ApplicationKey, position: u64) {
    let request = rig.command(Command::Expunge {
        application,
        position: EventPosition::new(position),
        attempt: None,
    });
    assert_eq!(rig.replies.get(&request), Some(&Ok(Answer::Expunged)));
}

/// How the delivery of each event stands.
fn states(
    rig: &Rig,
    application: ApplicationKey,
    id: EndpointId,
    events: u64,
) -> Vec<DeliveryState> {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let endpoint = found.expect("readable").expect("it is there");
    (0..events)
        .filter_map(|position| {
            rig.store
                .delivery(endpoint.key, EventPosition::new(position))
        })
        .collect()
}

/// Answers all that is sent within so long, all of it with `kind`; tells the events' places.
fn answer_all(rig: &mut Rig, kind: OutcomeKind, span: Span) -> Vec<u64> {
    let mut answered = Vec::new();
    rig.advance(span);
    while !rig.sent.is_empty() {
        answered.push(rig.answer(kind).event.position.number());
    }
    rig.advance(Span::from_millis(100));
    answered
}

#[test]
fn what_was_still_to_come_is_called_off_and_the_walk_goes_on() {
    let (mut rig, application, endpoint) = rig(4);
    // The first is in flight, the third still to come.
    expunge(&mut rig, application, 2);
    expunge(&mut rig, application, 0);
    let sent = answer_all(&mut rig, FAILED, Span::ZERO);
    assert_eq!(sent, [0, 1, 3]);
    let told = states(&rig, application, endpoint, 4);
    let cancelled = DeliveryState::Cancelled;
    assert_eq!((told[0], told[2]), (cancelled, cancelled));
    assert!(!told[1].is_terminal() && !told[3].is_terminal(), "{told:?}");
    assert_eq!(rig.store.counts().open_rows, 2);
    let mut retried = answer_all(&mut rig, OK, Span::from_seconds(10));
    retried.sort_unstable();
    assert_eq!(retried, [1, 3]);
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn a_retry_that_waits_is_called_off_wherever_its_row_stands() {
    let (mut rig, application, endpoint) = rig(9);
    answer_all(&mut rig, FAILED, Span::ZERO);
    assert_eq!(rig.store.counts().open_rows, 9);
    for position in [0, 4, 8] {
        expunge(&mut rig, application, position);
    }
    assert_eq!(rig.store.counts().open_rows, 6);
    let mut retried = answer_all(&mut rig, OK, Span::from_seconds(30));
    retried.sort_unstable();
    assert_eq!(retried, [1, 2, 3, 5, 6, 7]);
    let told = states(&rig, application, endpoint, 9);
    let cancelled = told
        .iter()
        .filter(|state| **state == DeliveryState::Cancelled);
    assert_eq!(cancelled.count(), 3);
}

#[test]
fn a_lane_that_lags_passes_over_what_was_taken_away() {
    let options = Options {
        ring_events_max: 4,
        page_rows: 2,
        window_max: 1,
        ..Options::default()
    };
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    rig.endpoint(application, "e");
    for _ in 0..12 {
        rig.event(application);
    }
    for position in [1, 3, 9] {
        expunge(&mut rig, application, position);
    }
    let sent = answer_all(&mut rig, OK, Span::ZERO);
    assert_eq!(sent, [0, 2, 4, 5, 6, 7, 8, 10, 11]);
}

#[test]
fn an_attempt_that_was_asked_for_and_waits_is_called_off() {
    let (mut rig, application, endpoint) = rig(2);
    let found = rig.store.event(application, EventPosition::new(1));
    let event = Arc::clone(found.expect("it is there"));
    rig.command(Command::Resend {
        endpoint,
        event,
        attempts: 0,
    });
    expunge(&mut rig, application, 1);
    assert_eq!(answer_all(&mut rig, OK, Span::ZERO), [0]);
    let state = rig.recovered(application);
    assert!(state.endpoints.iter().all(|row| row.resends.is_empty()));
}
