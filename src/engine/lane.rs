//! A lane: the way of an application's events to one endpoint.
//!
//! It walks from event to event by its cursor and draws its retries from the open rows beside it.
//! Nothing here is per delivery but a bit in the done map.

use std::sync::Arc;

use super::{
    done_map::DoneMap, flight::Flight, host::HostPlace, lines::Lines, open_rows::OpenRows,
    resend::Resends, slow::SlowPlace, task::TaskRun, window::Window,
};
use crate::{
    domain::{
        attempt::Holder,
        circuit::Circuit,
        endpoint::{Endpoint, EndpointState},
        event::EventPosition,
    },
    limits,
    policy::{circuit_breaker::CircuitBreaker, promptness::Promptness, rate_limit::RateLimit},
    time::{Now, Span, Timestamp},
};

/// How long an attempt may be late without a reason: turns and commits take so long.
const MOMENT: Span = Span::from_millis(20);

/// The lane of one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    /// The endpoint as it stands.
    pub(super) endpoint: Arc<Endpoint>,
    /// The application's number in the registry.
    pub(super) application: usize,
    /// What is settled of the walk.
    pub(super) done: DoneMap,
    /// The next event of the walk; never before the cursor.
    pub(super) next: EventPosition,
    /// Where the cursor is accounted for.
    pub(super) place: Place,
    /// What somebody asked for.
    pub(super) resends: Resends,
    /// What sends its deliveries again, the first of them at work.
    pub(super) tasks: Vec<TaskRun>,
    /// The retries.
    pub(super) open: OpenRows,
    /// Who waits for whom.
    pub(super) lines: Lines,
    /// How many attempts may be in flight.
    pub(super) window: Window,
    /// How many are.
    pub(super) in_flight: u16,
    /// How it stands to its host.
    pub(super) host: HostPlace,
    /// Whether its receiver is known to answer soon. Not kept: whoever acquires the shard learns it anew.
    pub(super) promptness: Promptness,
    /// Which receiver it has: another one with each URL, and once it was enabled again.
    pub(super) receiver: u32,
    /// Changes of its URL that are being written.
    pub(super) moves: u32,
    /// How it stands among those that do not.
    pub(super) slow: SlowPlace,
    /// How often attempts may start, if its owner said so. Not kept: whoever acquires the shard begins as
    /// if an attempt had gone out just then, so that the rate holds over a restart, too.
    pub(super) pace: Option<RateLimit>,
    /// Whether its receiver is well.
    pub(super) circuit: CircuitBreaker,
    /// What of that is kept, as it was gathered last.
    pub(super) circuit_row: Option<Circuit>,
    /// The mistake that it makes.
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<super::mutant::Mutant>,
    /// Whether it is counted among the lanes whose circuit is open.
    pub(super) is_counted_open: bool,
    /// As what it is counted among the lanes that want more: its attempts in flight then.
    pub(super) wanting: Option<u16>,
    /// Whether it stands in its application's queue of ready lanes.
    pub(super) queued: bool,
    /// Attempts it may still start in its turn.
    pub(super) deficit: u32,
    /// First attempts started since the last retry, while a retry was due.
    pub(super) firsts_in_row: u32,
    /// What kept it last from starting what is due, since nothing was due.
    pub(super) held_by: Option<Holder>,
    /// When its shard was acquired, in steady time: what was due later did not wait for that.
    pub(super) restored_at: Timestamp,
    /// When it came to its place in that queue, in steady time.
    pub(super) queued_at: Timestamp,
    /// When the schedule wakes it, if it does.
    pub(super) wake_at: Option<Timestamp>,
    /// Whether it stands in its application's list of lanes that the next event wakes.
    pub(super) awaits_events: bool,
    /// Whether it waits at its cursor until its application has fewer open rows.
    pub(super) is_crowded: bool,
    /// Whether its row must be written with the next batch.
    pub(super) row_dirty: bool,
}

/// Where a lane's cursor is accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Everything up to the end of the ring is settled; nothing is kept of the walk.
    Idle,
    /// On a slot of the ring, which stays for it.
    Ring,
    /// Behind the ring: a row in the store tells its cursor.
    Lagging,
}

impl Lane {
    /// An idle lane, at the end of its application's events.
    pub(super) fn idle(
        endpoint: Arc<Endpoint>,
        application: usize,
        (window_max, circuit): (u16, CircuitBreaker),
        now: Timestamp,
    ) -> Self {
        let mut lane = Self {
            endpoint,
            application,
            done: DoneMap::default(),
            next: EventPosition::default(),
            place: Place::Idle,
            resends: Resends::default(),
            tasks: Vec::new(),
            open: OpenRows::default(),
            lines: Lines::default(),
            window: Window::new(window_max),
            in_flight: 0,
            host: HostPlace::default(),
            promptness: Promptness::default(),
            receiver: 0,
            moves: 0,
            slow: SlowPlace::default(),
            pace: None,
            circuit,
            circuit_row: None,
            #[cfg(feature = "mutants")]
            mutant: None,
            is_counted_open: false,
            wanting: None,
            queued: false,
            deficit: 0,
            firsts_in_row: 0,
            held_by: None,
            restored_at: Timestamp::ZERO,
            queued_at: Timestamp::ZERO,
            wake_at: None,
            awaits_events: false,
            is_crowded: false,
            row_dirty: false,
        };
        lane.take_pace(now);
        lane
    }

    /// Keeps to the rate of its endpoint from now on.
    pub(super) fn take_pace(&mut self, now: Timestamp) {
        let rate = self.endpoint.throttle_rate;
        self.pace = rate.map(|rate| RateLimit::paced(rate, now));
    }

    /// Keeps to no rate.
    #[cfg(feature = "mutants")]
    pub(super) fn forget_pace(&mut self) {
        self.pace = None;
    }

    /// When its rate lets another attempt start, if not now.
    pub(super) fn paced_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pace.as_ref()?.opens_at(now)
    }

    /// When its rate and its circuit let another attempt of the schedule start, if not now.
    pub(super) fn held_back_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paced_until(now).max(self.circuit_opens_at(now))
    }

    /// Whether the schedule may start an attempt, as far as its window, its rate, its host and its circuit
    /// go.
    pub(super) fn may_start(&self, now: Timestamp) -> bool {
        self.may_start_by_hand(now) && !self.is_held_by_circuit(now)
    }

    /// Whether its circuit keeps the schedule from starting an attempt: it is open, or half-open with an
    /// attempt in flight, or recovers no faster.
    pub(super) fn is_held_by_circuit(&self, now: Timestamp) -> bool {
        let is_probing = self.in_flight > 0 && self.circuit.is_half_open(now);
        #[cfg(feature = "mutants")]
        let is_probing = is_probing && self.mutant != Some(super::mutant::Mutant::ProbesAtWill);
        is_probing || self.circuit_opens_at(now).is_some()
    }

    /// When its circuit lets another attempt start, if not now.
    fn circuit_opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        #[cfg(feature = "mutants")]
        match self.mutant {
            Some(super::mutant::Mutant::StaysOpen) if self.circuit.is_open() => {
                return Some(Timestamp::MAX);
            }
            Some(super::mutant::Mutant::RecoversAtOnce) if !self.circuit.is_open() => return None,
            _ => {}
        }
        self.circuit.opens_at(now)
    }

    /// Whether an attempt that somebody asked for may start: an open circuit does not hold it back, a full
    /// host does, and so do other slow receivers.
    pub(super) fn may_start_by_hand(&self, now: Timestamp) -> bool {
        self.has_room() && self.paced_until(now).is_none() && !self.waits_for_others()
    }

    /// Whether it waits for other lanes: on its host, or among the slow.
    pub(super) const fn waits_for_others(&self) -> bool {
        self.host.waits || self.slow.waits
    }

    /// It has nothing to send: the places that it kept while its events were loaded are not its own any more.
    pub(super) const fn forget_places(&mut self) {
        self.host.forget_place();
        self.slow.forget_place();
    }

    /// Whether an attempt tells of the receiver as it is: one that went out before the endpoint got another URL,
    /// or was enabled again, does not.
    pub(super) const fn is_known_by(&self, flight: &Flight) -> bool {
        flight.receiver == self.receiver
    }

    /// Whether attempts may start.
    pub(super) fn is_enabled(&self) -> bool {
        match self.endpoint.state {
            EndpointState::Enabled => true,
            EndpointState::Disabled(_) | EndpointState::Deleted => false,
        }
    }

    /// Whether another attempt fits its window.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.window.size()
    }

    /// What keeps the schedule from starting an attempt, if something of its own does.
    pub(super) fn holder(&self, now: Timestamp) -> Option<Holder> {
        if !self.is_enabled() {
            Some(Holder::Disabled)
        } else if !self.has_room() {
            Some(Holder::Window)
        } else if self.paced_until(now).is_some() {
            Some(Holder::Rate)
        } else if self.circuit.opens_at(now).is_some() {
            let is_open = self.circuit.is_open();
            Some(if is_open {
                Holder::Circuit
            } else {
                Holder::Recovery
            })
        } else if self.is_held_by_circuit(now) {
            Some(Holder::Probe)
        } else {
            let host = self.host.waits.then_some(Holder::Host);
            host.or_else(|| self.slow.waits.then_some(Holder::Slow))
        }
    }

    /// What an attempt that was due at `due` waited for, where that is longer than a moment ago: what
    /// kept the lane last, or that others had their turns.
    pub(super) fn held_since(&self, due: Timestamp, now: Timestamp) -> Option<Holder> {
        if now.since(due) <= MOMENT {
            return None;
        }
        let was_there = |holder: &Holder| *holder != Holder::Restart || due <= self.restored_at;
        self.held_by
            .filter(was_there)
            .or_else(|| self.waited_for_its_turn(now).then_some(Holder::Slots))
    }

    /// Whether it was ready for longer than a moment, and others had the slots.
    pub(super) fn waited_for_its_turn(&self, now: Timestamp) -> bool {
        now.since(self.queued_at) > MOMENT
    }

    /// Whether its walk has events before `end` that it has not started.
    pub(super) fn walk_waits(&self, end: EventPosition) -> bool {
        self.place != Place::Idle && self.next < end
    }

    /// Whether it has rows that come to an end by themselves, so that what was not begun can wait for them. What is
    /// held in a line goes on when the head of that has ended, which may be where its cursor is.
    pub(super) fn has_rows_that_go(&self) -> bool {
        let they_go =
            self.in_flight > 0 || self.open.next_due().is_some() || self.lines.are_ready();
        they_go && self.open.has_any()
    }

    /// Up to when open rows must be due to be loaded now: what a disabled lane holds may expire at any
    /// time, so all of it counts.
    pub(super) fn loads_until(&self, now: Now) -> Timestamp {
        if self.is_enabled() {
            now.steady
        } else {
            Timestamp::MAX
        }
    }

    /// Whether a retry that waits goes before first attempts: one in four does. An attempt that finds out
    /// whether the receiver is well does not: most likely it fails, and that costs a first one some seconds
    /// and a retry its next wait of the schedule, which may be hours.
    pub(super) fn has_retries_first(&self, now: Timestamp) -> bool {
        self.firsts_in_row + 1 >= limits::QUANTUM_ATTEMPTS && !self.circuit.is_half_open(now)
    }

    /// A first attempt starts, perhaps before a retry that waits.
    pub(super) fn count_first(&mut self, retry_waits: bool) {
        self.firsts_in_row = if retry_waits {
            self.firsts_in_row + 1
        } else {
            0
        };
    }

    /// Whether a delivery with a row may be tried now, as far as time goes.
    pub(super) fn row_waits(&self, now: Timestamp) -> bool {
        self.retry_waits(now) || self.lines.are_ready()
    }

    /// Whether one of its retries is due.
    pub(super) fn retry_waits(&self, now: Timestamp) -> bool {
        self.open.first().is_some_and(|row| row.delivery.due <= now)
    }
}
