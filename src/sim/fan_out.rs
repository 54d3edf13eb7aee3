//! To which endpoints an event goes, where not every event goes to every one: by channels, one for each.

use std::{collections::BTreeSet, sync::Arc};

use super::workload::Workload;
use crate::random::Stream;

impl Workload {
    /// The channel of the endpoint with this number, where not every event goes to every endpoint.
    pub(super) fn channel_of(&self, endpoint: u32) -> Option<Arc<str>> {
        // One that is added has that of another.
        let number = endpoint.checked_rem(self.endpoints).unwrap_or(endpoint);
        self.fan_out.map(|_| channel(number))
    }

    /// The channels of the event with this number: of as many endpoints as it is to go to.
    pub(super) fn channels(&self, number: u32) -> Vec<Arc<str>> {
        let Some(fan_out) = self.fan_out else {
            return Vec::new();
        };
        let mut random = Stream::new(self.seed, "fan-out", 0, number.into());
        let mut drawn = BTreeSet::new();
        // Of each last number that may still be taken it or, if it is there, the last (Floyd's way).
        for last in self.endpoints.saturating_sub(fan_out)..self.endpoints {
            let one = u32::try_from(random.between(0, last.into())).unwrap_or(last);
            if !drawn.insert(one) {
                drawn.insert(last);
            }
        }
        drawn.into_iter().map(channel).collect()
    }
}

/// The channel of the endpoint with this number.
pub(super) fn channel(endpoint: u32) -> Arc<str> {
    format!("endpoint-{endpoint}").into()
}
