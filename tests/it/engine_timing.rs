//! Why attempts were made when they were: what is recorded with each of them.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptRecord, Holder, RetryWait},
        command::{Answer, Command, NewEndpoint},
        event::EventPosition,
        outcome::{Outcome, OutcomeKind},
    },
    engine::{io::Input, options::Options},
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    random::Ratio,
    time::{Span, Timestamp},
};

use crate::support::rig::{Rig, new_endpoint, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

fn with(options: Options) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// The attempts of the event at a place, once they are durable.
fn recorded(rig: &mut Rig, application: ApplicationKey, position: u64) -> Vec<AttemptRecord> {
    rig.advance(Span::from_millis(100));
    rig.store
        .attempts(application, EventPosition::new(position))
        .to_vec()
}

/// What held the attempts of the event at a place.
fn holders(rig: &mut Rig, application: ApplicationKey, position: u64) -> Vec<Option<Holder>> {
    let records = recorded(rig, application, position);
    records.iter().map(|record| record.timing.held_by).collect()
}

#[test]
fn an_attempt_that_starts_when_it_is_due_was_held_by_nothing() {
    let (mut rig, application) = with(undaunted());
    rig.endpoint(application, "a");
    rig.event(application);
    let due = rig.now.steady;
    rig.answer(OK);
    let [record] = &recorded(&mut rig, application, 0)[..] else {
        panic!("one attempt");
    };
    assert_eq!(record.timing.held_by, None);
    assert_eq!((record.timing.step, record.timing.due), (1, due));
    assert_eq!(record.timing.next, None, "there is no next one");
}

#[test]
fn a_wait_is_recorded_as_the_schedule_the_spread_and_what_the_receiver_asked() {
    let options = Options {
        retry: RetryPolicy {
            jitter: Ratio::percent(0),
            ..RetryPolicy::default()
        },
        ..undaunted()
    };
    let (mut rig, application) = with(options);
    rig.endpoint(application, "a");
    rig.event(application);
    rig.answer(FAILED);
    rig.advance(Span::from_seconds(5));
    let second = rig.sent.pop_front().expect("the retry");
    let outcome = Outcome {
        retry_after: Some("600".into()),
        ..Outcome::without_reply(FAILED, Span::from_millis(1))
    };
    rig.turn(vec![Input::AttemptDone(second.attempt, outcome)]);
    let records = recorded(&mut rig, application, 0);
    let waits: Vec<Option<RetryWait>> = records.iter().map(|record| record.timing.next).collect();
    let wait = |seconds, asked| {
        Some(RetryWait {
            scheduled: Span::from_seconds(seconds),
            jittered: Span::from_seconds(seconds),
            asked,
        })
    };
    assert_eq!(
        waits,
        [wait(5, None), wait(300, Some(Span::from_seconds(600)))]
    );
    let steps: Vec<u16> = records.iter().map(|record| record.timing.step).collect();
    assert_eq!(steps, [1, 2]);
    assert_eq!(
        records[1].timing.due, second.steady,
        "it came when it was due"
    );
}

#[test]
fn what_waits_behind_the_window_or_the_slots_says_so() {
    let (mut rig, application) = with(Options {
        window_max: 1,
        ..undaunted()
    });
    rig.endpoint(application, "a");
    rig.event(application);
    rig.event(application);
    rig.advance(Span::from_millis(500));
    rig.answer(OK);
    rig.answer(OK);
    assert_eq!(holders(&mut rig, application, 1), [Some(Holder::Window)]);

    let (mut rig, application) = with(Options {
        send_slots: 1,
        window_max: 1,
        ..undaunted()
    });
    rig.endpoint(application, "a");
    rig.endpoint(application, "b");
    rig.event(application);
    rig.advance(Span::from_millis(500));
    rig.answer(OK);
    rig.answer(OK);
    let held = holders(&mut rig, application, 0);
    assert_eq!(held, [None, Some(Holder::Slots)]);
}

#[test]
fn what_waits_for_the_rate_the_circuit_or_a_recovery_says_so() {
    let (mut rig, application) = with(undaunted());
    let Command::CreateEndpoint(new) = new_endpoint(application, "slow") else {
        unreachable!("it makes an endpoint");
    };
    rig.command(Command::CreateEndpoint(Box::new(NewEndpoint {
        throttle_rate: Some(1),
        ..*new
    })));
    rig.event(application);
    rig.advance(Span::from_seconds(1));
    rig.answer(OK);
    assert_eq!(holders(&mut rig, application, 0), [Some(Holder::Rate)]);

    let (mut rig, application) = with(Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            attempts_min: 1,
            probes: 1,
            jitter: Ratio::percent(0),
            ..CircuitBreakerPolicy::default()
        }),
        ..undaunted()
    });
    rig.endpoint(application, "down");
    for _ in 0..4 {
        rig.event(application);
    }
    rig.answer(FAILED);
    rig.advance(Span::from_seconds(30));
    // The retry of the first is due, too; those that were never tried come first.
    rig.answer(OK);
    for _ in 0..3 {
        rig.advance(Span::from_seconds(1));
        rig.answer(OK);
    }
    let mut held: Vec<Option<Holder>> = Vec::new();
    for position in 0..4 {
        held.extend(holders(&mut rig, application, position));
    }
    assert_eq!(held[0], None, "the first attempt of all");
    assert!(held.contains(&Some(Holder::Circuit)), "{held:?}");
    assert!(held.contains(&Some(Holder::Recovery)), "{held:?}");
}

#[test]
fn what_waits_for_its_endpoint_or_for_a_process_says_so() {
    let (mut rig, application) = with(undaunted());
    rig.endpoint(application, "a");
    rig.event(application);
    rig.event(application);
    rig.answer(OutcomeKind::Status(410));
    rig.advance(Span::from_seconds(60));
    rig.command(new_endpoint(application, "a"));
    while !rig.sent.is_empty() {
        rig.answer(OK);
    }
    assert_eq!(holders(&mut rig, application, 1), [Some(Holder::Disabled)]);

    let (mut rig, application) = with(undaunted());
    rig.endpoint(application, "a");
    rig.event(application);
    rig.answer(FAILED);
    rig.advance(Span::from_millis(100));
    let asleep = Span::from_seconds(600);
    rig.now.steady = rig.now.steady.plus(asleep);
    rig.now.wall = rig.now.wall.plus(asleep);
    rig.restart(undaunted());
    rig.answer(OK);
    let held = holders(&mut rig, application, 0);
    assert_eq!(held, [None, Some(Holder::Restart)]);
}

#[test]
fn the_present_of_an_endpoint_tells_what_holds_it_and_until_when() {
    let (mut rig, application) = with(Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            attempts_min: 1,
            jitter: Ratio::percent(0),
            ..CircuitBreakerPolicy::default()
        }),
        ..undaunted()
    });
    rig.endpoint(application, "down");
    let event = rig.event(application);
    let key = rig.sent[0].target.endpoint;
    let present = |rig: &mut Rig| {
        let request = rig.command(Command::Present(
            key,
            fanfare::domain::present::Question::Endpoint,
        ));
        match rig.replies.get(&request) {
            Some(Ok(Answer::Present(present))) => (**present).clone(),
            other => panic!("no present: {other:?}"),
        }
    };
    let before = present(&mut rig);
    assert_eq!((before.in_flight, before.window), (vec![event], 1));
    assert_eq!(before.held_by, Some(Holder::Window));
    let start = rig.now.steady;
    rig.answer(FAILED);
    let after = present(&mut rig);
    assert_eq!(after.held_by, Some(Holder::Circuit));
    let until: Option<Timestamp> = Some(start.plus(Span::from_seconds(30)));
    assert_eq!(after.held_until, until);
    assert_eq!(after.circuit.openings, 1);
}
