//! A step of a task: it looks at events, chooses what its selection lets through, and writes a row for
//! each, due at once, in one batch with how far it is. Their schedules and their time begin anew.

use std::sync::Arc;

use super::{Engine, lane::Lane, task::Step};
use crate::{
    domain::{
        change::Change,
        delivery::{DeliveryState, OpenDelivery},
        endpoint::EndpointKey,
        event::EventPosition,
        page::LoadHandle,
        task::{Candidate, Candidates, TaskState},
    },
    limits,
    policy::recovery::{has_its_time, selects},
    time::Now,
};

impl Engine {
    /// The first task of a lane has the events that it asked for.
    pub(super) fn task_looks(
        &mut self,
        index: usize,
        load: LoadHandle,
        candidates: Candidates,
        now: Now,
    ) {
        let lane = self.registry.lanes.get_mut(index);
        let run = lane.and_then(|lane| lane.tasks.first_mut());
        let Some(run) = run.filter(|run| run.step == Step::Loading(load)) else {
            return;
        };
        run.step = Step::Looks;
        if run.task.state == TaskState::Counting {
            self.count(index, &candidates, now);
        } else {
            self.make_due(index, candidates, now);
        }
        self.consider_task(index, now);
    }

    /// Counts what is to be sent.
    fn count(&mut self, index: usize, candidates: &Candidates, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let endpoint = Arc::clone(&lane.endpoint);
        #[cfg(feature = "mutants")]
        let mutant = lane.mutant;
        let Some(run) = lane.tasks.first_mut() else {
            return;
        };
        for candidate in &candidates.found {
            let is_chosen = has_its_time(&candidate.event, now.steady)
                && selects(&run.task.selection, &endpoint, candidate);
            #[cfg(feature = "mutants")]
            let is_chosen = is_chosen && mutant.is_none_or(|mutant| mutant.selects(candidate));
            run.task.total += u64::from(is_chosen);
        }
        if candidates.until > run.counting_at && candidates.until < run.task.until {
            run.counting_at = candidates.until;
            return;
        }
        run.task.state = TaskState::Sending;
        let task = run.task.clone();
        if task.total == 0 {
            self.end_task(index, now);
        } else {
            self.write_task(task, TaskState::Sending, now);
        }
    }

    /// Makes the next deliveries due.
    fn make_due(&mut self, index: usize, candidates: Candidates, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        #[cfg(feature = "mutants")]
        let looked_at = candidates.found.len();
        let Some((chosen, next)) = choose(lane, candidates, now) else {
            return;
        };
        let (endpoint, application) = (lane.endpoint.key, lane.application);
        let Some(log) = self.logs.get_mut(&endpoint.application.shard) else {
            return;
        };
        let before = lane.open.held();
        let mut added = 0;
        #[cfg(feature = "mutants")]
        let mutant = lane.mutant;
        for candidate in &chosen {
            let row = row(endpoint, candidate, now);
            #[cfg(feature = "mutants")]
            let row = mutant.map_or(row, |mutant| mutant.row(candidate, row));
            if matches!(candidate.state, Some(DeliveryState::Waiting { .. })) {
                lane.open.withdraw(row.position);
            } else {
                added += 1;
            }
            log.gather(Change::PutOpen(row), now);
        }
        if !chosen.is_empty() {
            lane.open.reopened(now.steady);
        }
        self.open_held.replace(before, lane.open.held());
        if let Some(run) = lane.tasks.first_mut() {
            run.task.next = next;
            #[cfg(feature = "mutants")]
            let chosen_now = if mutant == Some(super::mutant::Mutant::CountsWhatItSees) {
                looked_at
            } else {
                chosen.len()
            };
            #[cfg(not(feature = "mutants"))]
            let chosen_now = chosen.len();
            run.task.done += u64::try_from(chosen_now).unwrap_or(u64::MAX);
            let is_over = next >= run.task.until;
            if chosen.is_empty() {
                if is_over {
                    self.end_task(index, now);
                }
                return;
            }
            run.step = Step::Sends(now.steady);
            let task = run.task.clone();
            self.write_task(task, TaskState::Sending, now);
        }
        self.count_open_rows(application, added, now);
        self.reconsider(index, now);
    }
}

/// What the first task of a lane sends next, and the next event that it looks at.
fn choose(
    lane: &Lane,
    candidates: Candidates,
    now: Now,
) -> Option<(Vec<Candidate>, EventPosition)> {
    let run = lane.tasks.first()?;
    let mut next = if candidates.until > run.task.next {
        candidates.until
    } else {
        // Nothing is known of these places: there is nothing to wait for.
        run.task.until
    };
    let mut chosen = Vec::new();
    for candidate in candidates.found {
        let position = candidate.event.position;
        // What is on its way, or was since it was looked at, is none of the task's.
        let moves = run.moved.contains(&position)
            || lane.open.is_flying(position)
            || lane.resends.concern(position);
        if moves
            || !has_its_time(&candidate.event, now.steady)
            || !selects(&run.task.selection, &lane.endpoint, &candidate)
        {
            continue;
        }
        #[cfg(feature = "mutants")]
        if lane
            .mutant
            .is_some_and(|mutant| !mutant.selects(&candidate))
        {
            continue;
        }
        if chosen.len() >= limits::TASK_STEP_DELIVERIES {
            next = position;
            break;
        }
        chosen.push(candidate);
    }
    Some((chosen, next))
}

/// The row of a delivery that begins anew.
fn row(endpoint: EndpointKey, candidate: &Candidate, now: Now) -> OpenDelivery {
    let event = &candidate.event;
    let life = event.expires_at.since(event.not_before());
    OpenDelivery {
        endpoint,
        due: now.steady,
        position: event.position,
        attempts: candidate.attempts,
        event: event.id,
        expires_at: now.steady.plus(life).min(event.payload_until()),
        reopened_after: Some(candidate.attempts),
    }
}
