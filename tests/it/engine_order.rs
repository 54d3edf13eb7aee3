//! Order: deliveries of one line go out one after the other, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::Command,
        delivery::DeliveryState,
        event::EventPosition,
        history::Name,
        id::{EndpointId, EventId},
        ordering::Ordering,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    policy::circuit_breaker::CircuitBreakerPolicy,
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_event, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const DOWN: OutcomeKind = OutcomeKind::Status(503);
/// Results are written, and what follows from that has begun.
const MOMENT: Span = Span::from_millis(100);
/// Longer than the first wait of the schedule.
const RETRY: Span = Span::from_seconds(7);

/// A rig with an endpoint that keeps such an order, and that may have some attempts in flight.
fn rig(ordering: Ordering, options: Options) -> (Rig, ApplicationKey, EndpointId) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let id = rig.endpoint_in_order(application, ordering);
    // Without a key, so that the window grows.
    for _ in 0..40 {
        rig.event(application);
    }
    while !rig.sent.is_empty() {
        rig.answer(OK);
        if rig.sent.is_empty() {
            rig.advance(MOMENT);
        }
    }
    (rig, application, id)
}

/// The events in flight, in the order in which they were sent.
fn flying(rig: &Rig) -> Vec<EventId> {
    rig.sent.iter().map(|request| request.event.id).collect()
}

fn state(rig: &Rig, application: ApplicationKey, id: EndpointId, place: u64) -> DeliveryState {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let endpoint = found.expect("readable").expect("it is there");
    let state = rig.store.delivery(endpoint.key, EventPosition::new(place));
    state.expect("a delivery")
}

#[test]
fn an_endpoint_in_order_gets_the_next_event_once_the_one_before_has_ended() {
    let (mut rig, application, _) = rig(Ordering::Whole, undaunted());
    let [a, b, c] = [(); 3].map(|()| rig.event(application));
    assert_eq!(flying(&rig), [a]);
    rig.answer(DOWN);
    rig.advance(MOMENT);
    assert_eq!(flying(&rig), [], "it waits for its retry");
    rig.advance(RETRY);
    assert_eq!(flying(&rig), [a]);
    for (done, next) in [(a, vec![b]), (b, vec![c]), (c, vec![])] {
        assert_eq!(rig.answer(OK).event.id, done);
        rig.advance(MOMENT);
        assert_eq!(flying(&rig), next);
    }
}

#[test]
fn events_of_one_key_wait_for_each_other_and_for_no_other_key() {
    let (mut rig, application, id) = rig(Ordering::ByKey, undaunted());
    let [a1, a2, b1, a3, b2] =
        ["a", "a", "b", "a", "b"].map(|key| rig.keyed_event(application, key));
    let free = rig.event(application);
    assert_eq!(flying(&rig), [a1, b1, free]);
    assert!(matches!(
        state(&rig, application, id, 41),
        DeliveryState::Pending
    ));
    rig.answer(DOWN);
    rig.answer(OK);
    rig.answer(OK);
    rig.advance(MOMENT);
    assert_eq!(flying(&rig), [b2], "a waits for a retry, b goes on");
    rig.answer(OK);
    rig.advance(RETRY);
    for (done, next) in [(a1, vec![a2]), (a2, vec![a3]), (a3, vec![])] {
        assert_eq!(rig.answer(OK).event.id, done);
        rig.advance(MOMENT);
        assert_eq!(flying(&rig), next);
    }
    let states = (40..46).map(|place| state(&rig, application, id, place));
    assert!(
        states
            .into_iter()
            .all(|state| state == DeliveryState::Succeeded)
    );
    assert_eq!(rig.recovered(application).open_rows, 0, "nothing is left");
}

#[test]
fn keys_are_not_looked_at_where_no_order_is_kept() {
    let (mut rig, application, _) = rig(Ordering::Free, undaunted());
    let sent = ["a", "a", "a"].map(|key| rig.keyed_event(application, key));
    assert_eq!(flying(&rig), sent);
}

#[test]
fn the_next_of_a_line_is_sent_once_the_end_of_the_one_before_is_durable() {
    for ordering in [Ordering::ByKey, Ordering::Whole] {
        let (mut rig, application, _) = rig(ordering, undaunted());
        let [a1, a2] = ["a", "a"].map(|key| rig.keyed_event(application, key));
        assert_eq!(flying(&rig), [a1]);
        rig.hold_completions = true;
        rig.answer(OK);
        assert_eq!(flying(&rig), [], "its end is on its way to the store");
        rig.hold_completions = false;
        rig.complete();
        assert_eq!(flying(&rig), [a2], "at once, for it was awaited");
    }
}

#[test]
fn an_end_that_is_not_written_keeps_its_line() {
    for ordering in [Ordering::ByKey, Ordering::Whole] {
        let (mut rig, application, _) = rig(ordering, undaunted());
        let [a1, a2] = ["a", "a"].map(|key| rig.keyed_event(application, key));
        rig.advance(MOMENT);
        rig.fail_commit_in = Some(0);
        rig.answer(OK);
        assert_eq!(flying(&rig), [a1], "the shard was acquired anew");
        rig.answer(OK);
        rig.advance(MOMENT);
        assert_eq!(flying(&rig), [a2]);
    }
}

#[test]
fn the_order_holds_over_a_restart_whatever_the_head_was_about() {
    for ordering in [Ordering::ByKey, Ordering::Whole] {
        // In flight, in flight again after a failure, waiting, and held until just now.
        for case in 0..4 {
            let (mut rig, application, _) = rig(ordering, undaunted());
            let all = ["a"; 5].map(|key| rig.keyed_event(application, key));
            let mut left = all.as_slice();
            rig.advance(MOMENT);
            match case {
                1 => {
                    rig.answer(DOWN);
                    rig.advance(RETRY);
                }
                2 => {
                    rig.answer(DOWN);
                    rig.advance(MOMENT);
                }
                3 => {
                    rig.answer(OK);
                    rig.advance(MOMENT);
                    left = &all[1..];
                }
                _ => {}
            }
            rig.restart(undaunted());
            let late = rig.keyed_event(application, "a");
            rig.advance(RETRY);
            for id in left.iter().chain([&late]) {
                assert_eq!(flying(&rig), [*id], "{ordering:?}, case {case}");
                rig.answer(OK);
                rig.advance(MOMENT);
            }
            assert!(rig.sent.is_empty());
        }
    }
}

#[test]
fn the_order_holds_over_the_loss_of_a_shard() {
    let (mut rig, application, _) = rig(Ordering::ByKey, undaunted());
    let [a1, a2, b1] = ["a", "a", "b"].map(|key| rig.keyed_event(application, key));
    rig.advance(MOMENT);
    assert_eq!(flying(&rig), [a1, b1]);
    rig.lose_shard();
    rig.advance(MOMENT);
    let mut order = Vec::new();
    while !rig.sent.is_empty() {
        order.push(rig.answer(OK).event.id);
        rig.advance(MOMENT);
    }
    assert!(order == [a1, b1, a2] || order == [a1, a2, b1], "{order:?}");
}

#[test]
fn over_so_many_that_are_held_the_endpoint_waits_at_its_cursor() {
    let options = Options {
        ordered_held_max: 2,
        ..undaunted()
    };
    let (mut rig, application, _) = rig(Ordering::ByKey, options);
    let [a1, a2, a3, a4, b1] =
        ["a", "a", "a", "a", "b"].map(|key| rig.keyed_event(application, key));
    assert_eq!(flying(&rig), [a1], "b stands behind the fourth of a");
    rig.advance(MOMENT);
    assert_eq!(rig.recovered(application).open_rows, 2);
    rig.restart(Options {
        ordered_held_max: 2,
        ..undaunted()
    });
    rig.advance(MOMENT);
    assert_eq!(rig.answer(OK).event.id, a1);
    rig.advance(MOMENT);
    let mut next = flying(&rig);
    next.sort_unstable();
    assert_eq!(next, [a2, b1], "one more is held");
    rig.answer(OK);
    rig.answer(OK);
    rig.advance(MOMENT);
    assert_eq!(rig.answer(OK).event.id, a3);
    rig.advance(MOMENT);
    assert_eq!(flying(&rig), [a4]);
}

#[test]
fn a_line_goes_on_behind_a_delivery_that_ended_badly() {
    let mut options = undaunted();
    options.retry.waits = vec![Span::from_seconds(5)];
    let (mut rig, application, id) = rig(Ordering::ByKey, options);
    let [_, a2] = ["a", "a"].map(|key| rig.keyed_event(application, key));
    rig.answer(DOWN);
    rig.advance(RETRY);
    rig.answer(DOWN);
    rig.advance(MOMENT);
    assert_eq!(state(&rig, application, id, 40), DeliveryState::Exhausted);
    assert_eq!(flying(&rig), [a2]);
}

#[test]
fn a_line_goes_on_when_its_head_expires_or_is_gone() {
    let (mut rig, application, id) = rig(
        Ordering::ByKey,
        Options {
            expires_after: Span::from_seconds(60),
            ..undaunted()
        },
    );
    rig.keyed_event(application, "a");
    rig.answer(DOWN);
    rig.advance(RETRY);
    rig.answer(DOWN);
    // The next attempt would be in five minutes.
    rig.advance(Span::from_seconds(50));
    let a2 = rig.keyed_event(application, "a");
    assert_eq!(flying(&rig), []);
    rig.command(Command::Expunge {
        application,
        position: EventPosition::new(40),
        attempt: None,
    });
    assert_eq!(flying(&rig), [a2]);
    assert_eq!(state(&rig, application, id, 40), DeliveryState::Cancelled);

    // What is held expires, too: one after the other as their turns come.
    let a3 = rig.keyed_event(application, "a");
    rig.answer(DOWN);
    rig.advance(RETRY);
    rig.answer(DOWN);
    rig.advance(Span::from_seconds(400));
    assert_eq!(state(&rig, application, id, 41), DeliveryState::Expired);
    assert_eq!(state(&rig, application, id, 42), DeliveryState::Expired);
    assert_eq!(flying(&rig), [], "{a3}");
    let a4 = rig.keyed_event(application, "a");
    assert_eq!(flying(&rig), [a4]);
}

/// An attempt by hand of the event at this place.
fn by_hand(rig: &mut Rig, endpoint: EndpointId, application: ApplicationKey, place: u64) {
    let found = rig.store.event(application, EventPosition::new(place));
    let event = Arc::clone(found.expect("it is there"));
    rig.command(Command::Resend {
        endpoint,
        event,
        attempts: 0,
    });
}

#[test]
fn what_succeeded_by_hand_is_not_sent_in_its_turn_and_what_follows_waits_for_that_to_be_durable() {
    for ordering in [Ordering::ByKey, Ordering::Whole] {
        let (mut rig, application, id) = rig(ordering, undaunted());
        let [a1, a2, a3] = ["a"; 3].map(|key| rig.keyed_event(application, key));
        rig.advance(MOMENT);
        by_hand(&mut rig, id, application, 41);
        assert_eq!(flying(&rig), [a1, a2], "what is asked for waits for nobody");
        let (first, second) = (rig.sent.pop_front(), rig.sent.pop_front());
        let (first, second) = first.zip(second).expect("both");
        rig.hold_completions = true;
        rig.done(&second, OK);
        rig.done(&first, OK);
        assert_eq!(flying(&rig), [], "{ordering:?}");
        rig.hold_completions = false;
        rig.complete();
        rig.advance(MOMENT);
        assert_eq!(flying(&rig), [a3], "{ordering:?}");
    }
}

#[test]
fn an_event_for_later_stands_in_no_line() {
    let (mut rig, application, _) = rig(Ordering::Whole, undaunted());
    let Command::AcceptEvent(mut event) = new_event(application) else {
        unreachable!("it is one")
    };
    event.besides.deliver_after = Some(Span::from_seconds(10));
    rig.command(Command::AcceptEvent(event));
    let now = rig.event(application);
    assert_eq!(flying(&rig), [now]);
    rig.advance(Span::from_seconds(11));
    assert_eq!(rig.sent.len(), 2, "it came at its time");
}

#[test]
fn behind_what_succeeded_by_hand_ahead_of_its_turn_the_next_waits_until_that_is_durable() {
    let mut rig = Rig::new(Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            attempts_min: 1,
            ..CircuitBreakerPolicy::default()
        }),
        ..Options::default()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let id = rig.endpoint_in_order(application, Ordering::ByKey);
    rig.keyed_event(application, "a");
    rig.answer(DOWN);
    // Its circuit is open: these two of one line are not begun.
    rig.keyed_event(application, "b");
    let next = rig.keyed_event(application, "b");
    assert_eq!(flying(&rig), []);
    let ahead = rig.store.event(application, EventPosition::new(1));
    let ahead = Arc::clone(ahead.expect("it is there"));
    rig.command(Command::Resend {
        endpoint: id,
        event: Arc::clone(&ahead),
        attempts: 0,
    });
    assert_eq!(flying(&rig), [ahead.id]);
    rig.hold_completions = true;
    rig.answer(OK);
    rig.advance(MOMENT);
    assert_eq!(
        flying(&rig),
        [],
        "after a crash it would be sent before that"
    );
    rig.hold_completions = false;
    rig.complete();
    assert_eq!(flying(&rig), [next]);
}
