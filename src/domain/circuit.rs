//! The circuit of an endpoint: whether attempts flow to it, as far as that outlives a process.

use crate::time::Timestamp;

/// What is kept of an endpoint's circuit breaker. All times are steady.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    /// Whether attempts flow.
    pub state: CircuitState,
    /// When the first of the attempts ended that failed one after the other up to now; `None` if the last
    /// one succeeded.
    pub failing_since: Option<Timestamp>,
    /// How many attempts succeeded in a usual minute with traffic, before it began to fail; 0 if that is not
    /// known.
    pub usual_per_minute: u32,
    /// How often it was opened since all that waited for the endpoint was last delivered.
    pub openings: u16,
}

/// Whether attempts flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CircuitState {
    /// They do.
    #[default]
    Closed,
    /// None starts, but what somebody asks for.
    Open {
        /// Since when.
        since: Timestamp,
        /// Until when: then it is half-open.
        until: Timestamp,
    },
    /// One at a time, to find out whether the receiver is well.
    HalfOpen {
        /// Since when. Of attempts that began before, nothing is learned.
        since: Timestamp,
        /// How many succeeded.
        succeeded: u16,
    },
    /// They flow again, at a bounded rate until what waited is delivered.
    Recovering,
}
