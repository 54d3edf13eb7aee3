//! Tasks, and events as a task sees them.

use std::sync::Arc;

use super::{data::DataShard, event_log::EventRow};
use crate::{
    domain::{
        application::ApplicationKey,
        change::ChangeResult,
        endpoint::EndpointKey,
        event::EventPosition,
        history::{HistoryQuery, Order},
        task::{Candidate, Candidates, Task},
    },
    limits,
};

impl DataShard {
    /// Writes a new task, in the place of the oldest that has ended if there are too many.
    pub(super) fn put_task(&mut self, task: Arc<Task>) -> ChangeResult {
        if self.tasks.len() >= limits::TASKS_KEPT_MAX {
            let mut ended = self.tasks.iter().filter(|(_, task)| task.state.has_ended());
            let Some(oldest) = ended.next().map(|(id, _)| *id) else {
                return ChangeResult::Full;
            };
            self.tasks.remove(&oldest);
        }
        let id = task.id.id();
        self.last_id = self.last_id.max(id);
        self.tasks.insert(id, task);
        ChangeResult::Fresh
    }

    /// Writes how far a task is, if it is still kept.
    pub(super) fn update_task(&mut self, task: Arc<Task>) -> ChangeResult {
        match self.tasks.get_mut(&task.id.id()) {
            Some(known) => {
                *known = task;
                ChangeResult::Fresh
            }
            None => ChangeResult::Stale,
        }
    }

    /// The tasks of an application that have not ended, in the order of their ids.
    pub(super) fn tasks_under_way(&self, application: ApplicationKey) -> Vec<Arc<Task>> {
        let of_application = |task: &&Arc<Task>| task.endpoint.application == application;
        let tasks = self.tasks.values().filter(of_application);
        tasks
            .filter(|task| !task.state.has_ended())
            .cloned()
            .collect()
    }

    /// A part of all tasks.
    pub(super) fn tasks_listed(&self, query: HistoryQuery) -> Vec<Arc<Task>> {
        let asked = self.tasks.values();
        let mut asked: Vec<_> = asked
            .filter(|task| query.contains(task.id.id()))
            .cloned()
            .collect();
        if query.order == Order::NewestFirst {
            asked.reverse();
        }
        asked.truncate(query.limit);
        asked
    }

    /// Events that may go to an endpoint, and how their deliveries stand.
    pub(super) fn candidates(
        &self,
        endpoint: EndpointKey,
        (from, until): (EventPosition, EventPosition),
        limit: usize,
    ) -> Candidates {
        let Some(rows) = self.applications.get(&endpoint.application) else {
            return Candidates {
                found: Vec::new(),
                until,
            };
        };
        let end = from.plus(u64::try_from(limit).unwrap_or(u64::MAX));
        let until = end.min(until).min(rows.next_position);
        let span = rows.events.span(from, until);
        let with_payload = span.filter(|row| !row.expunged);
        Candidates {
            found: with_payload
                .map(|row| self.candidate(endpoint, row))
                .collect(),
            until,
        }
    }

    fn candidate(&self, endpoint: EndpointKey, row: &EventRow) -> Candidate {
        let mut newest_first = row.attempts.iter().rev();
        let last = newest_first.find(|record| record.endpoint == endpoint);
        Candidate {
            event: Arc::new(row.event.without_payload()),
            state: self.delivery(endpoint, row.event.position),
            attempts: last.map_or(0, |record| record.number),
            last_outcome: last.map(|record| record.outcome),
        }
    }
}
