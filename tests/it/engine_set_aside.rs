//! Deliveries that somebody skips or parks, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        audit::{Act, AuditEntry, NewAuditEntry},
        command::{Answer, Command, NewTask, Refusal},
        delivery::DeliveryState,
        endpoint::EndpointKey,
        event::EventPosition,
        history::{HistoryQuery, Name, Order},
        id::{EndpointId, EventId},
        ordering::Ordering,
        outcome::OutcomeKind,
        present::{Head, Question},
        task::Selection,
    },
    engine::options::Options,
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_endpoint, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const DOWN: OutcomeKind = OutcomeKind::Status(503);
/// Results are written, and what follows from that has begun.
const MOMENT: Span = Span::from_millis(100);
/// Longer than any wait of the schedule.
const LONG: Span = Span::from_seconds(30 * 3_600);

struct Operator {
    rig: Rig,
    application: ApplicationKey,
    id: EndpointId,
    key: EndpointKey,
}

impl Operator {
    fn new(ordering: Ordering, options: Options) -> Self {
        let mut rig = Rig::new(options);
        let application = rig.application(DEFAULT_APPLICATION_UID);
        let id = rig.endpoint_in_order(application, ordering);
        let found = rig.store.endpoint(application, &Name::Id(id.id()));
        let key = found.expect("readable").expect("it is there").key;
        Self {
            rig,
            application,
            id,
            key,
        }
    }

    /// Hands an event in; events of one key stand in a line.
    fn event(&mut self, key: &str) -> EventId {
        self.rig.keyed_event(self.application, key)
    }

    fn ask(&mut self, act: Act, place: u64) -> u64 {
        let position = EventPosition::new(place);
        let event = self.rig.store.event(self.application, position);
        let event = Arc::clone(event.expect("it is there"));
        self.rig.command(Command::SetAside(Box::new(NewAuditEntry {
            application: self.application,
            endpoint: self.id,
            position,
            event: event.id,
            act,
            by: "admin".into(),
            reason: "it never ends".into(),
        })))
    }

    /// Sets the delivery of the event at this place aside; what is answered.
    fn set_aside(&mut self, act: Act, place: u64) -> Result<(), Refusal> {
        let request = self.ask(act, place);
        match self.rig.replies.get(&request) {
            Some(Ok(Answer::SetAside { .. })) => Ok(()),
            Some(Err(refusal)) => Err(*refusal),
            other => panic!("{other:?}"),
        }
    }

    fn flying(&self) -> Vec<EventId> {
        let sent = self.rig.sent.iter();
        sent.map(|request| request.event.id).collect()
    }

    fn state(&self, place: u64) -> Option<DeliveryState> {
        self.rig.store.delivery(self.key, EventPosition::new(place))
    }

    fn audit(&self) -> Vec<AuditEntry> {
        let all = HistoryQuery {
            above: None,
            below: None,
            order: Order::OldestFirst,
            limit: 100,
        };
        self.rig.store.audit(self.key, all).expect("readable")
    }

    fn open_rows(&mut self) -> u64 {
        self.rig.recovered(self.application).open_rows
    }

    /// Sends what failed of the events before this place again.
    fn recover(&mut self, until: u64) {
        self.rig.command(Command::StartTask(Box::new(NewTask {
            application: self.application,
            endpoint: self.id,
            selection: Selection::Failed,
            from: EventPosition::default(),
            until: EventPosition::new(until),
        })));
    }

    /// Answers what flies until nothing does; gives the places.
    fn serve(&mut self, kind: OutcomeKind) -> Vec<u64> {
        let mut places = Vec::new();
        loop {
            self.rig.advance(MOMENT);
            if self.rig.sent.is_empty() {
                return places;
            }
            places.push(self.rig.answer(kind).event.position.number());
        }
    }
}

#[test]
fn the_next_of_a_line_goes_out_once_it_is_durable_that_its_head_was_skipped() {
    for act in Act::ALL {
        let mut operator = Operator::new(Ordering::ByKey, undaunted());
        let [_, second] = ["a", "a"].map(|key| operator.event(key));
        operator.rig.answer(DOWN);
        operator.rig.advance(MOMENT);
        assert_eq!(operator.flying(), []);
        operator.rig.hold_completions = true;
        let request = operator.ask(act, 0);
        assert_eq!(operator.flying(), []);
        assert_eq!(operator.rig.replies.get(&request), None, "not durable yet");
        operator.rig.hold_completions = false;
        operator.rig.complete();
        assert!(matches!(
            operator.rig.replies.get(&request),
            Some(Ok(Answer::SetAside { .. }))
        ));
        assert_eq!(operator.flying(), [second]);
        let state = match act {
            Act::Skip => DeliveryState::Skipped,
            Act::Park => DeliveryState::Parked,
        };
        assert_eq!(operator.state(0), Some(state));
        operator.rig.answer(OK);
        operator.rig.advance(LONG);
        assert_eq!(operator.flying(), [], "the head is tried no more");
        assert_eq!(operator.open_rows(), 0);
        let noted = operator.audit();
        let told: Vec<_> = noted
            .iter()
            .map(|entry| {
                (
                    entry.act,
                    entry.position.number(),
                    &*entry.by,
                    &*entry.reason,
                )
            })
            .collect();
        assert_eq!(told, [(act, 0, "admin", "it never ends")]);
        assert_eq!(operator.rig.engine.stats().set_aside, 1);
    }
}

#[test]
fn one_that_is_held_is_passed_over_in_its_turn() {
    let mut operator = Operator::new(Ordering::ByKey, undaunted());
    let [first, _, third] = ["a", "a", "a"].map(|key| operator.event(key));
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Park, 1), Ok(()));
    operator.rig.advance(Span::from_seconds(7));
    assert_eq!(operator.flying(), [first]);
    operator.rig.answer(OK);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.flying(), [third]);
}

#[test]
fn an_endpoint_in_one_line_goes_on_behind_what_was_skipped() {
    let mut operator = Operator::new(Ordering::Whole, undaunted());
    let [_, second] = ["a", "b"].map(|key| operator.event(key));
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Skip, 0), Ok(()));
    operator.rig.advance(MOMENT);
    assert_eq!(operator.flying(), [second]);
}

#[test]
fn an_attempt_in_flight_ends_before_its_line_goes_on_and_nothing_follows_it() {
    for (kind, expected) in [
        (DOWN, DeliveryState::Skipped),
        (OK, DeliveryState::Succeeded),
    ] {
        // The second attempt flies, of a delivery with a row; or the first one, which has none.
        for attempts in [1, 0] {
            let mut operator = Operator::new(Ordering::ByKey, undaunted());
            let [first, second] = ["a", "a"].map(|key| operator.event(key));
            for _ in 0..attempts {
                operator.rig.answer(DOWN);
                operator.rig.advance(Span::from_seconds(7));
            }
            assert_eq!(operator.flying(), [first]);
            assert_eq!(operator.set_aside(Act::Skip, 0), Ok(()));
            assert_eq!(operator.state(0), Some(DeliveryState::Skipped));
            operator.rig.advance(MOMENT);
            assert_eq!(operator.flying(), [first], "two of a line never fly");
            operator.rig.answer(kind);
            operator.rig.advance(MOMENT);
            assert_eq!(operator.flying(), [second]);
            assert_eq!(operator.state(0), Some(expected));
            operator.rig.answer(OK);
            operator.rig.advance(LONG);
            assert_eq!(operator.flying(), []);
            assert_eq!(operator.open_rows(), 0);
        }
    }
}

#[test]
fn a_batch_that_is_full_with_its_row_takes_the_end_of_a_delivery_in_flight_all_the_same() {
    let mut operator = Operator::new(
        Ordering::ByKey,
        Options {
            batch_bytes_max: 1,
            ..undaunted()
        },
    );
    operator.event("a");
    assert_eq!(operator.set_aside(Act::Skip, 0), Ok(()));
    operator.rig.answer(DOWN);
    operator.rig.advance(LONG);
    assert_eq!(operator.state(0), Some(DeliveryState::Skipped));
    assert_eq!(operator.audit().len(), 1);
}

#[test]
fn what_was_called_off_in_flight_is_none_to_be_skipped_and_keeps_its_line() {
    let options = Options {
        page_rows: 1,
        ..undaunted()
    };
    let mut operator = Operator::new(Ordering::ByKey, options);
    // Rows of other lines, of which most stand in the store alone.
    for number in 0..8 {
        operator.event(&format!("other {number}"));
    }
    let failed = operator.serve(DOWN);
    assert_eq!(failed.len(), 8);
    // So that its window has room for more than one.
    for _ in 0..40 {
        operator.rig.event(operator.application);
    }
    assert_eq!(operator.serve(OK).len(), 40);
    let [first, second] = ["a", "a"].map(|key| operator.event(key));
    assert_eq!(operator.flying(), [first]);
    operator.rig.command(Command::Expunge {
        application: operator.application,
        position: EventPosition::new(48),
        attempt: None,
    });
    let refused = Err(Refusal::NotOpen);
    assert_eq!(operator.set_aside(Act::Skip, 48), refused);
    operator.rig.advance(MOMENT);
    assert!(!operator.flying().contains(&second), "two of a line");
    assert_eq!(operator.audit(), []);
}

#[test]
fn what_was_skipped_in_flight_is_not_sent_again_after_a_restart() {
    let mut operator = Operator::new(Ordering::ByKey, undaunted());
    let [first, second] = ["a", "a"].map(|key| operator.event(key));
    assert_eq!(operator.flying(), [first]);
    assert_eq!(operator.set_aside(Act::Skip, 0), Ok(()));
    operator.rig.restart(undaunted());
    operator.rig.advance(MOMENT);
    assert_eq!(operator.flying(), [second]);
    assert_eq!(operator.state(0), Some(DeliveryState::Skipped));
    assert_eq!(operator.audit().len(), 1);
}

#[test]
fn what_has_ended_or_not_begun_can_t_be_set_aside() {
    let mut operator = Operator::new(Ordering::Whole, undaunted());
    operator.event("a");
    operator.event("a");
    let refused = Err(Refusal::NotOpen);
    assert_eq!(operator.set_aside(Act::Skip, 1), refused, "its turn comes");
    operator.rig.answer(OK);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Skip, 0), refused, "it succeeded");
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Park, 1), Ok(()));
    assert_eq!(operator.set_aside(Act::Skip, 1), refused, "it is parked");
    assert_eq!(operator.audit().len(), 1, "what is refused is not noted");
    let command = Command::DeleteEndpoint {
        application: operator.application,
        endpoint: operator.id,
    };
    operator.rig.command(command);
    let unknown = Err(Refusal::UnknownEndpoint);
    assert_eq!(operator.set_aside(Act::Skip, 1), unknown);
}

#[test]
fn one_whose_row_stands_in_the_store_alone_is_set_aside_and_counted() {
    let options = Options {
        page_rows: 1,
        ..undaunted()
    };
    let mut operator = Operator::new(Ordering::Free, options.clone());
    for _ in 0..12 {
        operator.event("a");
    }
    let failed = operator.serve(DOWN);
    assert_eq!(failed.len(), 12);
    assert_eq!(operator.rig.recovered(operator.application).open_rows, 12);
    operator.rig.restart(options);
    // Nothing is loaded yet: the store knows whether there is a row.
    for place in [11, 3] {
        assert_eq!(operator.set_aside(Act::Skip, place), Ok(()));
    }
    let refused = Err(Refusal::NotOpen);
    assert_eq!(operator.set_aside(Act::Skip, 3), refused, "it has none");
    operator.rig.advance(Span::from_seconds(7));
    let mut sent = operator.serve(OK);
    sent.sort_unstable();
    assert_eq!(sent, [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(operator.open_rows(), 0);
}

#[test]
fn a_recovery_sends_what_was_parked_and_not_what_was_skipped() {
    let mut operator = Operator::new(Ordering::ByKey, undaunted());
    for key in ["a", "b", "b", "c"] {
        operator.event(key);
    }
    for _ in 0..3 {
        operator.rig.answer(DOWN);
    }
    operator.rig.advance(MOMENT);
    // The second of b was never tried.
    for (act, place) in [
        (Act::Skip, 0),
        (Act::Park, 2),
        (Act::Park, 1),
        (Act::Skip, 3),
    ] {
        assert_eq!(operator.set_aside(act, place), Ok(()), "{place}");
    }
    operator.recover(4);
    let mut sent = operator.serve(OK);
    sent.sort_unstable();
    assert_eq!(sent, [1, 2]);
    assert_eq!(operator.state(1), Some(DeliveryState::Succeeded));
    assert_eq!(operator.state(0), Some(DeliveryState::Skipped));
    assert_eq!(operator.audit().len(), 4, "what was done stays noted");
}

#[test]
fn what_was_parked_in_flight_is_not_sent_by_a_task_before_that_attempt_has_ended() {
    for attempts in [1, 0] {
        let mut operator = Operator::new(Ordering::Free, undaunted());
        operator.event("a");
        for _ in 0..attempts {
            operator.rig.answer(DOWN);
            operator.rig.advance(Span::from_seconds(7));
        }
        assert_eq!(operator.set_aside(Act::Park, 0), Ok(()));
        operator.recover(1);
        operator.rig.advance(MOMENT);
        assert_eq!(operator.rig.sent.len(), 1, "it is on its way");
        operator.rig.answer(DOWN);
        operator.rig.advance(MOMENT);
        assert_eq!(operator.state(0), Some(DeliveryState::Parked));
        operator.recover(1);
        assert_eq!(operator.serve(OK), [0]);
        assert_eq!(operator.state(0), Some(DeliveryState::Succeeded));
        assert_eq!(operator.open_rows(), 0);
    }
}

#[test]
fn what_a_task_sent_again_is_parked_again_though_it_was_exhausted_before() {
    let mut options = undaunted();
    options.retry.waits = vec![Span::from_seconds(5)];
    let mut operator = Operator::new(Ordering::Free, options);
    operator.event("a");
    operator.rig.answer(DOWN);
    operator.rig.advance(Span::from_seconds(7));
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.state(0), Some(DeliveryState::Exhausted));
    operator.recover(1);
    operator.rig.advance(MOMENT);
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Park, 0), Ok(()));
    assert_eq!(operator.state(0), Some(DeliveryState::Parked));
    operator.rig.advance(LONG);
    assert_eq!(operator.flying(), []);
}

#[test]
fn the_heads_that_hold_others_up_are_told_until_they_are_set_aside() {
    let mut operator = Operator::new(Ordering::ByKey, undaunted());
    for key in ["a", "b", "b", "a", "b"] {
        operator.event(key);
    }
    let heads = |operator: &mut Operator| {
        let asked = Command::Present(operator.key, Question::Heads);
        let request = operator.rig.command(asked);
        match operator.rig.replies.get(&request) {
            Some(Ok(Answer::Present(present))) => present.heads.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(heads(&mut operator), [], "they are in flight");
    operator.rig.answer(DOWN);
    operator.rig.answer(DOWN);
    operator.rig.advance(MOMENT);
    let head = |place, behind| Head {
        position: EventPosition::new(place),
        behind: Some(behind),
    };
    assert_eq!(heads(&mut operator), [head(1, 2), head(0, 1)]);
    assert_eq!(operator.set_aside(Act::Skip, 1), Ok(()));
    assert_eq!(heads(&mut operator), [head(0, 1)]);
}

#[test]
fn a_head_of_a_disabled_endpoint_can_be_skipped() {
    let mut operator = Operator::new(Ordering::ByKey, undaunted());
    operator.event("a");
    let second = operator.event("a");
    operator.rig.answer(OutcomeKind::Status(410));
    operator.rig.advance(MOMENT);
    assert_eq!(operator.set_aside(Act::Skip, 0), Ok(()));
    assert_eq!(operator.flying(), [], "it is disabled");
    operator.rig.command(enabled(operator.application, "a"));
    assert_eq!(operator.flying(), [second]);
}

/// Registers an endpoint again, which enables it.
fn enabled(application: ApplicationKey, name: &str) -> Command {
    new_endpoint(application, name)
}

#[test]
fn what_is_set_aside_while_it_waits_makes_room_for_others() {
    for act in Act::ALL {
        let options = Options {
            open_rows_max: 2,
            ..undaunted()
        };
        let mut operator = Operator::new(Ordering::Free, options);
        operator.event("a");
        operator.rig.answer(DOWN);
        assert_eq!(operator.set_aside(act, 0), Ok(()));
        for _ in 0..2 {
            operator.event("a");
            operator.rig.answer(DOWN);
        }
        operator.event("a");
        assert!(operator.rig.sent.is_empty(), "there is room for two");
    }
}
