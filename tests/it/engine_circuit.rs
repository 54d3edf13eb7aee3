//! The circuit breaker of an endpoint: what is held back while its receiver fails, how it comes back, and
//! when the endpoint is disabled.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::AttemptRequest,
        circuit::{Circuit, CircuitState},
        command::{Answer, Command, EndpointUpdate, Refusal, RequestHandle},
        endpoint::{DisabledReason, EndpointState},
        endpoint_url::EndpointUrl,
        filter::Filter,
        history::Name,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options},
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    random::Ratio,
    store::Reads as _,
    time::{Span, Timestamp},
};

use crate::support::rig::{Rig, new_endpoint, path};

const OK: OutcomeKind = OutcomeKind::Status(200);
const DOWN: OutcomeKind = OutcomeKind::Refused;

/// Breakers and retries without jitter: their times can be told in advance.
fn options() -> Options {
    Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            jitter: Ratio::percent(0),
            ..CircuitBreakerPolicy::default()
        }),
        retry: RetryPolicy {
            jitter: Ratio::percent(0),
            ..RetryPolicy::default()
        },
        ..Options::default()
    }
}

fn rig() -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(options());
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// Answers what is in flight and what follows at once, each as `answer` says; tells the attempts.
fn answer_all(rig: &mut Rig, answer: impl Fn(&str) -> OutcomeKind) -> Vec<AttemptRequest> {
    let mut answered = Vec::new();
    while let Some(request) = rig.sent.pop_front() {
        rig.done(&request, answer(&path(&request)));
        answered.push(request);
    }
    answered
}

/// An endpoint whose circuit was opened by ten events that met nobody.
fn opened(rig: &mut Rig, application: ApplicationKey, name: &str) -> EndpointId {
    let (id, _) = rig.endpoint(application, name);
    for _ in 0..12 {
        rig.event(application);
    }
    assert_eq!(answer_all(rig, |_| DOWN).len(), 10, "then it is open");
    id
}

fn kept(rig: &mut Rig, application: ApplicationKey) -> Option<Circuit> {
    rig.advance(Span::from_millis(100));
    let state = rig.recovered(application);
    // It asked for the state: the engine's epoch is over.
    state.endpoints.first().and_then(|known| known.circuit)
}

#[test]
fn nothing_goes_out_while_it_is_open_and_then_one_attempt_at_a_time() {
    let (mut rig, application) = rig();
    opened(&mut rig, application, "down");
    let start = rig.now.steady;
    rig.advance(Span::from_seconds(29));
    assert!(rig.sent.is_empty(), "retries were due and are held back");
    rig.advance(Span::from_seconds(1));
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(rig.engine.stats().circuits_open, 1);
    // It fails: twice as long.
    assert_eq!(answer_all(&mut rig, |_| DOWN).len(), 1);
    rig.advance(Span::from_seconds(59));
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_seconds(1));
    let mut times: Vec<Timestamp> = Vec::new();
    for _ in 0..40 {
        assert!(rig.sent.len() <= 1, "one at a time");
        times.extend(answer_all(&mut rig, |_| OK).iter().map(|sent| sent.steady));
        rig.advance(Span::from_millis(250));
    }
    let first: Vec<i64> = times.iter().map(|at| at.since(start).as_millis()).collect();
    // Three find out, one by one; what comes then is paced.
    assert_eq!(first.get(..3), Some(&[90_000; 3][..]));
    let gaps = times.get(2..).expect("more").windows(2);
    let mut gaps = gaps.map(|pair| match pair {
        [before, after] => after.since(*before),
        _ => Span::ZERO,
    });
    assert!(gaps.all(|gap| gap >= Span::from_seconds(1)), "{first:?}");
    assert_eq!(times.len(), 12);
    assert_eq!(rig.engine.stats().circuits_open, 0);
}

#[test]
fn attempts_that_find_out_are_first_ones_while_events_wait_and_then_those_due_longest() {
    let (mut rig, application) = rig();
    opened(&mut rig, application, "down");
    for _ in 0..10 {
        rig.event(application);
    }
    let mut numbers = Vec::new();
    for _ in 0..120 {
        rig.advance(Span::from_seconds(30));
        assert!(rig.sent.len() <= 1, "one at a time");
        numbers.extend(
            answer_all(&mut rig, |_| DOWN)
                .iter()
                .map(|sent| sent.number),
        );
    }
    // Twelve events had not been tried; then each of the 22 gets a second attempt before one gets a third.
    let (first, second) = numbers.split_at(12);
    assert!(first.iter().all(|number| *number == 1), "{numbers:?}");
    assert!(
        !second.is_empty() && second.iter().all(|number| *number == 2),
        "{numbers:?}"
    );
}

#[test]
fn an_open_circuit_holds_nobody_else_up() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "well");
    rig.endpoint(application, "down");
    for _ in 0..50 {
        rig.event(application);
        answer_all(&mut rig, |name| if name == "well" { OK } else { DOWN });
    }
    assert_eq!(rig.engine.stats().succeeded, 50);
    assert_eq!(rig.engine.stats().attempts, 60, "ten were enough");
}

#[test]
fn what_fails_within_the_house_opens_no_circuit() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "well");
    for _ in 0..12 {
        rig.event(application);
    }
    let failed = answer_all(&mut rig, |_| OutcomeKind::Internal);
    assert_eq!(failed.len(), 12, "nothing is held back");
    assert_eq!(rig.engine.stats().circuits_open, 0);
    rig.advance(Span::from_seconds(5));
    let made = answer_all(&mut rig, |_| OK);
    assert_eq!(made.len(), 12, "and nothing paced");
}

#[test]
fn what_is_asked_for_by_hand_goes_out_and_its_success_is_believed() {
    let (mut rig, application) = rig();
    let (id, _) = rig.endpoint(application, "down");
    for _ in 0..12 {
        rig.event(application);
    }
    let event = rig.sent.front().map(|sent| Arc::clone(&sent.event));
    assert_eq!(answer_all(&mut rig, |_| DOWN).len(), 10);
    let ask = |rig: &mut Rig| {
        rig.command(Command::Resend {
            endpoint: id,
            event: Arc::clone(event.as_ref().expect("there is one")),
            attempts: 1,
        })
    };
    ask(&mut rig);
    assert_eq!(answer_all(&mut rig, |_| DOWN).len(), 1);
    rig.advance(Span::from_seconds(10));
    ask(&mut rig);
    // Good news: two more find out, and then it recovers.
    assert_eq!(answer_all(&mut rig, |_| OK).len(), 3);
    rig.advance(Span::from_seconds(20));
    assert!(!rig.sent.is_empty());
    assert_eq!(rig.engine.stats().circuits_open, 0);
}

#[test]
fn an_open_circuit_stays_open_over_a_restart_and_a_recovery_stays_slow() {
    let (mut rig, application) = rig();
    opened(&mut rig, application, "down");
    rig.advance(Span::from_seconds(10));
    rig.restart(options());
    assert_eq!(rig.engine.stats().circuits_open, 1);
    rig.advance(Span::from_seconds(19));
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_seconds(1));
    assert_eq!(answer_all(&mut rig, |_| OK).len(), 3, "one after the other");
    rig.advance(Span::from_millis(500));
    rig.restart(options());
    rig.advance(Span::from_millis(999));
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_millis(1));
    assert_eq!(rig.sent.len(), 1);
    for _ in 0..20 {
        answer_all(&mut rig, |_| OK);
        rig.advance(Span::from_seconds(1));
    }
    assert_eq!(rig.engine.stats().circuits_open, 0);
    assert_eq!(kept(&mut rig, application), None, "all is as before");
}

#[test]
fn the_loss_of_a_shard_leaves_the_count_of_open_circuits_right() {
    let (mut rig, application) = rig();
    opened(&mut rig, application, "down");
    rig.advance(Span::from_seconds(1));
    rig.lose_shard();
    assert_eq!(rig.engine.stats().circuits_open, 1);
    let open = kept(&mut rig, application).expect("it is kept");
    assert!(matches!(open.state, CircuitState::Open { .. }));
    assert_eq!(open.openings, 1);
}

#[test]
fn another_url_begins_with_a_closed_circuit_and_attempts_to_the_old_one_tell_nothing_of_it() {
    let (mut rig, application) = rig();
    let (id, _) = rig.endpoint(application, "old");
    for _ in 0..12 {
        rig.event(application);
    }
    assert_eq!(answer_all(&mut rig, |_| DOWN).len(), 10);
    assert_eq!(rig.engine.stats().circuits_open, 1);
    let command = moved(&rig, application, id, "new");
    rig.command(command);
    assert_eq!(rig.engine.stats().circuits_open, 0);
    assert_eq!(rig.sent.len(), 1, "at once, and with a window of one");
    let sent = answer_all(&mut rig, |_| OK);
    assert!(sent.iter().all(|request| path(request) == "new"));
    assert_eq!(
        sent.len(),
        2,
        "those that were never tried, and at no one's pace"
    );
    rig.advance(Span::from_millis(100));
    rig.restart(options());
    assert_eq!(rig.engine.stats().circuits_open, 0, "it is kept so");

    // What was in flight to the old URL does not count for the new one.
    let (mut rig, application) = self::rig();
    let (id, _) = rig.endpoint(application, "old");
    rig.event(application);
    let slow = rig.sent.pop_front().expect("the first");
    rig.advance(Span::from_seconds(1));
    let command = moved(&rig, application, id, "new");
    rig.command(command);
    rig.done(&slow, DOWN);
    rig.advance(Span::from_seconds(700));
    answer_all(&mut rig, |_| OK);
    rig.advance(Span::from_seconds(1));
    assert_eq!(kept(&mut rig, application), None);
}

#[test]
fn another_url_has_a_closed_circuit_though_the_process_ends_as_soon_as_it_is_there() {
    let (mut rig, application) = rig();
    let id = opened(&mut rig, application, "old");
    rig.advance(Span::from_millis(100));
    assert_eq!(rig.engine.stats().circuits_open, 1);
    let command = moved(&rig, application, id, "new");
    rig.command(command);
    rig.restart(options());
    assert_eq!(rig.engine.stats().circuits_open, 0);

    // One that comes too late leaves the circuit as it is, and as it is kept.
    let (mut rig, application) = self::rig();
    let id = opened(&mut rig, application, "old");
    rig.advance(Span::from_millis(100));
    let late = moved(&rig, application, id, "new");
    let Command::UpdateEndpoint(mut first) = moved(&rig, application, id, "old") else {
        panic!("a change");
    };
    first.url = None;
    let handle = RequestHandle::new;
    rig.turn(vec![
        Input::Command(handle(800), Command::UpdateEndpoint(first)),
        Input::Command(handle(801), late),
    ]);
    assert!(matches!(rig.replies.get(&800), Some(Ok(_))));
    assert_eq!(rig.replies.get(&801), Some(&Err(Refusal::Stale)));
    rig.advance(Span::from_millis(100));
    rig.restart(options());
    assert_eq!(rig.engine.stats().circuits_open, 1);
}

/// The command that gives an endpoint another URL.
fn moved(rig: &Rig, application: ApplicationKey, id: EndpointId, name: &str) -> Command {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let known = found.expect("readable").expect("it is there");
    Command::UpdateEndpoint(Box::new(EndpointUpdate {
        application,
        endpoint: id,
        revision: known.revision(),
        url: Some(EndpointUrl::parse(&format!("http://receiver.test/{name}")).expect("valid")),
        uid: known.uid.clone(),
        filter: Filter::clone(&known.filter),
        headers: known.target.headers.clone(),
        is_enabled: true,
        throttle_rate: None,
        ordering: fanfare::domain::ordering::Ordering::default(),
        rotation: None,
        details: known.details.clone(),
    }))
}

#[test]
fn an_open_circuit_of_a_deleted_or_disabled_endpoint_is_not_counted() {
    let (mut rig, application) = rig();
    let id = opened(&mut rig, application, "down");
    assert_eq!(rig.engine.stats().circuits_open, 1);
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint: id,
    });
    assert_eq!(rig.engine.stats().circuits_open, 0);

    let (mut rig, application) = self::rig();
    rig.endpoint(application, "gone");
    rig.event(application);
    rig.answer(OutcomeKind::Status(410));
    assert_eq!(rig.engine.stats().circuits_open, 0);
    rig.command(new_endpoint(application, "gone"));
    // Half-open: one attempt at a time.
    assert_eq!(rig.engine.stats().circuits_open, 1);
    rig.restart(options());
    assert_eq!(rig.engine.stats().circuits_open, 1);
}

#[test]
fn an_endpoint_that_fails_for_five_days_is_disabled_and_starts_slowly_once_it_is_enabled() {
    let (mut rig, application) = rig();
    let (id, _) = rig.endpoint(application, "down");
    let state = |rig: &Rig| {
        let found = rig.store.endpoint(application, &Name::Id(id.id()));
        found.expect("readable").expect("it is there").state
    };
    let day = Span::from_seconds(24 * 3_600);
    for hour in 0..5 * 24 {
        rig.event(application);
        answer_all(&mut rig, |_| DOWN);
        for _ in 0..60 {
            rig.advance(Span::from_seconds(60));
            answer_all(&mut rig, |_| DOWN);
        }
        assert!(
            hour == 119 || state(&rig) == EndpointState::Enabled,
            "{hour}"
        );
        if hour == 60 {
            rig.restart(options());
        }
    }
    rig.event(application);
    answer_all(&mut rig, |_| DOWN);
    rig.advance(Span::from_seconds(600));
    answer_all(&mut rig, |_| DOWN);
    rig.advance(Span::from_millis(100));
    let failing = EndpointState::Disabled(DisabledReason::Failing);
    assert_eq!(state(&rig), failing);
    rig.restart(options());
    rig.advance(day);
    assert!(rig.sent.is_empty(), "all is held");
    let request = rig.command(new_endpoint(application, "down"));
    assert!(matches!(
        rig.replies.get(&request),
        Some(Ok(Answer::Endpoint { fresh: false, .. }))
    ));
    assert_eq!(state(&rig), EndpointState::Enabled);
    // Tried one by one; and that it failed before is forgotten.
    assert_eq!(rig.sent.len(), 1);
    answer_all(&mut rig, |_| DOWN);
    rig.advance(Span::from_millis(100));
    assert_eq!(state(&rig), EndpointState::Enabled);
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_seconds(30));
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn one_success_in_five_days_keeps_an_endpoint_enabled() {
    let (mut rig, application) = rig();
    let (id, _) = rig.endpoint(application, "rarely");
    for hour in 0..9 * 24 {
        rig.event(application);
        let answer = if hour % 100 == 99 { OK } else { DOWN };
        answer_all(&mut rig, |_| answer);
        for _ in 0..12 {
            rig.advance(Span::from_seconds(300));
            answer_all(&mut rig, |_| answer);
        }
    }
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let known = found.expect("readable").expect("it is there");
    assert_eq!(known.state, EndpointState::Enabled);
}

#[test]
fn without_a_breaker_and_without_disabling_a_dead_receiver_is_tried_for_ever() {
    let (mut rig, application) = rig();
    rig.restart(Options {
        circuit_breaker: None,
        disable_after: None,
        ..options()
    });
    rig.endpoint(application, "down");
    for _ in 0..100 {
        rig.event(application);
    }
    assert_eq!(answer_all(&mut rig, |_| DOWN).len(), 100);
    for _ in 0..10 {
        rig.advance(Span::from_seconds(24 * 3_600));
        answer_all(&mut rig, |_| DOWN);
    }
    assert_eq!(rig.engine.stats().exhausted, 100);
    assert_eq!(rig.engine.stats().circuits_open, 0);
}

#[test]
fn who_said_gone_starts_slowly_once_it_is_enabled() {
    let (mut rig, application) = rig();
    rig.endpoint(application, "gone");
    for _ in 0..8 {
        rig.event(application);
        answer_all(&mut rig, |_| OK);
    }
    for _ in 0..4 {
        rig.event(application);
    }
    rig.answer(OutcomeKind::Status(410));
    answer_all(&mut rig, |_| DOWN);
    rig.advance(Span::from_seconds(60));
    assert!(rig.sent.is_empty());
    rig.command(new_endpoint(application, "gone"));
    assert_eq!(rig.sent.len(), 1, "one finds out");
    let times: Vec<Timestamp> = answer_all(&mut rig, |_| OK)
        .iter()
        .map(|sent| sent.steady)
        .collect();
    assert_eq!(times.len(), 3);
}
