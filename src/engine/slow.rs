//! The slow: receivers that are not known to answer soon have a share of the send slots, over which they
//! wait for each other. The rest of the slots is for those that are prompt, so that these always find one
//! that is free, or free in a moment.
//!
//! Who is prompt the policy tells ([`Promptness`](crate::policy::promptness)). Those of whom nothing is known
//! count as slow, but go before those that are, and have a somewhat larger share: a new receiver does not
//! wait until the dead had their time. A lane that is not prompt, has something to send and finds its share
//! used up stands in its application's queue, one place a lane, which it keeps until it has sent something.

mod audit;

use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, flight::Flight, lane::Lane};
use crate::{
    domain::{attempt::Holder, outcome::OutcomeKind},
    policy::promptness::Promptness,
    time::Now,
};

/// What goes to receivers that are not prompt, over all applications.
#[derive(Debug, Default)]
pub(super) struct Slow {
    in_flight: usize,
    /// Lanes that were let ahead and not visited yet, over all applications.
    admitted: usize,
    /// Applications with lanes that wait, by what is known of these.
    turns: BTreeMap<Known, Turns>,
    /// When the last lane came to wait, in lanes.
    came: u64,
}

/// What is known of a receiver that is not prompt; who goes first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Nothing,
    Slow,
}

/// Applications that take turns.
#[derive(Debug, Default)]
struct Turns {
    waiting: BTreeSet<usize>,
    last: usize,
}

impl Turns {
    /// Whose turn it is.
    fn next(&mut self) -> Option<usize> {
        let behind = self.waiting.range(self.last + 1..).next();
        self.last = behind.or_else(|| self.waiting.first()).copied()?;
        Some(self.last)
    }
}

impl Slow {
    /// How many attempts are in flight to receivers that are not prompt.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }
}

/// What goes to the receivers of one application that are not prompt.
#[derive(Debug, Default)]
pub(super) struct SlowOfApplication {
    in_flight: usize,
    /// Lanes that were let ahead and not visited yet, for each of which room is kept.
    admitted: usize,
    /// Lanes that wait, by their places.
    waiting: BTreeMap<Place, usize>,
}

/// A place in the queue of an application: what is known of its lane, and when that came.
type Place = (Known, u64);

/// How a lane stands among those.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlowPlace {
    /// Its place in the queue of its application, which it keeps until it has sent something.
    place: Option<Place>,
    /// Whether it stands there.
    pub(super) waits: bool,
    /// Whether it was let ahead, and not visited since.
    is_admitted: bool,
}

impl SlowPlace {
    /// A lane that neither waits in the queue nor was let ahead has no place there.
    pub(super) const fn forget_place(&mut self) {
        if !self.waits && !self.is_admitted {
            self.place = None;
        }
    }
}

impl SlowOfApplication {
    /// An attempt from before the shard was lost counts for the application again.
    pub(super) fn adopt(&mut self, flight: &Flight) {
        self.in_flight += usize::from(flight.is_slow);
    }

    fn first(&self, known: Known) -> Option<(Place, usize)> {
        let first = self.waiting.range((known, 0)..=(known, u64::MAX)).next();
        first.map(|(place, index)| (*place, *index))
    }
}

impl Lane {
    /// What is known of its receiver; `None` if that is prompt.
    fn known(&self) -> Option<Known> {
        #[cfg(feature = "mutants")]
        if self.mutant == Some(super::mutant::Mutant::TakesNobodyForPrompt) {
            return Some(Known::Slow);
        }
        if self.promptness.is_prompt() {
            None
        } else if self.promptness.is_slow() {
            Some(Known::Slow)
        } else {
            Some(Known::Nothing)
        }
    }
}

impl Engine {
    /// How many slots receivers that are not prompt may have, in one application and over all. The
    /// application has six eighths.
    fn slow_shares(&self, known: Known) -> (usize, usize) {
        let share = |eighths: usize| (self.options.send_slots * eighths / 8).max(1);
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::SharesSlotsOfTheSlowByApplication) {
            let own = if known == Known::Slow { 4 } else { 5 };
            return (share(own), share(8));
        }
        match known {
            Known::Nothing => (share(5), share(7)),
            Known::Slow => (share(4), share(6)),
        }
    }

    /// How many more attempts to such receivers may start over all applications.
    fn room_for_slow(&self, known: Known) -> usize {
        let (_, all) = self.slow_shares(known);
        all.saturating_sub(self.slow.in_flight)
    }

    /// How many more attempts to such receivers of an application may start.
    fn room_for_slow_of(&self, application: usize, known: Known) -> usize {
        let (own, _) = self.slow_shares(known);
        let entry = self.registry.applications.get(application);
        let used = entry.map_or(0, |entry| entry.slow.in_flight);
        own.saturating_sub(used).min(self.room_for_slow(known))
    }

    /// Whether a lane that has something to send waits, from now on, until fewer attempts are in flight to
    /// receivers that are not prompt.
    pub(super) fn waits_as_slow(&mut self, index: usize) -> bool {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::LetsTheSlowHaveAllSlots) {
            return false;
        }
        let Some(lane) = self.registry.lanes.get(index) else {
            return false;
        };
        if lane.slow.waits {
            return true;
        }
        let Some(known) = lane.known() else {
            return false;
        };
        let (application, before) = (lane.application, lane.slow);
        let room = self.room_for_slow_of(application, known);
        let room_of_all = self.room_for_slow(known);
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return false;
        };
        // Nobody overtakes those that wait, or were let ahead, in this application or another.
        let is_next = entry.slow.first(known).is_none()
            && room > entry.slow.admitted
            && room_of_all > self.slow.admitted;
        if room > 0 && (before.place.is_some() || is_next) {
            return false;
        }
        let came = before.place.map_or(self.slow.came + 1, |(_, came)| came);
        if before.is_admitted {
            entry.slow.admitted = entry.slow.admitted.saturating_sub(1);
            self.slow.admitted = self.slow.admitted.saturating_sub(1);
        }
        self.slow.came = self.slow.came.max(came);
        entry.slow.waiting.insert((known, came), index);
        let turns = self.slow.turns.entry(known).or_default();
        turns.waiting.insert(application);
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            lane.slow = SlowPlace {
                place: Some((known, came)),
                waits: true,
                is_admitted: false,
            };
            lane.held_by = Some(Holder::Slow);
        }
        true
    }

    /// An attempt of a lane goes out; whether it goes to a receiver that is not prompt.
    pub(super) fn slow_sent(&mut self, index: usize) -> bool {
        self.leave_slow(index);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return false;
        };
        if lane.known().is_none() {
            return false;
        }
        self.slow.in_flight += 1;
        if let Some(entry) = self.registry.applications.get_mut(lane.application) {
            entry.slow.in_flight += 1;
        }
        true
    }

    /// An attempt ended, of a lane or of none any more: others have its slot, and it tells how long its
    /// receiver takes. What failed within the house, or was called off, tells nothing.
    pub(super) fn slow_answered(&mut self, flight: &Flight, outcome: OutcomeKind, now: Now) {
        if flight.is_slow {
            self.slow.in_flight = self.slow.in_flight.saturating_sub(1);
        }
        let Some(lane) = self.registry.lanes.get_mut(flight.lane) else {
            return;
        };
        if flight.is_slow
            && let Some(entry) = self.registry.applications.get_mut(lane.application)
        {
            entry.slow.in_flight = entry.slow.in_flight.saturating_sub(1);
        }
        let tells = !matches!(outcome, OutcomeKind::Internal | OutcomeKind::Cancelled);
        if tells && lane.is_known_by(flight) {
            let held = now.steady.since(flight.started_at.steady);
            lane.promptness.ended(held);
        }
        if lane.slow.waits && lane.promptness.is_prompt() {
            self.leave_slow(flight.lane);
        }
    }

    /// Nothing is known of the receiver of a lane any more, also from what is in flight: it is another one, or
    /// was repaired.
    pub(super) fn forget_promptness(&mut self, index: usize) {
        self.leave_slow(index);
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            lane.promptness = Promptness::default();
            lane.receiver = lane.receiver.wrapping_add(1);
        }
    }

    /// The turn of a lane is over: one that sent nothing, and waits for nothing, has no place any more.
    pub(super) fn slow_visited(&mut self, index: usize) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if lane.slow.waits || lane.slow.place.is_none() {
            return;
        }
        let place = lane.slow.place;
        let keeps = lane.host.waits || lane.held_by == Some(Holder::Loading);
        self.leave_slow(index);
        if let Some(lane) = self.registry.lanes.get_mut(index).filter(|_| keeps) {
            lane.slow.place = place;
        }
    }

    /// A lane waits no more: it may start nothing, or need not wait.
    pub(super) fn leave_slow(&mut self, index: usize) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let before = core::mem::take(&mut lane.slow);
        let application = lane.application;
        if before.is_admitted
            && let Some(entry) = self.registry.applications.get_mut(application)
        {
            entry.slow.admitted = entry.slow.admitted.saturating_sub(1);
            self.slow.admitted = self.slow.admitted.saturating_sub(1);
        }
        if let Some(place) = before.place.filter(|_| before.waits) {
            self.take_from_slow(application, place);
        }
    }

    /// Takes a lane from the queue of its application.
    fn take_from_slow(&mut self, application: usize, place: Place) {
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        entry.slow.waiting.remove(&place);
        let (known, _) = place;
        if entry.slow.first(known).is_none()
            && let Some(turns) = self.slow.turns.get_mut(&known)
        {
            turns.waiting.remove(&application);
        }
    }

    /// The lanes of an application are forgotten; what they have in flight stays in the count of all.
    pub(super) fn forget_slow_of(&mut self, application: usize) {
        for turns in self.slow.turns.values_mut() {
            turns.waiting.remove(&application);
        }
        if let Some(entry) = self.registry.applications.get_mut(application) {
            self.slow.admitted = self.slow.admitted.saturating_sub(entry.slow.admitted);
            entry.slow = SlowOfApplication::default();
        }
    }

    /// Lets as many lanes ahead as there is room for, application by application.
    pub(super) fn admit_slow(&mut self, now: Now) {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::ForgetsTheSlow) {
            return;
        }
        let slots = self.options.send_slots.saturating_sub(self.flights.len());
        for known in [Known::Nothing, Known::Slow] {
            let turns = self.slow.turns.get(&known);
            if turns.is_none_or(|turns| turns.waiting.is_empty()) {
                continue;
            }
            let mut room = slots.min(self.room_for_slow(known));
            // Whoever had its part of this pass stands here, with how many of it were let ahead.
            let mut admitted: BTreeMap<usize, usize> = BTreeMap::new();
            let mut passed = 0;
            while room > 0
                && let Some(turns) = self.slow.turns.get_mut(&known)
                && passed < turns.waiting.len()
                && let Some(application) = turns.next()
            {
                let taken = admitted.entry(application).or_default();
                passed += 1;
                if *taken < self.admits_slow_of(application, known) {
                    *taken += 1;
                    room -= 1;
                    passed = 0;
                    self.admit_next_slow(application, known, now);
                }
            }
        }
    }

    /// How many lanes of an application may be let ahead: as many as may start.
    fn admits_slow_of(&self, application: usize, known: Known) -> usize {
        let share = self.application_share();
        let entry = self.registry.applications.get(application);
        let in_flight = entry.map_or(share, |entry| entry.in_flight);
        let slots = share.saturating_sub(in_flight);
        slots.min(self.room_for_slow_of(application, known))
    }

    fn admit_next_slow(&mut self, application: usize, known: Known, now: Now) {
        let entry = self.registry.applications.get(application);
        let Some((place, index)) = entry.and_then(|entry| entry.slow.first(known)) else {
            return;
        };
        self.take_from_slow(application, place);
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && let Some(entry) = self.registry.applications.get_mut(application)
        {
            lane.slow.waits = false;
            lane.slow.is_admitted = true;
            entry.slow.admitted += 1;
            self.slow.admitted += 1;
        }
        self.reconsider(index, now);
        // What it waited with may have gone meanwhile.
        let lane = self.registry.lanes.get(index);
        if lane.is_none_or(|lane| !lane.queued) {
            self.slow_visited(index);
        }
    }

    /// Whether more of them may be let ahead, after all that could be visited were.
    pub(super) fn admits_more_slow(&self) -> bool {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::ForgetsTheSlow) {
            return false;
        }
        let is_free = self.flights.len() < self.options.send_slots;
        is_free
            && self.slow.turns.iter().any(|(known, turns)| {
                let mut waiting = turns.waiting.iter();
                self.room_for_slow(*known) > 0
                    && waiting.any(|application| self.admits_slow_of(*application, *known) > 0)
            })
    }
}
