//! I2 for tasks: how far one says it is goes with what it has made due: each step is written together with the
//! deliveries that it begins anew, and no step is taken back.

use std::collections::BTreeMap;

use crate::{
    domain::{
        id::TaskId,
        task::{Task, TaskState},
    },
    sim::{again::Again, witness::Witness},
};

/// Deliveries that were begun anew and that no task has counted yet, by endpoint, each with the period in which
/// they were.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenSteps(BTreeMap<u32, (usize, u64)>);

impl SeenSteps {
    /// A delivery to an endpoint was begun anew in this period.
    pub(in crate::sim) fn begun(&mut self, ordinal: u32, period: usize) {
        let (of, count) = self.0.entry(ordinal).or_default();
        *count = if *of == period { *count + 1 } else { 1 };
        *of = period;
    }

    /// How many were begun anew in this period and not counted, which they are now.
    fn take(&mut self, ordinal: u32, period: usize) -> u64 {
        let known = self.0.remove(&ordinal);
        known
            .filter(|(of, _)| *of == period)
            .map_or(0, |(_, count)| count)
    }
}

impl Witness {
    /// Judges what a task says of itself, as it is durable now.
    pub(in crate::sim) fn judge_counts(&mut self, task: &Task) {
        let period = self.breaks.len();
        let counted = self.steps.take(task.endpoint.ordinal, period);
        let known = self.tasks.get(&task.id);
        let before = known.map_or((0, 0), |seen| (seen.task.done, seen.task.next.number()));
        let judged = judge(task, before, counted);
        if let Some((what, told, counted)) = judged {
            let task: TaskId = task.id;
            self.object(
                Again::OtherCount {
                    task,
                    what,
                    told,
                    counted,
                }
                .into(),
            );
        }
    }
}

/// What is wrong with what a task says, after it had made `done` due and come to the place `next` before, and
/// `counted` deliveries were begun anew since: what it says of what, and how much that is.
fn judge(task: &Task, (done, next): (u64, u64), counted: u64) -> Option<(&'static str, u64, u64)> {
    let is_finished = task.state == TaskState::Finished;
    if task.done != done + counted {
        Some(("deliveries that it made due", task.done, done + counted))
    } else if task.next.number() < next && next != 0 {
        Some(("where it is", task.next.number(), next))
    } else if is_finished && task.total != task.done {
        Some(("deliveries of a task that is done", task.total, task.done))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{endpoint::EndpointKey, event::EventPosition, id::EndpointId, task::Selection},
        time::Now,
    };

    fn task(state: TaskState, (done, total): (u64, u64)) -> Task {
        Task {
            id: TaskId::default(),
            endpoint: EndpointKey::default(),
            endpoint_id: EndpointId::default(),
            selection: Selection::Failed,
            from: EventPosition::default(),
            until: EventPosition::new(9),
            next: EventPosition::new(4),
            state,
            total,
            done,
            created_at: Now::default(),
            updated_at: Now::default(),
        }
    }

    #[test]
    fn a_task_says_what_it_has_begun_anew_and_never_goes_back() {
        let at_work = task(TaskState::Sending, (5, 7));
        assert_eq!(judge(&at_work, (3, 4), 2), None);
        let wrong = Some(("deliveries that it made due", 5, 4));
        assert_eq!(judge(&at_work, (3, 4), 1), wrong);
        assert_eq!(judge(&at_work, (5, 6), 0), Some(("where it is", 4, 6)));
        let done = task(TaskState::Finished, (5, 7));
        let wrong = Some(("deliveries of a task that is done", 7, 5));
        assert_eq!(judge(&done, (5, 4), 0), wrong);
    }

    #[test]
    fn what_was_begun_anew_counts_once_and_only_in_its_period() {
        let mut steps = SeenSteps::default();
        steps.begun(1, 0);
        steps.begun(1, 0);
        assert_eq!((steps.take(1, 0), steps.take(1, 0)), (2, 0));
        steps.begun(1, 0);
        assert_eq!(steps.take(1, 1), 0);
        steps.begun(1, 0);
        steps.begun(1, 1);
        assert_eq!((steps.take(2, 1), steps.take(1, 1)), (0, 1));
    }
}
