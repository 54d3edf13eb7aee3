//! What is counted of receivers that are not prompt is what there is.

use std::collections::BTreeMap;

use crate::engine::{Engine, audit::Miscount};

impl Engine {
    /// Attempts and queues of those that are not prompt, over all applications and in each.
    pub(in crate::engine) fn audit_slow(&self) -> Option<Miscount> {
        let slow = || self.flights.iter().filter(|(_, flight)| flight.is_slow);
        let admitted = self.registry.lanes.iter();
        let admitted = admitted.filter(|(_, lane)| lane.slow.is_admitted).count();
        let mut entries = self
            .registry
            .applications
            .iter()
            .filter_map(|(number, entry)| {
                let lanes = || {
                    let lanes = entry.lanes.iter();
                    lanes.filter_map(|index| Some((*index, self.registry.lanes.get(*index)?)))
                };
                let in_flight = slow().filter(|(_, flight)| entry.lanes.contains(&flight.lane));
                let admitted = lanes().filter(|(_, lane)| lane.slow.is_admitted);
                let waiting = lanes().filter(|(_, lane)| lane.slow.waits);
                let waiting = waiting.filter_map(|(index, lane)| Some((lane.slow.place?, index)));
                let waiting: BTreeMap<_, _> = waiting.collect();
                let waits = |known| entry.slow.first(known).is_some();
                let mut turns = self.slow.turns.iter();
                let turns =
                    turns.all(|(known, turns)| turns.waiting.contains(&number) == waits(*known));
                Miscount::of(
                    "attempts to the slow of an application",
                    entry.slow.in_flight,
                    in_flight.count(),
                )
                .or_else(|| {
                    Miscount::of(
                        "slow lanes let ahead in an application",
                        entry.slow.admitted,
                        admitted.count(),
                    )
                })
                .or_else(|| {
                    Miscount::unless("who waits among the slow", entry.slow.waiting == waiting)
                })
                .or_else(|| Miscount::unless("turns of the slow", turns))
            });
        Miscount::of("attempts to the slow", self.slow.in_flight, slow().count())
            .or_else(|| Miscount::of("slow lanes let ahead", self.slow.admitted, admitted))
            .or_else(|| entries.next())
    }
}
