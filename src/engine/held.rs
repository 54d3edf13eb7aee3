//! Held: lanes that start nothing, since their endpoints are disabled or deleted. What they hold
//! expires or is taken away.

use super::{
    Engine,
    dispatch::Step,
    io::Effect,
    lane::Place,
    on_commit::OnCommit,
    walk::{Ahead, look},
};
use crate::{
    domain::{change::Change, endpoint::EndpointKey, id::EndpointId},
    time::{Now, Timestamp},
};

impl Engine {
    /// When the own time of an event must be over for the walk to pass it by.
    pub(super) fn over_by(&self, now: Now) -> Timestamp {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::SendsTheExpired) {
            return Timestamp::ZERO;
        }
        now.steady
    }

    /// Deletes all endpoints of an application that was deleted. They are gone here at once; should the
    /// process end before that is durable, the next one finds the application deleted and does it.
    pub(super) fn delete_endpoints_of(&mut self, application: usize, now: Now) {
        let Some(entry) = self.registry.applications.get(application) else {
            return;
        };
        let from = entry.next_position;
        let shard = entry.application.key.shard;
        let lanes = self.registry.lanes_of(application);
        let left: Vec<(EndpointId, EndpointKey)> = lanes
            .filter(|lane| !lane.endpoint.is_deleted())
            .map(|lane| (lane.endpoint.id, lane.endpoint.key))
            .collect();
        for (id, endpoint) in left {
            if let Some(log) = self.logs.get_mut(&shard) {
                let change = Change::DeleteEndpoint { endpoint, from };
                log.gather_urgent(change, OnCommit::Nothing, 0);
            }
            self.endpoint_deleted(id, from, now);
        }
    }

    /// Takes the next row of a deleted endpoint away: its delivery is cancelled.
    pub(super) fn visit_deleted(&mut self, index: usize, now: Now) -> Step {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        let before = lane.open.held();
        let Some(row) = lane.open.take_first() else {
            return Step::Idle;
        };
        self.open_held.replace(before, lane.open.held());
        let (endpoint, position) = (row.delivery.endpoint, row.delivery.position);
        lane.open.ended(position);
        let application = lane.application;
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            log.gather(Change::DeleteOpen { endpoint, position }, now);
            // As what is put off or expires: no slot bounds how much of it one turn writes.
            self.postponed += 1;
        }
        self.count_open_rows(application, -1, now);
        Step::Moved
    }

    /// Lets expired work of a disabled lane go; what is left wakes it when it expires.
    pub(super) fn visit_held(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) -> Step {
        let (page_rows, turn) = (self.options.page_rows, self.turn);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return Step::Idle;
        };
        let row = lane
            .open
            .first()
            .map(|row| (row.delivery.expires_at, row.delivery.position));
        if let Some((_, position)) = row.filter(|(expires_at, _)| *expires_at <= now.steady) {
            let before = lane.open.held();
            lane.open.take_first();
            self.open_held.replace(before, lane.open.held());
            self.expire_open(index, position, now);
            return Step::Moved;
        }
        let mut wake_at = row.map(|(expires_at, _)| expires_at);
        match look(lane, entry, page_rows, turn) {
            Ahead::Nothing | Ahead::Blocked => {}
            Ahead::Settled(position) => {
                lane.next = position.plus(1);
                return Step::Moved;
            }
            Ahead::Skip(position) => {
                lane.next = position.plus(1);
                self.skip(index, position, now);
                return Step::Moved;
            }
            Ahead::Unknown(position) => self.load_events(index, position, out),
            Ahead::Event(event) if event.expires_at <= now.steady => {
                lane.next = event.position.plus(1);
                self.expire(index, event.position, now);
                return Step::Moved;
            }
            Ahead::Event(event) => {
                wake_at = Some(wake_at.map_or(event.expires_at, |at| at.min(event.expires_at)));
            }
        }
        self.sleep_until(index, wake_at);
        Step::Idle
    }

    /// A lane's held events must not keep the ring: from now on its row tells where it stands.
    pub(super) fn leave_ring(&mut self, index: usize) {
        self.sleep_until(index, None);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        if lane.place == Place::Ring {
            lane.place = Place::Lagging;
            entry.ring.leave(lane.done.cursor());
            if !core::mem::replace(&mut lane.row_dirty, true)
                && let Some(log) = self.logs.get_mut(&entry.application.key.shard)
            {
                log.mark_dirty(index);
            }
        }
    }
}
