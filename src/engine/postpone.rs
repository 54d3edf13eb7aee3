//! Events for later: a lane that comes to one whose time has not come gives its delivery a row, due at
//! that time, and walks on. From there it is like a delivery that waits for a retry, but that no attempt
//! lies behind it.

use std::sync::Arc;

use super::{Engine, open_rows::OpenRow};
use crate::{
    domain::{change::Change, delivery::OpenDelivery, event::Event},
    limits,
    time::Now,
};

impl Engine {
    /// Whether as many deliveries were put off in this turn as may be; the others follow in the next.
    pub(super) const fn has_postponed_enough(&self) -> bool {
        self.postponed >= limits::TURN_POSTPONED_MAX
    }

    /// The delivery of an event that is due later gets its row.
    pub(super) fn postpone(&mut self, index: usize, event: &Arc<Event>, now: Now) {
        let kept_max = self.open_rows_kept_max();
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let application = lane.application;
        let delivery = OpenDelivery {
            endpoint: lane.endpoint.key,
            due: event.not_before(),
            position: event.position,
            attempts: 0,
            event: event.id,
            expires_at: event.expires_at,
            reopened_after: None,
        };
        if let Some(log) = self.logs.get_mut(&delivery.endpoint.application.shard) {
            log.gather(Change::PutOpen(delivery), now);
        }
        let before = lane.open.held();
        let row = OpenRow {
            delivery,
            event: Arc::clone(event),
        };
        lane.open.wait(row, kept_max);
        self.open_held.replace(before, lane.open.held());
        self.postponed += 1;
        self.count_open_rows(application, 1, now);
        self.settle_walk(index, event.position);
    }
}
