//! I1 for tasks: one that was acknowledged is durable and ends, over every crash. What it sends stands in
//! `task_covers`, what that is like in `new_lives`, and what it says of it in `task_counts`.

use std::sync::Arc;

use crate::{
    domain::{
        id::TaskId,
        task::{Task, TaskState},
    },
    sim::{seen::Moment, violation::Violation, witness::Witness},
    time::Timestamp,
};

/// What was seen of a task.
#[derive(Clone, Debug)]
pub(in crate::sim) struct SeenTask {
    /// As it is durable.
    pub(in crate::sim) task: Arc<Task>,
    /// When it began, and since when it has ended, in real time.
    pub(in crate::sim) begun_at: Timestamp,
    pub(in crate::sim) ended_at: Option<Timestamp>,
}

impl Witness {
    /// A task is durable as it is now.
    pub(in crate::sim) fn task_durable(&mut self, task: &Arc<Task>, now: Moment) {
        self.judge_counts(task);
        let seen = self.tasks.entry(task.id).or_insert_with(|| SeenTask {
            task: Arc::clone(task),
            begun_at: now.real,
            ended_at: None,
        });
        seen.task = Arc::clone(task);
        if task.state.has_ended() {
            seen.ended_at.get_or_insert(now.real);
        }
        if task.state == TaskState::Finished {
            let seen = seen.clone();
            self.judge_covered(&seen, now);
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
}
