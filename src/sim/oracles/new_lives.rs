//! I9 for what tasks send again: a delivery that begins anew has a whole life before it. Its attempts are numbered on
//! from the last one, the schedule begins at its first step, it has as much time as a new event would, and its
//! first attempt, and no other, is told as one that somebody asked for.

use std::collections::BTreeMap;

use crate::{
    domain::{attempt::Trigger, delivery::OpenDelivery, event::EventPosition},
    sim::{
        again::Again,
        oracle::End,
        seen::{FlightFacts, Moment, Seen, SeenEvent, SeenRecord},
        violation::Violation,
        witness::Witness,
    },
    time::Timestamp,
};

/// When deliveries expire that were begun anew, in steady time, by event and endpoint.
pub(in crate::sim) type SeenLives = BTreeMap<(EventPosition, u32), Timestamp>;

impl Witness {
    /// The row of a delivery is durable that a task began anew, now or some attempts ago.
    pub(in crate::sim) fn reopened(
        &mut self,
        row: &OpenDelivery,
        submitted_at: Timestamp,
        now: Moment,
    ) {
        let (position, ordinal) = (row.position, row.endpoint.ordinal);
        let place = (position, ordinal);
        let Some(event) = self.events.get(&position) else {
            return;
        };
        let seen = event.seen(ordinal);
        let is_by_hand = self.is_asked_by_hand(position, ordinal);
        let begins = row.reopened_after == Some(row.attempts);
        let judged = if begins {
            judge_begun(row, event, is_by_hand, submitted_at)
        } else {
            judge_going_on(row, seen, self.lives.get(&place).copied())
        };
        let is_asked = begins.then(|| self.judge_begun_anew(place, event, now));
        let (event, endpoint) = (event.event.id, self.endpoint_id(ordinal));
        if let Some(violation) = is_asked.flatten() {
            self.object(violation);
        }
        if let Some(what) = judged {
            let other = Again::OtherLife {
                event,
                endpoint,
                what,
            };
            self.object(other.into());
        }
        // A row that was tried since waits for its next attempt.
        if begins {
            self.begins_anew(row, now);
        }
    }

    /// A delivery begins anew.
    fn begins_anew(&mut self, row: &OpenDelivery, now: Moment) {
        let (position, ordinal, after) = (row.position, row.endpoint.ordinal, row.attempts);
        self.happened.reopened += 1;
        let period = self.breaks.len();
        self.steps.begun(ordinal, period);
        self.lives.insert((position, ordinal), row.expires_at);
        if let Some(seen) = self.delivery(position, ordinal) {
            let is_untried = seen.reopened_after == Some(seen.recorded);
            seen.end_before = match seen.end.take() {
                Some(End::SetAside(_)) => seen.end_before.filter(|_| is_untried),
                end => end,
            };
            seen.is_set_aside = false;
            seen.reopened_after = Some(after);
            // Attempts by hand have numbers, too.
            seen.sent = seen.sent.max(after);
            seen.recorded = after;
            seen.due = row.due;
            seen.reopened_at = now.real;
            seen.not_before = row.due;
            seen.not_after = Timestamp::MAX;
            self.log_reopened((position, ordinal), now);
        }
    }

    /// When a delivery expires: what was begun anew has a time of its own.
    pub(in crate::sim) fn expires_at(&self, event: &SeenEvent, ordinal: u32) -> Timestamp {
        let is_anew = event.seen(ordinal).reopened_after.is_some();
        let place = (event.event.position, ordinal);
        let anew = is_anew.then(|| self.lives.get(&place)).flatten();
        anew.copied().unwrap_or(event.event.expires_at)
    }

    /// Judges what is recorded as the cause of an attempt.
    pub(in crate::sim) fn judge_trigger(&mut self, record: &SeenRecord) {
        let (position, ordinal) = (record.position, record.endpoint.ordinal);
        let Some(event) = self.events.get(&position) else {
            return;
        };
        let reopened_after = event.seen(ordinal).reopened_after;
        let is_first_again = reopened_after.is_some_and(|after| after + 1 == record.number);
        let is_right = match record.trigger {
            Trigger::Manual => is_first_again || self.is_asked_by_hand(position, ordinal),
            Trigger::Schedule => !is_first_again,
        };
        if !is_right {
            let (event, endpoint) = (event.event.id, self.endpoint_id(ordinal));
            let what = "another attempt than its first is told as one that was asked for";
            let other = Again::OtherLife {
                event,
                endpoint,
                what,
            };
            self.object(other.into());
        }
    }

    /// Judges an attempt of the schedule that goes out, of what was begun anew, by the number that it must have.
    pub(in crate::sim) fn judge_numbered_on(
        &self,
        flight: FlightFacts,
        seen: &Seen,
    ) -> Option<Violation> {
        let after = seen.reopened_after?;
        let (event, endpoint) = (flight.event, flight.endpoint);
        let what = "its attempts are not numbered on";
        (flight.number <= after).then(|| {
            Again::OtherLife {
                event,
                endpoint,
                what,
            }
            .into()
        })
    }
}

/// What is wrong with the row of a delivery that begins anew, of which something may have been asked for by hand.
fn judge_begun(
    row: &OpenDelivery,
    event: &SeenEvent,
    is_by_hand: bool,
    submitted_at: Timestamp,
) -> Option<&'static str> {
    let seen = event.seen(row.endpoint.ordinal);
    let event = &event.event;
    let life = event.expires_at.since(event.not_before());
    let expires_at = row.due.plus(life).min(event.payload_until());
    let is_next = seen.recorded <= row.attempts && row.attempts <= seen.sent;
    if row.due > submitted_at {
        Some("it is not due at once")
    } else if row.expires_at != expires_at {
        Some("it has another time than a new one")
    } else if seen.recorded > row.attempts || (!is_next && !is_by_hand) {
        Some("its attempts are not numbered on")
    } else {
        None
    }
}

/// What is wrong with the row of a delivery that was begun anew before and goes on: what it is in its new life does
/// not change.
fn judge_going_on(
    row: &OpenDelivery,
    seen: &Seen,
    expires_at: Option<Timestamp>,
) -> Option<&'static str> {
    if row.reopened_after != seen.reopened_after {
        Some("its schedule is not a new one")
    } else if expires_at.is_some_and(|at| at != row.expires_at) {
        Some("its time is another than it was")
    } else {
        None
    }
}
