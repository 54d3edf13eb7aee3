//! Plain counters, read by hosts and by the simulator's report; nothing is decided on them.

use super::Engine;

/// What stands in the engine's memory, at the end of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Newest events, over all applications.
    pub ring_events: usize,
    /// Payload bytes of these.
    pub ring_bytes: usize,
    /// Most deliveries that the newest events of one application stand for.
    pub ring_deliveries: usize,
    /// Pages of older events that were read again, over all applications.
    pub pages: usize,
    /// Payload bytes of these.
    pub page_bytes: usize,
    /// Rows of open deliveries, over all endpoints.
    pub open_rows: usize,
    /// Bytes of changes gathered for the next batch, of the shard that has most.
    pub gathered_bytes: usize,
    /// Batches on their way to the store, of the shard that has most.
    pub batches_in_flight: usize,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Hosts of which something is known.
    pub hosts: usize,
}

impl Engine {
    /// What stands in memory; looks at each application and each shard.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let mut held = Holdings {
            open_rows: self.open_held.rows,
            in_flight: self.flights.len(),
            hosts: self.hosts.len(),
            ..Holdings::default()
        };
        for (_, entry) in self.registry.applications.iter() {
            let events = entry.ring.len();
            held.ring_events += events;
            held.ring_bytes += entry.ring.bytes();
            held.pages += entry.pages.len();
            held.page_bytes += entry.pages.bytes();
            let deliveries = events.saturating_mul(entry.lanes.len());
            held.ring_deliveries = held.ring_deliveries.max(deliveries);
        }
        for log in self.logs.values() {
            held.gathered_bytes = held.gathered_bytes.max(log.bytes());
            held.batches_in_flight = held.batches_in_flight.max(log.batches_in_flight());
        }
        held
    }
}

/// What the engine has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events accepted.
    pub events: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Deliveries that ended with success.
    pub succeeded: u64,
    /// Deliveries that ended without, their schedule spent.
    pub exhausted: u64,
    /// Deliveries that ended because their time ran out.
    pub expired: u64,
    /// Deliveries that somebody skipped or parked.
    pub set_aside: u64,
    /// Attempts that failed and are tried again.
    pub retried: u64,
    /// Attempts in flight now.
    pub in_flight: u64,
    /// Those of them that go to receivers that are not known to answer soon.
    pub slow_in_flight: u64,
    /// Endpoints whose circuit is open or half-open now.
    pub circuits_open: u64,
    /// Hosts to which as many attempts are in flight now as may be.
    pub hosts_full: u64,
    /// Batches committed.
    pub commits: u64,
    /// Pages loaded.
    pub loads: u64,
    /// Events of the generator that could not be accepted.
    pub generator_skipped: u64,
    /// Operational events that are not told, since too many were on their way.
    pub operational_dropped: u64,
}
