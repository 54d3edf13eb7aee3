//! Shares: how many of the send slots an application and a lane may have.
//!
//! An application may have three quarters of all. Of these, lanes that want no more keep what they
//! have, and those that want more share the rest alike.

use super::Engine;
use crate::time::Now;

/// The lanes of an application that would start more attempts if there were slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanting {
    /// How many there are.
    pub(super) lanes: usize,
    /// Their attempts in flight.
    pub(super) in_flight: usize,
}

impl Wanting {
    /// Counts a lane as `after` where it was counted as `before`: its attempts in flight, `None` if
    /// it wants no more.
    pub(super) fn replace(&mut self, before: Option<u16>, after: Option<u16>) {
        self.lanes = self.lanes + usize::from(after.is_some()) - usize::from(before.is_some());
        let (less, more) = (before.unwrap_or(0), after.unwrap_or(0));
        self.in_flight = self.in_flight + usize::from(more) - usize::from(less);
    }
}

impl Engine {
    /// How many slots one application may have.
    pub(super) fn application_share(&self) -> usize {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::GivesOneApplicationAllSlots) {
            return self.options.send_slots.max(1);
        }
        (self.options.send_slots * 3 / 4).max(1)
    }

    /// How many slots a lane that wants more may have: what the content ones leave, shared alike
    /// among those that want more, so that a thousand busy endpoints have a thousand connections
    /// rather than a whole window each, while one busy endpoint beside a thousand that are slow has
    /// its window. At least one. Rounded down, so of the slots that are left up to half may stay
    /// free. A lane that has its share rests until an attempt of its own ends or an event comes.
    fn lane_share(&self, application: usize) -> usize {
        let share = self.application_share();
        let Some(entry) = self.registry.applications.get(application) else {
            return share;
        };
        let content = entry.in_flight.saturating_sub(entry.wanting.in_flight);
        (share.saturating_sub(content) / entry.wanting.lanes.max(1)).max(1)
    }

    /// Whether a lane has as many attempts in flight as it may have now.
    pub(super) fn has_its_share(&self, index: usize) -> bool {
        let lane = self.registry.lanes.get(index);
        lane.is_some_and(|lane| usize::from(lane.in_flight) >= self.lane_share(lane.application))
    }

    /// Counts a lane among those that want more slots, or no longer.
    pub(super) fn count_wanting(&mut self, index: usize, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        let crowded = entry.open_rows >= self.options.open_rows_max && lane.has_rows_that_go();
        let walk_waits = lane.walk_waits(entry.ring.end()) && !crowded;
        let may_start = lane.is_enabled() && lane.may_start(now.steady);
        let wants = may_start && (walk_waits || lane.row_waits(now.steady));
        let after = wants.then_some(lane.in_flight);
        if lane.wanting != after {
            entry.wanting.replace(lane.wanting, after);
            lane.wanting = after;
        }
    }
}
