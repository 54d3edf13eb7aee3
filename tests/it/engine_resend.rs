//! Attempts that somebody asks for, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptResult, Trigger},
        command::{Answer, Command, Refusal},
        delivery::DeliveryState,
        event::{Event, EventPosition},
        history::Name,
        id::{EndpointId, Id},
        once::Once,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    limits,
    store::Reads,
    time::Span,
};

use crate::support::rig::{Rig, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const GONE: OutcomeKind = OutcomeKind::Status(410);

struct Resender {
    rig: Rig,
    application: ApplicationKey,
    endpoint: EndpointId,
}

impl Resender {
    /// A rig that pages through one row at a time and sends one attempt at a time.
    fn new() -> Self {
        let options = Options {
            page_rows: 1,
            window_max: 1,
            ..undaunted()
        };
        Self::over(Rig::new(options))
    }

    fn over(mut rig: Rig) -> Self {
        let application = rig.application(DEFAULT_APPLICATION_UID);
        let (endpoint, _) = rig.endpoint(application, "e");
        Self {
            rig,
            application,
            endpoint,
        }
    }

    /// A rig whose window has room for more than one attempt.
    fn with_room(options: Options) -> Self {
        let mut resender = Self::over(Rig::new(options));
        resender.succeed();
        resender
    }

    /// Forty events are delivered.
    fn succeed(&mut self) {
        for _ in 0..40 {
            self.event();
        }
        while !self.rig.sent.is_empty() {
            self.rig.answer(OK);
            self.record();
        }
    }

    fn event(&mut self) -> Arc<Event> {
        let id = self.rig.event(self.application);
        let name = Name::Id(id.id());
        let found = Reads::event(&self.rig.store, self.application, &name);
        found.expect("readable").expect("it is there").event
    }

    /// Asks for an attempt; gives the request's number.
    fn resend(&mut self, event: &Arc<Event>) -> u64 {
        self.rig.command(Command::Resend {
            endpoint: self.endpoint,
            event: Arc::clone(event),
            attempts: 1,
        })
    }

    /// Asks for an attempt under a key; gives the request's number.
    fn resend_under(&mut self, key: u8, event: &Arc<Event>) -> u64 {
        let once = Once {
            key_sha256: [key; 32],
            body_sha256: [0; 32],
        };
        let command = Command::Resend {
            endpoint: self.endpoint,
            event: Arc::clone(event),
            attempts: 1,
        };
        self.rig.command(Command::Once(once, Box::new(command)))
    }

    /// Asks for an attempt that will be made.
    fn resent(&mut self, event: &Arc<Event>) {
        let request = self.resend(event);
        assert_eq!(self.rig.replies.get(&request), Some(&Ok(Answer::Resend)));
    }

    /// The places of the events of attempts in flight.
    fn flying(&self) -> Vec<u64> {
        let sent = self.rig.sent.iter();
        sent.map(|request| request.event.position.number())
            .collect()
    }

    /// Lets what was recorded become durable.
    fn record(&mut self) {
        self.rig.advance(Span::from_millis(100));
    }

    fn state(&self, event: &Event) -> Option<DeliveryState> {
        let name = Name::Id(self.endpoint.id());
        let endpoint = self.rig.store.endpoint(self.application, &name);
        let endpoint = endpoint.expect("readable").expect("it is there");
        self.rig.store.delivery(endpoint.key, event.position)
    }

    /// What the store has of an event's attempts.
    fn attempts(&self, event: &Event) -> Vec<(Trigger, AttemptResult)> {
        let records = self.rig.store.attempts(self.application, event.position);
        let told = records.iter().map(|record| (record.trigger, record.result));
        told.collect()
    }

    /// Lets as much time go by as any schedule takes; every attempt fails.
    fn fail_all(&mut self) -> usize {
        let mut count = 0;
        for _ in 0..40 {
            self.rig.advance(Span::from_seconds(30 * 60 * 60));
            while !self.rig.sent.is_empty() {
                self.rig.answer(FAILED);
                count += 1;
            }
        }
        count
    }
}

const MANUAL_FAILURE: (Trigger, AttemptResult) = (Trigger::Manual, AttemptResult::Failed);
const MANUAL_SUCCESS: (Trigger, AttemptResult) = (Trigger::Manual, AttemptResult::Succeeded);
const SUCCESS: (Trigger, AttemptResult) = (Trigger::Schedule, AttemptResult::Succeeded);

#[test]
fn an_ended_delivery_is_sent_again_at_once_and_a_failure_leaves_it_ended() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(OK);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    resender.resent(&event);
    assert_eq!(resender.flying(), [0], "at once");
    assert_eq!(resender.rig.sent[0].number, 2, "numbers go on");
    assert_eq!(resender.rig.sent[0].event.id, event.id);
    assert_eq!(resender.state(&event), Some(DeliveryState::Pending));
    resender.rig.answer(FAILED);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    assert_eq!(resender.attempts(&event), [SUCCESS, MANUAL_FAILURE]);
    assert_eq!(resender.fail_all(), 0);
    resender.resent(&event);
    resender.rig.answer(OK);
    resender.record();
    let all = [SUCCESS, MANUAL_FAILURE, MANUAL_SUCCESS];
    assert_eq!(resender.attempts(&event), all);
}

#[test]
fn an_exhausted_delivery_succeeds_by_hand() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(FAILED);
    assert_eq!(resender.fail_all(), 9);
    assert_eq!(resender.state(&event), Some(DeliveryState::Exhausted));
    resender.resent(&event);
    resender.rig.answer(FAILED);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Exhausted));
    resender.resent(&event);
    resender.rig.answer(OK);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
}

#[test]
fn beside_a_waiting_retry_a_failure_leaves_the_schedule_and_a_success_ends_it() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(FAILED);
    resender.record();
    let waiting = resender.state(&event);
    assert!(matches!(waiting, Some(DeliveryState::Waiting { .. })));
    resender.resent(&event);
    assert_eq!(
        resender.state(&event),
        waiting,
        "the retry is still to come"
    );
    resender.rig.answer(FAILED);
    resender.record();
    assert_eq!(resender.state(&event), waiting, "as it was");
    resender.rig.advance(Span::from_seconds(7));
    assert_eq!(resender.flying(), [0], "the retry comes at its time");
    resender.rig.answer(FAILED);
    resender.record();
    resender.resent(&event);
    resender.rig.answer(OK);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    assert_eq!(resender.rig.store.counts().open_rows, 0);
    assert_eq!(resender.fail_all(), 0);
}

#[test]
fn a_success_takes_a_retry_away_that_stands_in_the_store_alone() {
    let mut resender = Resender::new();
    let events: Vec<Arc<Event>> = (0..12).map(|_| resender.event()).collect();
    while !resender.rig.sent.is_empty() {
        resender.rig.answer(FAILED);
    }
    resender.record();
    assert_eq!(resender.rig.store.counts().open_rows, 12);
    resender.resent(&events[9]);
    assert_eq!(resender.flying(), [9]);
    resender.rig.answer(OK);
    resender.record();
    assert_eq!(resender.rig.store.counts().open_rows, 11);
    resender.rig.advance(Span::from_seconds(30));
    let mut retried = Vec::new();
    while !resender.rig.sent.is_empty() {
        retried.push(resender.rig.answer(OK).event.position.number());
    }
    retried.sort_unstable();
    assert_eq!(retried, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
    resender.record();
    assert_eq!(resender.rig.store.counts().open_rows, 0);
}

#[test]
fn a_scheduled_attempt_that_fails_after_a_success_by_hand_is_not_repeated() {
    let options = Options {
        window_max: 8,
        ..undaunted()
    };
    let mut resender = Resender::new();
    resender.rig = Rig::new(options);
    resender.application = resender.rig.application(DEFAULT_APPLICATION_UID);
    (resender.endpoint, _) = resender.rig.endpoint(resender.application, "e");
    // Successes widen the window to two.
    for _ in 0..20 {
        resender.event();
    }
    while !resender.rig.sent.is_empty() {
        resender.rig.answer(OK);
    }
    let event = resender.event();
    resender.resent(&event);
    assert_eq!(resender.flying(), [20, 20], "both at once");
    let (scheduled, manual) = (resender.rig.sent[0].clone(), resender.rig.sent[1].clone());
    resender.rig.sent.clear();
    resender.rig.done(&manual, OK);
    resender.rig.done(&scheduled, FAILED);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    let failed = (Trigger::Schedule, AttemptResult::Failed);
    assert_eq!(resender.attempts(&event), [MANUAL_SUCCESS, failed]);
    assert_eq!(resender.rig.store.counts().open_rows, 0);
    assert_eq!(resender.fail_all(), 0);
}

#[test]
fn what_was_asked_for_is_sent_though_the_shard_is_lost_right_after_the_answer() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(OK);
    resender.record();
    resender.resent(&event);
    resender.rig.lose_shard();
    assert_eq!(resender.flying(), [0], "it is still owed");
    resender.rig.answer(OK);
    resender.record();
    assert_eq!(resender.attempts(&event), [SUCCESS, MANUAL_SUCCESS]);
    resender.rig.lose_shard();
    assert_eq!(resender.flying(), [0_u64; 0], "and then no more");
}

#[test]
fn a_failure_by_hand_does_not_stand_for_a_first_attempt_that_is_still_to_come() {
    let mut resender = Resender::new();
    let events: Vec<Arc<Event>> = (0..3).map(|_| resender.event()).collect();
    assert_eq!(resender.flying(), [0]);
    resender.resent(&events[2]);
    resender.rig.answer(FAILED);
    assert_eq!(resender.flying(), [2], "before what is on schedule");
    resender.rig.answer(FAILED);
    resender.record();
    assert_eq!(resender.state(&events[2]), Some(DeliveryState::Pending));
    resender.rig.lose_shard();
    let mut sent = Vec::new();
    while !resender.rig.sent.is_empty() {
        sent.push(resender.rig.answer(OK).event.position.number());
    }
    assert_eq!(sent, [1, 2]);
}

#[test]
fn a_success_by_hand_stands_for_a_first_attempt_that_is_still_to_come() {
    for is_lost in [false, true] {
        let mut resender = Resender::new();
        let events: Vec<Arc<Event>> = (0..3).map(|_| resender.event()).collect();
        resender.resent(&events[2]);
        resender.rig.answer(OK);
        assert_eq!(resender.flying(), [2]);
        resender.rig.answer(OK);
        resender.record();
        if is_lost {
            resender.rig.lose_shard();
        }
        let mut sent = Vec::new();
        while !resender.rig.sent.is_empty() {
            sent.push(resender.rig.answer(OK).event.position.number());
        }
        assert_eq!(sent, [1], "lost: {is_lost}");
        resender.record();
        assert_eq!(resender.state(&events[2]), Some(DeliveryState::Succeeded));
    }
}

#[test]
fn to_a_disabled_endpoint_it_is_held_and_to_a_deleted_one_refused() {
    let mut resender = Resender::new();
    let first = resender.event();
    resender.rig.answer(GONE);
    resender.record();
    resender.resent(&first);
    assert_eq!(resender.flying(), [0_u64; 0]);
    resender.rig.lose_shard();
    assert_eq!(resender.flying(), [0_u64; 0]);
    let (again, _) = resender.rig.endpoint(resender.application, "e");
    assert_eq!(again, resender.endpoint, "it is enabled again");
    assert_eq!(resender.flying(), [0]);
    resender.rig.answer(GONE);
    resender.record();
    resender.resent(&first);
    let delete = Command::DeleteEndpoint {
        application: resender.application,
        endpoint: resender.endpoint,
    };
    resender.rig.command(delete);
    let request = resender.resend(&first);
    let reply = resender.rig.replies.get(&request);
    assert_eq!(reply, Some(&Err(Refusal::UnknownEndpoint)));
    assert_eq!(resender.fail_all(), 0);
    let state = resender.rig.recovered(resender.application);
    assert!(state.endpoints.iter().all(|row| row.resends.is_empty()));
}

#[test]
fn twins_are_one_attempt_and_only_so_many_wait() {
    let mut resender = Resender::new();
    let events: Vec<Arc<Event>> = (0..2).map(|_| resender.event()).collect();
    let position = EventPosition::new(0);
    assert_eq!(resender.rig.sent[0].event.position, position);
    for _ in 0..3 {
        resender.resent(&events[1]);
    }
    resender.rig.answer(OK);
    assert_eq!(resender.flying(), [1]);
    resender.resent(&events[1]);
    resender.rig.answer(OK);
    assert_eq!(resender.fail_all(), 0, "all of them were one");
    assert_eq!(resender.attempts(&events[1]), [MANUAL_SUCCESS]);

    let most = limits::RESENDS_WAITING_MAX;
    let events: Vec<Arc<Event>> = (0..=most).map(|_| resender.event()).collect();
    let (last, fitting) = events.split_last().expect("some");
    for event in fitting {
        resender.resent(event);
    }
    let request = resender.resend(last);
    let reply = resender.rig.replies.get(&request);
    assert_eq!(reply, Some(&Err(Refusal::Overloaded)));
    resender.rig.answer(OK);
    resender.rig.answer(OK);
    resender.resent(last);
}

#[test]
fn an_attempt_that_is_asked_for_twice_under_one_key_is_made_once() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(OK);
    resender.record();
    let again = Ok(Answer::Replayed { id: Id::default() });
    let first = resender.resend_under(1, &event);
    assert_eq!(resender.rig.replies[&first], Ok(Answer::Resend));
    let twin = resender.resend_under(1, &event);
    assert_eq!(resender.rig.replies[&twin], again);
    assert_eq!(resender.flying(), [0]);
    resender.rig.answer(FAILED);
    resender.record();
    let late = resender.resend_under(1, &event);
    assert_eq!(resender.rig.replies[&late], again);
    resender.record();
    assert!(resender.flying().is_empty());
    assert_eq!(resender.attempts(&event), [SUCCESS, MANUAL_FAILURE]);
    // Under another key it is asked for anew.
    let other = resender.resend_under(2, &event);
    assert_eq!(resender.rig.replies[&other], Ok(Answer::Resend));
    resender.rig.answer(OK);
    resender.record();
    // None of those that were not written counts as one that waits.
    for _ in 0..=limits::RESENDS_WAITING_MAX {
        let late = resender.resend_under(1, &event);
        assert_eq!(resender.rig.replies[&late], again);
    }
}

#[test]
fn an_attempt_that_ends_while_it_is_asked_for_again_is_owed_no_more() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(OK);
    resender.record();
    resender.resend_under(1, &event);
    assert_eq!(resender.flying(), [0]);
    resender.rig.hold_completions = true;
    let twin = resender.resend_under(1, &event);
    assert!(!resender.rig.replies.contains_key(&twin));
    resender.rig.answer(OK);
    resender.rig.hold_completions = false;
    resender.rig.complete();
    let again = Ok(Answer::Replayed { id: Id::default() });
    assert_eq!(resender.rig.replies[&twin], again);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    resender.rig.lose_shard();
    assert!(resender.flying().is_empty(), "it is not sent once more");
}

#[test]
fn what_succeeded_by_hand_is_not_begun_again_after_a_restart_by_a_lane_that_lags() {
    let options = Options {
        ring_events_max: 4,
        ..undaunted()
    };
    let mut resender = Resender::with_room(options.clone());
    let event = resender.event();
    resender.resent(&event);
    assert_eq!(resender.flying(), [40, 40]);
    let (scheduled, by_hand) = (resender.rig.sent.pop_front(), resender.rig.sent.pop_front());
    let (_, by_hand) = scheduled.zip(by_hand).expect("both");
    for _ in 0..10 {
        resender.event();
    }
    resender.record();
    resender.rig.done(&by_hand, OK);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    resender.rig.restart(options);
    assert!(!resender.flying().contains(&40), "{:?}", resender.flying());
    let mut sent = Vec::new();
    while !resender.rig.sent.is_empty() {
        sent.push(resender.rig.answer(OK).event.position.number());
    }
    assert!(!sent.contains(&40), "{sent:?}");
}

#[test]
fn what_succeeded_by_hand_while_a_retry_was_in_flight_is_told_so_and_not_sent_after_a_restart() {
    let mut resender = Resender::with_room(undaunted());
    let event = resender.event();
    resender.rig.answer(FAILED);
    resender.succeed();
    resender.rig.advance(Span::from_seconds(7));
    assert_eq!(resender.flying(), [40], "its retry");
    resender.resent(&event);
    let (retry, by_hand) = (resender.rig.sent.pop_front(), resender.rig.sent.pop_front());
    let (_, by_hand) = retry.zip(by_hand).expect("both");
    resender.rig.done(&by_hand, OK);
    resender.record();
    assert_eq!(resender.state(&event), Some(DeliveryState::Succeeded));
    resender.rig.restart(undaunted());
    resender.record();
    assert!(resender.flying().is_empty());
    assert_eq!(resender.rig.recovered(resender.application).open_rows, 0);
}

#[test]
fn what_loses_its_payload_while_an_attempt_is_asked_for_is_not_sent() {
    let mut resender = Resender::new();
    let event = resender.event();
    resender.rig.answer(OK);
    resender.record();
    resender.rig.hold_completions = true;
    let expunged = resender.rig.command(Command::Expunge {
        application: resender.application,
        position: event.position,
        attempt: None,
    });
    let asked = resender.resend(&event);
    resender.rig.hold_completions = false;
    resender.rig.complete();
    assert_eq!(resender.rig.replies[&expunged], Ok(Answer::Expunged));
    assert_eq!(resender.rig.replies[&asked], Err(Refusal::PayloadGone));
    assert!(resender.flying().is_empty());
    // Whoever read the message before asks too late, and is told the same.
    let late = resender.resend(&event);
    assert_eq!(resender.rig.replies[&late], Err(Refusal::PayloadGone));
    resender.rig.advance(Span::from_seconds(100));
    assert!(resender.flying().is_empty());
    resender.rig.lose_shard();
    assert!(resender.flying().is_empty());
}
