//! Shards come and go: the only way to build the engine's state of one, and the way it is
//! forgotten. Nothing is ever rolled back: after a failed commit the shard is given up and acquired
//! again, and its state is built from what is durable.

use std::collections::BTreeSet;

use super::{
    Engine,
    done_map::DoneMap,
    flight::{Source, flight_slot},
    io::Effect,
    lane::{Lane, Place},
    lines::Lines,
    open_rows::{Held, OpenRows},
    record::ShardLog,
    ring::Ring,
    schedule::LoadSource,
};
use crate::{
    domain::{
        attempt::Holder,
        change::{BatchHandle, Epoch},
        command::Refusal,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
        page::{ApplicationState, EndpointRecovery, ShardState},
    },
    time::Now,
};

impl Engine {
    /// Builds the state of a shard, in the place of what there was of it: where it was lost and acquired
    /// while the engine gave it up, it is acquired twice.
    pub(super) fn acquired(&mut self, shard: ShardId, epoch: Epoch, state: ShardState, now: Now) {
        self.forget(shard);
        match state {
            ShardState::Directory {
                applications,
                last_id,
            } => {
                self.add_log(shard, epoch, last_id);
                for application in applications {
                    let key = application.key;
                    let next = self.next_application.entry(key.shard).or_insert(0);
                    *next = (*next).max(key.ordinal.saturating_add(1));
                    let known = self.registry.application(key);
                    let known = known.and_then(|index| self.registry.applications.get(index));
                    match known.map(|entry| entry.application.revision) {
                        None => {
                            let acquired = self.logs.contains_key(&key.shard);
                            self.registry.add_application(application, acquired);
                        }
                        // Somebody changed it while the directory was not ours, or nobody was told of it.
                        Some(revision) if revision < application.revision => {
                            self.take_application(application, now);
                        }
                        Some(_) => {}
                    }
                }
            }
            ShardState::Data {
                applications,
                outbox,
                last_id,
            } => {
                self.add_log(shard, epoch, last_id);
                self.restore_outbox(shard, outbox, now);
                for index in self.registry.applications_of(shard) {
                    if let Some(entry) = self.registry.applications.get_mut(index) {
                        entry.acquired = true;
                    }
                }
                for application in applications {
                    self.restore_application(application, now);
                }
                self.bound_restored(shard, now);
            }
        }
    }

    fn add_log(&mut self, shard: ShardId, epoch: Epoch, last_id: Id) {
        self.logs
            .insert(shard, ShardLog::new(&self.options, shard, epoch, last_id));
        self.shard_list = self.logs.keys().collect();
    }

    fn restore_application(&mut self, state: ApplicationState, now: Now) {
        let Some(index) = self.registry.application(state.key) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(index) else {
            return;
        };
        entry.take_pace(now.steady);
        entry.next_position = state.next_position;
        entry.next_endpoint = state.next_endpoint;
        #[cfg(feature = "mutants")]
        if self.options.mutant == Some(super::mutant::Mutant::GivesPlacesOfDeletedAgain) {
            entry.next_endpoint = 0;
        }
        entry.watermark = state.watermark;
        entry.open_rows = state.open_rows;
        entry.ring = Ring::starting_at(state.watermark);
        let mut events = state.events.into_iter().peekable();
        let mut position = state.watermark;
        while position < state.next_position {
            entry
                .ring
                .push(events.next_if(|event| event.position == position));
            position = position.plus(1);
        }
        let lanes: Vec<usize> = state
            .endpoints
            .into_iter()
            .filter_map(|lane| self.restore_lane(index, lane, now))
            .collect();
        if let Some(entry) = self.registry.applications.get_mut(index) {
            entry.ring.trim();
            if entry.ring.base() != entry.watermark
                && let Some(log) = self.logs.get_mut(&state.key.shard)
            {
                log.positions_moved(now);
            }
        }
        self.restore_tasks(state.tasks, now);
        for lane in lanes {
            self.reconsider(lane, now);
        }
        let entry = self.registry.applications.get(index);
        if entry.is_some_and(|entry| entry.application.is_deleted) {
            self.delete_endpoints_of(index, now);
        }
    }

    /// Builds a lane: where it lags its row tells, else the settled events do.
    fn restore_lane(
        &mut self,
        application: usize,
        recovery: EndpointRecovery,
        now: Now,
    ) -> Option<usize> {
        let EndpointRecovery {
            endpoint,
            lane: row,
            settled,
            open_due,
            resends,
            ordered,
            circuit,
        } = recovery;
        let key = endpoint.key;
        let fresh = self.restored_circuit(endpoint.id.id().value(), None, now);
        let window = (self.options.window_max, fresh);
        let mut lane = Lane::idle(endpoint, application, window, now.steady);
        self.restore_circuit(&mut lane, circuit, now);
        #[cfg(feature = "mutants")]
        {
            lane = self.mistaken_pace(lane, Some(now));
        }
        let entry = self.registry.applications.get_mut(application)?;
        let (base, end) = (entry.ring.base(), entry.ring.end());
        if lane.endpoint.is_deleted() {
            entry.deleted += 1;
            lane.done = DoneMap::starting_at(end);
        } else if let Some(row) = row {
            lane.done = DoneMap::restored(row);
            lane.place = Place::Lagging;
        } else {
            let settled: BTreeSet<EventPosition> = settled.into_iter().collect();
            let mut cursor = base;
            // Of a gap, and of what is for others, no result tells: to stop there would forget what is
            // settled further behind it than the map reaches.
            let is_over = |position| {
                let event = entry.ring.at(position).flatten();
                let is_owed = event.is_some_and(|event| lane.endpoint.matched(event));
                settled.contains(&position) || !lane.endpoint.takes(position) || !is_owed
            };
            while cursor < end && is_over(cursor) {
                cursor = cursor.plus(1);
            }
            lane.done = DoneMap::starting_at(cursor);
            for position in settled.range(cursor..) {
                lane.done.settle(*position);
            }
            if cursor < end {
                lane.place = Place::Ring;
                entry.ring.enter(cursor);
            }
        }
        lane.next = lane.done.cursor();
        (lane.held_by, lane.restored_at) = (Some(Holder::Restart), now.steady);
        lane.lines = Lines::restored(&ordered);
        #[cfg(feature = "mutants")]
        lane.mistaken_start(&mut entry.ring);
        if let Some(first_due) = open_due {
            lane.open = OpenRows::unloaded(first_due);
        }
        let index = self.add_lane(lane);
        self.adopt_orphans(index, key);
        self.restore_resends(index, resends, now);
        let lane = self.registry.lanes.get(index)?;
        if lane.place == Place::Idle && !lane.endpoint.is_deleted() {
            self.registry
                .applications
                .get_mut(application)?
                .idle
                .push(index);
        }
        Some(index)
    }

    /// Attempts that were in flight when the shard was lost still count for their endpoint.
    fn adopt_orphans(&mut self, index: usize, key: EndpointKey) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        for (attempt, endpoint) in &self.orphans {
            let slot = flight_slot(*attempt);
            if let Some(flight) = self.flights.get_mut(slot).filter(|f| f.handle == *attempt)
                && *endpoint == key
            {
                (flight.lane, flight.receiver) = (index, lane.receiver);
                lane.in_flight = lane.in_flight.saturating_add(1);
                entry.in_flight += 1;
                entry.slow.adopt(flight);
            }
        }
        let flights = &self.flights;
        self.orphans.retain(|(attempt, endpoint)| {
            let slot = flight_slot(*attempt);
            *endpoint != key && flights.get(slot).is_some_and(|f| f.handle == *attempt)
        });
    }

    /// A batch failed: the shard is given up and acquired again.
    pub(super) fn commit_failed(
        &mut self,
        shard: ShardId,
        batch: BatchHandle,
        out: &mut Vec<Effect>,
    ) {
        if self
            .logs
            .get(&shard)
            .is_some_and(|log| log.has_submitted(batch))
        {
            self.forget(shard);
            out.push(Effect::ReleaseShard(shard));
        }
    }

    /// Forgets a shard: who waits for it is told that the result is unknown.
    pub(super) fn forget(&mut self, shard: ShardId) {
        let Some(log) = self.logs.remove(&shard) else {
            return;
        };
        self.shard_list = self.logs.keys().collect();
        self.replies.extend(
            log.waiting()
                .map(|request| (request, Err(Refusal::Unknown))),
        );
        self.open_loads.retain(|(of, _)| *of != shard);
        self.arrived.retain(|(key, ..)| key.shard != shard);
        self.outbox.forget(shard);
        if shard == ShardId::DIRECTORY {
            self.next_application.clear();
            return;
        }
        for application in self.registry.applications_of(shard) {
            self.close_rounds_of(application);
            for (_, flight) in &mut self.flights {
                let lane = self.registry.lanes.get(flight.lane);
                let Some(lane) = lane.filter(|lane| lane.application == application) else {
                    continue;
                };
                if flight.source == Source::Open {
                    self.retries_in_flight = self.retries_in_flight.saturating_sub(1);
                }
                flight.source = Source::Orphan;
                self.orphans.push((flight.handle, lane.endpoint.key));
                flight.lane = NO_LANE;
            }
            self.leave_hosts_of(application);
            self.forget_slow_of(application);
            for lane in self.registry.lanes_of(application) {
                self.open_held.replace(lane.open.held(), Held::default());
                self.circuits_open -= usize::from(lane.is_counted_open);
            }
            let forgotten = self.registry.forget(application);
            self.asleep.retain(|(_, lane)| !forgotten.contains(lane));
            self.loads.retain(|_, source| match source {
                LoadSource::Events(of) => *of != application,
                LoadSource::Open(lane) | LoadSource::Task(lane) => !forgotten.contains(lane),
            });
            self.applications_asleep
                .retain(|(_, of)| *of != application);
            self.task_turns.retain(|lane| !forgotten.contains(lane));
            self.tasks_paused
                .retain(|(_, lane)| !forgotten.contains(lane));
        }
    }
}

/// The lane of an attempt whose lane was forgotten.
const NO_LANE: usize = usize::MAX;
