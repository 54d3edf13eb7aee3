//! Events for later: a lane that comes to one whose time has not come gives its delivery a row, due at
//! that time, and walks on. From there it is like a delivery that waits for a retry, but that no attempt
//! lies behind it.

use std::{collections::VecDeque, sync::Arc};

use super::{Engine, audit::Miscount, open_rows::OpenRow, record::ShardLog};
use crate::{
    domain::{
        change::Change,
        delivery::OpenDelivery,
        event::{Event, EventPosition},
    },
    limits,
    time::Now,
};

/// Rows that events for later of one application are about to get: those that are not durable yet, and
/// those that the walk did not come to. At most one for each lane is counted.
#[derive(Debug, Default)]
pub(super) struct Oncoming {
    events: VecDeque<(EventPosition, u64)>,
    rows: u64,
}

impl Oncoming {
    /// How many there may be.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether what is counted is what there is.
    pub(super) fn audit(&self) -> Option<Miscount> {
        let rows: u64 = self.events.iter().map(|(_, lanes)| lanes).sum();
        Miscount::unless("rows that are oncoming", rows == self.rows)
    }

    /// An event that so many lanes may take was accepted.
    pub(super) fn add(&mut self, position: EventPosition, lanes: usize) {
        let lanes = u64::try_from(lanes).unwrap_or(u64::MAX);
        self.rows = self.rows.saturating_add(lanes);
        self.events.push_back((position, lanes));
    }

    /// Lanes came by at all events before `end`: what these wait for has its rows, and is counted there.
    pub(super) fn walked(&mut self, end: EventPosition) {
        while let Some((_, lanes)) = self.events.pop_front_if(|(position, _)| *position < end) {
            self.rows = self.rows.saturating_sub(lanes);
        }
    }
}

impl Engine {
    /// Whether as many deliveries were put off in this turn as may be, or as there is room for; the others
    /// follow in the next.
    pub(super) fn has_postponed_enough(&self) -> bool {
        let is_full = || self.logs.values().any(ShardLog::is_full);
        self.postponed >= limits::TURN_POSTPONED_MAX || (self.postponed > 0 && is_full())
    }

    /// The delivery of an event that is due later gets its row.
    pub(super) fn postpone(&mut self, index: usize, event: &Arc<Event>, now: Now) {
        let kept_max = self.open_rows_kept_max();
        #[cfg(feature = "mutants")]
        let is_forgotten = self.has(super::mutant::Mutant::ForgetsRowsOfLater);
        #[cfg(not(feature = "mutants"))]
        let is_forgotten = false;
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
        if !is_forgotten && let Some(log) = self.logs.get_mut(&delivery.endpoint.application.shard)
        {
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
