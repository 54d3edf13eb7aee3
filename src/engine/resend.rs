//! Resends: attempts that somebody asked for, beside the schedule and before everything else of their
//! lane. Each is owed by a row of its own from before its caller is answered until its attempt is
//! recorded; the delivery and its retry stay as they are, unless the attempt succeeds.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Engine,
    flight::{Flight, Source, Start},
    io::Effect,
    lane::{Lane, Place},
    on_commit::{OnCommit, SentAgain},
};
use crate::{
    domain::{
        attempt::AttemptResult,
        change::Change,
        command::{Answer, Refusal, Reply, RequestHandle},
        delivery::Resend,
        event::{Event, EventPosition},
        id::EndpointId,
        once::Once,
        page::OwedResend,
    },
    limits,
    time::Now,
};

/// What was asked for of one lane.
#[derive(Debug, Default)]
pub(super) struct Resends {
    /// Durable and to be sent, in the order asked for.
    waiting: VecDeque<(Arc<Event>, u16)>,
    /// Of which an attempt is in flight.
    flying: Vec<EventPosition>,
    /// Asked for, but not durable yet.
    asked: Vec<EventPosition>,
}

impl Resends {
    /// How many were asked for and are not made yet.
    pub(super) fn count(&self) -> usize {
        self.waiting.len() + self.flying.len() + self.asked.len()
    }

    /// Whether one is to be sent.
    pub(super) fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// One that was asked for was answered.
    fn answered(&mut self, position: EventPosition) {
        let mut asked = self.asked.iter();
        if let Some(place) = asked.position(|asked| *asked == position) {
            self.asked.swap_remove(place);
        }
    }

    /// Whether an attempt of this delivery is owed, or about to be.
    pub(super) fn concern(&self, position: EventPosition) -> bool {
        self.asked.contains(&position) || self.is_under_way(position)
    }

    fn is_under_way(&self, position: EventPosition) -> bool {
        let mut waiting = self.waiting.iter();
        self.flying.contains(&position) || waiting.any(|(event, _)| event.position == position)
    }
}

impl Engine {
    /// Gathers that an attempt is owed.
    pub(super) fn resend(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        (id, event): (EndpointId, Arc<Event>),
        attempts: u16,
    ) -> Result<(), Refusal> {
        let endpoint = self.endpoint_of(event.application, id)?.key;
        let is_too_far = self.is_too_far(id, event.position);
        let (entry, log) = self.writable(event.application)?;
        if entry.resends >= limits::RESENDS_WAITING_MAX || is_too_far {
            return Err(Refusal::Overloaded);
        }
        entry.resends += 1;
        let position = event.position;
        let bytes = event.payload.bytes.len();
        let row = Resend {
            endpoint,
            position,
            attempts,
        };
        let then = OnCommit::SentAgain(SentAgain::Resend(request, id, attempts, event));
        log.gather_urgent(Change::PutResend(row).once(once), then, bytes);
        let index = self.registry.lane(id);
        if let Some(lane) = index.and_then(|index| self.registry.lanes.get_mut(index)) {
            lane.resends.asked.push(position);
        }
        Ok(())
    }

    /// Whether the walk of a lane is so far behind a delivery that one more success there can't be noted.
    fn is_too_far(&self, id: EndpointId, position: EventPosition) -> bool {
        let lane = self.registry.lane(id);
        let lane = lane.and_then(|index| self.registry.lanes.get(index));
        lane.is_some_and(|lane| {
            lane.place != Place::Idle
                && position >= lane.done.limit()
                && lane.done.far() >= limits::DONE_FAR_MAX
        })
    }

    /// An attempt is owed: it starts as soon as its lane has room, unless one of the same delivery that
    /// was asked for is under way.
    pub(super) fn resend_owed(
        &mut self,
        request: RequestHandle,
        (id, event): (EndpointId, Arc<Event>),
        attempts: u16,
        now: Now,
    ) {
        self.replies.push((request, Ok(Answer::Resend)));
        let Some(index) = self.registry.lane(id) else {
            return;
        };
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        lane.resends.answered(event.position);
        #[cfg(not(feature = "mutants"))]
        let is_made = true;
        #[cfg(feature = "mutants")]
        let is_made = self.options.mutant != Some(super::mutant::Mutant::ForgetsResends);
        if lane.endpoint.is_deleted() || lane.resends.is_under_way(event.position) || !is_made {
            self.count_resends(index, 1);
        } else {
            lane.resends.waiting.push_back((event, attempts));
            self.reconsider(index, now);
        }
    }

    /// An attempt was asked for under a key that was used before, or of what has no payload any more: nothing is
    /// owed for that.
    pub(super) fn resend_known(
        &mut self,
        request: RequestHandle,
        id: EndpointId,
        (event, reply): (&Event, Reply),
        now: Now,
    ) {
        self.replies.push((request, reply));
        let Some(index) = self.registry.lane(id) else {
            return;
        };
        self.count_resends(index, 1);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let position = event.position;
        lane.resends.answered(position);
        let is_owed = lane.resends.is_under_way(position) || lane.resends.asked.contains(&position);
        let endpoint = lane.endpoint.key;
        // An attempt that ended meanwhile left its row to this one, which wrote none.
        if !is_owed && let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            log.gather(Change::DeleteResend { endpoint, position }, now);
        }
    }

    /// Attempts that were owed when the shard was acquired. What has no event or no payload any more
    /// can't be sent.
    pub(super) fn restore_resends(&mut self, index: usize, owed: Vec<OwedResend>, now: Now) {
        for (row, event) in owed {
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                return;
            };
            if let Some(event) = event {
                lane.resends.waiting.push_back((event, row.attempts));
                if let Some(entry) = self.registry.applications.get_mut(lane.application) {
                    entry.resends += 1;
                }
            } else if let Some(log) = self.logs.get_mut(&row.endpoint.application.shard) {
                let (endpoint, position) = (row.endpoint, row.position);
                log.gather(Change::DeleteResend { endpoint, position }, now);
            }
        }
    }

    /// Sends the next attempt that was asked for; whether there is one.
    pub(super) fn start_resend(&mut self, index: usize, now: Now, out: &mut Vec<Effect>) -> bool {
        self.drop_over(index, now);
        let lane = self.registry.lanes.get_mut(index);
        let next = lane.and_then(|lane| {
            let (event, attempts) = lane.resends.waiting.pop_front()?;
            lane.resends.flying.push(event.position);
            Some((event, attempts))
        });
        let Some((event, attempts)) = next else {
            return false;
        };
        let number = attempts.saturating_add(1);
        let start = Start {
            due: now.steady,
            event,
            number,
            source: Source::Manual,
            reopened: None,
        };
        self.send(index, start, now, out);
        true
    }

    /// Drops the attempts at the head of what was asked for whose payloads had their time.
    fn drop_over(&mut self, index: usize, now: Now) {
        let first = |lane: &Lane| {
            let (event, _) = lane.resends.waiting.front()?;
            (event.payload_until() <= now.steady).then_some(event.position)
        };
        while let Some(position) = self.registry.lanes.get(index).and_then(first) {
            self.drop_resend(index, position, now);
        }
    }

    /// An attempt that was asked for was made: it is owed no more. If it succeeded its delivery has
    /// ended, whatever was still to come of it.
    pub(super) fn resend_made(&mut self, flight: &Flight, result: AttemptResult, now: Now) {
        let index = flight.lane;
        let position = flight.event.position;
        self.count_resends(index, 1);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        lane.resends.flying.retain(|flying| *flying != position);
        let endpoint = lane.endpoint.key;
        // One that was asked for meanwhile and is about to be durable keeps the row.
        let is_over = !lane.resends.asked.contains(&position);
        #[cfg(feature = "mutants")]
        let is_over =
            is_over && self.options.mutant != Some(super::mutant::Mutant::KeepsResendRows);
        if is_over && let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            log.gather(Change::DeleteResend { endpoint, position }, now);
        }
        if result == AttemptResult::Succeeded {
            self.call_schedule_off(index, &flight.event, now);
        }
    }

    /// A delivery succeeded by hand: its scheduled attempts are made no more.
    fn call_schedule_off(&mut self, index: usize, event: &Event, now: Now) {
        let position = event.position;
        let scheduled = self.flights.iter_mut().find(|(_, flight)| {
            flight.lane == index
                && flight.event.position == position
                && matches!(flight.source, Source::Walk | Source::Open)
        });
        if let Some((_, flight)) = scheduled {
            flight.is_overtaken = true;
            // Its row would be sent after a restart; and so would what has none, on a lane that lags, which
            // goes on from its place.
            self.give_row(index, position, now);
            self.take_row(index, position, now);
            return;
        }
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let waits_on_walk =
            lane.place != Place::Idle && position >= lane.next && !lane.done.is_done(position);
        #[cfg(feature = "mutants")]
        let waits_on_walk = waits_on_walk
            && (position < lane.done.limit()
                || self.options.mutant != Some(super::mutant::Mutant::ForgetsTheFar));
        if waits_on_walk {
            self.leave_line_ahead(index, event);
            self.settle_walk(index, position);
            return;
        }
        let before = lane.open.held();
        let (is_here, may_be_stored) = lane.open.withdraw(position);
        self.open_held.replace(before, lane.open.held());
        let application = lane.application;
        if is_here || may_be_stored {
            self.take_row(index, position, now);
        }
        self.leave_line(index, position);
        // A row that did not stand here is counted until the shard is acquired again; nobody knows
        // here whether there was one.
        if is_here {
            self.count_open_rows(application, -1, now);
        }
    }

    /// The row of a delivery goes.
    fn take_row(&mut self, index: usize, position: EventPosition, now: Now) {
        let endpoint = self.registry.lanes.get(index).map(|lane| lane.endpoint.key);
        if let Some(endpoint) = endpoint
            && let Some(log) = self.logs.get_mut(&endpoint.application.shard)
        {
            log.gather(Change::DeleteOpen { endpoint, position }, now);
        }
    }

    /// An attempt that was asked for can't be made any more.
    pub(super) fn drop_resend(&mut self, index: usize, position: EventPosition, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let before = lane.resends.waiting.len();
        let waiting = &mut lane.resends.waiting;
        waiting.retain(|(event, _)| event.position != position);
        let dropped = before - waiting.len();
        let endpoint = lane.endpoint.key;
        if dropped > 0
            && let Some(log) = self.logs.get_mut(&endpoint.application.shard)
        {
            log.gather(Change::DeleteResend { endpoint, position }, now);
        }
        self.count_resends(index, dropped);
    }

    /// A deleted endpoint is owed nothing.
    pub(super) fn drop_resends(&mut self, index: usize) {
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            let dropped = lane.resends.waiting.len();
            lane.resends.waiting.clear();
            self.count_resends(index, dropped);
        }
    }

    fn count_resends(&mut self, index: usize, fewer: usize) {
        let lane = self.registry.lanes.get(index);
        let application = lane.map(|lane| lane.application);
        let entry = application.and_then(|index| self.registry.applications.get_mut(index));
        if let Some(entry) = entry {
            entry.resends = entry.resends.saturating_sub(fewer);
        }
    }
}
