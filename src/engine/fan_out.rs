//! Fan-out: what was committed takes effect. Durable events join the ring and wake the idle lanes
//! that match; lanes that are busy walk on by themselves.

use std::sync::Arc;

use super::{
    Engine,
    directory::record_told,
    done_map::DoneMap,
    lane::Place,
    on_commit::{OnCommit, SentAgain},
};
use crate::{
    domain::{
        change::{Batch, ChangeResult},
        command::{Answer, Refusal, Reply, RequestHandle},
        event::{Event, EventPosition},
        id::ShardId,
    },
    time::Now,
};

impl Engine {
    /// Takes a durable batch back: answers who waited and applies what it held.
    pub(super) fn committed(&mut self, batch: Box<Batch>, now: Now) {
        let Some(log) = self.logs.get_mut(&batch.shard) else {
            return;
        };
        let Some(mut submitted) = log.take_submitted(batch.handle) else {
            return;
        };
        self.stats.commits += 1;
        let results = batch.results.iter().copied();
        for (then, result) in submitted.then.drain(..).zip(results) {
            let then = self.outbox_committed(then, result, now);
            self.apply(then, result, now);
        }
        self.lines_move(submitted.ended, now);
        if let Some(log) = self.logs.get_mut(&batch.shard) {
            log.reuse(batch, submitted.then);
        }
    }

    /// Applies one durable change.
    fn apply(&mut self, then: OnCommit, result: ChangeResult, now: Now) {
        match (then, result) {
            // What these are about was done before.
            (
                OnCommit::Nothing
                | OnCommit::Told(..)
                | OnCommit::Outbox(_)
                | OnCommit::Forwarded(..),
                _,
            ) => {}
            (OnCommit::Application(request, application), ChangeResult::Fresh) => {
                let (id, key) = (application.id, application.key);
                let acquired = self.logs.contains_key(&key.shard);
                self.registry.add_application(application, acquired);
                let fresh = true;
                self.replies
                    .push((request, Ok(Answer::Application { id, key, fresh })));
            }
            (OnCommit::Application(request, application), ChangeResult::Existing(_)) => {
                let reply = self.application_known(&application);
                self.replies.push((request, reply));
            }
            (OnCommit::ApplicationChanged(request, application), result) => {
                let reply = self.application_changed(application, result, now);
                self.replies.push((request, reply));
            }
            (OnCommit::Endpoint(request, endpoint), ChangeResult::Fresh) => {
                let id = endpoint.id;
                self.endpoint_created(endpoint, now);
                self.replies
                    .push((request, Ok(Answer::Endpoint { id, fresh: true })));
            }
            (OnCommit::Endpoint(request, endpoint), ChangeResult::Existing(id)) => {
                if endpoint.uid.is_some() {
                    self.replies.push((request, Ok(Answer::NameTaken { id })));
                } else {
                    self.endpoint_known(request, id, now);
                }
            }
            (OnCommit::Record(request, id), result) => {
                self.replies.push((request, record_told(id, result)));
            }
            (OnCommit::EndpointChanged(request, endpoint, moves), result) => {
                let reply = self.endpoint_changed((endpoint, moves), result, now);
                self.replies.push((request, reply));
            }
            (OnCommit::EndpointDeleted(request, id, from), _) => {
                self.endpoint_deleted(id, from, now);
                self.replies
                    .push((request, Ok(Answer::Endpoint { id, fresh: false })));
            }
            (OnCommit::Expunged(request, payload_of), _) => {
                self.expunged(request, payload_of, now);
            }
            (OnCommit::SentAgain(again), result) => self.sent_again(again, result, now),
            (OnCommit::Refused(request, refusal), result) => {
                let reply = told_under_key(result).unwrap_or(Err(refusal));
                self.replies.push((request, reply));
            }
            (OnCommit::Enabled(request, id, from), _) => {
                self.endpoint_enabled(id, from, now);
                self.replies
                    .push((request, Ok(Answer::Endpoint { id, fresh: false })));
            }
            (OnCommit::Event(request, event), result) => {
                self.event_committed(request, event, result);
            }
            (OnCommit::Application(request, _) | OnCommit::Endpoint(request, _), result) => {
                let reply = told_under_key(result).unwrap_or(Err(Refusal::StoreFull));
                self.replies.push((request, reply));
            }
        }
    }

    /// What somebody asked to be sent again is durable.
    fn sent_again(&mut self, again: SentAgain, result: ChangeResult, now: Now) {
        match again {
            // Its payload was taken away between the question and this answer.
            SentAgain::Resend(request, id, _, event) if result == ChangeResult::Stale => {
                let gone = Err(Refusal::PayloadGone);
                self.resend_known(request, id, (&event, gone), now);
            }
            SentAgain::Resend(request, id, attempts, event) => match told_under_key(result) {
                Some(reply) => self.resend_known(request, id, (&event, reply), now),
                None => self.resend_owed(request, (id, event), attempts, now),
            },
            SentAgain::Task(request, task) => {
                let reply = self.task_begun(&task, result, now);
                self.replies.push((request, reply));
            }
            SentAgain::SetAside(request, aside) => {
                self.is_set_aside(request, aside, result, now);
            }
            SentAgain::TaskCancelled(request, id) => {
                self.replies.push((request, Ok(Answer::Task { id })));
            }
        }
    }

    /// An event was committed: it arrives, or leaves its place empty.
    pub(super) fn event_committed(
        &mut self,
        request: Option<RequestHandle>,
        event: Arc<Event>,
        result: ChangeResult,
    ) {
        let (id, accepted_wall) = (event.id, event.accepted_wall);
        let reply = match result {
            ChangeResult::Fresh => {
                self.stats.events += 1;
                Ok(Answer::Event { id, accepted_wall })
            }
            ChangeResult::Existing(id) => Ok(Answer::NameTaken { id }),
            ChangeResult::Replayed(id) => Ok(Answer::Replayed { id }),
            ChangeResult::Reused => Err(Refusal::KeyReused),
            ChangeResult::Full | ChangeResult::Stale => Err(Refusal::StoreFull),
        };
        self.replies.extend(request.map(|request| (request, reply)));
        let (application, position) = (event.application, event.position);
        let arrived = (result == ChangeResult::Fresh).then_some(event);
        self.arrived.push((application, position, arrived));
    }

    /// Puts the events that became durable into their rings and wakes who waited for them.
    pub(super) fn fan_out(&mut self, now: Now) {
        if self.arrived.is_empty() {
            return;
        }
        let mut arrived = core::mem::take(&mut self.arrived);
        for (key, position, event) in arrived.drain(..) {
            let Some(application) = self.registry.application(key) else {
                continue;
            };
            self.open_round(application, position, event.as_deref(), now);
            self.join_ring(application, position, event, now);
            self.bound_deliveries(application, now);
        }
        self.arrived = arrived;
        self.bound_rings(now);
    }

    /// Adds one event to its ring and wakes the idle lanes that take it.
    fn join_ring(
        &mut self,
        application: usize,
        position: EventPosition,
        event: Option<Arc<Event>>,
        now: Now,
    ) {
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        debug_assert_eq!(
            entry.ring.end(),
            position,
            "events arrive in the order of their places"
        );
        let wakes = event.is_some();
        entry.ring.push(event.clone());
        let mut idle = if wakes {
            core::mem::take(&mut entry.idle)
        } else {
            Vec::new()
        };
        idle.retain(|index| {
            let Some(lane) = self.registry.lanes.get_mut(*index) else {
                return false;
            };
            if !event
                .as_ref()
                .is_some_and(|event| lane.endpoint.takes_event(event))
            {
                return true;
            }
            lane.done = DoneMap::starting_at(position);
            lane.next = position;
            lane.place = Place::Ring;
            entry.ring.enter(position);
            self.woken.push(*index);
            false
        });
        for index in entry.awaiting.drain(..) {
            if let Some(lane) = self.registry.lanes.get_mut(index) {
                lane.awaits_events = false;
                self.woken.push(index);
            }
        }
        if wakes {
            // Lanes that stay idle keep their order; nobody joined the list meanwhile.
            entry.idle = idle;
        }
        entry.ring.trim();
        // What no lane takes is settled, though no result will be written that tells it.
        if entry.ring.len() == 0
            && let Some(log) = self.logs.get_mut(&entry.application.key.shard)
        {
            log.positions_moved(now);
        }
        let mut woken = core::mem::take(&mut self.woken);
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::WakesInNoOrder) && super::mutant::unseeded() % 2 == 0 {
            woken.reverse();
        }
        for index in woken.drain(..) {
            self.reconsider(index, now);
        }
        self.woken = woken;
    }

    /// Lets the oldest part of a ring go that stands for more deliveries than a restart should look
    /// at.
    fn bound_deliveries(&mut self, application: usize, now: Now) {
        while let Some(entry) = self.registry.applications.get(application) {
            let events = entry.ring.len();
            let deliveries = events.saturating_mul(entry.lanes.len());
            if events <= 1 || deliveries <= self.options.ring_deliveries_max {
                return;
            }
            self.evict(application, (events / 16).max(1), now);
        }
    }

    /// Bounds what a restart has brought: more events may be unsettled than it may hold.
    pub(super) fn bound_restored(&mut self, shard: ShardId, now: Now) {
        for application in self.registry.applications_of(shard) {
            self.bound_deliveries(application, now);
        }
        self.bound_rings(now);
    }

    /// Lets the oldest part of the largest ring go while all rings together are over their bound.
    /// Lanes that stood there lag from now on: their row tells where they stand.
    fn bound_rings(&mut self, now: Now) {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::KeepsTheWholeRing) {
            return;
        }
        loop {
            let rings = self
                .registry
                .applications
                .iter()
                .map(|(index, entry)| (index, &entry.ring));
            let (mut events, mut bytes, mut largest) = (0, 0, None);
            for (index, ring) in rings {
                events += ring.len();
                bytes += ring.bytes();
                if largest.is_none_or(|(_, len)| ring.len() > len) {
                    largest = Some((index, ring.len()));
                }
            }
            let Some((application, len)) = largest else {
                return;
            };
            let over = events > self.options.ring_events_max || bytes > self.options.ring_bytes_max;
            if !over || len == 0 {
                return;
            }
            self.evict(
                application,
                (self.options.ring_events_max / 16).clamp(1, len),
                now,
            );
        }
    }

    fn evict(&mut self, application: usize, count: usize, now: Now) {
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        entry.ring.evict(count);
        let (base, shard) = (entry.ring.base(), entry.application.key.shard);
        let Some(log) = self.logs.get_mut(&shard) else {
            return;
        };
        for index in &entry.lanes {
            let Some(lane) = self.registry.lanes.get_mut(*index) else {
                continue;
            };
            if lane.place == Place::Ring && lane.done.cursor() < base {
                lane.place = Place::Lagging;
                if !core::mem::replace(&mut lane.row_dirty, true) {
                    log.mark_dirty(*index);
                }
            }
        }
        entry.ring.trim();
        log.positions_moved(now);
    }
}

/// What a change is answered whose key was used before; `None` if it wasn't.
pub(super) const fn told_under_key(result: ChangeResult) -> Option<Reply> {
    match result {
        ChangeResult::Replayed(id) => Some(Ok(Answer::Replayed { id })),
        ChangeResult::Reused => Some(Err(Refusal::KeyReused)),
        ChangeResult::Fresh
        | ChangeResult::Existing(_)
        | ChangeResult::Stale
        | ChangeResult::Full => None,
    }
}
