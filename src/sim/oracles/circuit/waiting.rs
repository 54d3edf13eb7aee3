//! A recovery is not over while something waits that had waited when it began.

use crate::{
    sim::{
        seen::{Moment, SeenEvent},
        witness::Witness,
    },
    time::Timestamp,
};

/// Events that are looked at, latest first: of a backlog that was left behind the last ones are there longest.
const LOOKED_AT: usize = 256;

impl Witness {
    /// Whether an event was there when an endpoint began to recover, and still waits for its first attempt. What
    /// stands in a line may wait for another that was tried.
    pub(super) fn waits_since(&self, ordinal: u32, since: Timestamp, at: Moment) -> bool {
        let events = self.events.values().rev().take(LOOKED_AT);
        let mut events = events.filter(|seen| seen.durable_at < since);
        events.any(|seen| self.waits(seen, ordinal, at))
    }

    fn waits(&self, seen: &SeenEvent, ordinal: u32, at: Moment) -> bool {
        let lines = self.endpoints.get(&ordinal).map(|seen| &seen.lines);
        let delivery = seen.seen(ordinal);
        let is_untouched = delivery.sent == 0
            && delivery.recorded == 0
            && delivery.end.is_none()
            && delivery.reopened_after.is_none();
        let has_its_time = seen.event.not_before() <= seen.event.accepted_at
            && seen.event.expires_at > at.steady
            && seen.event.payload_until() > at.steady;
        is_untouched
            && has_its_time
            && self.is_wanted(seen, ordinal)
            && lines.is_some_and(|lines| lines.never_had(&seen.event))
            && !self.is_called_off(seen, ordinal)
            && !self.is_asked_by_hand(seen.event.position, ordinal)
    }
}
