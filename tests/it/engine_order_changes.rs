//! Endpoints that keep another order from some time on: what was begun or held before keeps its place, and
//! everything goes out.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        id::{EndpointId, EventId},
        ordering::Ordering,
        outcome::OutcomeKind,
    },
    time::Span,
};

use crate::support::{
    changes::change_endpoint,
    rig::{Rig, undaunted},
};

const OK: OutcomeKind = OutcomeKind::Status(200);
const MOMENT: Span = Span::from_millis(100);

fn rig(ordering: Ordering) -> (Rig, ApplicationKey, EndpointId) {
    let mut rig = Rig::new(undaunted());
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let id = rig.endpoint_in_order(application, ordering);
    (rig, application, id)
}

/// The endpoint keeps such an order from now on.
fn reorder(rig: &mut Rig, one: (ApplicationKey, EndpointId), ordering: Ordering) {
    change_endpoint(rig, one, |update| update.ordering = ordering);
}

/// Answers everything that goes out, one after the other, and gives the events in that order.
fn drain(rig: &mut Rig) -> Vec<EventId> {
    let mut seen = Vec::new();
    while !rig.sent.is_empty() {
        seen.push(rig.answer(OK).event.id);
        rig.advance(MOMENT);
    }
    seen
}

#[test]
fn who_waits_for_the_whole_line_goes_out_when_the_endpoint_keeps_the_order_of_keys() {
    let (mut rig, application, id) = rig(Ordering::Whole);
    let [a, b] = [(); 2].map(|()| rig.keyed_event(application, "a"));
    let c = rig.keyed_event(application, "c");
    assert_eq!(rig.sent.len(), 1);
    reorder(&mut rig, (application, id), Ordering::ByKey);
    assert_eq!(rig.sent.len(), 1, "the one before has not ended");
    assert_eq!(drain(&mut rig), [a, b, c]);
}

#[test]
fn every_change_of_the_order_lets_everything_out() {
    for before in Ordering::ALL {
        for after in Ordering::ALL {
            let (mut rig, application, id) = rig(before);
            let mut events = Vec::new();
            for key in ["a", "a", "b", "a"] {
                events.push(rig.keyed_event(application, key));
            }
            reorder(&mut rig, (application, id), after);
            for key in ["b", "a", "c"] {
                events.push(rig.keyed_event(application, key));
            }
            let mut seen = drain(&mut rig);
            seen.sort_unstable();
            events.sort_unstable();
            assert_eq!(seen, events, "from {before:?} to {after:?}");
        }
    }
}
