//! The engine by itself, over the memory store: what it promises, one fact a test.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command, Refusal},
        event::ORDER_RECEIVED,
        outcome::OutcomeKind,
    },
    engine::{
        io::Input,
        options::{GeneratorOptions, Options},
    },
    store::memory::MemoryOptions,
    time::{Span, Timestamp},
};

use crate::support::rig::{Rig, new_endpoint, new_event, path, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const SECOND: Span = Span::from_seconds(1);

fn rig() -> (Rig, ApplicationKey) {
    with(undaunted())
}

fn with(options: Options) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// Options whose batches of one application are told.
fn told() -> Options {
    Options {
        rounds: Some(DEFAULT_APPLICATION_UID.into()),
        ..undaunted()
    }
}

#[test]
fn an_event_goes_to_every_endpoint_once_and_to_none_again_after_success() {
    let (mut rig, application) = rig();
    for name in ["a", "b", "c"] {
        rig.endpoint(application, name);
    }
    rig.event(application);
    assert_eq!(rig.flying(), ["a", "b", "c"]);
    for _ in 0..3 {
        rig.answer(OK);
    }
    rig.advance(Span::from_seconds(1_000_000));
    assert!(rig.sent.is_empty());
    assert_eq!(rig.engine.stats().succeeded, 3);
}

#[test]
fn neither_reply_nor_send_comes_before_the_commit() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.hold_completions = true;
    let request = rig.command(new_event(application));
    assert!(rig.sent.is_empty() && !rig.replies.contains_key(&request));
    rig.complete();
    assert_eq!(rig.flying(), ["a"]);
    assert!(matches!(
        rig.replies.get(&request),
        Some(Ok(Answer::Event { .. }))
    ));
}

#[test]
fn a_failed_commit_is_answered_with_unknown_and_the_shard_is_built_again() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.fail_commit_in = Some(0);
    let request = rig.command(new_event(application));
    assert_eq!(rig.replies.get(&request), Some(&Err(Refusal::Unknown)));
    assert!(rig.sent.is_empty());
    rig.event(application);
    assert_eq!(rig.flying(), ["a"]);
}

#[test]
fn what_was_accepted_before_a_failed_commit_is_delivered_after_it() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.endpoint(application, "b");
    let event = rig.event(application);
    rig.answer(OK);
    rig.advance(SECOND); // the success of "a" is durable, "b" is in flight
    rig.fail_commit_in = Some(0);
    rig.command(new_event(application));
    // "b" may be sent a second time, "a" may not; the old attempt still fills its slot.
    assert_eq!(rig.flying(), ["b"]);
    rig.answer(OK);
    assert_eq!(rig.flying(), ["b"]);
    assert_eq!(rig.sent[0].event.id, event);
    rig.answer(OK);
    rig.advance(SECOND);
    assert!(rig.sent.is_empty());
}

#[test]
fn a_failure_is_tried_again_after_five_seconds_with_a_fifth_of_jitter() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    let event = rig.event(application);
    rig.answer(FAILED);
    rig.advance(Span::from_millis(3_999));
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_millis(2_002));
    let retry = rig.answer(OK);
    assert_eq!((retry.number, retry.event.id), (2, event));
}

#[test]
fn a_delivery_ends_exhausted_after_ten_attempts_over_three_days() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.event(application);
    let start = rig.now.steady;
    let mut last = 0;
    while let Some(request) = rig.sent.pop_front() {
        last = request.number;
        rig.done(&request, FAILED);
        if let Some(due) = rig.engine.next_deadline() {
            rig.advance(due.since(rig.now.steady));
        }
        rig.advance(Span::from_seconds(30 * 3_600));
    }
    assert_eq!(last, 10);
    assert_eq!(rig.engine.stats().exhausted, 1);
    assert!(rig.now.steady.since(start) > Span::from_seconds(3 * 86_400 * 4 / 5));
}

#[test]
fn a_dead_endpoint_delays_nobody_else() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "dead");
    rig.endpoint(application, "alive");
    for _ in 0..50 {
        rig.event(application);
    }
    // The dead one's first attempt never ends; the living one gets all its events.
    let dead = rig.sent.pop_front().expect("sent");
    assert_eq!(path(&dead), "dead");
    let mut delivered = 0;
    while !rig.sent.is_empty() {
        assert_eq!(path(&rig.answer(OK)), "alive");
        delivered += 1;
    }
    assert_eq!(delivered, 50);
}

#[test]
fn a_window_starts_at_one_grows_by_clean_rounds_and_a_failure_halves_it() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    for _ in 0..200 {
        rig.event(application);
    }
    assert_eq!(rig.sent.len(), 1);
    let mut widest = 0;
    for _ in 0..100 {
        rig.answer(OK);
        widest = widest.max(rig.sent.len());
    }
    assert_eq!(widest, 8);
    rig.answer(FAILED);
    // Eight were allowed, four are now: nothing new starts until fewer are in flight.
    assert_eq!(rig.sent.len(), 7);
    for expected in [6, 5, 4] {
        rig.answer(OK);
        assert_eq!(rig.sent.len(), expected);
    }
}

#[test]
fn a_lane_with_room_hears_of_a_new_event_while_an_old_attempt_hangs() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    for _ in 0..4 {
        rig.event(application);
    }
    for _ in 0..3 {
        rig.answer(OK);
    }
    // The window is two or more; one attempt hangs and everything else is done.
    while rig.sent.len() > 1 {
        rig.sent.swap(0, 1);
        rig.answer(OK);
    }
    let hanging = rig.sent.len();
    rig.event(application);
    assert_eq!(rig.sent.len(), hanging + 1);
}

#[test]
fn applications_take_turns_however_much_one_of_them_has() {
    let options = Options {
        send_slots: 8,
        ..undaunted()
    };
    let (mut rig, busy) = with(options);
    for name in ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"] {
        rig.endpoint(busy, name);
    }
    let quiet = rig.application("quiet");
    rig.endpoint(quiet, "b");
    // Each of them is known to answer soon.
    rig.event(busy);
    while !rig.sent.is_empty() {
        rig.answer(OK);
    }
    for _ in 0..100 {
        rig.event(busy);
    }
    // One application has at most three quarters of the slots.
    assert_eq!(rig.sent.len(), 6);
    rig.event(quiet);
    assert_eq!(rig.flying().iter().filter(|path| *path == "b").count(), 1);
}

#[test]
fn endpoints_of_one_application_take_turns() {
    let options = Options {
        send_slots: 4,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    for name in ["a", "b", "c", "d", "e", "f"] {
        rig.endpoint(application, name);
    }
    for _ in 0..20 {
        rig.event(application);
    }
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..60 {
        *seen.entry(path(&rig.answer(OK))).or_default() += 1;
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(seen.values().all(|count| *count >= 5), "{seen:?}");
}

#[test]
fn busy_endpoints_share_the_slots_instead_of_a_whole_window_each() {
    let options = Options {
        send_slots: 16,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    for name in ["a", "b", "c", "d", "e", "f"] {
        rig.endpoint(application, name);
    }
    for _ in 0..100 {
        rig.event(application);
    }
    // Twelve slots for one application, two for each of six endpoints; windows would allow eight.
    for _ in 0..300 {
        rig.answer(OK);
        let mut at_once = std::collections::BTreeMap::<String, usize>::new();
        for path in rig.flying() {
            *at_once.entry(path.to_owned()).or_default() += 1;
        }
        assert!(at_once.values().all(|count| *count <= 2), "{at_once:?}");
    }
    // All of it comes through, and nothing waits for ever.
    for _ in 0..300 {
        rig.answer(OK);
    }
    assert!(rig.sent.is_empty());
}

/// The most attempts in flight to one endpoint while it answers each and the others none.
fn most_in_flight(rig: &mut Rig, name: &str) -> usize {
    let mut most = 0;
    for _ in 0..200 {
        let these: Vec<_> = rig
            .sent
            .iter()
            .filter(|request| path(request) == name)
            .cloned()
            .collect();
        most = most.max(these.len());
        for request in these {
            rig.sent.retain(|sent| sent.attempt != request.attempt);
            rig.done(&request, OK);
        }
    }
    most
}

#[test]
fn a_healthy_endpoint_has_its_window_beside_many_dead_ones() {
    let options = Options {
        send_slots: 200,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    for number in 0..100 {
        rig.endpoint(application, &format!("dead{number}"));
    }
    rig.endpoint(application, "healthy");
    for _ in 0..400 {
        rig.event(application);
    }
    // The dead ones never answer; the healthy one does, each time.
    let most = most_in_flight(&mut rig, "healthy");
    assert_eq!(most, usize::from(Options::default().window_max));
}

#[test]
fn a_healthy_endpoint_has_its_window_beside_many_that_are_busy_and_want_no_more() {
    let options = Options {
        send_slots: 200,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    for number in 0..100 {
        let command = new_endpoint(application, &format!("quick{number}"));
        let Command::CreateEndpoint(mut quick) = command else {
            panic!("another command");
        };
        quick.filter.event_types = vec![ORDER_RECEIVED.into()];
        rig.command(Command::CreateEndpoint(quick));
    }
    for _ in 0..30 {
        rig.event(application);
    }
    while !rig.sent.is_empty() {
        rig.answer(OK);
    }
    // All windows are wide now; one more event keeps all but one endpoint busy with it alone.
    rig.endpoint(application, "healthy");
    rig.event(application);
    for _ in 0..400 {
        let Command::AcceptEvent(mut event) = new_event(application) else {
            panic!("another command");
        };
        event.event_type = "only.for.the.healthy".into();
        rig.command(Command::AcceptEvent(event));
    }
    let most = most_in_flight(&mut rig, "healthy");
    assert_eq!(most, usize::from(Options::default().window_max));
}

#[test]
fn the_watermark_follows_events_that_no_endpoint_takes() {
    let (mut rig, application) = rig();
    for _ in 0..5 {
        rig.event(application);
    }
    // Nothing else happens: nobody asks, nothing is delivered.
    rig.advance(Span::from_seconds(5));
    let state = rig.recovered(application);
    assert_eq!(state.watermark, state.next_position);
}

#[test]
fn retries_take_at_most_half_of_the_slots_while_first_attempts_wait() {
    let options = Options {
        send_slots: 16,
        window_max: 1,
        ..undaunted()
    };
    let mut rig = Rig::new(options);
    let fresh = rig.application("fresh");
    for name in ["old", "older", "oldest"] {
        let old = rig.application(name);
        for number in 0..6 {
            rig.endpoint(old, &format!("{name}{number}"));
        }
        rig.event(old);
        while !rig.sent.is_empty() {
            rig.answer(OutcomeKind::Refused);
        }
    }
    for number in 0..12 {
        rig.endpoint(fresh, &format!("fresh{number}"));
    }
    // In one turn the retries of the old ones come due and first attempts arrive: by their turns alone these
    // would have a quarter of the slots.
    rig.hold_completions = true;
    let command = new_event(fresh);
    rig.command(command);
    rig.now = fanfare::time::Now::at(rig.now.steady.plus(Span::from_seconds(60)));
    rig.hold_completions = false;
    rig.complete();
    let retries = rig.sent.iter().filter(|request| request.number > 1).count();
    assert_eq!((retries, rig.sent.len()), (8, 16));
    // Nobody waits with a first attempt any more: retries may have all slots.
    while let Some(first) = rig.sent.iter().find(|sent| sent.number == 1).cloned() {
        rig.sent.retain(|sent| sent.attempt != first.attempt);
        rig.done(&first, OutcomeKind::Status(200));
    }
    assert_eq!(rig.sent.len(), 16);
}

#[test]
fn of_four_attempts_one_is_a_retry_where_both_wait() {
    let mut rig = Rig::new(Options {
        window_max: 1,
        ..undaunted()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    rig.endpoint(application, "a");
    for _ in 0..20 {
        rig.event(application);
    }
    for _ in 0..4 {
        rig.answer(OutcomeKind::Refused);
    }
    // What failed is due, and one attempt is in flight.
    rig.advance(Span::from_seconds(60));
    let numbers: Vec<u16> = core::iter::from_fn(|| {
        let is_in_flight = !rig.sent.is_empty();
        is_in_flight.then(|| rig.answer(OutcomeKind::Status(200)).number)
    })
    .collect();
    let (first, rest) = numbers.split_at(1);
    assert_eq!(first, [1], "it went out before");
    assert_eq!(rest.len(), 19);
    for turn in rest.get(..16).into_iter().flat_map(|both| both.chunks(4)) {
        assert_eq!(turn, [1, 1, 1, 2], "{numbers:?}");
    }
}

#[test]
fn an_endpoint_that_answers_410_is_disabled_and_its_work_is_held_until_it_registers_again() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.event(application);
    rig.event(application);
    rig.answer(OutcomeKind::Status(410));
    rig.event(application); // does not match
    rig.advance(Span::from_seconds(86_400));
    assert!(rig.sent.is_empty());
    let (_, fresh) = rig.endpoint(application, "a");
    assert!(!fresh);
    let mut positions = Vec::new();
    while !rig.sent.is_empty() {
        positions.push(rig.answer(OK).event.position.number());
    }
    positions.sort_unstable();
    assert_eq!(positions, [0, 1]);
    rig.event(application);
    assert_eq!(rig.answer(OK).event.position.number(), 3);
}

#[test]
fn held_work_expires_after_fourteen_days_without_an_attempt() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    for _ in 0..3 {
        rig.event(application);
    }
    rig.answer(OutcomeKind::Status(410));
    rig.advance(Span::from_seconds(15 * 86_400));
    assert_eq!(rig.engine.stats().expired, 3);
    rig.endpoint(application, "a");
    rig.advance(SECOND);
    assert!(rig.sent.is_empty());
}

#[test]
fn retries_expire_also_where_more_of_them_lie_in_the_store_than_are_loaded() {
    let options = Options {
        page_rows: 1,
        ..undaunted()
    };
    for last in [FAILED, OutcomeKind::Status(410)] {
        let (mut rig, application) = with(options.clone());
        rig.endpoint(application, "a");
        for _ in 0..6 {
            rig.event(application);
        }
        // Nothing ends until shortly before the fourteenth day is over; then all retries wait.
        rig.advance(Span::from_seconds(14 * 86_400 - 1));
        for _ in 0..5 {
            rig.answer(FAILED);
        }
        rig.answer(last);
        rig.advance(Span::from_seconds(60));
        assert_eq!(rig.engine.stats().expired, 6, "{last}");
    }
}

#[test]
fn a_registered_url_is_known_the_second_time_and_twins_in_one_turn_are_one() {
    let (mut rig, application) = rig();
    let (first, fresh) = rig.endpoint(application, "a");
    let (second, again) = rig.endpoint(application, "a");
    assert_eq!((first, fresh, again), (second, true, false));
    let handle = fanfare::domain::command::RequestHandle::new;
    rig.turn(vec![
        Input::Command(handle(1_001), new_endpoint(application, "b")),
        Input::Command(handle(1_002), new_endpoint(application, "b")),
        Input::Command(handle(1_003), new_event(application)),
    ]);
    assert!(matches!(
        rig.replies[&1_001],
        Ok(Answer::Endpoint { fresh: true, .. })
    ));
    assert!(matches!(
        rig.replies[&1_002],
        Ok(Answer::Endpoint { fresh: false, .. })
    ));
    // An endpoint created before the event in the same batch gets it.
    assert_eq!(rig.flying(), ["a", "b"]);
}

#[test]
fn an_endpoint_gets_no_event_from_before_it_was_registered() {
    let (mut rig, application) = rig();
    rig.event(application);
    rig.endpoint(application, "late");
    rig.advance(SECOND);
    assert!(rig.sent.is_empty());
    rig.event(application);
    assert_eq!(rig.flying(), ["late"]);
}

#[test]
fn a_slow_receiver_never_stops_the_walk_of_a_fast_one_or_its_own() {
    // A tiny ring and pages of one row: lanes lag and walk pages.
    let options = Options {
        ring_events_max: 4,
        page_rows: 1,
        window_max: 4,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    rig.endpoint(application, "slow");
    rig.endpoint(application, "fast");
    let slow = {
        rig.event(application);
        rig.sent.pop_front().expect("sent")
    };
    assert_eq!(path(&slow), "slow");
    for _ in 0..40 {
        rig.event(application);
        while let Some(place) = rig.sent.iter().position(|request| path(request) == "fast") {
            let request = rig.sent.remove(place).expect("found");
            rig.done(&request, OK);
        }
    }
    assert_eq!(rig.engine.stats().succeeded, 41);
    rig.done(&slow, OK);
    let mut positions = vec![];
    while !rig.sent.is_empty() {
        let request = rig.answer(OK);
        assert_eq!(path(&request), "slow");
        positions.push(request.event.position.number());
    }
    assert_eq!(positions, (1..=40).collect::<Vec<u64>>());
    assert!(rig.engine.stats().loads > 10, "it walked pages");
}

#[test]
fn an_attempt_that_hangs_is_overtaken_by_its_lane_after_256_events() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    for _ in 0..6 {
        rig.event(application);
    }
    for _ in 0..3 {
        rig.answer(OK);
    }
    let hanging = rig.sent.pop_front().expect("in flight");
    for _ in 0..600 {
        rig.event(application);
        while !rig.sent.is_empty() {
            rig.answer(OK);
        }
    }
    assert_eq!(rig.engine.stats().succeeded, 605);
    rig.done(&hanging, FAILED);
    rig.advance(Span::from_seconds(7));
    let retry = rig.answer(OK);
    assert_eq!((retry.number, retry.event.id), (2, hanging.event.id));
    rig.advance(Span::from_seconds(86_400));
    assert!(rig.sent.is_empty());
}

#[test]
fn many_retries_of_one_lane_wait_in_the_store_and_come_back_by_pages() {
    let options = Options {
        page_rows: 2,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    rig.endpoint(application, "a");
    for _ in 0..30 {
        rig.event(application);
    }
    for _ in 0..30 {
        assert_eq!(rig.answer(FAILED).number, 1);
    }
    let mut retried = std::collections::BTreeSet::new();
    for _ in 0..200 {
        rig.advance(SECOND);
        while !rig.sent.is_empty() {
            let request = rig.answer(OK);
            assert_eq!(request.number, 2);
            assert!(retried.insert(request.event.position), "sent twice");
        }
    }
    assert_eq!(retried.len(), 30);
    assert!(rig.engine.stats().loads >= 10);
}

#[test]
fn waiting_deliveries_of_many_pages_expire_though_nothing_else_happens() {
    let options = Options {
        page_rows: 1,
        expires_after: SECOND,
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    rig.endpoint(application, "a");
    for _ in 0..5 {
        rig.event(application);
    }
    for _ in 0..5 {
        assert_eq!(rig.answer(FAILED).number, 1);
    }
    rig.advance(Span::from_seconds(60));
    assert!(rig.sent.is_empty());
    assert_eq!(rig.engine.stats().expired, 5);
}

#[test]
fn a_generator_that_slept_makes_one_event_not_all_it_missed() {
    let generator = GeneratorOptions {
        period: SECOND,
        application: "default".into(),
    };
    let (mut rig, _) = with(Options {
        generator: Some(generator),
        ..undaunted()
    });
    rig.advance(SECOND);
    let before = rig.engine.stats().attempts + rig.engine.stats().commits;
    rig.now = fanfare::time::Now::at(rig.now.steady.plus(Span::from_seconds(600)));
    rig.turn(vec![Input::DeadlineReached]);
    let after = rig.engine.stats().attempts + rig.engine.stats().commits;
    assert_eq!(after - before, 1);
}

#[test]
fn a_batch_is_told_once_all_first_attempts_are_known_and_retries_on_their_own() {
    let (mut rig, application) = with(told());
    rig.event(application);
    assert_eq!(rig.lines(), [".... No Clients Registered yet ...."]);
    rig.observations.clear();
    rig.endpoint(application, "a");
    rig.endpoint(application, "b");
    rig.event(application);
    rig.answer(OK);
    assert!(rig.lines().is_empty());
    rig.answer(OutcomeKind::Status(404));
    assert_eq!(
        rig.lines(),
        [
            "{ processed: [ 'http://a.receiver.test/a' ], failed: [ 'http://b.receiver.test/b - status 404' ] }"
        ]
    );
    rig.observations.clear();
    rig.advance(Span::from_seconds(10));
    rig.answer(OK);
    assert_eq!(
        rig.lines(),
        ["{ processed: [ 'http://b.receiver.test/b' ], failed: [] }"]
    );
}

#[test]
fn a_batch_is_told_after_a_minute_with_who_still_waits() {
    let (mut rig, application) = with(told());
    rig.endpoint(application, "a");
    rig.event(application);
    rig.advance(Span::from_seconds(61));
    assert_eq!(
        rig.lines(),
        ["{ processed: [], failed: [ 'http://a.receiver.test/a - waiting' ] }"]
    );
    rig.observations.clear();
    rig.answer(OK);
    assert_eq!(
        rig.lines(),
        ["{ processed: [ 'http://a.receiver.test/a' ], failed: [] }"]
    );
}

#[test]
fn a_disabled_endpoint_shows_as_held_in_the_batches_that_wait_for_it() {
    let (mut rig, application) = with(told());
    rig.endpoint(application, "a");
    rig.event(application);
    rig.event(application);
    rig.answer(OutcomeKind::Status(410));
    assert_eq!(
        rig.lines(),
        [
            "{ processed: [], failed: [ 'http://a.receiver.test/a - status 410' ] }",
            "{ processed: [], failed: [ 'http://a.receiver.test/a - held: the endpoint is disabled, it answered 410 Gone' ] }",
        ]
    );
}

#[test]
fn a_full_store_refuses_new_events_and_takes_them_again_when_work_ends() {
    let store = MemoryOptions {
        events_max: 2,
        ..MemoryOptions::default()
    };
    let mut rig = Rig::with_store(Options::default(), store);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    rig.endpoint(application, "a");
    rig.event(application);
    rig.event(application);
    let request = rig.command(new_event(application));
    assert_eq!(rig.replies[&request], Err(Refusal::StoreFull));
    rig.answer(OK);
    rig.answer(OK);
    rig.advance(SECOND);
    rig.event(application);
    let request = rig.answer(OK);
    assert_eq!(
        request.event.position.number(),
        3,
        "the refused place stays empty"
    );
}

#[test]
fn shutdown_waits_for_attempts_calls_them_off_at_the_deadline_and_then_stops() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "a");
    rig.endpoint(application, "b");
    rig.event(application);
    rig.event(application);
    let deadline = rig.now.steady.plus(Span::from_seconds(30));
    rig.turn(vec![Input::Shutdown(deadline)]);
    let refused = rig.command(new_event(application));
    assert_eq!(rig.replies[&refused], Err(Refusal::ShuttingDown));
    rig.answer(OK);
    assert!(!rig.stopped);
    rig.advance(Span::from_seconds(30));
    assert_eq!(rig.cancelled, [rig.sent[0].attempt]);
    assert_eq!(rig.sent.len(), 1, "nothing new is started");
    rig.answer(OutcomeKind::Cancelled);
    assert!(rig.stopped);
    assert_eq!(rig.engine.stats().succeeded, 1);
}

#[test]
fn commands_before_any_shard_is_acquired_are_refused_as_not_ready() {
    let mut engine = fanfare::engine::Engine::new(Options::default());
    let mut effects = Vec::new();
    let now = fanfare::time::Now::at(Timestamp::ZERO);
    let request = fanfare::domain::command::RequestHandle::new(1);
    let command = Command::CreateApplication {
        uid: Some("a".into()),
        registration: Default::default(),
    };
    engine.step(now, Input::Command(request, command), &mut effects);
    engine.step(now, Input::TurnEnd, &mut effects);
    assert!(matches!(
        effects.as_slice(),
        [fanfare::engine::io::Effect::Reply(
            _,
            Err(Refusal::NotReady)
        )]
    ));
}
#[test]
fn the_generator_ticks_by_the_engines_clock_and_repeats_by_its_seed() {
    let run = |seed| {
        let generator = GeneratorOptions {
            period: Span::from_seconds(5),
            application: "default".into(),
        };
        let (mut rig, application) = with(Options {
            seed,
            generator: Some(generator),
            ..undaunted()
        });
        rig.endpoint(application, "a");
        rig.advance(Span::from_millis(4_999));
        assert!(rig.sent.is_empty(), "the first comes after one period");
        let mut bodies = Vec::new();
        for _ in 0..5 {
            rig.advance(Span::from_seconds(5));
            bodies.push(rig.answer(OK).event.payload.bytes.clone());
        }
        bodies
    };
    let bodies = run(1);
    assert_eq!(bodies, run(1));
    assert_ne!(bodies, run(2));
    assert_ne!(bodies[0], bodies[1]);
}
