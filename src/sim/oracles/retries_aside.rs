//! I15, for retries: they have half of the send slots at most while a first attempt waits for one.
//!
//! Judged where a first attempt goes out that had waited for nothing but a slot: no retry may have taken one
//! meanwhile that was beyond that half.

use super::slow::Sure;
use crate::{
    domain::ordering::Ordering,
    sim::{
        pace::Pace,
        scenario::Scenario,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How long an attempt may take to get ready, beside what is written meanwhile.
const READY: Span = Span::from_millis(100);

/// What was seen of retries.
#[derive(Debug, Default)]
pub(in crate::sim) struct SeenRetries {
    /// The period that this is of.
    period: usize,
    /// Those in flight, of this period.
    in_flight: usize,
    /// When one went out that was beyond their half, in real time.
    beyond: Vec<Timestamp>,
    /// Whether events may have to be read in so many portions that a first attempt waits for these, too.
    are_read: bool,
}

impl SeenRetries {
    /// Of a scenario that has not begun.
    pub(in crate::sim) fn of(scenario: &Scenario) -> Self {
        let events = usize::try_from(scenario.events).unwrap_or(usize::MAX);
        let mut engines = scenario.engines();
        let portions = engines.any(|engine| engine.ring_events_max.min(engine.page_rows) < events);
        Self {
            are_read: portions || scenario.faults.late_loads || scenario.faults.failing_loads,
            ..Self::default()
        }
    }

    fn enter(&mut self, period: usize) {
        if core::mem::replace(&mut self.period, period) != period {
            self.in_flight = 0;
        }
    }
}

impl Witness {
    /// An attempt goes out: judges whether retries made way for it, if it is a first one, and counts it, if it
    /// is a retry.
    pub(in crate::sim) fn judge_retries(&mut self, flight: FlightFacts, now: Moment) {
        if self.retries.are_read {
            return;
        }
        let period = self.breaks.len();
        self.retries.enter(period);
        if flight.is_retry {
            if self.retries.in_flight * 2 >= self.options.send_slots {
                self.retries.beyond.push(now.real);
            }
            self.retries.in_flight += 1;
        } else if let Some(violation) = self.retries_took(flight, now) {
            self.object(violation.into());
        }
    }

    /// An attempt ended, and the process that made it heard of it.
    pub(in crate::sim) fn retry_left(&mut self, flight: FlightFacts) {
        let period = self.breaks.len();
        self.retries.enter(period);
        if flight.is_retry && flight.period == period {
            self.retries.in_flight = self.retries.in_flight.saturating_sub(1);
        }
    }

    fn retries_took(&mut self, flight: FlightFacts, now: Moment) -> Option<Pace> {
        let have_half = self.retries.in_flight * 2 >= self.options.send_slots;
        let is_asked = have_half || !self.retries.beyond.is_empty();
        if !is_asked || flight.number != 1 || flight.is_by_hand || flight.sure != Sure::Prompt {
            return None;
        }
        // What has a row, since it waited for its time or in a line, takes its turn among the retries; a rate has
        // its own.
        let event = &self.events.get(&flight.position)?.event;
        let mut targets = self.endpoints.get(&flight.ordinal)?.targets.iter();
        let waits_otherwise = event.not_before() > event.accepted_at
            || event.ordering_key().is_some()
            || targets.any(|target| {
                let endpoint = &target.endpoint;
                endpoint.ordering == Ordering::Whole || endpoint.throttle_rate.is_some()
            });
        // Nor is it by a slot alone that a receiver is held back which recovers.
        if waits_otherwise || !self.is_circuit_closed(flight.ordinal) {
            return None;
        }
        let waited = self.late_but_for_slots(flight, now)?;
        let over = waited.as_micros() - READY.as_micros() - self.window.as_micros();
        let from = now.real.plus(Span::from_micros(-over.max(0)));
        let later = self.retries.beyond.partition_point(|at| *at <= from);
        let meanwhile = self.retries.beyond.iter().skip(later);
        let taken = meanwhile.take_while(|at| **at < now.real).count();
        self.happened.firsts_before_retries += u64::from(over > 0 && have_half);
        (taken > 0).then_some(Pace::RetriesFirst {
            event: flight.event,
            endpoint: flight.endpoint,
            waited,
            taken,
        })
    }
}
