//! Slots of receivers that are not prompt: what they have in flight together, who waits for it, and that
//! those that answer soon do not.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptRequest, Holder},
        command::{Answer, Command},
        endpoint::EndpointKey,
        endpoint_url::EndpointUrl,
        event::EventPosition,
        id::EndpointId,
        outcome::OutcomeKind,
        present::Question,
    },
    engine::{io::Input, options::Options},
    policy::retry::RetryPolicy,
    time::Span,
};

use crate::support::{
    changes::change_endpoint,
    rig::{Rig, path, undaunted},
};

const OK: OutcomeKind = OutcomeKind::Status(200);
const SILENT: OutcomeKind = OutcomeKind::Timeout { after_ms: 30_000 };
const TIMEOUT: Span = Span::from_seconds(30);

/// Sixteen slots: an application has twelve, its slow receivers eight of these, with unknown ones ten. What
/// fails is not tried again.
fn rig() -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(Options {
        send_slots: 16,
        retry: RetryPolicy {
            waits: Vec::new(),
            ..RetryPolicy::default()
        },
        ..undaunted()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

fn endpoints(
    rig: &mut Rig,
    application: ApplicationKey,
    name: &str,
    count: usize,
) -> Vec<EndpointId> {
    let mut endpoint = |number| rig.endpoint(application, &format!("{name}{number}")).0;
    (0..count).map(&mut endpoint).collect()
}

/// Answers what is in flight to those whose name begins so; gives how many that were.
fn answer_all(rig: &mut Rig, name: &str, kind: OutcomeKind) -> usize {
    let is_meant = |request: &AttemptRequest| path(request).starts_with(name);
    let found: Vec<_> = rig
        .sent
        .iter()
        .filter(|sent| is_meant(sent))
        .cloned()
        .collect();
    for request in &found {
        rig.sent.retain(|sent| sent.attempt != request.attempt);
        rig.done(request, kind);
    }
    found.len()
}

/// How many attempts are in flight to those whose name begins so.
fn flying(rig: &Rig, name: &str) -> usize {
    let paths = rig.flying();
    paths.iter().filter(|path| path.starts_with(name)).count()
}

/// Receivers that took their whole time once, with nothing in flight.
fn known_as_silent(rig: &mut Rig, application: ApplicationKey, count: usize) -> Vec<EndpointId> {
    let ids = endpoints(rig, application, "silent", count);
    rig.event(application);
    answer_all(rig, "well", OK);
    while flying(rig, "silent") > 0 {
        rig.advance(TIMEOUT);
        answer_all(rig, "silent", SILENT);
    }
    ids
}

/// The one of so many silent receivers that waits while all others have an attempt in flight.
fn waiting(rig: &Rig, count: usize) -> usize {
    let flying = rig.flying();
    let waits = (0..count).filter(|number| !flying.contains(&format!("silent{number}")));
    let waits: Vec<_> = waits.collect();
    match waits.as_slice() {
        [one] => *one,
        _ => panic!("one waits: {flying:?}"),
    }
}

#[test]
fn who_answers_soon_has_slots_however_many_never_answer() {
    let (mut rig, application) = rig();
    endpoints(&mut rig, application, "well", 3);
    rig.event(application);
    assert_eq!(answer_all(&mut rig, "well", OK), 3);
    known_as_silent(&mut rig, application, 40);
    for _ in 0..20 {
        rig.event(application);
        assert_eq!(flying(&rig, "silent"), 8);
        assert_eq!(answer_all(&mut rig, "well", OK), 3);
    }
    assert_eq!(rig.engine.stats().slow_in_flight, 8);
}

#[test]
fn the_slow_wait_for_each_other_in_the_order_in_which_they_came() {
    let (mut rig, application) = rig();
    known_as_silent(&mut rig, application, 12);
    for _ in 0..3 {
        rig.event(application);
    }
    // Three rounds of twelve through eight slots: nobody comes twice before everybody came once.
    let mut seen = rig.flying();
    assert_eq!(seen.len(), 8);
    while seen.len() < 36 {
        let oldest = rig.sent.pop_front().expect("there are eight");
        rig.done(&oldest, SILENT);
        seen.extend(rig.flying().pop());
        assert!(rig.sent.len() <= 8);
    }
    for round in seen.chunks(12) {
        let mut round = round.to_vec();
        round.sort_unstable();
        round.dedup();
        assert_eq!(round.len(), 12, "{seen:?}");
    }
}

#[test]
fn of_whom_nothing_is_known_goes_before_the_slow_and_has_slots_that_they_have_not() {
    let (mut rig, application) = rig();
    known_as_silent(&mut rig, application, 12);
    rig.event(application);
    assert_eq!(flying(&rig, "silent"), 8);
    endpoints(&mut rig, application, "new", 4);
    rig.event(application);
    assert_eq!((flying(&rig, "silent"), flying(&rig, "new")), (8, 2));
    let oldest = rig.sent.pop_front().expect("a silent one");
    rig.done(&oldest, SILENT);
    assert_eq!((flying(&rig, "silent"), flying(&rig, "new")), (7, 3));
    // Who answered is as good as anybody.
    while answer_all(&mut rig, "new", OK) > 0 {}
    assert_eq!(flying(&rig, "silent"), 8);
    rig.event(application);
    assert_eq!((flying(&rig, "silent"), flying(&rig, "new")), (8, 4));
}

#[test]
fn who_answers_soon_again_waits_no_more() {
    let (mut rig, application) = rig();
    known_as_silent(&mut rig, application, 9);
    for _ in 0..10 {
        rig.event(application);
        while answer_all(&mut rig, "silent", OK) > 0 {}
    }
    rig.event(application);
    assert_eq!(flying(&rig, "silent"), 9);
    assert_eq!(rig.engine.stats().slow_in_flight, 0);
}

#[test]
fn what_fails_within_the_house_makes_nobody_prompt_or_slow() {
    let (mut rig, application) = rig();
    endpoints(&mut rig, application, "new", 11);
    rig.event(application);
    assert_eq!(answer_all(&mut rig, "new", OutcomeKind::Internal), 10);
    assert_eq!(answer_all(&mut rig, "new", OutcomeKind::Internal), 1);
    rig.event(application);
    assert_eq!(flying(&rig, "new"), 10);
    assert_eq!(answer_all(&mut rig, "new", OutcomeKind::Refused), 10);
    assert_eq!(answer_all(&mut rig, "new", OutcomeKind::Refused), 1);
    // A connection that is refused at once costs nobody anything.
    rig.event(application);
    assert_eq!(flying(&rig, "new"), 11);
}

#[test]
fn what_waited_for_the_share_of_the_slow_says_so_and_so_does_the_present() {
    let (mut rig, application) = rig();
    known_as_silent(&mut rig, application, 9);
    rig.event(application);
    let waits = waiting(&rig, 9);
    let endpoint = EndpointKey {
        application,
        ordinal: u32::try_from(waits).expect("small"),
    };
    let request = rig.command(Command::Present(endpoint, Question::Endpoint));
    let Some(Ok(Answer::Present(present))) = rig.replies.get(&request) else {
        panic!("no present");
    };
    assert_eq!(present.held_by, Some(Holder::Slow));
    rig.advance(TIMEOUT);
    answer_all(&mut rig, "silent", SILENT);
    answer_all(&mut rig, "silent", OK);
    rig.advance(Span::from_millis(100));
    let records = rig.store.attempts(application, EventPosition::new(1));
    let held = records.iter().map(|one| (one.endpoint, one.timing.held_by));
    let held: Vec<_> = held.filter(|(_, held)| held.is_some()).collect();
    assert_eq!(held, [(endpoint, Some(Holder::Slow))]);
}

#[test]
fn what_is_asked_for_by_hand_waits_with_the_slow() {
    let (mut rig, application) = rig();
    let ids = known_as_silent(&mut rig, application, 9);
    rig.event(application);
    let event = Arc::clone(&rig.sent.front().expect("the first").event);
    let waits = waiting(&rig, 9);
    let request = rig.command(Command::Resend {
        endpoint: ids[waits],
        event,
        attempts: 1,
    });
    let reply = rig.replies.get(&request);
    assert!(matches!(reply, Some(Ok(Answer::Resend))), "{reply:?}");
    assert_eq!(rig.sent.len(), 8);
    rig.answer(SILENT);
    assert!(rig.sent.back().expect("its turn came").is_by_hand);
    assert_eq!(rig.sent.len(), 8);
}

#[test]
fn who_is_gone_while_it_waits_leaves_its_place_to_the_next() {
    let (mut rig, application) = rig();
    let ids = known_as_silent(&mut rig, application, 10);
    rig.event(application);
    let flying_now = rig.flying();
    let is_waiting = |number: &usize| !flying_now.contains(&format!("silent{number}"));
    let waits: Vec<_> = (0..10).filter(is_waiting).collect();
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint: ids[waits[0]],
    });
    rig.answer(SILENT);
    assert_eq!(rig.flying().pop(), Some(format!("silent{}", waits[1])));
    assert_eq!(rig.sent.len(), 8);
}

#[test]
fn two_applications_share_what_all_of_the_slow_may_have_in_turns() {
    let (mut rig, application) = rig();
    let other = rig.application("other");
    known_as_silent(&mut rig, application, 12);
    endpoints(&mut rig, other, "silent", 12);
    rig.event(other);
    while flying(&rig, "silent") > 0 {
        rig.advance(TIMEOUT);
        answer_all(&mut rig, "silent", SILENT);
    }
    rig.event(application);
    rig.event(other);
    // Eight of the first, and of the other what is left of the twelve that all may have.
    assert_eq!(rig.sent.len(), 12);
    let applications = |rig: &Rig| {
        let of = |key: ApplicationKey| {
            rig.sent
                .iter()
                .filter(move |sent| sent.event.application == key)
        };
        (of(application).count(), of(other).count())
    };
    assert_eq!(applications(&rig), (8, 4));
    for _ in 0..4 {
        rig.answer(SILENT);
    }
    assert_eq!(applications(&rig), (6, 6));
}

#[test]
fn an_application_that_waits_is_not_passed_by_those_that_have_the_slots() {
    let (mut rig, first) = rig();
    let [second, third] = ["second", "third"].map(|uid| rig.application(uid));
    for (application, name, count) in [(first, "a", 8), (second, "b", 4), (third, "c", 1)] {
        endpoints(&mut rig, application, name, count);
        rig.event(application);
        while flying(&rig, name) > 0 {
            rig.advance(TIMEOUT);
            answer_all(&mut rig, name, SILENT);
        }
    }
    for application in [first, second] {
        for _ in 0..20 {
            rig.event(application);
        }
    }
    rig.event(third);
    let flying_now = |rig: &Rig| ["a", "b", "c"].map(|name| flying(rig, name));
    assert_eq!(flying_now(&rig), [8, 4, 0]);
    rig.advance(TIMEOUT);
    let found = rig.sent.iter().position(|sent| path(sent).starts_with('b'));
    let ended = found
        .and_then(|at| rig.sent.remove(at))
        .expect("one of four");
    rig.done(&ended, SILENT);
    assert_eq!(flying_now(&rig), [8, 3, 1]);
}

#[test]
fn who_is_moved_or_enabled_again_is_unknown_whatever_the_old_attempts_come_to() {
    for is_moved in [true, false] {
        let (mut rig, application) = rig();
        let ids = known_as_silent(&mut rig, application, 1);
        let [endpoint] = ids.as_slice() else {
            panic!("one: {ids:?}");
        };
        rig.event(application);
        assert_eq!(rig.sent.len(), 1);
        rig.advance(Span::from_seconds(1));
        let one = (application, *endpoint);
        if is_moved {
            let url = Some(EndpointUrl::parse("https://silent0.test/new").expect("valid"));
            change_endpoint(&mut rig, one, |update| update.url = url);
        } else {
            for is_enabled in [false, true] {
                change_endpoint(&mut rig, one, |update| update.is_enabled = is_enabled);
            }
        }
        rig.advance(TIMEOUT);
        rig.answer(SILENT);
        rig.event(application);
        rig.answer(OK);
        rig.event(application);
        assert_eq!(rig.engine.stats().slow_in_flight, 0, "moved: {is_moved}");
        assert_eq!(rig.sent.len(), 1);
    }
}

#[test]
fn what_is_in_flight_from_before_a_shard_was_lost_counts_until_it_ends() {
    let (mut rig, application) = rig();
    known_as_silent(&mut rig, application, 24);
    rig.event(application);
    let lost: Vec<AttemptRequest> = rig.sent.drain(..).collect();
    assert_eq!(lost.len(), 8);
    rig.turn(vec![Input::ShardLost(application.shard)]);
    let acquired = rig.acquire(application.shard);
    rig.turn(vec![acquired]);
    // Nothing is known of anybody now: they have ten slots, and eight are not free.
    assert_eq!(rig.sent.len(), 2);
    rig.advance(TIMEOUT);
    for request in &lost {
        rig.done(request, SILENT);
    }
    assert_eq!(rig.sent.len(), 10);
    while answer_all(&mut rig, "silent", OK) > 0 {}
    assert_eq!(rig.engine.stats().slow_in_flight, 0);
}
