//! Schedule: which lane has something to do, now or at a later time.
//!
//! [`Engine::reconsider`] is the one place that decides it. A lane is *ready* (in its application's
//! queue), *asleep* until a time, or silent until something happens to it.

use super::{
    Engine,
    io::Effect,
    lane::{Lane, Place},
    open_rows::OpenRow,
};
use crate::{
    domain::{
        attempt::Holder,
        event::EventPosition,
        page::{LoadHandle, Page, PageRequest},
    },
    limits,
    time::{Now, Span, Timestamp},
};

/// What a load is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoadSource {
    /// A page of an application's events.
    Events(usize),
    /// The next open rows of a lane.
    Open(usize),
    /// Events that a lane's task looks at.
    Task(usize),
}

/// How long a failed load rests before it is asked for again.
pub(super) const LOAD_RETRY: Span = Span::from_millis(1_000);

impl Engine {
    /// Wakes the lanes whose time has come.
    pub(super) fn schedule(&mut self, now: Now) {
        self.wake_tasks(now);
        self.wake_applications(now);
        while let Some((at, index)) = self.asleep.first().copied() {
            if at > now.steady {
                return;
            }
            #[cfg(feature = "mutants")]
            if self.keeps_timer_of(index) {
                return;
            }
            self.asleep.pop_first();
            if let Some(lane) = self.registry.lanes.get_mut(index) {
                lane.wake_at = None;
            }
            self.reconsider(index, now);
        }
    }

    /// Puts a lane where it belongs after something about it changed.
    pub(super) fn reconsider(&mut self, index: usize, now: Now) {
        self.want_open_rows(index, now);
        self.count_wanting(index, now);
        self.consider_task(index, now);
        let Some(lane) = self.registry.lanes.get(index) else {
            return;
        };
        if !lane.is_enabled() {
            self.give_way(index);
            self.leave_slow(index);
        }
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        if lane.queued {
            return;
        }
        let enabled = lane.is_enabled();
        let end = entry.ring.end();
        lane.follow_walk(end);
        let crowded = entry.open_rows >= self.options.open_rows_max && lane.has_rows_that_go();
        let ready = if enabled {
            let walk_waits = lane.walk_waits(end) && !crowded;
            if crowded && !core::mem::replace(&mut lane.is_crowded, true) {
                entry.crowded.push(index);
            }
            let waits = walk_waits || lane.row_waits(now.steady);
            let asked = lane.resends.wait() && lane.may_start_by_hand(now.steady);
            let is_crowded = crowded.then_some(Holder::Crowd);
            lane.held_by = if waits || crowded {
                lane.holder(now.steady).or(is_crowded).or(lane.held_by)
            } else {
                lane.held_by.filter(|_| !lane.open.are_tried(now.steady))
            };
            asked || (waits && lane.may_start(now.steady))
        } else {
            lane.wake_at.is_none() && has_held_work(lane, end)
        };
        if ready {
            lane.queued = true;
            lane.queued_at = now.steady;
            entry.ready.push_back(index);
            self.queue_application(self.registry.lanes.get(index).map_or(0, |l| l.application));
        } else {
            self.rest(index, now);
        }
    }

    /// If a lane has used up the open rows that stand here, the next ones are asked for when the turn
    /// ends.
    fn want_open_rows(&mut self, index: usize, now: Now) {
        let Some(lane) = self.registry.lanes.get(index) else {
            return;
        };
        if lane.open.wants_load(lane.loads_until(now)).is_some() {
            let shard = lane.endpoint.key.application.shard;
            self.open_loads.insert((shard, index));
        }
    }

    /// A lane has nothing to start: it sleeps until its next retry, and the next event wakes it.
    pub(super) fn rest(&mut self, index: usize, now: Now) {
        // Rows that expired were used up without an attempt whose end would ask for more.
        self.want_open_rows(index, now);
        self.count_wanting(index, now);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        if !lane.is_enabled() {
            return;
        }
        let crowded = entry.open_rows >= self.options.open_rows_max && lane.has_rows_that_go();
        let has_walk = lane.walk_waits(entry.ring.end());
        let walk_waits = has_walk && !crowded;
        let waits = walk_waits || lane.row_waits(now.steady);
        if !waits && !lane.resends.wait() {
            lane.forget_places();
        }
        let held_back = lane.held_back_until(now.steady).filter(|_| waits);
        let paced = lane.paced_until(now.steady);
        let paced = paced.filter(|_| lane.resends.wait());
        // An idle lane waits in the list of those; one with attempts in flight and room for more
        // must hear of new events too, unless it would have to wait all the same.
        let is_held_back = held_back.is_some() || lane.waits_for_others();
        let hears = lane.place != Place::Idle && lane.has_room() && !is_held_back;
        if hears && !lane.awaits_events {
            lane.awaits_events = true;
            entry.awaiting.push(index);
        }
        let due = lane.open.next_due();
        // A retry that is due but finds no room is met again when an attempt ends.
        let due = due.filter(|due| *due > now.steady);
        let wakes = if lane.has_room() {
            paced.into_iter().chain(held_back).min()
        } else {
            None
        };
        // What waits until rows are free waits, too.
        let is_empty = !has_walk && !lane.lines.are_ready() && lane.open.are_tried(now.steady);
        self.sleep_until(index, wakes.or(due));
        if is_empty {
            self.note_caught_up(index, now);
        }
    }

    /// Wakes the lane at `at`; a time it already waits for is replaced.
    pub(super) fn sleep_until(&mut self, index: usize, at: Option<Timestamp>) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if lane.wake_at == at {
            return;
        }
        let before = core::mem::replace(&mut lane.wake_at, at);
        #[cfg(feature = "mutants")]
        let before = before.filter(|_| at.is_some() || !self.keeps_timers());
        if let Some(before) = before {
            self.asleep.remove(&(before, index));
        }
        if let Some(at) = at {
            self.asleep.insert((at, index));
        }
    }

    /// Puts an application into the queue of those that have ready lanes and may start attempts.
    pub(super) fn queue_application(&mut self, application: usize) {
        let share = self.application_share();
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        if !entry.queued && !entry.ready.is_empty() && entry.in_flight < share {
            entry.queued = true;
            self.ready.push_back(application);
        }
    }

    /// Asks for the page of events that a lagging lane stands on, unless it is under way.
    pub(super) fn load_events(
        &mut self,
        index: usize,
        position: EventPosition,
        out: &mut Vec<Effect>,
    ) {
        let Some(lane) = self.registry.lanes.get(index) else {
            return;
        };
        let application = lane.application;
        let rows = self.options.page_rows;
        let handle = LoadHandle::new(self.next_handle());
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        let key = entry.application.key;
        #[cfg(feature = "mutants")]
        let key = self.options.mistaken_log(key);
        if let Some(from) = entry.pages.wait(position, rows, index) {
            entry.pages.load_started(from, rows, handle);
            self.loads.insert(handle, LoadSource::Events(application));
            out.push(Effect::Load(
                handle,
                PageRequest::Events {
                    application: key,
                    from,
                    limit: rows,
                },
            ));
        }
    }

    /// Asks for the next open rows of a lane, if it has run out of them.
    pub(super) fn load_open_rows_of(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) {
        let handle = LoadHandle::new(self.next_handle());
        let limit = self.open_rows_kept_max();
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(after) = lane.open.wants_load(lane.loads_until(now)) else {
            return;
        };
        lane.open.load_started(handle);
        self.loads.insert(handle, LoadSource::Open(index));
        let endpoint = lane.endpoint.key;
        out.push(Effect::Load(
            handle,
            PageRequest::Open {
                endpoint,
                after: Some(after),
                limit,
            },
        ));
    }

    /// Takes a page in.
    pub(super) fn loaded(&mut self, load: LoadHandle, page: Page, now: Now) {
        let Some(source) = self.loads.remove(&load) else {
            return;
        };
        self.stats.loads += 1;
        match (source, page) {
            (LoadSource::Events(application), Page::Events { events, until }) => {
                let entry = self.registry.applications.get_mut(application);
                let waiting = entry.map(|e| e.pages.loaded(load, events, until));
                for index in waiting.unwrap_or_default() {
                    self.reconsider(index, now);
                }
            }
            (LoadSource::Open(index), Page::Open { rows, more }) => {
                let rows = rows
                    .into_iter()
                    .map(|(delivery, event)| OpenRow { delivery, event });
                let kept_max = self.open_rows_kept_max();
                if let Some(lane) = self.registry.lanes.get_mut(index) {
                    let before = lane.open.held();
                    lane.open.loaded(load, (rows.collect(), more), kept_max);
                    self.open_held.replace(before, lane.open.held());
                }
                self.reconsider(index, now);
            }
            (LoadSource::Task(index), Page::Candidates(candidates)) => {
                self.task_looks(index, load, candidates, now);
            }
            (LoadSource::Events(_), Page::Open { .. } | Page::Candidates(_))
            | (LoadSource::Open(_), Page::Events { .. } | Page::Candidates(_))
            | (LoadSource::Task(_), Page::Events { .. } | Page::Open { .. }) => {
                debug_assert!(
                    false,
                    "a load is answered with the kind of page it asked for"
                );
            }
        }
    }

    /// A load failed: who waited for it asks again a second later.
    pub(super) fn load_failed(&mut self, load: LoadHandle, now: Now) {
        let again = now.steady.plus(LOAD_RETRY);
        match self.loads.remove(&load) {
            Some(LoadSource::Events(application)) => {
                let entry = self.registry.applications.get_mut(application);
                for index in entry.map(|e| e.pages.load_failed(load)).unwrap_or_default() {
                    self.sleep_until(index, Some(again));
                }
            }
            Some(LoadSource::Open(index)) => {
                if let Some(lane) = self.registry.lanes.get_mut(index) {
                    lane.open.load_failed(load);
                }
                self.sleep_until(index, Some(again));
            }
            Some(LoadSource::Task(index)) => self.pause_task(index, load, again),
            None => {}
        }
    }

    /// Lets pages go that nobody used for longest, over all applications.
    pub(super) fn bound_pages(&mut self) {
        if self.loads.is_empty() && self.stats.loads == self.pages_bounded_at {
            return;
        }
        self.pages_bounded_at = self.stats.loads;
        loop {
            let held = self.registry.applications.iter();
            let (mut pages, mut bytes, mut oldest) = (0, 0, None);
            for (index, entry) in held {
                pages += entry.pages.len();
                bytes += entry.pages.bytes();
                let used = entry.pages.oldest_use().map(|used| (used, index));
                oldest = oldest.into_iter().chain(used).min();
            }
            let over = pages > limits::PAGES_HELD_MAX || bytes > limits::PAGES_BYTES_MAX;
            let Some((used, application)) = oldest.filter(|_| over) else {
                return;
            };
            // What is used in this turn stays: it would be asked for again at once.
            if used == self.turn {
                return;
            }
            if let Some(entry) = self.registry.applications.get_mut(application) {
                entry.pages.drop_oldest();
            }
        }
    }

    /// How many open rows a lane keeps in memory: fewer once all lanes together keep many.
    pub(super) fn open_rows_kept_max(&self) -> usize {
        let crowded = self.open_held.rows >= limits::OPEN_ROWS_HELD_MAX;
        let rows = if crowded { 8 } else { self.options.page_rows };
        if self.open_held.bytes >= limits::OPEN_BYTES_HELD_MAX {
            1
        } else {
            rows.min(self.options.page_rows)
        }
    }

    /// An application has more open rows or fewer; where it has room again, lanes that waited at
    /// their cursors go on.
    pub(super) fn count_open_rows(&mut self, application: usize, added: i64, now: Now) {
        let most = self.options.open_rows_max;
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        entry.open_rows = entry.open_rows.saturating_add_signed(added);
        // Not at each row that goes: a sixteenth is free before anybody is called.
        if entry.crowded.is_empty() || entry.open_rows > most - most / 16 {
            return;
        }
        for index in core::mem::take(&mut entry.crowded) {
            if let Some(lane) = self.registry.lanes.get_mut(index) {
                lane.is_crowded = false;
            }
            self.reconsider(index, now);
        }
    }
}

/// Whether a disabled lane has work that may expire.
fn has_held_work(lane: &Lane, end: EventPosition) -> bool {
    let walk = lane.place != Place::Idle && lane.next < end;
    walk || lane.open.first().is_some()
}
