//! I1 and I6 for tasks: one that was acknowledged is durable and ends, over every crash; it sends each
//! delivery again that had failed when it was asked for, unless something called that off; it sends none
//! that it does not cover, and none once it was called off.

use std::sync::Arc;

use crate::{
    domain::{
        delivery::OpenDelivery,
        event::EventPosition,
        id::{EventId, TaskId},
        task::{Selection, Task, TaskState},
    },
    sim::{
        oracle::End,
        oracles::set_aside,
        seen::{Moment, Seen},
        violation::Violation,
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// What was seen of a task.
#[derive(Clone, Debug)]
pub(in crate::sim) struct SeenTask {
    /// As it is durable.
    pub(in crate::sim) task: Arc<Task>,
    /// When it began, and since when it has ended, in real time.
    begun_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Witness {
    /// A task is durable as it is now.
    pub(in crate::sim) fn task_durable(&mut self, task: &Arc<Task>, now: Moment) {
        let seen = self.tasks.entry(task.id).or_insert_with(|| SeenTask {
            task: Arc::clone(task),
            begun_at: now.real,
            ended_at: None,
        });
        seen.task = Arc::clone(task);
        if task.state.has_ended() {
            seen.ended_at.get_or_insert(now.real);
        }
        let begun_at = seen.begun_at;
        if task.state == TaskState::Finished {
            self.judge_covered(task, begun_at, now);
        }
    }

    /// A delivery begins anew, by what is durable.
    pub(in crate::sim) fn reopened(&mut self, row: &OpenDelivery, now: Moment) {
        // A row that was tried since waits for its next attempt.
        let Some(after) = row.reopened_after.filter(|after| *after == row.attempts) else {
            return;
        };
        self.happened.reopened += 1;
        let ordinal = row.endpoint.ordinal;
        let covers = |seen: &SeenTask, delivery: &Seen| {
            let task = &seen.task;
            let has_failed = delivery.end != Some(End::Succeeded) && delivery.recorded > 0;
            let again = set_aside::is_sent_again(delivery);
            let fits = match &task.selection {
                Selection::Failed | Selection::Matching(_) if again.is_some() => {
                    again == Some(true)
                }
                Selection::Failed => has_failed,
                Selection::Missing => delivery.recorded == 0 && again.is_none(),
                // The success of a task's own attempt is told as one by hand, which has no number.
                Selection::Matching(_) => {
                    delivery.recorded > 0 || delivery.end == Some(End::Succeeded)
                }
            };
            let is_at_work = seen.ended_at.is_none_or(|at| at >= now.real);
            let range = task.from..task.until;
            task.endpoint == row.endpoint && range.contains(&row.position) && is_at_work && fits
        };
        let endpoint = self.endpoint_id(ordinal);
        let is_deleted = self
            .endpoints
            .get(&ordinal)
            .is_some_and(|seen| seen.deleted_at.is_some_and(|at| at < now.real));
        let Some(event) = self.events.get(&row.position) else {
            return;
        };
        let (id, delivery) = (event.event.id, event.seen(ordinal));
        let is_expunged = event.expunged_at.is_some_and(|at| at < now.real);
        // A success by hand does not count as one of the schedule.
        let is_by_hand = self.is_asked_by_hand(row.position, ordinal);
        let is_covered = self.tasks.values().any(|seen| covers(seen, delivery));
        if is_deleted || is_expunged || (!is_covered && !is_by_hand) {
            let event = id;
            self.object(Violation::SentUnasked { event, endpoint });
        }
        if let Some(seen) = self.delivery(row.position, ordinal) {
            let is_untried = seen.reopened_after == Some(seen.recorded);
            seen.end_before = match seen.end.take() {
                Some(End::SetAside(_)) => seen.end_before.filter(|_| is_untried),
                end => end,
            };
            seen.is_set_aside = false;
            seen.reopened_after = Some(after);
            // Attempts by hand have numbers, too.
            seen.sent = seen.sent.max(after);
            seen.recorded = after;
            seen.due = row.due;
            seen.reopened_at = now.real;
            seen.not_before = row.due;
            seen.not_after = Timestamp::MAX;
            self.log_reopened((row.position, ordinal), now);
        }
    }

    /// A task was acknowledged.
    pub(in crate::sim) fn task_told(&mut self, id: TaskId, now: Moment) {
        let begun = self.tasks.get(&id).map(|seen| seen.begun_at);
        if begun.is_none_or(|at| at > now.real) {
            self.object(Violation::TaskLost { task: id });
        }
        self.told_tasks.push(id);
    }

    /// The last task of an endpoint that was acknowledged.
    pub(in crate::sim) fn last_task(&self, ordinal: u32) -> Option<TaskId> {
        let mut told = self.told_tasks.iter().rev();
        let is_of = |id: &TaskId| {
            let seen = self.tasks.get(id);
            seen.is_some_and(|seen| seen.task.endpoint.ordinal == ordinal)
        };
        told.find(|id| is_of(id)).copied()
    }

    /// That a task is called off was acknowledged.
    pub(in crate::sim) fn judge_called_off_task(&mut self, id: TaskId) {
        self.happened.tasks_called_off += 1;
        let seen = self.tasks.get(&id);
        if seen.is_none_or(|seen| seen.ended_at.is_none()) {
            self.object(Violation::TaskLost { task: id });
        }
    }

    /// Tasks that were acknowledged and have not ended; that of a disabled endpoint may wait.
    pub(in crate::sim) fn tasks_at_work(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.told_tasks.iter().copied().filter(|id| {
            let Some(seen) = self.tasks.get(id) else {
                return false;
            };
            let endpoint = self.endpoints.get(&seen.task.endpoint.ordinal);
            let waits = endpoint.is_some_and(|seen| seen.disabled_at.is_some());
            seen.ended_at.is_none() && !waits
        })
    }

    /// At the end each task that was acknowledged has ended.
    pub(in crate::sim) fn judge_tasks_ended(&mut self) {
        let lost: Vec<TaskId> = self.tasks_at_work().collect();
        for task in lost {
            self.object(Violation::TaskLost { task });
        }
    }

    /// A task says that it has sent everything: what had failed before it began was sent again.
    fn judge_covered(&mut self, task: &Task, begun_at: Timestamp, now: Moment) {
        let ordinal = task.endpoint.ordinal;
        if task.selection == Selection::Missing {
            return;
        }
        let mut missing: Vec<EventId> = Vec::new();
        let range = task.from..task.until;
        let covered = self.events.iter();
        for (position, event) in covered.filter(|(position, _)| range.contains(position)) {
            let seen = event.seen(ordinal);
            let has_failed =
                matches!(seen.end, Some(End::Exhausted | End::Expired)) && seen.recorded > 0;
            // Before its time a delivery for later is nobody's to send.
            let was_parked = set_aside::was_parked(seen, begun_at)
                && event.event.not_before() <= task.created_at.steady;
            let had_failed = (has_failed || was_parked)
                && seen.ended_at < begun_at
                && seen.reopened_at < begun_at;
            if had_failed && self.may_be_sent(*position, ordinal, now) {
                missing.push(event.event.id);
            }
        }
        let endpoint = self.endpoint_id(ordinal);
        for event in missing {
            self.object(Violation::NotSentByHand { event, endpoint });
        }
    }

    /// Whether nothing keeps a task from sending a delivery again.
    fn may_be_sent(&self, position: EventPosition, ordinal: u32, now: Moment) -> bool {
        let Some(event) = self.events.get(&position) else {
            return false;
        };
        let age = now.steady.since(event.event.accepted_at);
        let is_kept = self.payloads_kept.is_none_or(|kept| age < kept);
        let endpoint = self.endpoints.get(&ordinal);
        let is_deleted = endpoint.is_some_and(|seen| seen.deleted_at.is_some());
        is_kept
            && !is_deleted
            && event.expunged_at.is_none()
            && event.event.payload_until().since(now.steady) > Span::ZERO
            // An attempt by hand that is owed comes first.
            && !self.is_asked_by_hand(position, ordinal)
    }
}
