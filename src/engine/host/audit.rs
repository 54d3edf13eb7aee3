//! What is counted of hosts is what there is.

use std::collections::BTreeMap;

use crate::engine::{Engine, audit::Miscount};

impl Engine {
    /// Attempts, lanes, queues and budgets of each host.
    pub(in crate::engine) fn audit_hosts(&self) -> Option<Miscount> {
        let mut in_flight: BTreeMap<usize, usize> = BTreeMap::new();
        for host in self.flights.iter().filter_map(|(_, flight)| flight.host) {
            *in_flight.entry(host).or_default() += 1;
        }
        let mut lanes: BTreeMap<usize, usize> = BTreeMap::new();
        let mut waiting: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        let mut admitted: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, lane) in self.registry.lanes.iter() {
            let Some(host) = lane.host.host else {
                continue;
            };
            *lanes.entry(host).or_default() += 1;
            if let Some(place) = lane.host.place.filter(|_| lane.host.waits) {
                waiting.insert((host, place), index);
            }
            let round = self.hosts.entries.get(host).map(|entry| entry.round);
            if lane.host.admitted_in.is_some() && lane.host.admitted_in == round {
                *admitted.entry(host).or_default() += 1;
            }
        }
        let of = |counts: &BTreeMap<usize, usize>, host| counts.get(&host).copied().unwrap_or(0);
        let mut wrong = self.hosts.entries.iter().filter_map(|(host, entry)| {
            let queue = waiting.range((host, 0)..=(host, u64::MAX));
            let stand = queue.map(|((_, place), index)| (place, index));
            Miscount::of(
                "attempts in flight to a host",
                entry.in_flight,
                of(&in_flight, host),
            )
            .or_else(|| Miscount::of("endpoints on a host", entry.lanes, of(&lanes, host)))
            .or_else(|| {
                Miscount::of(
                    "lanes let ahead on a host",
                    entry.admitted,
                    of(&admitted, host),
                )
            })
            .or_else(|| Miscount::unless("who waits for a host", entry.waiting.iter().eq(stand)))
        });
        let full = self.hosts.entries.iter();
        let full = full.filter(|(_, entry)| entry.in_flight >= usize::from(entry.budget.size()));
        let full = Miscount::of("hosts that are full", self.hosts.full, full.count());
        let known = in_flight.keys().chain(lanes.keys());
        let mut known = known.map(|host| self.hosts.entries.contains(*host));
        wrong
            .next()
            .or(full)
            .or_else(|| Miscount::unless("hosts of what is in flight", known.all(|known| known)))
    }
}
