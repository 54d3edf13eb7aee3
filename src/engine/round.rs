//! Rounds: the log of one batch of the original server, told once every first attempt of an event
//! has its outcome or was set aside, and at the latest after a minute. A dead receiver therefore
//! delays nobody's line; its later attempts have lines of their own.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{Engine, flight::Flight, io::Effect};
use crate::{
    domain::{
        endpoint::{DisabledReason, Target},
        event::{Event, EventPosition},
        id::EventId,
        observation::{LaterAttempt, Observation, Round, Setback},
    },
    limits,
    time::{Now, Span, Timestamp},
};

/// The rounds that are open, oldest first.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    open: VecDeque<OpenRound>,
    /// What is to be told at the end of the turn.
    told: Vec<Observation>,
}

/// A round whose first attempts are not all known.
#[derive(Debug)]
struct OpenRound {
    application: usize,
    position: EventPosition,
    event: EventId,
    /// By the endpoint's number in its shard, which is the order of registration.
    entries: BTreeMap<u32, Entry>,
    unknown: usize,
    closes_at: Timestamp,
}

#[derive(Debug)]
struct Entry {
    target: Arc<Target>,
    /// `None` until the first attempt has its outcome; then what it was, `None` for a success.
    outcome: Option<Option<Setback>>,
}

impl OpenRound {
    /// Notes the first outcome of an endpoint; whether there was none before.
    fn note(&mut self, endpoint: u32, setback: Option<Setback>) -> bool {
        match self.entries.get_mut(&endpoint) {
            Some(entry) if entry.outcome.is_none() => {
                entry.outcome = Some(setback);
                self.unknown -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The line of the round as it stands.
    fn tell(self) -> Observation {
        let mut round = Round {
            event: self.event,
            processed: Vec::new(),
            failed: Vec::new(),
        };
        for entry in self.entries.into_values() {
            match entry.outcome.unwrap_or(Some(Setback::Waiting)) {
                None => round.processed.push(entry.target),
                Some(setback) => round.failed.push((entry.target, setback)),
            }
        }
        Observation::Round(Box::new(round))
    }
}

impl Engine {
    /// Whether somebody listens to the batches of this application.
    fn is_observed(&self, application: usize) -> bool {
        let entry = self.registry.applications.get(application);
        self.options.rounds.is_some()
            && entry.is_some_and(|entry| self.options.rounds == entry.application.uid)
    }

    /// Opens the round of an event that is about to be fanned out.
    pub(super) fn open_round(
        &mut self,
        application: usize,
        position: EventPosition,
        event: Option<&Event>,
        now: Now,
    ) {
        if !self.is_observed(application) {
            return;
        }
        let (Some(event), Some(entry)) = (event, self.registry.applications.get(application))
        else {
            return;
        };
        if entry.lanes.is_empty() {
            self.rounds.told.push(Observation::NoEndpoints);
            return;
        }
        // Its attempts come one by one, when nobody waits for a line of the batch any more.
        if event.not_before() > now.steady {
            return;
        }
        let lanes = entry
            .lanes
            .iter()
            .filter_map(|index| self.registry.lanes.get(*index));
        let matching = lanes.filter(|lane| lane.endpoint.takes_event(event));
        let entries: BTreeMap<u32, Entry> = matching
            .map(|lane| {
                let target = Arc::clone(&lane.endpoint.target);
                (
                    lane.endpoint.key.ordinal,
                    Entry {
                        target,
                        outcome: None,
                    },
                )
            })
            .collect();
        self.rounds.open.push_back(OpenRound {
            application,
            position,
            event: event.id,
            unknown: entries.len(),
            entries,
            closes_at: now.steady.plus(Span::from_millis(limits::ROUND_TIMEOUT_MS)),
        });
    }

    /// Notes the outcome of an attempt: in its round if it was the first, else on its own.
    pub(super) fn observe(&mut self, flight: &Flight, setback: Option<Setback>, _now: Now) {
        let Some(lane) = self.registry.lanes.get(flight.lane) else {
            return;
        };
        if !self.is_observed(lane.application) {
            return;
        }
        let position = flight.event.position;
        let round = self
            .rounds
            .open
            .iter_mut()
            .find(|round| round.application == lane.application && round.position == position);
        if round.is_some_and(|round| round.note(lane.endpoint.key.ordinal, setback)) {
            return;
        }
        self.rounds
            .told
            .push(Observation::LaterAttempt(Box::new(LaterAttempt {
                event: flight.event.id,
                target: Arc::clone(&lane.endpoint.target),
                number: flight.number,
                setback,
            })));
    }

    /// An endpoint was disabled: rounds wait for it no more.
    pub(super) fn hold_rounds(&mut self, application: usize, index: usize, reason: DisabledReason) {
        let Some(lane) = self.registry.lanes.get(index) else {
            return;
        };
        let flying: Vec<EventPosition> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.lane == index)
            .map(|(_, flight)| flight.event.position)
            .collect();
        let ordinal = lane.endpoint.key.ordinal;
        for round in &mut self.rounds.open {
            if round.application == application && !flying.contains(&round.position) {
                round.note(ordinal, Some(Setback::Held(reason)));
            }
        }
    }

    /// The rounds of an application whose shard was lost are told as they stand.
    pub(super) fn close_rounds_of(&mut self, application: usize) {
        let open = core::mem::take(&mut self.rounds.open);
        for round in open {
            if round.application == application {
                self.rounds.told.push(round.tell());
            } else {
                self.rounds.open.push_back(round);
            }
        }
    }

    /// Tells the rounds that are complete, timed out or too many, and what else is to be told.
    pub(super) fn tell_rounds(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.rounds.open.is_empty() && self.rounds.told.is_empty() {
            return;
        }
        let mut surplus = self
            .rounds
            .open
            .len()
            .saturating_sub(limits::ROUNDS_OPEN_MAX);
        let open = core::mem::take(&mut self.rounds.open);
        for round in open {
            let forced = surplus > 0 && round.unknown > 0;
            if round.unknown == 0 || forced || round.closes_at <= now.steady {
                surplus = surplus.saturating_sub(1);
                self.rounds.told.push(round.tell());
            } else {
                self.rounds.open.push_back(round);
            }
        }
        out.extend(self.rounds.told.drain(..).map(Effect::Notify));
    }

    /// When the oldest round closes.
    pub(super) fn rounds_deadline(&self) -> Option<Timestamp> {
        self.rounds.open.front().map(|round| round.closes_at)
    }
}
