//! Tasks: many deliveries of one endpoint are sent again, a step at a time.
//!
//! A task first counts, then works in steps (see `task_step`): what a step makes due is sent like any
//! delivery with a row, as the lane's window and its share of the slots allow. The next step comes when
//! all of that was tried, so that a task is never far ahead of its endpoint. A restart goes on behind
//! the last step that is durable.

use std::sync::Arc;

use super::{
    Engine,
    io::Effect,
    on_commit::{OnCommit, SentAgain},
    schedule::LoadSource,
};
use crate::{
    domain::{
        change::{Change, ChangeResult},
        command::{Answer, CalledTask, NewTask, Refusal, Reply, RequestHandle},
        event::EventPosition,
        id::{ShardId, TaskId},
        once::Once,
        page::{LoadHandle, PageRequest},
        task::{Task, TaskState},
    },
    limits,
    time::{Now, Timestamp},
};

/// A task at work.
#[derive(Debug)]
pub(super) struct TaskRun {
    /// The task as it is or will be durable.
    pub(super) task: Task,
    pub(super) step: Step,
    /// The next event that it looks at while it counts.
    pub(super) counting_at: EventPosition,
    /// Deliveries of its lane that moved since it asked for the events it looks at.
    pub(super) moved: Vec<EventPosition>,
}

/// What a task does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is to look at events.
    Looks,
    /// It has its turn to look at events, or pauses before.
    Queued,
    /// It has asked for events.
    Loading(LoadHandle),
    /// It waits until everything that was due by then was tried.
    Sends(Timestamp),
}

impl TaskRun {
    fn new(task: Task) -> Self {
        // What the last step before a restart made due may still wait.
        let step = if task.next > task.from {
            Step::Sends(task.updated_at.steady)
        } else {
            Step::Looks
        };
        Self {
            counting_at: task.from,
            task,
            step,
            moved: Vec::new(),
        }
    }
}

impl Engine {
    /// Gathers that a task begins.
    pub(super) fn start_task(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        new: NewTask,
        now: Now,
    ) -> Result<(), Refusal> {
        let endpoint = self.endpoint_of(new.application, new.endpoint)?;
        let index = self.registry.lane(new.endpoint);
        let lane = index.and_then(|index| self.registry.lanes.get(index));
        if lane.is_some_and(|lane| !lane.is_enabled()) {
            return Err(Refusal::EndpointDisabled);
        }
        if lane.is_some_and(|lane| lane.tasks.len() >= limits::TASKS_WAITING_MAX) {
            return Err(Refusal::TooManyTasks);
        }
        let (entry, log) = self.writable(new.application)?;
        let task = Arc::new(Task {
            id: TaskId::new(log.next_id(now)),
            endpoint: endpoint.key,
            endpoint_id: endpoint.id,
            selection: new.selection,
            from: new.from,
            until: new.until.min(entry.next_position),
            next: new.from,
            state: TaskState::Counting,
            total: 0,
            done: 0,
            created_at: now,
            updated_at: now,
        });
        let then = OnCommit::SentAgain(SentAgain::Task(request, Arc::clone(&task)));
        log.gather_urgent(Change::PutTask(task).once(once), then, size_of::<Task>());
        Ok(())
    }

    /// A task is durable: it begins, behind those that its endpoint has already.
    pub(super) fn task_begun(&mut self, task: &Task, result: ChangeResult, now: Now) -> Reply {
        let id = task.id;
        match result {
            ChangeResult::Fresh => {
                self.adopt_task(task, now);
                Ok(Answer::Task { id })
            }
            ChangeResult::Replayed(id) => Ok(Answer::Replayed { id }),
            ChangeResult::Reused => Err(Refusal::KeyReused),
            ChangeResult::Full | ChangeResult::Stale | ChangeResult::Existing(_) => {
                Err(Refusal::TooManyTasks)
            }
        }
    }

    /// Tasks that had not ended when the shard was acquired go on.
    pub(super) fn restore_tasks(&mut self, tasks: Vec<Arc<Task>>, now: Now) {
        for task in tasks {
            self.adopt_task(&task, now);
        }
    }

    fn adopt_task(&mut self, task: &Task, now: Now) {
        let index = self.registry.lane(task.endpoint_id);
        let lane = index.and_then(|index| self.registry.lanes.get_mut(index));
        let lane = lane.filter(|lane| !lane.endpoint.is_deleted());
        let (Some(lane), Some(index)) = (lane, index) else {
            self.write_task(task.clone(), TaskState::EndpointGone, now);
            return;
        };
        lane.tasks.push(TaskRun::new(task.clone()));
        self.consider_task(index, now);
    }

    /// Calls a task off. One that has ended stays as it is.
    pub(super) fn cancel_task(
        &mut self,
        request: RequestHandle,
        called: CalledTask,
        now: Now,
    ) -> Result<(), Refusal> {
        let CalledTask {
            application,
            endpoint,
            id,
        } = called;
        let index = self.registry.lane(endpoint);
        self.writable(application)?;
        let lane = index.and_then(|index| self.registry.lanes.get_mut(index));
        let found = lane.and_then(|lane| {
            let place = lane.tasks.iter().position(|run| run.task.id == id)?;
            Some(lane.tasks.remove(place).task)
        });
        let (Some(task), Some(index)) = (found, index) else {
            // It has ended, or is about to: that is durable once what was gathered before is.
            let (_, log) = self.writable(application)?;
            let then = OnCommit::SentAgain(SentAgain::TaskCancelled(request, id));
            log.gather_urgent(Change::Refuse(application.shard), then, 0);
            return Ok(());
        };
        let task = Arc::new(Task {
            state: TaskState::Cancelled,
            updated_at: now,
            ..task
        });
        let (_, log) = self.writable(application)?;
        let then = OnCommit::SentAgain(SentAgain::TaskCancelled(request, id));
        log.gather_urgent(Change::UpdateTask(task), then, size_of::<Task>());
        self.consider_task(index, now);
        Ok(())
    }

    /// An endpoint was deleted: nothing more is sent to it.
    pub(super) fn drop_tasks(&mut self, index: usize, now: Now) {
        let lane = self.registry.lanes.get_mut(index);
        let dropped = lane.map(|lane| core::mem::take(&mut lane.tasks));
        for run in dropped.into_iter().flatten() {
            self.write_task(run.task, TaskState::EndpointGone, now);
        }
    }

    /// A delivery of the lane moved: what its task was told of it is old.
    pub(super) fn note_task(&mut self, index: usize, position: EventPosition) {
        let lane = self.registry.lanes.get_mut(index);
        if let Some(run) = lane.and_then(|lane| lane.tasks.first_mut())
            && matches!(run.step, Step::Loading(_))
        {
            run.moved.push(position);
        }
    }

    /// Lets the first task of a lane go on, if it can.
    pub(super) fn consider_task(&mut self, index: usize, now: Now) {
        loop {
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                return;
            };
            let Some(run) = lane.tasks.first_mut() else {
                return;
            };
            match run.step {
                Step::Sends(until) if lane.open.are_tried(until) => {
                    run.step = Step::Looks;
                    if run.task.next >= run.task.until {
                        self.end_task(index, now);
                    }
                }
                Step::Looks => {
                    run.step = Step::Queued;
                    self.task_turns.push_back(index);
                    return;
                }
                Step::Queued | Step::Loading(_) | Step::Sends(_) => return,
            }
        }
    }

    /// The first task of a lane has done what it was to do.
    pub(super) fn end_task(&mut self, index: usize, now: Now) {
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && !lane.tasks.is_empty()
        {
            let mut task = lane.tasks.remove(0).task;
            // What succeeded by itself meanwhile was not sent.
            task.total = task.done;
            self.write_task(task, TaskState::Finished, now);
        }
    }

    /// Gathers how far a task is.
    pub(super) fn write_task(&mut self, task: Task, state: TaskState, now: Now) {
        if let Some(log) = self.logs.get_mut(&task.endpoint.application.shard) {
            let task = Arc::new(Task {
                state,
                updated_at: now,
                ..task
            });
            let bytes = size_of::<Task>();
            log.gather_urgent(Change::UpdateTask(task), OnCommit::Nothing, bytes);
        }
    }

    /// Gives those a turn whose pause is over.
    pub(super) fn wake_tasks(&mut self, now: Now) {
        while let Some((at, index)) = self.tasks_paused.first().copied() {
            if at > now.steady {
                return;
            }
            self.tasks_paused.pop_first();
            self.task_turns.push_back(index);
        }
    }

    /// Whether the task whose turn it is looks at events of this shard.
    pub(super) fn wants_candidates(&self, shard: ShardId) -> bool {
        let lane = self.task_turns.front();
        let lane = lane.and_then(|index| self.registry.lanes.get(*index));
        lane.is_some_and(|lane| lane.endpoint.key.application.shard == shard)
            && !self.looks_already()
            && self.shutdown.is_none()
    }

    /// Whether a task looks at events: one at a time, since these reads stand before other work.
    fn looks_already(&self) -> bool {
        let mut loads = self.loads.values();
        loads.any(|source| matches!(source, LoadSource::Task(_)))
    }

    /// Asks for the events that the next task looks at. As with open rows, everything gathered was
    /// submitted before.
    pub(super) fn load_candidates(&mut self, shard: ShardId, out: &mut Vec<Effect>) {
        while self.wants_candidates(shard)
            && self.logs.get(&shard).is_some_and(|log| log.is_empty())
        {
            let Some(index) = self.task_turns.pop_front() else {
                return;
            };
            let load = LoadHandle::new(self.next_handle());
            let lane = self.registry.lanes.get_mut(index);
            let run = lane.and_then(|lane| lane.tasks.first_mut());
            // It may have been called off, and another be in its place, which then has a turn of its
            // own.
            let Some(run) = run.filter(|run| run.step == Step::Queued) else {
                continue;
            };
            run.step = Step::Loading(load);
            run.moved.clear();
            let from = if run.task.state == TaskState::Counting {
                run.counting_at
            } else {
                run.task.next
            };
            let request = PageRequest::Candidates {
                endpoint: run.task.endpoint,
                from,
                until: run.task.until,
                limit: limits::TASK_STEP_EVENTS,
            };
            self.loads.insert(load, LoadSource::Task(index));
            out.push(Effect::Load(load, request));
        }
    }

    /// The events could not be read: the task tries again later.
    pub(super) fn pause_task(&mut self, index: usize, load: LoadHandle, again: Timestamp) {
        let lane = self.registry.lanes.get_mut(index);
        let run = lane.and_then(|lane| lane.tasks.first_mut());
        if let Some(run) = run.filter(|run| run.step == Step::Loading(load)) {
            run.step = Step::Queued;
            self.tasks_paused.insert((again, index));
        }
    }
}
