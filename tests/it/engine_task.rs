//! Tasks that send deliveries again, over the memory store.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptResult, Trigger},
        command::{Answer, CalledTask, Command, EndpointUpdate, NewTask, Refusal},
        delivery::DeliveryState,
        endpoint::Endpoint,
        event::EventPosition,
        history::Name,
        id::{EndpointId, TaskId},
        outcome::OutcomeKind,
        task::{Matching, Selection, Task, TaskState},
    },
    engine::options::Options,
    limits,
    store::{Reads as _, memory::MemoryStore},
    time::Span,
};

use crate::support::rig::{Rig, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

struct Operator {
    rig: Rig,
    application: ApplicationKey,
    endpoint: EndpointId,
}

impl Operator {
    /// An endpoint, and so many events that failed once for it.
    fn after_failures(events: usize) -> Self {
        let mut operator = Self::new();
        for _ in 0..events {
            operator.rig.event(operator.application);
        }
        operator.answer_all(FAILED);
        operator.record();
        operator
    }

    fn new() -> Self {
        let options = Options {
            page_rows: 4,
            window_max: 2,
            ..undaunted()
        };
        let mut rig = Rig::new(options);
        let application = rig.application(DEFAULT_APPLICATION_UID);
        let (endpoint, _) = rig.endpoint(application, "e");
        Self {
            rig,
            application,
            endpoint,
        }
    }

    /// Answers whatever is sent until nothing is; gives the places in the order sent.
    fn answer_all(&mut self, kind: OutcomeKind) -> Vec<u64> {
        let mut places = Vec::new();
        while !self.rig.sent.is_empty() {
            let request = self.rig.answer(kind);
            places.push(request.event.position.number());
        }
        places
    }

    /// Lets what was recorded become durable, and tasks go on.
    fn record(&mut self) {
        self.rig.advance(Span::from_millis(100));
    }

    /// Answers what a task sends, until it has nothing more to send.
    fn serve(&mut self, kind: OutcomeKind) -> Vec<u64> {
        let mut places = Vec::new();
        loop {
            self.record();
            if self.rig.sent.is_empty() {
                return places;
            }
            places.extend(self.answer_all(kind));
        }
    }

    fn start(&mut self, selection: Selection) -> u64 {
        let next = self.rig.store.next_position(self.application);
        self.rig.command(Command::StartTask(Box::new(NewTask {
            application: self.application,
            endpoint: self.endpoint,
            selection,
            from: EventPosition::default(),
            until: next.expect("readable"),
        })))
    }

    fn started(&mut self, selection: Selection) -> TaskId {
        let request = self.start(selection);
        match self.rig.replies.get(&request) {
            Some(Ok(Answer::Task { id })) => *id,
            other => panic!("no task: {other:?}"),
        }
    }

    fn task(&self, id: TaskId) -> Task {
        let found = self.rig.store.task(id.id()).expect("readable");
        Task::clone(&found.expect("it is kept"))
    }

    /// How a task stands: its state, and how much of its total is done.
    fn stands(&self, id: TaskId) -> (TaskState, u64, u64) {
        let task = self.task(id);
        (task.state, task.done, task.total)
    }

    fn endpoint(&self) -> Endpoint {
        let name = Name::Id(self.endpoint.id());
        let found = self.rig.store.endpoint(self.application, &name);
        Endpoint::clone(&found.expect("readable").expect("it is there"))
    }

    fn state(&self, position: u64) -> Option<DeliveryState> {
        let key = self.endpoint().key;
        self.rig.store.delivery(key, EventPosition::new(position))
    }

    fn attempts(&self, position: u64) -> Vec<(u16, Trigger, AttemptResult)> {
        let position = EventPosition::new(position);
        let records = self.rig.store.attempts(self.application, position);
        let told = records
            .iter()
            .map(|record| (record.number, record.trigger, record.result));
        told.collect()
    }

    fn enable(&mut self, is_enabled: bool) {
        let known = self.endpoint();
        self.rig
            .command(Command::UpdateEndpoint(Box::new(EndpointUpdate {
                application: self.application,
                endpoint: self.endpoint,
                revision: known.revision(),
                url: None,
                uid: known.uid.clone(),
                filter: (*known.filter).clone(),
                headers: known.target.headers.clone(),
                is_enabled,
                throttle_rate: None,
                ordering: fanfare::domain::ordering::Ordering::default(),
                rotation: None,
                details: known.details.clone(),
            })));
    }
}

fn all() -> Selection {
    Selection::Matching(Matching::default())
}

fn whole(count: u64) -> Vec<u64> {
    (0..count).collect()
}

#[test]
fn a_recovery_sends_at_once_what_waits_for_its_retry() {
    let mut operator = Operator::after_failures(5);
    let task = operator.started(Selection::Failed);
    assert_eq!(operator.serve(OK), whole(5));
    assert_eq!(operator.stands(task), (TaskState::Finished, 5, 5));
    for position in 0..5 {
        assert_eq!(operator.state(position), Some(DeliveryState::Succeeded));
        let attempts = operator.attempts(position);
        assert_eq!(attempts.len(), 2);
        assert_eq!(attempts[1], (2, Trigger::Manual, AttemptResult::Succeeded));
    }
    // The retry that it waited for is off.
    operator.rig.advance(Span::from_seconds(3_600));
    assert!(operator.rig.sent.is_empty());
}

#[test]
fn what_has_ended_is_sent_again_and_retried_by_a_schedule_that_begins_anew() {
    let mut operator = Operator::after_failures(1);
    for _ in 0..40 {
        operator.rig.advance(Span::from_seconds(30 * 60 * 60));
        operator.answer_all(FAILED);
    }
    operator.record();
    assert_eq!(operator.state(0), Some(DeliveryState::Exhausted));
    let made = operator.attempts(0).len();
    assert_eq!(made, limits::ATTEMPTS_MAX);
    let task = operator.started(Selection::Failed);
    operator.serve(FAILED);
    assert_eq!(operator.stands(task), (TaskState::Finished, 1, 1));
    let (number, trigger, result) = operator.attempts(0)[made];
    assert_eq!((number, trigger), (11, Trigger::Manual));
    // The first wait of the schedule: 5 s, give or take a fifth.
    let AttemptResult::RetryAt(due) = result else {
        panic!("no retry: {result:?}");
    };
    let wait = due.since(operator.rig.now.steady);
    assert!(wait < Span::from_millis(6_000), "{wait:?}");
    let mut count = 1;
    for _ in 0..40 {
        operator.rig.advance(Span::from_seconds(30 * 60 * 60));
        count += operator.answer_all(FAILED).len();
    }
    operator.record();
    assert_eq!(count, limits::ATTEMPTS_MAX, "a whole schedule again");
    assert_eq!(operator.state(0), Some(DeliveryState::Exhausted));
    let last = operator.attempts(0);
    let (number, trigger, _) = last[last.len() - 1];
    assert_eq!((number, trigger), (20, Trigger::Schedule));
}

#[test]
fn a_task_goes_on_by_steps_and_is_never_more_than_one_ahead_of_its_endpoint() {
    let step = limits::TASK_STEP_DELIVERIES;
    let mut operator = Operator::after_failures(3 * step + 7);
    let task = operator.started(Selection::Failed);
    operator.record();
    let done = |operator: &Operator| operator.task(task).done;
    assert_eq!(done(&operator), step as u64);
    assert_eq!(operator.task(task).total, (3 * step + 7) as u64);
    for _ in 0..step - 1 {
        operator.rig.answer(OK);
        assert_eq!(operator.rig.sent.len().min(2), operator.rig.sent.len());
    }
    operator.record();
    assert_eq!(done(&operator), step as u64, "one of the step is in flight");
    operator.rig.answer(OK);
    operator.record();
    assert_eq!(done(&operator), 2 * step as u64);
    operator.serve(OK);
    let all = (3 * step + 7) as u64;
    assert_eq!(operator.stands(task), (TaskState::Finished, all, all));
    for position in 0..all {
        assert_eq!(operator.state(position), Some(DeliveryState::Succeeded));
        assert_eq!(operator.attempts(position).len(), 2, "{position}");
    }
}

#[test]
fn a_task_survives_the_loss_of_its_shard_and_sends_nothing_twice_that_succeeded() {
    let step = limits::TASK_STEP_DELIVERIES as u64;
    let mut operator = Operator::after_failures(2 * limits::TASK_STEP_DELIVERIES);
    let task = operator.started(Selection::Failed);
    operator.record();
    for _ in 0..10 {
        operator.rig.answer(OK);
    }
    operator.record();
    operator.rig.lose_shard();
    assert_eq!(operator.stands(task), (TaskState::Sending, step, 2 * step));
    let sent = operator.serve(OK);
    assert_eq!(sent.len() as u64, 2 * step - 10, "{sent:?}");
    assert_eq!(
        operator.stands(task),
        (TaskState::Finished, 2 * step, 2 * step)
    );
    for position in 0..2 * step {
        assert_eq!(operator.attempts(position).len(), 2, "{position}");
    }
}

#[test]
fn a_task_that_only_counted_begins_anew_after_the_loss_of_its_shard() {
    let mut operator = Operator::after_failures(3);
    let task = operator.started(Selection::Failed);
    operator.rig.lose_shard();
    assert_eq!(operator.serve(OK), whole(3));
    assert_eq!(operator.stands(task), (TaskState::Finished, 3, 3));
}

#[test]
fn a_cancelled_task_sends_nothing_more_than_it_had_made_due() {
    let step = limits::TASK_STEP_DELIVERIES;
    let mut operator = Operator::after_failures(2 * step);
    let task = operator.started(Selection::Failed);
    operator.record();
    operator.rig.answer(OK);
    let cancel = Command::CancelTask(CalledTask {
        application: operator.application,
        endpoint: operator.endpoint,
        id: task,
    });
    let request = operator.rig.command(cancel);
    let answer = Ok(Answer::Task { id: task });
    assert_eq!(operator.rig.replies.get(&request), Some(&answer));
    let called_off = operator.task(task);
    assert_eq!(called_off.state, TaskState::Cancelled);
    assert_eq!(called_off.updated_at, operator.rig.now);
    assert!(called_off.created_at.steady < operator.rig.now.steady);
    assert_eq!(operator.serve(OK).len(), step - 1);
    // The others wait for their retries as before.
    operator.rig.advance(Span::from_seconds(10));
    assert_eq!(operator.answer_all(OK).len(), step);
    assert_eq!(operator.task(task).state, TaskState::Cancelled);
}

#[test]
fn that_a_task_is_called_off_is_told_once_its_end_is_durable_however_far_it_had_come() {
    let mut was_over = false;
    for steps in 0..16 {
        let mut operator = Operator::after_failures(1);
        operator.rig.hold_completions = true;
        let started = operator.start(Selection::Failed);
        operator.rig.complete();
        let Some(Ok(Answer::Task { id })) = operator.rig.replies.get(&started).cloned() else {
            panic!("it is durable");
        };
        for _ in 0..steps {
            operator.answer_all(OK);
            operator.rig.complete();
        }
        let stood = operator.task(id).state;
        was_over |= stood.has_ended();
        let request = operator.rig.command(Command::CancelTask(CalledTask {
            application: operator.application,
            endpoint: operator.endpoint,
            id,
        }));
        assert_eq!(operator.rig.replies.get(&request), None, "{steps}");
        operator.rig.complete();
        let answer = Ok(Answer::Task { id });
        assert_eq!(operator.rig.replies.get(&request), Some(&answer), "{steps}");
        assert!(operator.task(id).state.has_ended(), "{steps}");
    }
    assert!(was_over, "one was on its way to its end, or over");
}

#[test]
fn what_was_missed_before_the_endpoint_was_there_or_while_it_was_disabled_is_replayed() {
    let mut operator = Operator::new();
    let (late, _) = {
        for _ in 0..2 {
            operator.rig.event(operator.application);
        }
        operator.answer_all(OK);
        operator.rig.endpoint(operator.application, "late")
    };
    operator.rig.event(operator.application);
    operator.answer_all(OK);
    operator.endpoint = late;
    operator.enable(false);
    operator.rig.event(operator.application);
    operator.answer_all(OK);
    let request = operator.start(Selection::Missing);
    let refused = Err(Refusal::EndpointDisabled);
    assert_eq!(operator.rig.replies.get(&request), Some(&refused));
    operator.enable(true);
    operator.record();
    let states: Vec<_> = (0..4).map(|position| operator.state(position)).collect();
    assert_eq!(states, [None, None, Some(DeliveryState::Succeeded), None]);
    let task = operator.started(Selection::Missing);
    assert_eq!(operator.serve(OK), [0, 1, 3]);
    assert_eq!(operator.stands(task), (TaskState::Finished, 3, 3));
    for position in 0..4 {
        assert_eq!(operator.state(position), Some(DeliveryState::Succeeded));
    }
    let again = operator.started(Selection::Missing);
    assert!(operator.serve(OK).is_empty());
    assert_eq!(operator.stands(again), (TaskState::Finished, 0, 0));
}

#[test]
fn a_bulk_replay_sends_what_succeeded_again_and_keeps_what_is_on_its_way_single() {
    let mut operator = Operator::new();
    for _ in 0..3 {
        operator.rig.event(operator.application);
    }
    // One of two in flight succeeds; the other and the next one are on their way.
    operator.rig.answer(OK);
    operator.record();
    let task = operator.started(all());
    operator.record();
    let mut sent = operator.answer_all(OK);
    sent.extend(operator.serve(OK));
    sent.sort_unstable();
    assert_eq!(sent, [0, 1, 2], "the others were not sent twice");
    assert_eq!(operator.stands(task), (TaskState::Finished, 1, 1));
    assert_eq!(operator.attempts(0).len(), 2);
}

#[test]
fn what_succeeds_while_a_task_looks_is_not_sent_again() {
    let mut operator = Operator::after_failures(1);
    operator.rig.advance(Span::from_seconds(10));
    assert_eq!(operator.rig.sent.len(), 1, "its retry is in flight");
    let task = operator.started(Selection::Failed);
    operator.rig.answer(OK);
    assert!(operator.serve(OK).is_empty());
    let (state, done, _) = operator.stands(task);
    assert_eq!((state, done), (TaskState::Finished, 0));
    assert_eq!(operator.attempts(0).len(), 2);
}

/// Starts a recovery, and stops at the moment when it has been read how its deliveries stand and the
/// engine does not know it yet.
fn looking(operator: &mut Operator) -> TaskId {
    operator.rig.hold_completions = true;
    let request = operator.start(Selection::Failed);
    // The task is durable; then it has counted.
    operator.rig.complete();
    operator.rig.complete();
    match operator.rig.replies.get(&request) {
        Some(Ok(Answer::Task { id })) => *id,
        other => panic!("no task: {other:?}"),
    }
}

fn go_on(operator: &mut Operator) {
    operator.rig.hold_completions = false;
    operator.rig.complete();
}

#[test]
fn what_is_tried_between_a_look_and_its_use_is_not_sent_again() {
    for outcome in [OK, FAILED] {
        let mut operator = Operator::after_failures(1);
        operator.rig.advance(Span::from_seconds(10));
        assert_eq!(operator.rig.sent.len(), 1, "its retry is in flight");
        let task = looking(&mut operator);
        operator.rig.answer(outcome);
        go_on(&mut operator);
        assert!(operator.serve(OK).is_empty());
        let (state, done, _) = operator.stands(task);
        assert_eq!((state, done), (TaskState::Finished, 0));
        assert_eq!(operator.attempts(0).len(), 2);
    }
}

#[test]
fn what_is_resent_by_hand_between_a_look_and_its_use_is_not_sent_twice() {
    let mut operator = Operator::after_failures(1);
    let store = &operator.rig.store;
    let event = MemoryStore::event(store, operator.application, EventPosition::default());
    let event = Arc::clone(event.expect("it is kept"));
    let task = looking(&mut operator);
    operator.rig.command(Command::Resend {
        endpoint: operator.endpoint,
        event,
        attempts: 1,
    });
    go_on(&mut operator);
    assert_eq!(operator.serve(OK), [0]);
    let (state, done, _) = operator.stands(task);
    assert_eq!((state, done), (TaskState::Finished, 0));
    assert_eq!(operator.attempts(0).len(), 2);
}

#[test]
fn a_task_of_a_deleted_endpoint_has_failed_and_one_more_than_there_may_be_is_refused() {
    let mut operator = Operator::after_failures(1);
    let tasks: Vec<TaskId> = (0..limits::TASKS_WAITING_MAX)
        .map(|_| operator.started(Selection::Failed))
        .collect();
    let request = operator.start(Selection::Failed);
    let refused = Err(Refusal::TooManyTasks);
    assert_eq!(operator.rig.replies.get(&request), Some(&refused));
    operator.rig.command(Command::DeleteEndpoint {
        application: operator.application,
        endpoint: operator.endpoint,
    });
    operator.record();
    for task in tasks {
        assert_eq!(operator.task(task).state, TaskState::EndpointGone);
    }
}

#[test]
fn tasks_of_one_endpoint_work_one_after_another() {
    let mut operator = Operator::after_failures(2);
    let first = operator.started(all());
    let second = operator.started(all());
    assert_eq!(operator.serve(OK), [0, 1, 0, 1]);
    assert_eq!(operator.stands(first), (TaskState::Finished, 2, 2));
    assert_eq!(operator.stands(second), (TaskState::Finished, 2, 2));
}

#[test]
fn a_reopened_delivery_lives_as_long_as_a_new_one() {
    let mut operator = Operator::after_failures(1);
    operator.enable(false);
    operator.rig.advance(Span::from_seconds(15 * 24 * 3_600));
    operator.record();
    assert_eq!(operator.state(0), Some(DeliveryState::Expired));
    operator.enable(true);
    let task = operator.started(Selection::Failed);
    assert_eq!(operator.serve(FAILED), [0]);
    assert_eq!(operator.stands(task), (TaskState::Finished, 1, 1));
    assert!(matches!(
        operator.state(0),
        Some(DeliveryState::Waiting { .. })
    ));
    operator.enable(false);
    operator.rig.advance(Span::from_seconds(15 * 24 * 3_600));
    operator.record();
    assert_eq!(operator.state(0), Some(DeliveryState::Expired), "again");
}

#[test]
fn a_task_tells_when_it_moved_last() {
    let mut operator = Operator::after_failures(3);
    let begun_at = operator.rig.now;
    let task = operator.started(Selection::Failed);
    operator.rig.advance(Span::from_seconds(60));
    let answered_at = operator.rig.now;
    assert_eq!(operator.serve(OK).len(), 3);
    let ended = operator.task(task);
    assert_eq!(ended.state, TaskState::Finished);
    assert_eq!(ended.created_at, begun_at);
    assert!(ended.updated_at.steady >= answered_at.steady, "{ended:?}");
}
