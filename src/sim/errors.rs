//! Whether receivers answer with error statuses at all.

use super::{
    network::{Outage, OutageKind, Receiver},
    scenario::Scenario,
};

impl Receiver {
    /// Whether it may answer with an error status.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        let mut outages = self.outages.iter();
        self.failures > 0 || outages.any(|outage| outage.kind == OutageKind::Fails)
    }
}

impl Scenario {
    /// Whether receivers of the group with this place may answer with an error status.
    #[must_use]
    pub fn may_fail(&self, place: usize) -> bool {
        let Some(group) = self.receivers.get(place) else {
            return false;
        };
        let before = self.receivers.iter().take(place);
        let from: u32 = before.map(|group| group.count).sum();
        let until = from.saturating_add(group.count);
        let mut outages = self.faults.outages();
        let is_met = |(number, outage): (u32, Outage)| {
            (from..until).contains(&number) && outage.kind == OutageKind::Fails
        };
        group.receiver.may_fail() || outages.any(is_met)
    }
}
