//! Settle: an attempt met its outcome; what does it mean for its delivery, its lane, its endpoint?

use super::{
    Engine,
    flight::{Flight, Source, flight_slot, waiting_row},
    lane::{Lane, Place},
    window::Ended,
};
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRecord, AttemptResult, RetryWait, Timing},
        change::Change,
        endpoint::DisabledReason,
        event::EventPosition,
        id::AttemptId,
        observation::Setback,
        outcome::{Outcome, OutcomeKind},
    },
    policy::classify::{Verdict, classify},
    random::Draw,
    time::{Now, Timestamp},
};

impl Engine {
    /// Takes the outcome of an attempt in. A handle that is not in flight is ignored.
    pub(super) fn settle(&mut self, attempt: AttemptHandle, outcome: Outcome, now: Now) {
        let slot = flight_slot(attempt);
        if self
            .flights
            .get(slot)
            .is_none_or(|flight| flight.handle != attempt)
        {
            return;
        }
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::KeepsSlotsOfOrphans)
            && self
                .flights
                .get(slot)
                .is_some_and(|flight| flight.source == Source::Orphan)
        {
            return;
        }
        let flight = self.flights.remove(slot);
        let index = flight.lane;
        self.host_answered(&flight, outcome.kind, now);
        self.slow_answered(&flight, outcome.kind, now);
        if flight.source == Source::Open {
            self.retries_in_flight = self.retries_in_flight.saturating_sub(1);
        }
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        // What waits and could not start beside this attempt has waited for it.
        let holder = lane.holder(now.steady);
        lane.in_flight = lane.in_flight.saturating_sub(1);
        let application = lane.application;
        if let Some(entry) = self.registry.applications.get_mut(application) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
            if lane.walk_waits(entry.ring.end()) || lane.row_waits(now.steady) {
                lane.held_by = holder.or(lane.held_by);
            }
        }
        // A cancelled attempt is as one never made; it is sent again after the restart.
        if flight.source != Source::Orphan && outcome.kind != OutcomeKind::Cancelled {
            self.judge(&flight, outcome, now);
        }
        self.reconsider(index, now);
        self.queue_application(application);
    }

    /// Judges the outcome, records it and moves the delivery on.
    fn judge(&mut self, flight: &Flight, outcome: Outcome, now: Now) {
        let verdict = classify(&outcome, now.wall);
        #[cfg(feature = "mutants")]
        let verdict = if self.has(super::mutant::Mutant::CountsTimeoutsAsSuccess)
            && matches!(outcome.kind, OutcomeKind::Timeout { .. })
        {
            Verdict::Success
        } else {
            verdict
        };
        let retry_after = match verdict {
            Verdict::Retry { retry_after } => retry_after,
            Verdict::Success | Verdict::Gone => None,
        };
        let (result, next) = if verdict == Verdict::Success {
            (AttemptResult::Succeeded, None)
        } else if flight.source == Source::Manual || flight.is_overtaken {
            (AttemptResult::Failed, None)
        } else {
            self.next_due(flight, retry_after, now)
        };
        if let Some(id) = self.record_attempt(flight, &outcome, (result, next), now) {
            self.tell_attempt(flight, (id, result), outcome.kind, now);
        }
        self.note_task(flight.lane, flight.event.position);
        match result {
            AttemptResult::Succeeded => self.stats.succeeded += 1,
            AttemptResult::Exhausted => self.stats.exhausted += 1,
            AttemptResult::RetryAt(_) => self.stats.retried += 1,
            AttemptResult::Failed => {}
        }
        if flight.source == Source::Manual {
            self.resend_made(flight, result, now);
        } else if let AttemptResult::RetryAt(due) = result {
            self.wait_for_retry(flight, due, now);
        } else if flight.source == Source::Open {
            self.close_row(flight, now);
        }
        let has_ended = !matches!(result, AttemptResult::RetryAt(_));
        #[cfg(feature = "mutants")]
        let has_ended = has_ended || self.has(super::mutant::Mutant::MovesLinesOnFailure);
        if flight.source != Source::Manual && has_ended {
            self.leave_line(flight.lane, flight.event.position);
        }
        if flight.source == Source::Walk {
            self.settle_walk(flight.lane, flight.event.position);
        }
        self.earn(flight, verdict, now);
        // What fails within the house, as without a file descriptor left, tells nothing of the receiver.
        if outcome.kind != OutcomeKind::Internal {
            self.learn(flight, verdict, now);
        }
        self.observe(flight, setback(result, outcome.kind, verdict, now), now);
        if verdict == Verdict::Gone && self.tells_of_its_url(flight) {
            self.disable(flight.lane, DisabledReason::Gone, now);
        }
    }

    /// Whether the outcome of an attempt tells of the URL that its endpoint has. That of before may well be gone, and
    /// so may one that is about to be it.
    fn tells_of_its_url(&self, flight: &Flight) -> bool {
        let lane = self.registry.lanes.get(flight.lane);
        let tells = lane.is_some_and(|lane| lane.is_known_by(flight) && lane.moves == 0);
        #[cfg(feature = "mutants")]
        let tells = (tells || self.has(super::mutant::Mutant::BelievesTheOldUrl))
            && !self.has(super::mutant::Mutant::NeverTakesForGone);
        tells
    }

    /// When the delivery is tried again, if it is, and how that comes about.
    fn next_due(
        &self,
        flight: &Flight,
        retry_after: Option<crate::time::Span>,
        now: Now,
    ) -> (AttemptResult, Option<RetryWait>) {
        let endpoint = self
            .registry
            .lanes
            .get(flight.lane)
            .map(|lane| &lane.endpoint);
        if endpoint.is_some_and(|endpoint| endpoint.is_deleted()) {
            return (AttemptResult::Exhausted, None);
        }
        let endpoint = endpoint.map(|endpoint| endpoint.id);
        let draw = Draw {
            event: flight.event.id.id().value(),
            endpoint: endpoint.unwrap_or_default().id().value(),
            attempt: flight.step().into(),
        };
        let wait = self
            .options
            .retry
            .wait(retry_after, draw, self.options.seed);
        let due = wait.map(|wait| now.steady.plus(wait.whole()));
        let result = due.map_or(AttemptResult::Exhausted, AttemptResult::RetryAt);
        #[cfg(feature = "mutants")]
        let result = self.mistaken_due(result, flight.step(), retry_after, now);
        (result, wait)
    }

    fn record_attempt(
        &mut self,
        flight: &Flight,
        outcome: &Outcome,
        (result, next): (AttemptResult, Option<RetryWait>),
        now: Now,
    ) -> Option<AttemptId> {
        let endpoint = self.registry.lanes.get(flight.lane)?.endpoint.key;
        let log = self.logs.get_mut(&endpoint.application.shard)?;
        let id = AttemptId::new(log.next_id(now));
        let record = AttemptRecord {
            id,
            endpoint,
            position: flight.event.position,
            number: flight.number,
            trigger: flight.trigger(),
            started_at: flight.started_at,
            duration: outcome.duration,
            outcome: outcome.kind,
            timing: Timing {
                step: match flight.source {
                    Source::Manual => 0,
                    Source::Walk | Source::Open | Source::Orphan => flight.step(),
                },
                due: flight.due,
                held_by: flight.held_by,
                next,
            },
            resent: outcome.resent,
            result,
            body: outcome.body.clone(),
        };
        log.gather_attempt(record, now);
        Some(id)
    }

    /// The delivery gets a row, or its row a new due time, and its lane holds it.
    fn wait_for_retry(&mut self, flight: &Flight, due: Timestamp, now: Now) {
        let kept_max = self.open_rows_kept_max();
        let Some(lane) = self.registry.lanes.get_mut(flight.lane) else {
            return;
        };
        let application = lane.application;
        let row = waiting_row(flight, lane, due);
        if let Some(log) = self.logs.get_mut(&row.delivery.endpoint.application.shard) {
            log.gather(Change::PutOpen(row.delivery), now);
        }
        let before = lane.open.held();
        lane.open.wait(row, kept_max);
        self.open_held.replace(before, lane.open.held());
        if flight.source == Source::Walk {
            self.keep_line(flight.lane, flight.event.position, now);
            self.count_open_rows(application, 1, now);
        }
    }

    /// The row of a delivery that ended goes.
    fn close_row(&mut self, flight: &Flight, now: Now) {
        let position = flight.event.position;
        let Some(lane) = self.registry.lanes.get_mut(flight.lane) else {
            return;
        };
        lane.open.ended(position);
        let (endpoint, application) = (lane.endpoint.key, lane.application);
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            log.gather(Change::DeleteOpen { endpoint, position }, now);
        }
        self.count_open_rows(application, -1, now);
    }

    /// Lets the endpoint's window learn from the attempt, unless it went to another receiver than the lane has now.
    fn earn(&mut self, flight: &Flight, verdict: Verdict, now: Now) {
        let slots_free = self.flights.len() < self.options.send_slots;
        let Some(lane) = self.registry.lanes.get_mut(flight.lane) else {
            return;
        };
        if !lane.is_known_by(flight) {
            return;
        }
        let end = self
            .registry
            .applications
            .get(lane.application)
            .map(|entry| entry.ring.end());
        let work_waited = lane.walk_waits(end.unwrap_or_default()) || lane.row_waits(now.steady);
        let ended = Ended {
            succeeded: verdict == Verdict::Success,
            round_trip: now.steady.since(flight.started_at.steady),
            work_waited,
            slots_free,
        };
        #[cfg(feature = "mutants")]
        if self.options.mutant == Some(super::mutant::Mutant::KeepsTheWindow) && !ended.succeeded {
            return;
        }
        lane.window.ended(ended, now.steady);
    }

    /// An event of the walk is settled for a lane: its cursor may move, and with it the watermark.
    pub(super) fn settle_walk(&mut self, index: usize, position: EventPosition) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        let before = lane.done.cursor();
        lane.done.settle(position);
        let after = lane.done.cursor();
        lane.next = lane.next.max(after);
        let was_lagging = match lane.place {
            Place::Idle => return,
            Place::Ring if before == after => return,
            Place::Ring => false,
            Place::Lagging => true,
        };
        if after >= entry.ring.end() {
            lane.place = Place::Idle;
            entry.idle.push(index);
        } else if (!was_lagging || lane.is_enabled()) && entry.ring.holds(after) {
            // Who was disabled meanwhile left the ring, and what it holds must not stay in memory for it.
            lane.place = Place::Ring;
            entry.ring.enter(after);
        }
        if was_lagging {
            if !core::mem::replace(&mut lane.row_dirty, true)
                && let Some(log) = self.logs.get_mut(&entry.application.key.shard)
            {
                log.mark_dirty(index);
            }
        } else {
            entry.ring.leave(before);
        }
    }

    /// An event of the walk is settled for a lane it is not for: no result tells of it.
    pub(super) fn skip(&mut self, index: usize, position: EventPosition, now: Now) {
        self.settle_walk(index, position);
        let lane = self.registry.lanes.get(index);
        let shard = lane.map(|lane| lane.endpoint.key.application.shard);
        if let Some(log) = shard.and_then(|shard| self.logs.get_mut(&shard)) {
            log.positions_moved(now);
        }
    }

    /// A delivery of the walk ends because its time ran out.
    pub(super) fn expire(&mut self, index: usize, position: EventPosition, now: Now) {
        self.record_expiry(index, position, now);
        self.settle_walk(index, position);
    }

    /// A delivery with a row ends because its time ran out.
    pub(super) fn expire_open(&mut self, index: usize, position: EventPosition, now: Now) {
        self.record_expiry(index, position, now);
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            lane.open.ended(position);
            let application = lane.application;
            self.count_open_rows(application, -1, now);
        }
        // It may be the last that a task waits for; that of a disabled endpoint waits until that is enabled.
        if self.registry.lanes.get(index).is_some_and(Lane::is_enabled) {
            self.consider_task(index, now);
        }
    }

    fn record_expiry(&mut self, index: usize, position: EventPosition, now: Now) {
        self.stats.expired += 1;
        self.note_task(index, position);
        let Some(lane) = self.registry.lanes.get(index) else {
            return;
        };
        let endpoint = lane.endpoint.key;
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            log.gather(Change::Expire { endpoint, position }, now);
            self.postponed += 1;
        }
        self.leave_line(index, position);
    }
}

/// What an attempt's end is told as; `None` for a success.
fn setback(
    result: AttemptResult,
    outcome: OutcomeKind,
    verdict: Verdict,
    now: Now,
) -> Option<Setback> {
    match (result, verdict) {
        (AttemptResult::Succeeded, _) => None,
        (_, Verdict::Gone) => Some(Setback::Disabled(outcome, DisabledReason::Gone)),
        (AttemptResult::RetryAt(due), _) => Some(Setback::Retrying(outcome, due.since(now.steady))),
        (AttemptResult::Exhausted | AttemptResult::Failed, _) => Some(Setback::Exhausted(outcome)),
    }
}
