//! What the engine tells an operator: how long work waits, what attempts met, how long deliveries
//! took.

use fanfare::{
    domain::outcome::OutcomeKind,
    engine::{Figures, options::Options},
    time::Span,
};

use crate::support::rig::Rig;

const OK: OutcomeKind = OutcomeKind::Status(200);
const BUSY: OutcomeKind = OutcomeKind::Status(503);

fn figures(rig: &Rig) -> Figures {
    rig.engine.figures(rig.now)
}

fn oldest_wait(rig: &Rig) -> Span {
    figures(rig).standing.oldest_wait
}

/// A rig with one endpoint.
fn rig(options: Options) -> (Rig, fanfare::domain::application::ApplicationKey) {
    let mut rig = Rig::new(options);
    let application = rig.application("acme");
    rig.endpoint(application, "hook");
    (rig, application)
}

#[test]
fn what_does_not_fit_the_window_waits_since_it_was_accepted_and_what_is_in_flight_does_not() {
    let (mut rig, application) = rig(Options::default());
    rig.event(application);
    rig.advance(Span::from_seconds(3));
    assert_eq!(oldest_wait(&rig), Span::ZERO);
    rig.event(application);
    rig.advance(Span::from_seconds(4));
    rig.event(application);
    rig.advance(Span::from_seconds(1));
    assert_eq!(oldest_wait(&rig), Span::from_seconds(5));
    while !rig.sent.is_empty() {
        rig.answer(OK);
    }
    assert_eq!(oldest_wait(&rig), Span::ZERO);
    assert_eq!(figures(&rig).standing.in_flight, 0);
}

#[test]
fn a_retry_waits_from_when_it_is_due() {
    let (mut rig, application) = rig(Options::default());
    rig.event(application);
    rig.answer(BUSY);
    let due = rig.engine.next_deadline().expect("a retry or a commit");
    rig.advance(due.since(rig.now.steady));
    // The second event takes the only place in the window until long after.
    rig.event(application);
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(oldest_wait(&rig), Span::ZERO);
    let due = rig.engine.next_deadline().expect("the retry");
    let before = due.since(rig.now.steady);
    rig.advance(Span::from_micros(before.as_micros() + 9_000_000));
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(oldest_wait(&rig), Span::from_seconds(9));
    assert_eq!(figures(&rig).standing.open_rows, 1);
}

#[test]
fn what_a_disabled_endpoint_holds_does_not_wait() {
    let (mut rig, application) = rig(Options::default());
    rig.event(application);
    rig.event(application);
    rig.advance(Span::from_seconds(2));
    assert_eq!(oldest_wait(&rig), Span::from_seconds(2));
    rig.answer(OutcomeKind::Status(410));
    let standing = figures(&rig).standing;
    assert_eq!(standing.oldest_wait, Span::ZERO);
    assert_eq!((standing.endpoints, standing.endpoints_disabled), (1, 1));
}

#[test]
fn a_lane_behind_the_ring_waits_at_least_as_long_as_the_oldest_event_in_memory() {
    let (mut rig, application) = rig(Options {
        ring_events_max: 4,
        page_rows: 1,
        ..Options::default()
    });
    for _ in 0..20 {
        rig.event(application);
        rig.advance(Span::from_seconds(1));
    }
    let standing = figures(&rig).standing;
    assert_eq!(standing.lanes_lagging, 1);
    let bounds = Span::from_seconds(4)..=Span::from_seconds(20);
    assert!(bounds.contains(&standing.oldest_wait), "{standing:?}");
}

#[test]
fn a_delivery_took_from_its_acceptance_to_its_success_however_often_it_was_tried() {
    let (mut rig, application) = rig(Options::default());
    rig.event(application);
    rig.answer(BUSY);
    rig.advance(Span::from_seconds(8));
    rig.answer(OK);
    let tally = figures(&rig).tally;
    let counted: Vec<_> = tally.outcomes().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("status_2xx", 1), ("status_5xx", 1)]);
    assert_eq!(tally.attempts.total(), 2);
    assert_eq!(tally.attempts.sum(), Span::from_millis(2));
    assert_eq!(tally.deliveries.total(), 1);
    assert_eq!(tally.deliveries.sum(), Span::from_seconds(8));
}
