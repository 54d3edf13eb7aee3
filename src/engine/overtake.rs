//! Overtaking: one slow receiver never stops a wide fan-out. What holds a lane's cursor back gets a row of
//! its own, so that the lane can move on.

use super::{Engine, flight::Source};
use crate::{
    domain::{change::Change, delivery::OpenDelivery, event::EventPosition},
    time::Now,
};

impl Engine {
    /// The delivery that holds a lane's cursor back gets a row, so that the lane can move on.
    pub(super) fn overtake(&mut self, index: usize, now: Now) -> bool {
        let cursor = self
            .registry
            .lanes
            .get(index)
            .map(|lane| lane.done.cursor());
        cursor.is_some_and(|cursor| self.give_row(index, cursor, now))
    }

    /// A delivery of the walk whose attempt is in flight gets a row; whether there is such a one.
    pub(super) fn give_row(&mut self, index: usize, position: EventPosition, now: Now) -> bool {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return false;
        };
        let slow = self.flights.iter_mut().find(|(_, flight)| {
            flight.lane == index
                && flight.event.position == position
                && flight.source == Source::Walk
        });
        let Some((_, flight)) = slow else {
            return false;
        };
        flight.source = Source::Open;
        self.retries_in_flight += 1;
        lane.open.overtaken(position, now.steady);
        let application = lane.application;
        let delivery = OpenDelivery {
            endpoint: lane.endpoint.key,
            due: now.steady,
            position,
            attempts: flight.number.saturating_sub(1),
            event: flight.event.id,
            expires_at: flight.event.expires_at,
            reopened_after: None,
        };
        if let Some(log) = self.logs.get_mut(&delivery.endpoint.application.shard) {
            log.gather(Change::PutOpen(delivery), now);
        }
        self.keep_line(index, position, now);
        self.count_open_rows(application, 1, now);
        self.settle_walk(index, position);
        true
    }
}
