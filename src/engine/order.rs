//! Order: deliveries of one line go out one after the other.
//!
//! The **head** of a line is the one delivery of it that was begun and has not ended: its attempt is in
//! flight, or it waits for a retry, or its end is on its way to the store. What the walk meets behind it
//! is *held*: it gets a row that is never due, and the walk goes on, so that other lines don't wait. Once
//! the head's end is durable the next of its line is the head. An endpoint whose deliveries stand in one
//! line holds nothing: its walk waits.
//!
//! After a restart the rows tell the lines. A line whose head was on the walk has none then; the walk
//! comes by at it, or has passed, and then the first that is held is the head.

use std::sync::Arc;

use super::{
    Engine,
    dispatch::Step,
    flight::{Source, Start},
    io::Effect,
    lane::{Lane, Place},
    open_rows::OpenRow,
    pages::Held,
};
use crate::{
    domain::{
        attempt::Holder,
        change::Change,
        delivery::OpenDelivery,
        endpoint::EndpointKey,
        event::{Event, EventPosition},
        ordering::{Ordering, OrderingKey},
    },
    time::{Now, Timestamp},
};

impl Lane {
    /// The line of an event, if it stands in one.
    pub(super) fn line_of(&self, event: &Event) -> Option<OrderingKey> {
        self.endpoint.ordering.line_of(event)
    }

    /// That its walk waits for the end of a delivery, if it does.
    pub(super) fn held_in_line(&self) -> Option<Holder> {
        self.held_by.filter(|holder| *holder == Holder::Order)
    }

    /// Lines without a head go on where the walk has passed: the application's events end at `end`.
    pub(super) fn follow_walk(&mut self, end: EventPosition) {
        let is_idle = self.place == Place::Idle;
        self.lines.walked(if is_idle { end } else { self.next });
    }

    /// Whether an event that the walk has come to has to wait for others of its line.
    pub(super) fn holds(&mut self, event: &Event) -> bool {
        // One that is held before this place comes first.
        self.lines.walked(event.position);
        let order = self.line_of(event);
        order.is_some_and(|order| self.lines.holds(order, self.endpoint.ordering))
    }
}

impl Engine {
    /// Starts a first attempt: by turns of what was held and of the walk, where both wait.
    pub(super) fn start_new(
        &mut self,
        index: usize,
        retry_waits: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Step {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        if lane.lines.are_empty() {
            return self.start_first(index, retry_waits, now, out);
        }
        if lane.lines.is_their_turn() {
            let held = self.start_held(index, now, out);
            if held == Step::Moved {
                return held;
            }
            return self.start_first(index, retry_waits, now, out);
        }
        let first = self.start_first(index, retry_waits, now, out);
        if first == Step::Moved {
            return first;
        }
        self.start_held(index, now, out)
    }

    /// A delivery of the walk begins; if it stands in a line it is the head.
    pub(super) fn begin(
        &mut self,
        index: usize,
        event: Arc<Event>,
        retry_waits: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Step {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        lane.next = event.position.plus(1);
        lane.count_first(retry_waits);
        if let Some(order) = lane.line_of(&event) {
            lane.lines.begin(order, event.position);
        }
        self.send(index, Start::first(event), now, out);
        Step::Moved
    }

    /// The walk has come to an event that has to wait: it is held and the walk goes on, or the walk waits.
    pub(super) fn stand_in_line(&mut self, index: usize, event: &Arc<Event>, now: Now) -> Step {
        let held_max = self.options.ordered_held_max;
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        // Who waits for a head from when the endpoint kept another order waits at its place, too.
        let order = lane.line_of(event);
        let is_behind = order.is_some_and(|order| lane.lines.has_head(order));
        #[cfg(feature = "mutants")]
        let is_behind = is_behind || lane.mutant == Some(super::mutant::Mutant::HoldsBehindNobody);
        let keeps_keys = lane.endpoint.ordering == Ordering::ByKey;
        if !keeps_keys || !is_behind || lane.lines.held() >= held_max {
            lane.held_by = Some(Holder::Order);
            return Step::Idle;
        }
        lane.next = event.position.plus(1);
        self.hold(index, event, now);
        Step::Moved
    }

    /// A delivery of the walk gets a row that is never due, and waits for the end of those before it.
    fn hold(&mut self, index: usize, event: &Arc<Event>, now: Now) {
        let kept_max = self.open_rows_kept_max();
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(order) = lane.line_of(event) else {
            return;
        };
        let (application, position) = (lane.application, event.position);
        let delivery = OpenDelivery {
            endpoint: lane.endpoint.key,
            due: Timestamp::MAX,
            position,
            attempts: 0,
            event: event.id,
            expires_at: event.expires_at,
            reopened_after: None,
        };
        lane.lines.hold(order, position);
        let before = lane.open.held();
        let row = OpenRow {
            delivery,
            event: Arc::clone(event),
        };
        lane.open.wait(row, kept_max);
        self.open_held.replace(before, lane.open.held());
        if let Some(log) = self.logs.get_mut(&delivery.endpoint.application.shard) {
            log.gather(Change::PutOpen(delivery), now);
        }
        self.write_line(delivery.endpoint, position, order, now);
        self.postponed += 1;
        self.count_open_rows(application, 1, now);
        self.settle_walk(index, position);
    }

    /// A delivery of the walk got a row: in which line it stands is written beside it.
    pub(super) fn keep_line(&mut self, index: usize, position: EventPosition, now: Now) {
        if let Some(lane) = self.registry.lanes.get(index)
            && let Some(order) = lane.lines.of(position)
        {
            self.write_line(lane.endpoint.key, position, order, now);
        }
    }

    fn write_line(
        &mut self,
        endpoint: EndpointKey,
        position: EventPosition,
        order: OrderingKey,
        now: Now,
    ) {
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            let change = Change::PutOrdered {
                endpoint,
                position,
                order,
            };
            log.gather(change, now);
        }
    }

    /// A delivery that the walk has not come to ended by hand.
    pub(super) fn leave_line_ahead(&mut self, index: usize, event: &Event) {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::MovesLinesAhead) {
            return;
        }
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && let Some(order) = lane.line_of(event)
        {
            lane.lines.walked(lane.next);
            lane.lines.ends_ahead(order, event.position);
            self.leave_line(index, event.position);
        }
    }

    /// A delivery has ended, however: once that is durable the next of its line may begin.
    pub(super) fn leave_line(&mut self, index: usize, position: EventPosition) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(order) = lane.lines.of(position) else {
            return;
        };
        lane.lines.ends(position);
        let entry = self.registry.applications.get(lane.application);
        let end = entry.map(|entry| entry.ring.end()).unwrap_or_default();
        let is_awaited = lane.lines.is_awaited(order)
            || ((lane.endpoint.ordering == Ordering::Whole || order == OrderingKey::WHOLE)
                && lane.walk_waits(end));
        let shard = lane.endpoint.key.application.shard;
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::MovesLinesBeforeTheCommit)
            && let Some(lane) = self.registry.lanes.get_mut(index)
        {
            lane.lines.pass(position);
            return;
        }
        if let Some(log) = self.logs.get_mut(&shard) {
            log.gather_end((index, position), is_awaited);
        }
    }

    /// Ends of deliveries that stood in line are durable.
    pub(super) fn lines_move(&mut self, ended: Vec<(usize, EventPosition)>, now: Now) {
        for (index, position) in ended {
            #[cfg(feature = "mutants")]
            let leaves_behind = self.has(super::mutant::Mutant::LeavesTheHeldBehind);
            if let Some(lane) = self.registry.lanes.get_mut(index) {
                lane.lines.pass(position);
                #[cfg(feature = "mutants")]
                if leaves_behind {
                    lane.lines.forget_ready();
                }
                self.reconsider(index, now);
            }
        }
    }

    /// Begins the first head that is held, if there is one.
    fn start_held(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) -> Step {
        let has_its_share = self.has_its_share(index);
        let (page_rows, turn) = (self.options.page_rows, self.turn);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        let application = lane.application;
        let entry = self.registry.applications.get(application);
        lane.follow_walk(entry.map(|entry| entry.ring.end()).unwrap_or_default());
        let are_ready = lane.lines.are_ready();
        if are_ready && !has_its_share && self.waits_for_others(index) {
            return Step::Idle;
        }
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return Step::Idle;
        };
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return Step::Idle;
        };
        let Some(position) = lane.lines.first_ready().filter(|_| !has_its_share) else {
            return Step::Idle;
        };
        let before = lane.open.held();
        let found = match lane.open.take(position) {
            Some(row) => Some(Some(row.event)),
            None => match entry.ring.at(position) {
                Some(event) => Some(event.cloned()),
                None => match entry.pages.at(position, page_rows, turn) {
                    Held::Event(event) => Some(Some(Arc::clone(event))),
                    Held::Gap => Some(None),
                    Held::Unknown => None,
                },
            },
        };
        self.open_held.replace(before, lane.open.held());
        match found {
            None => {
                lane.held_by = Some(Holder::Loading);
                self.load_events(index, position, out);
                Step::Idle
            }
            // Its payload was taken away: its row goes, too, and then its line moves.
            Some(None) => {
                lane.lines.take_ready();
                let endpoint = lane.endpoint.key;
                if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
                    log.gather(Change::DeleteOpen { endpoint, position }, now);
                }
                self.leave_line(index, position);
                Step::Moved
            }
            Some(Some(event)) => {
                lane.lines.take_ready();
                lane.count_first(lane.retry_waits(now.steady));
                lane.open.overtaken(position, now.steady);
                if event.expires_at <= now.steady {
                    self.expire_open(index, position, now);
                    return Step::Moved;
                }
                lane.held_by = Some(Holder::Order);
                self.retries_in_flight += 1;
                let start = Start {
                    due: event.not_before(),
                    event,
                    number: 1,
                    source: Source::Open,
                    reopened: None,
                };
                self.send(index, start, now, out);
                Step::Moved
            }
        }
    }
}
