//! An endpoint that is disabled and enabled again by hand: what was in flight then decides nothing.

use fanfare::{
    domain::{application::DEFAULT_APPLICATION_UID, outcome::OutcomeKind},
    engine::options::Options,
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    time::Span,
};

use crate::support::{changes::change_endpoint, rig::Rig};

const SILENT: OutcomeKind = OutcomeKind::Timeout { after_ms: 30_000 };
const OK: OutcomeKind = OutcomeKind::Status(200);

#[test]
fn a_failure_that_comes_while_it_is_disabled_opens_no_circuit() {
    let mut rig = Rig::new(Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            attempts_min: 1,
            pause: Span::from_seconds(300),
            ..CircuitBreakerPolicy::default()
        }),
        retry: RetryPolicy {
            waits: vec![Span::from_seconds(5)],
            ..RetryPolicy::default()
        },
        ..Options::default()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (endpoint, _) = rig.endpoint(application, "a");
    rig.event(application);
    let one = (application, endpoint);
    change_endpoint(&mut rig, one, |update| update.is_enabled = false);
    rig.advance(Span::from_seconds(30));
    rig.answer(SILENT);
    assert_eq!(rig.engine.stats().circuits_open, 0);
    change_endpoint(&mut rig, one, |update| update.is_enabled = true);
    rig.advance(Span::from_seconds(20));
    assert_eq!(rig.sent.len(), 1, "its retry goes out when it is due");
    rig.answer(OK);
    rig.event(application);
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn without_a_breaker_who_was_gone_and_is_enabled_again_gets_as_much_at_once_as_it_earns() {
    let mut rig = Rig::new(Options {
        circuit_breaker: None,
        ..Options::default()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (endpoint, _) = rig.endpoint(application, "gone");
    for _ in 0..40 {
        rig.event(application);
    }
    rig.answer(OutcomeKind::Status(410));
    let one = (application, endpoint);
    change_endpoint(&mut rig, one, |update| update.is_enabled = true);
    assert_eq!(rig.engine.stats().circuits_open, 0);
    let mut most = 0;
    while !rig.sent.is_empty() {
        most = most.max(rig.sent.len());
        rig.answer(OK);
    }
    assert!(most > 2, "{most} at once");
}
