//! I1 for what is asked by hand: an acknowledged change of an endpoint is durable as it was asked, and
//! an acknowledged attempt is made. I6: none is made by hand that nobody asked for, or again once its result is
//! durable, whatever ends.

use std::collections::BTreeMap;

use crate::{
    domain::{
        endpoint_url::EndpointUrl,
        event::EventPosition,
        id::{AuditId, EndpointId, EventId},
    },
    sim::{
        by_hand::Asked,
        oracles::set_aside::Noted,
        seen::{FlightFacts, Moment, SeenRecord},
        violation::Violation,
        witness::Witness,
    },
    time::Timestamp,
};

/// What was asked for by hand of one delivery, and what came of it.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct ByHand {
    /// How often it was asked for, answered or not.
    asked: u32,
    /// When the last one was asked for, answered or not, in real time.
    asked_at: Timestamp,
    /// When the last one that was acknowledged was asked for, in real time.
    owed_since: Option<Timestamp>,
    /// When the outcome of the last one came, in real time.
    made_at: Option<Timestamp>,
    /// When those began whose outcomes came, in steady time.
    heard: Vec<Timestamp>,
    /// When results of these became durable, in real time: so many asks are spent.
    spent_at: Vec<Timestamp>,
}

/// What was asked for and done by hand.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenByHand {
    /// Attempts that were asked for, by event and endpoint.
    attempts: BTreeMap<(EventPosition, u32), ByHand>,
    /// What was noted of deliveries that were set aside.
    pub(in crate::sim) noted: BTreeMap<AuditId, Noted>,
}

impl Witness {
    /// Somebody asks for something.
    pub(in crate::sim) fn asked_by_hand(&mut self, asked: &Asked, now: Moment) {
        if let Asked::Change {
            ordinal,
            revision,
            changed,
        } = asked
        {
            self.asks_for_change(*ordinal, now);
            self.asks_for_other((*ordinal, *revision), changed, now);
            let endpoint = self.endpoints.get(ordinal);
            let last = endpoint.and_then(|endpoint| endpoint.targets.last());
            let is_there =
                |url: &EndpointUrl| last.is_some_and(|last| last.endpoint.target.url == *url);
            if changed.url.as_ref().is_some_and(|url| !is_there(url)) {
                self.circuit_may_move(*ordinal, now);
            }
        }
        if let Asked::Resend { position, ordinal } = asked {
            let delivery = self
                .by_hand
                .attempts
                .entry((*position, *ordinal))
                .or_default();
            delivery.asked += 1;
            delivery.asked_at = now.real;
        }
    }

    /// What somebody asked for is acknowledged.
    pub(in crate::sim) fn done_by_hand(&mut self, asked: &Asked, asked_at: Moment, now: Moment) {
        let is_told = |at: Option<Timestamp>| at.is_some_and(|at| at <= now.real);
        match asked {
            Asked::Change {
                ordinal,
                revision,
                changed,
            } => {
                self.happened.changed += 1;
                self.circuit_has_moved(*ordinal, asked_at);
                self.judge_changed((*ordinal, *revision), changed, (asked_at, now));
            }
            Asked::Delete { ordinal } => {
                self.happened.deleted += 1;
                let seen = self.endpoints.entry(*ordinal).or_default();
                let endpoint = seen.id;
                if !is_told(seen.deleted_at) {
                    self.object(Violation::ChangeLost { endpoint });
                }
            }
            Asked::Resend { position, ordinal } => {
                self.happened.resent += 1;
                let delivery = self
                    .by_hand
                    .attempts
                    .entry((*position, *ordinal))
                    .or_default();
                delivery.owed_since = delivery.owed_since.max(Some(asked_at.real));
            }
            Asked::SetAside { .. } => {
                if let Some(set_aside) = asked.set_aside() {
                    self.judge_set_aside(set_aside, asked_at, now);
                }
            }
            Asked::Task { .. } => self.happened.tasks += 1,
            Asked::CancelTask { id } => self.judge_called_off_task(*id),
            Asked::Expunge { position } => {
                self.happened.expunged += 1;
                let seen = self.events.get(position);
                let at = seen.and_then(|seen| seen.expunged_at);
                let event = seen.map(|seen| seen.event.id).unwrap_or_default();
                if !is_told(at) {
                    let what = "its payload was to go";
                    self.object(Violation::Lost { event, what });
                }
            }
        }
    }

    /// An attempt goes out that somebody asked for, as the engine says.
    pub(in crate::sim) fn judge_sent_by_hand(
        &mut self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let delivery = self
            .by_hand
            .attempts
            .entry((flight.position, flight.ordinal))
            .or_default();
        let spent = delivery.spent_at.iter().filter(|at| **at <= now.real);
        let spent = u32::try_from(spent.count()).unwrap_or(u32::MAX);
        let (event, endpoint, number) = (flight.event, flight.endpoint, flight.number);
        (spent >= delivery.asked).then_some(Violation::Repeated {
            event,
            endpoint,
            number,
        })
    }

    /// Its outcome came.
    pub(in crate::sim) fn made_by_hand(&mut self, flight: FlightFacts, now: Moment) {
        let delivery = self
            .by_hand
            .attempts
            .entry((flight.position, flight.ordinal))
            .or_default();
        delivery.made_at = Some(now.real);
        delivery.heard.push(flight.started_at);
    }

    /// The result of an attempt is durable that may be one by hand.
    pub(in crate::sim) fn recorded_by_hand(&mut self, record: &SeenRecord, at: Moment) {
        let place = (record.position, record.endpoint.ordinal);
        let Some(delivery) = self.by_hand.attempts.get_mut(&place) else {
            return;
        };
        let started_at = record.started_at.steady;
        let heard = delivery.heard.iter().position(|heard| *heard == started_at);
        if let Some(heard) = heard {
            delivery.heard.remove(heard);
            delivery.spent_at.push(at.real);
        }
    }

    /// When somebody asked last for an attempt of this delivery, in real time.
    pub(in crate::sim) fn asked_last(
        &self,
        position: EventPosition,
        ordinal: u32,
    ) -> Option<Timestamp> {
        let delivery = self.by_hand.attempts.get(&(position, ordinal));
        delivery.map(|delivery| delivery.asked_at)
    }

    /// Whether somebody asked for attempts of this delivery.
    pub(in crate::sim) fn is_asked_by_hand(&self, position: EventPosition, ordinal: u32) -> bool {
        self.by_hand.attempts.contains_key(&(position, ordinal))
    }

    /// Attempts that were acknowledged and not made yet, but those that something took away.
    pub(in crate::sim) fn owed_by_hand(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = (EventId, EndpointId)> + '_ {
        let attempts = self.by_hand.attempts.iter();
        attempts.filter_map(move |((position, ordinal), delivery)| {
            let owed_since = delivery.owed_since?;
            let (event, endpoint) = (self.events.get(position)?, self.endpoints.get(ordinal)?);
            let is_called_off = endpoint.deleted_at.is_some()
                || endpoint.disabled_at.is_some()
                || event.expunged_at.is_some()
                || event.event.payload_until() <= now.steady;
            let is_made = delivery.made_at.is_some_and(|at| at >= owed_since);
            (!is_called_off && !is_made).then_some((event.event.id, endpoint.id))
        })
    }

    /// At the end each attempt that was acknowledged was made, unless something took it away.
    pub(in crate::sim) fn judge_owed_by_hand(&mut self, now: Moment) {
        let missing: Vec<(EventId, EndpointId)> = self.owed_by_hand(now).collect();
        for (event, endpoint) in missing {
            self.object(Violation::NotSentByHand { event, endpoint });
        }
    }
}
