//! Events for later: nothing is sent before its time, and all of it after, over the memory store.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        change::StoreMode,
        command::{Answer, Command, NewTask, Refusal},
        delivery::DeliveryState,
        event::{Besides, EventPosition},
        history::Name,
        id::{EndpointId, EventId},
        outcome::OutcomeKind,
        task::Selection,
    },
    engine::{io::Input, options::Options},
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_event, path};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const HOUR: Span = Span::from_seconds(3_600);
const MOMENT: Span = Span::from_millis(100);

/// A rig with some endpoints of the application `default`.
fn rig(options: Options, endpoints: &[&str]) -> (Rig, ApplicationKey, Vec<EndpointId>) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let ids = endpoints
        .iter()
        .map(|name| rig.endpoint(application, name).0);
    let ids = ids.collect();
    (rig, application, ids)
}

/// Hands an event in that is to be sent after `wait`.
fn later(rig: &mut Rig, application: ApplicationKey, wait: Span) -> Result<EventId, Refusal> {
    let Command::AcceptEvent(mut event) = new_event(application) else {
        unreachable!("it is one")
    };
    event.besides = Besides {
        deliver_after: Some(wait),
        ..Besides::default()
    };
    let request = rig.command(Command::AcceptEvent(event));
    match rig.replies.get(&request) {
        Some(Ok(Answer::Event { id, .. })) => Ok(*id),
        Some(Err(refusal)) => Err(*refusal),
        other => panic!("{other:?}"),
    }
}

fn state(rig: &Rig, application: ApplicationKey, id: EndpointId, place: u64) -> DeliveryState {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let endpoint = found.expect("readable").expect("it is there");
    let state = rig.store.delivery(endpoint.key, EventPosition::new(place));
    state.expect("a delivery")
}

/// The places of the events that are in flight, answered with `kind`.
fn answered(rig: &mut Rig, kind: OutcomeKind) -> Vec<u64> {
    let mut places = Vec::new();
    while !rig.sent.is_empty() {
        places.push(rig.answer(kind).event.position.number());
    }
    rig.advance(MOMENT);
    places.sort_unstable();
    places
}

#[test]
fn an_event_for_later_waits_for_its_time_and_stands_in_nobodys_way() {
    let (mut rig, application, ids) = rig(Options::default(), &["a", "b"]);
    later(&mut rig, application, HOUR).expect("accepted");
    let due = rig.now.steady.plus(HOUR);
    rig.event(application);
    assert_eq!(
        answered(&mut rig, OK),
        [1, 1],
        "what comes behind it goes at once"
    );
    for id in &ids {
        assert_eq!(
            state(&rig, application, *id, 0),
            DeliveryState::Waiting { due }
        );
    }
    assert_eq!(rig.store.counts().open_rows, 2);
    let left = due.since(rig.now.steady);
    rig.advance(Span::from_micros(left.as_micros() - 1));
    assert_eq!(answered(&mut rig, OK), [0; 0], "not a microsecond before");
    rig.advance(Span::from_micros(1));
    let numbers: Vec<u16> = rig.sent.iter().map(|request| request.number).collect();
    assert_eq!(numbers, [1, 1], "they are first attempts");
    assert_eq!(answered(&mut rig, OK), [0, 0]);
    for id in &ids {
        assert_eq!(state(&rig, application, *id, 0), DeliveryState::Succeeded);
    }
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn it_is_retried_like_any_other_and_its_time_to_live_begins_when_it_is_due() {
    let options = Options {
        expires_after: Span::from_seconds(60),
        ..Options::default()
    };
    let (mut rig, application, ids) = rig(options, &["a"]);
    later(&mut rig, application, HOUR).expect("accepted");
    rig.advance(HOUR);
    assert_eq!(answered(&mut rig, FAILED), [0]);
    rig.advance(Span::from_seconds(8));
    assert_eq!(
        answered(&mut rig, FAILED),
        [0],
        "the second attempt after five seconds"
    );
    assert!(matches!(
        state(&rig, application, ids[0], 0),
        DeliveryState::Waiting { .. }
    ));
    rig.advance(HOUR);
    assert_eq!(answered(&mut rig, OK), [0; 0], "its minute is over");
    assert_eq!(state(&rig, application, ids[0], 0), DeliveryState::Expired);
}

#[test]
fn a_shard_that_is_lost_loses_none_and_sends_none_twice_or_early() {
    // Before its row is written, behind it, and with the attempt in flight.
    for (before, is_sent) in [(Span::ZERO, false), (MOMENT, false), (HOUR, true)] {
        let (mut rig, application, ids) = rig(Options::default(), &["a"]);
        let accepted_at = rig.now.steady;
        later(&mut rig, application, HOUR).expect("accepted");
        rig.advance(before);
        assert_eq!(!rig.sent.is_empty(), is_sent);
        rig.lose_shard();
        let left = accepted_at.plus(HOUR).since(rig.now.steady).as_micros();
        if left > 0 {
            rig.advance(Span::from_micros(left - 1));
            assert_eq!(answered(&mut rig, OK), [0; 0]);
            rig.advance(Span::from_micros(1));
        }
        assert_eq!(answered(&mut rig, OK), [0]);
        rig.advance(HOUR);
        assert_eq!(answered(&mut rig, OK), [0; 0]);
        assert_eq!(
            state(&rig, application, ids[0], 0),
            DeliveryState::Succeeded
        );
    }
}

#[test]
fn a_time_that_has_come_before_its_lane_comes_to_it_is_no_wait() {
    let (mut rig, application, ids) = rig(
        Options {
            window_max: 1,
            ..Options::default()
        },
        &["a"],
    );
    // The window is full, so the lane stands before the second event until that is due.
    rig.event(application);
    later(&mut rig, application, Span::from_seconds(10)).expect("accepted");
    rig.advance(Span::from_seconds(20));
    assert_eq!(rig.store.counts().open_rows, 0);
    assert_eq!(answered(&mut rig, OK), [0, 1]);
    assert_eq!(
        state(&rig, application, ids[0], 1),
        DeliveryState::Succeeded
    );
}

#[test]
fn who_is_disabled_when_it_is_due_gets_it_once_enabled() {
    let (mut rig, application, ids) = rig(Options::default(), &["a"]);
    later(&mut rig, application, HOUR).expect("accepted");
    rig.event(application);
    assert_eq!(answered(&mut rig, OutcomeKind::Status(410)), [1]);
    rig.advance(HOUR);
    assert_eq!(answered(&mut rig, OK), [0; 0], "it is held");
    // Registering it again enables it.
    rig.endpoint(application, "a");
    rig.advance(MOMENT);
    assert!(answered(&mut rig, OK).contains(&0));
    assert_eq!(
        state(&rig, application, ids[0], 0),
        DeliveryState::Succeeded
    );
}

#[test]
fn an_attempt_by_hand_goes_at_once_and_its_success_ends_the_wait() {
    let (mut rig, application, ids) = rig(Options::default(), &["a"]);
    later(&mut rig, application, HOUR).expect("accepted");
    rig.advance(MOMENT);
    let event = rig.store.event(application, EventPosition::new(0));
    let event = std::sync::Arc::clone(event.expect("it is there"));
    rig.command(Command::Resend {
        endpoint: ids[0],
        event,
        attempts: 0,
    });
    assert_eq!(answered(&mut rig, OK), [0]);
    assert_eq!(
        state(&rig, application, ids[0], 0),
        DeliveryState::Succeeded
    );
    rig.advance(HOUR);
    assert_eq!(answered(&mut rig, OK), [0; 0]);
}

#[test]
fn tasks_pass_what_waits_for_its_time_by() {
    for selection in [Selection::Missing, Selection::Failed] {
        let (mut rig, application, ids) = rig(Options::default(), &["a"]);
        later(&mut rig, application, HOUR).expect("accepted");
        rig.advance(MOMENT);
        rig.command(Command::StartTask(Box::new(NewTask {
            application,
            endpoint: ids[0],
            selection,
            from: EventPosition::new(0),
            until: EventPosition::new(1),
        })));
        rig.advance(Span::from_seconds(10));
        assert_eq!(answered(&mut rig, OK), [0; 0]);
        rig.advance(HOUR);
        assert_eq!(answered(&mut rig, OK), [0]);
    }
}

#[test]
fn so_many_at_once_get_their_rows_in_several_turns_and_none_is_lost() {
    let names: Vec<String> = (0..60).map(|number| format!("e{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut rig, application, _) = rig(Options::default(), &names);
    rig.hold_completions = true;
    for _ in 0..100 {
        let Command::AcceptEvent(mut event) = new_event(application) else {
            unreachable!("it is one")
        };
        event.besides.deliver_after = Some(HOUR);
        rig.command(Command::AcceptEvent(event));
    }
    rig.hold_completions = false;
    rig.complete();
    rig.advance(Span::from_seconds(5));
    assert_eq!(rig.store.counts().open_rows, 6_000);
    rig.advance(HOUR);
    let mut sent = 0;
    while !rig.sent.is_empty() {
        sent += answered(&mut rig, OK).len();
    }
    assert_eq!((sent, rig.store.counts().open_rows), (6_000, 0));
}

#[test]
fn where_too_many_wait_no_event_for_later_is_taken_and_others_are() {
    let options = Options {
        open_rows_max: 4,
        ..Options::default()
    };
    let (mut rig, application, _) = rig(options, &["a"]);
    for _ in 0..2 {
        later(&mut rig, application, HOUR).expect("accepted");
        rig.advance(MOMENT);
    }
    let refused = later(&mut rig, application, HOUR);
    assert_eq!(refused, Err(Refusal::TooManyDelayed));
    rig.event(application);
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(path(&rig.sent[0]), "a");
    // With a full disk nothing is taken at all.
    rig.turn(vec![Input::StoreMode(StoreMode::ReadOnly)]);
    let refused = later(&mut rig, application, HOUR);
    assert_eq!(refused, Err(Refusal::DiskFull));
}
