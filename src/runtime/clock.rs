//! Clocks: where a host takes `Now` from, and how it waits.

use crate::time::{Now, Timestamp};

/// A source of time for a host.
pub trait Clock {
    /// This moment.
    fn now(&self) -> Now;

    /// Waits until the steady time `deadline`; at once if it has passed.
    fn sleep_until(&self, deadline: Timestamp) -> impl Future<Output = ()>;
}
