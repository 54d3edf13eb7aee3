//! Plain counters, read by hosts and by the simulator's report; nothing is decided on them.

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
    /// Attempts that failed and are tried again.
    pub retried: u64,
    /// Attempts in flight now.
    pub in_flight: u64,
    /// Batches committed.
    pub commits: u64,
    /// Pages loaded.
    pub loads: u64,
    /// Events of the generator that could not be accepted.
    pub generator_skipped: u64,
    /// Operational events that are not told, since too many were on their way.
    pub operational_dropped: u64,
}
