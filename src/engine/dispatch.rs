//! Dispatch: ready lanes start their attempts, in fair turns, while send slots are free.
//!
//! Deficit round robin, application first, then endpoint: each visit of a lane may start
//! `limits::QUANTUM_ATTEMPTS`; what it could not use for lack of slots it keeps. In a lane first
//! attempts go before retries, but every fourth attempt is a retry where both wait. Over all,
//! retries take at most half of the slots while first attempts wait, and one application at most
//! three quarters.

use std::sync::Arc;

use super::{
    Engine,
    flight::{Flight, Source, Start, flight_handle},
    io::Effect,
    walk::{Ahead, look},
};
use crate::{
    domain::{
        attempt::{AttemptRequest, Holder},
        change::StoreMode,
    },
    limits,
    time::Now,
};

/// What a visited lane did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It started an attempt or settled something without one.
    Moved,
    /// It has nothing to start now.
    Idle,
    /// It has only retries, and these have their share of the slots.
    RetriesAside,
}

impl Engine {
    /// Starts what can be started.
    pub(super) fn dispatch(&mut self, now: Now, out: &mut Vec<Effect>) {
        // What could not be recorded would be sent again: nothing starts on a full disk.
        let is_full = self.store_mode == StoreMode::ReadOnly;
        if self.shutdown.is_some() || is_full || self.logs.values().any(|log| log.is_full()) {
            return;
        }
        loop {
            self.admit_to_hosts(now);
            self.admit_slow(now);
            self.start_ready(now, out);
            if !self.admits_more() {
                return;
            }
        }
    }

    /// Gives all that are ready their turns, while slots are free.
    fn start_ready(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut aside = Vec::new();
        while let Some(application) = self.next_application(now) {
            self.visit_application(application, false, &mut aside, now, out);
        }
        // Nobody is left who waits with a first attempt: retries may have all slots.
        for (application, index) in aside {
            if let Some(entry) = self.registry.applications.get_mut(application) {
                entry.ready.push_front(index);
            }
            self.queue_application(application);
        }
        while let Some(application) = self.next_application(now) {
            self.visit_application(application, true, &mut Vec::new(), now, out);
        }
    }

    /// One turn of an application: one turn of its next lane.
    fn visit_application(
        &mut self,
        application: usize,
        all_retries: bool,
        aside: &mut Vec<(usize, usize)>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let share = self.application_share();
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        let Some(index) = entry.ready.pop_front() else {
            return;
        };
        if let Some(lane) = self
            .registry
            .lanes
            .get_mut(index)
            .filter(|lane| lane.deficit == 0)
        {
            lane.deficit = limits::QUANTUM_ATTEMPTS;
        }
        let queued_at = self.registry.lanes.get(index).map(|lane| lane.queued_at);
        let holder = self.turn_holder(application, queued_at.unwrap_or_default());
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && lane.waited_for_its_turn(now.steady)
        {
            lane.held_by = Some(holder);
        }
        let mut last = Step::Moved;
        let mut cut_short = false;
        while last == Step::Moved {
            let has_no_turn =
                self.has_postponed_enough() || self.paced_until(application, now).is_some();
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                return;
            };
            if lane.deficit == 0 {
                break;
            }
            let full = self
                .registry
                .applications
                .get(application)
                .map_or(0, |e| e.in_flight);
            let is_crowded = self.flights.len() >= self.options.send_slots || full >= share;
            if is_crowded || has_no_turn {
                cut_short = true;
                break;
            }
            lane.deficit -= 1;
            last = self.visit_lane(index, all_retries, now, out);
        }
        self.end_turn(application, index, last, cut_short, aside, now);
    }

    /// Puts a lane whose turn is over where it belongs, and its application behind the others.
    fn end_turn(
        &mut self,
        application: usize,
        index: usize,
        last: Step,
        cut_short: bool,
        aside: &mut Vec<(usize, usize)>,
        now: Now,
    ) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if last == Step::RetriesAside {
            // It stays marked as queued: it comes back to the queue after the others.
            aside.push((application, index));
        } else if cut_short {
            if let Some(entry) = self.registry.applications.get_mut(application) {
                entry.ready.push_front(index);
            }
        } else {
            lane.queued = false;
            lane.deficit = 0;
            self.host_visited(index);
            self.slow_visited(index);
            if last == Step::Moved {
                self.reconsider(index, now);
            } else {
                self.rest(index, now);
            }
        }
        self.queue_application(application);
    }

    /// Starts the next attempt of a lane.
    fn visit_lane(
        &mut self,
        index: usize,
        all_retries: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Step {
        let Some(lane) = self.registry.lanes.get(index) else {
            return Step::Idle;
        };
        if lane.endpoint.is_deleted() {
            return self.visit_deleted(index, now);
        }
        let is_enabled = lane.is_enabled();
        #[cfg(feature = "mutants")]
        let is_enabled = is_enabled || self.has(super::mutant::Mutant::ChecksTheEndpointTooEarly);
        if !is_enabled {
            return self.visit_held(index, now, out);
        }
        let has_room = lane.has_room();
        #[cfg(feature = "mutants")]
        let has_room = self.mistaken_room(lane, now)
            && (has_room || self.has(super::mutant::Mutant::IgnoresTheWindow));
        if !has_room || lane.paced_until(now.steady).is_some() {
            return Step::Idle;
        }
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::QueuesTogether)
            && self.flights.iter().any(|(_, flight)| flight.lane != index)
        {
            return Step::RetriesAside;
        }
        if lane.resends.wait() && self.waits_for_others(index) {
            return Step::Idle;
        }
        if self.start_resend(index, now, out) {
            return Step::Moved;
        }
        let Some(lane) = self.registry.lanes.get(index) else {
            return Step::Idle;
        };
        if lane.is_held_by_circuit(now.steady) {
            return Step::Idle;
        }
        let retry_waits = lane.retry_waits(now.steady);
        let retries_first = retry_waits && lane.has_retries_first(now.steady);
        if !retries_first && self.start_new(index, retry_waits, now, out) == Step::Moved {
            return Step::Moved;
        }
        if !retry_waits || self.has_its_share(index) {
            return Step::Idle;
        }
        if self.waits_for_others(index) {
            return Step::Idle;
        }
        #[cfg(feature = "mutants")]
        let all_retries = all_retries || self.has(super::mutant::Mutant::LetsRetriesHaveAllSlots);
        if !all_retries && self.retries_in_flight * 2 >= self.options.send_slots {
            return Step::RetriesAside;
        }
        self.start_retry(index, now, out)
    }

    /// Whether a lane that has something to send waits, from now on, for others on its host or for others
    /// whose receivers are slow.
    pub(super) fn waits_for_others(&mut self, index: usize) -> bool {
        self.waits_for_host(index) || self.waits_as_slow(index)
    }

    /// Starts the first attempt of the next event of the walk, skipping what is not for the lane.
    pub(super) fn start_first(
        &mut self,
        index: usize,
        retry_waits: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Step {
        // A lane with its share still walks over what is not for it: only then is it known whether
        // it wants more.
        let has_its_share = self.has_its_share(index);
        let is_host_full = self.is_host_full(index);
        let over_by = self.over_by(now);
        loop {
            let (page_rows, turn) = (self.options.page_rows, self.turn);
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                return Step::Idle;
            };
            let Some(entry) = self.registry.applications.get_mut(lane.application) else {
                return Step::Idle;
            };
            if entry.open_rows >= self.options.open_rows_max && lane.has_rows_that_go() {
                return Step::Idle;
            }
            match look(lane, entry, page_rows, turn) {
                Ahead::Nothing => return Step::Idle,
                Ahead::Settled(position) => {
                    lane.next = position.plus(1);
                }
                Ahead::Skip(position) => {
                    lane.next = position.plus(1);
                    self.skip(index, position, now);
                }
                Ahead::Blocked => {
                    if !self.overtake(index, now) {
                        return Step::Idle;
                    }
                }
                Ahead::Unknown(position) => {
                    lane.held_by = Some(Holder::Loading);
                    self.load_events(index, position, out);
                    return Step::Idle;
                }
                Ahead::Event(event) if event.expires_at <= over_by => {
                    lane.next = event.position.plus(1);
                    self.expire(index, event.position, now);
                    return Step::Moved;
                }
                #[cfg(feature = "mutants")]
                Ahead::Event(event)
                    if self.options.mutant == Some(super::mutant::Mutant::SendsLaterAtOnce)
                        && event.not_before() > now.steady =>
                {
                    lane.next = event.position.plus(1);
                    self.send(index, Start::first(event), now, out);
                    return Step::Moved;
                }
                Ahead::Event(event) if event.not_before() > now.steady => {
                    lane.next = event.position.plus(1);
                    self.postpone(index, &event, now);
                    return Step::Moved;
                }
                Ahead::Event(event) if lane.holds(&event) => {
                    return self.stand_in_line(index, &event, now);
                }
                Ahead::Event(_) if has_its_share => {
                    lane.held_by = Some(Holder::Slots);
                    return Step::Idle;
                }
                Ahead::Event(_) if is_host_full => {
                    self.wait_for_host(index);
                    return Step::Idle;
                }
                Ahead::Event(_) if self.waits_as_slow(index) => return Step::Idle,
                Ahead::Event(event) => return self.begin(index, event, retry_waits, now, out),
            }
        }
    }

    /// Starts the earliest retry of a lane.
    fn start_retry(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) -> Step {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        lane.firsts_in_row = 0;
        let before = lane.open.held();
        let Some(row) = lane.open.take_first() else {
            return Step::Idle;
        };
        self.open_held.replace(before, lane.open.held());
        if row.delivery.expires_at <= now.steady {
            self.expire_open(index, row.delivery.position, now);
        } else {
            self.retries_in_flight += 1;
            self.send(index, Start::again(row), now, out);
        }
        Step::Moved
    }

    /// Sends an attempt. Nothing is written for it: its duty is durable already.
    pub(super) fn send(&mut self, index: usize, start: Start, now: Now, out: &mut Vec<Effect>) {
        let Start {
            event,
            number,
            source,
            reopened,
            due,
        } = start;
        let serial = self.next_handle();
        #[cfg(feature = "mutants")]
        let position = event.position;
        #[cfg(feature = "mutants")]
        let number = if self.has(super::mutant::Mutant::CountsAttemptsAnew) {
            1
        } else {
            number
        };
        let (host, is_slow) = (self.host_sent(index), self.slow_sent(index));
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let held_by = lane.held_since(due, now.steady);
        let vacant = self.flights.vacant_entry();
        let attempt = flight_handle(serial, vacant.key());
        lane.in_flight += 1;
        if let Some(pace) = &mut lane.pace {
            // Whether it may start was asked before.
            _ = pace.take(now.steady);
        }
        lane.circuit.started(now.steady);
        if let Some(entry) = self.registry.applications.get_mut(lane.application) {
            entry.sent(now.steady);
        }
        out.push(Effect::Send(AttemptRequest {
            attempt,
            target: Arc::clone(&lane.endpoint.target),
            event: Arc::clone(&event),
            number,
            is_by_hand: source == Source::Manual,
            stamp: now.wall,
            steady: now.steady,
        }));
        vacant.insert(Flight {
            handle: attempt,
            lane: index,
            event,
            number,
            source,
            reopened,
            is_overtaken: false,
            receiver: lane.receiver,
            started_at: now,
            due,
            held_by,
            host,
            is_slow,
        });
        self.stats.attempts += 1;
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::SettlesAtSend) && source == Source::Walk {
            self.settle_walk(index, position);
        }
        self.count_wanting(index, now);
    }
}
