//! Events for later where something else happens meanwhile: losses, deletions, tasks, crowds; over the memory
//! store.

use std::{collections::BTreeMap, sync::Arc};

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command, NewTask, Refusal, RequestHandle},
        delivery::DeliveryState,
        endpoint::EndpointKey,
        event::EventPosition,
        history::{HistoryQuery, Name, Order},
        id::EndpointId,
        outcome::OutcomeKind,
        task::{Selection, TaskState},
    },
    engine::{io::Input, options::Options},
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_event, path};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const HOUR: Span = Span::from_seconds(3_600);
const SECOND: Span = Span::from_seconds(1);

fn rig(options: Options) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// The command that accepts an event that is to be sent after `wait`.
fn later(application: ApplicationKey, wait: Span) -> Command {
    let Command::AcceptEvent(mut event) = new_event(application) else {
        unreachable!("it is one")
    };
    event.besides.deliver_after = Some(wait);
    Command::AcceptEvent(event)
}

fn is_accepted(rig: &Rig, request: u64) -> bool {
    matches!(rig.replies.get(&request), Some(Ok(Answer::Event { .. })))
}

fn key_of(rig: &Rig, application: ApplicationKey, id: EndpointId) -> EndpointKey {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    found.expect("readable").expect("it is there").key
}

fn state(rig: &Rig, key: EndpointKey, place: u64) -> Option<DeliveryState> {
    rig.store.delivery(key, EventPosition::new(place))
}

/// Answers everything that is sent; tells what was, as path and place.
fn answered(rig: &mut Rig, kind: OutcomeKind) -> Vec<(String, u64)> {
    let mut sent = Vec::new();
    while !rig.sent.is_empty() {
        let request = rig.answer(kind);
        sent.push((path(&request), request.event.position.number()));
    }
    rig.advance(Span::from_millis(100));
    sent.sort_unstable();
    sent
}

#[test]
fn nothing_is_lost_and_nothing_sent_twice_whichever_commit_fails() {
    for fails in 0..6 {
        let options = Options {
            page_rows: 2,
            ..Options::default()
        };
        let (mut rig, application) = rig(options);
        for name in ["a", "b", "c"] {
            rig.endpoint(application, name);
        }
        rig.event(application);
        rig.fail_commit_in = Some(fails);
        let mut accepted = 0;
        for _ in 0..3 {
            let request = rig.command(later(application, HOUR));
            accepted += usize::from(is_accepted(&rig, request));
            rig.advance(SECOND);
        }
        rig.advance(SECOND);
        // What was sent at once may come twice where its record was lost.
        while !rig.sent.is_empty() {
            rig.answer(OK);
            rig.advance(SECOND);
        }
        let before = rig.sent_count;
        rig.lose_shard();
        rig.advance(Span::from_seconds(3_580));
        assert_eq!(rig.sent_count, before, "{fails}: none is due yet");
        rig.lose_shard();
        rig.advance(Span::from_seconds(30));
        let mut got: BTreeMap<(String, u64), u32> = BTreeMap::new();
        for sent in answered(&mut rig, OK) {
            *got.entry(sent).or_default() += 1;
        }
        rig.lose_shard();
        rig.advance(HOUR);
        assert!(rig.sent.is_empty(), "{fails}: all have ended");
        assert_eq!(got.len(), accepted * 3, "{fails}: {got:?}");
        assert!(got.values().all(|count| *count == 1), "{fails}: {got:?}");
        assert!(!rig.failed_after.is_empty(), "{fails}: a commit failed");
        assert_eq!(rig.store.counts().open_rows, 0, "{fails}");
    }
}

#[test]
fn many_wait_page_by_page_and_come_in_the_order_of_their_times() {
    let options = Options {
        page_rows: 2,
        window_max: 1,
        ring_events_max: 16,
        ..Options::default()
    };
    let (mut rig, application) = rig(options);
    rig.endpoint(application, "a");
    let times: Vec<i64> = (0..60).map(|number| (number * 37) % 60).collect();
    for time in &times {
        rig.command(later(application, Span::from_seconds(3_600 + time)));
    }
    rig.lose_shard();
    rig.advance(Span::from_millis(3_599_999));
    assert_eq!(rig.sent_count, 0);
    let mut came = Vec::new();
    for _ in 0..70 {
        came.extend(answered(&mut rig, OK).into_iter().map(|(_, place)| place));
        rig.advance(Span::from_millis(900));
    }
    let mut expected: Vec<u64> = (0..60).collect();
    expected.sort_by_key(|place| times[usize::try_from(*place).expect("small")]);
    assert_eq!(came, expected);
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn a_lane_that_lags_puts_off_what_it_meets_on_its_pages() {
    let options = Options {
        page_rows: 2,
        window_max: 1,
        ring_events_max: 4,
        ..Options::default()
    };
    for loses in [false, true] {
        let (mut rig, application) = rig(options.clone());
        rig.endpoint(application, "a");
        rig.event(application);
        // Its window is full until the first is answered, and the ring goes on without it.
        for number in 0..20 {
            let wait = if number % 2 == 0 { HOUR } else { Span::ZERO };
            let wait = Span::from_micros(wait.as_micros() + 1);
            rig.command(later(application, wait));
        }
        rig.advance(SECOND);
        assert_eq!(rig.store.counts().lanes, 1, "it lags");
        if loses {
            rig.lose_shard();
        }
        assert_eq!(answered(&mut rig, OK).len(), 11, "{loses}");
        assert_eq!(rig.store.counts().open_rows, 10, "{loses}");
        assert_eq!(rig.store.counts().lanes, 0, "{loses}");
        rig.advance(HOUR);
        assert_eq!(answered(&mut rig, OK).len(), 10, "{loses}");
        assert_eq!(rig.store.counts().open_rows, 0, "{loses}");
    }
}

#[test]
fn a_payload_that_is_taken_away_before_its_row_is_written_is_not_sent() {
    for is_early in [true, false] {
        let (mut rig, application) = rig(Options::default());
        rig.endpoint(application, "a");
        rig.hold_completions = true;
        rig.command(later(application, HOUR));
        let expunge = Input::Command(
            RequestHandle::new(77),
            Command::Expunge {
                application,
                position: EventPosition::new(0),
                attempt: None,
            },
        );
        if is_early {
            // Both are durable before the engine hears of the event.
            rig.turn(vec![expunge]);
            rig.hold_completions = false;
            rig.complete();
        } else {
            // The lane comes by when the end of the payload is gathered and not durable.
            rig.hold_completions = false;
            rig.complete_with(vec![expunge]);
        }
        rig.advance(SECOND);
        assert_eq!(rig.replies.get(&77), Some(&Ok(Answer::Expunged)));
        assert_eq!(rig.store.counts().open_rows, 0, "{is_early}");
        rig.lose_shard();
        rig.advance(HOUR);
        assert_eq!(rig.sent_count, 0, "{is_early}");
    }
}

#[test]
fn a_deleted_endpoint_gets_nothing_and_its_rows_go() {
    let (mut rig, application) = rig(Options::default());
    let (endpoint, _) = rig.endpoint(application, "a");
    rig.command(later(application, HOUR));
    rig.advance(SECOND);
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint,
    });
    let key = key_of(&rig, application, endpoint);
    rig.lose_shard();
    rig.advance(HOUR);
    assert_eq!(rig.sent_count, 0);
    assert_eq!(state(&rig, key, 0), Some(DeliveryState::Cancelled));
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn with_its_application_all_that_waits_is_gone() {
    let (mut rig, _) = rig(Options::default());
    let application = rig.application("other");
    rig.endpoint(application, "a");
    rig.command(later(application, HOUR));
    rig.advance(SECOND);
    rig.command(Command::DeleteApplication {
        application,
        revision: 1,
    });
    rig.advance(HOUR);
    assert_eq!(rig.sent_count, 0);
    assert_eq!(rig.store.counts().open_rows, 0);
}

/// Has a task send what its selection lets through; tells how many it found and how many it sent.
fn task(
    rig: &mut Rig,
    application: ApplicationKey,
    endpoint: EndpointId,
    selection: Selection,
) -> (u64, u64) {
    rig.command(Command::StartTask(Box::new(NewTask {
        application,
        endpoint,
        selection,
        from: EventPosition::new(0),
        until: EventPosition::new(9),
    })));
    rig.advance(SECOND);
    answered(rig, OK);
    rig.advance(SECOND);
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::NewestFirst,
        limit: 1,
    };
    let tasks = rig.store.tasks(query).expect("readable");
    let task = tasks.first().expect("it was started");
    assert_eq!(task.state, TaskState::Finished);
    (task.total, task.done)
}

#[test]
fn no_task_sends_it_before_its_time_where_it_did_not_go_or_failed_by_hand() {
    let (mut rig, application) = rig(Options::default());
    let (old, _) = rig.endpoint(application, "old");
    rig.command(later(application, HOUR));
    rig.event(application);
    let (new, _) = rig.endpoint(application, "new");
    answered(&mut rig, OK);
    let found = rig.store.event(application, EventPosition::new(0));
    let event = Arc::clone(found.expect("it is there"));
    rig.command(Command::Resend {
        endpoint: old,
        event,
        attempts: 0,
    });
    assert_eq!(answered(&mut rig, FAILED), [("old".into(), 0)]);
    let mut run = |endpoint, selection| task(&mut rig, application, endpoint, selection);
    assert_eq!(run(old, Selection::Missing), (0, 0));
    assert_eq!(run(old, Selection::Failed), (0, 0));
    assert_eq!(run(new, Selection::Missing), (1, 1), "the other event");
    rig.advance(HOUR);
    assert_eq!(answered(&mut rig, OK), [("old".into(), 0)]);
    let missing = task(&mut rig, application, new, Selection::Missing);
    assert_eq!(missing, (1, 1), "its time has come");
}

#[test]
fn a_crowd_for_later_in_one_turn_leaves_room_for_what_is_to_be_sent_at_once() {
    let options = Options {
        open_rows_max: 40,
        ..Options::default()
    };
    let (mut rig, application) = rig(options);
    for number in 0..10 {
        rig.endpoint(application, &format!("e{number}"));
    }
    let handles = 1_000..1_100_u64;
    let inputs = handles.clone().map(|handle| {
        let command = later(application, HOUR);
        Input::Command(RequestHandle::new(handle), command)
    });
    rig.turn(inputs.collect());
    rig.advance(SECOND);
    let accepted = handles.clone().filter(|handle| is_accepted(&rig, *handle));
    assert_eq!(accepted.count(), 2, "ten rows each are half of all");
    let refused = Some(&Err(Refusal::TooManyDelayed));
    assert_eq!(rig.replies.get(&1_050), refused);
    assert_eq!(rig.store.counts().open_rows, 20);
    rig.event(application);
    assert_eq!(answered(&mut rig, OK).len(), 10);
    rig.advance(HOUR);
    while !rig.sent.is_empty() {
        answered(&mut rig, OK);
    }
    // What was refused takes no room, and what was sent none any more.
    let request = rig.command(later(application, HOUR));
    assert!(is_accepted(&rig, request));
}

#[test]
fn the_batch_log_of_the_original_routes_waits_for_none_and_tells_its_attempts() {
    let options = Options {
        rounds: Some(DEFAULT_APPLICATION_UID.into()),
        ..Options::default()
    };
    let (mut rig, application) = rig(options);
    rig.endpoint(application, "a");
    rig.command(later(application, HOUR));
    rig.advance(Span::from_seconds(300));
    assert_eq!(rig.lines(), Vec::<String>::new());
    rig.advance(HOUR);
    answered(&mut rig, OK);
    let lines = rig.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("http://a.receiver.test/a"), "{lines:?}");
}
