//! Attempts: what the witness sees of those that go out and of what comes back.

use super::{
    logbook::Sighting,
    oracle,
    oracles::{numbers, one_end, own_time, waits},
    seen::{FlightFacts, Moment},
    violation::Violation,
    witness::Witness,
};
use crate::{
    domain::{
        attempt::AttemptRequest,
        outcome::{Outcome, OutcomeKind},
    },
    time::Timestamp,
};

impl Witness {
    /// An attempt goes out.
    pub(super) fn sent(&mut self, request: &AttemptRequest, now: Moment) -> FlightFacts {
        let flight = self.flight_of(request, now);
        let is_watched = flight.neighbour.is_none();
        self.attempts += u64::from(is_watched);
        if !self.is_watching {
            return flight;
        }
        self.figures.started();
        self.judge_crossing(request);
        if !is_watched {
            self.neighbour_sent(flight, now);
            return flight;
        }
        self.log(now.real, Sighting::Sent(flight.into()));
        let judged = self.judge_durable(flight, now);
        let judged = judged.or_else(|| self.judge_id(flight));
        let judged = judged.or_else(|| {
            if flight.is_by_hand {
                self.judge_sent_by_hand(flight, now)
            } else {
                self.judge_scheduled(flight, now)
            }
        });
        let judged = judged.or_else(|| self.judge_called_off(flight, now));
        let judged = judged.or_else(|| self.judge_target(request, flight, now));
        if let Some(violation) = judged {
            self.object(violation);
        }
        if let Some(violation) = self.judge_bytes_sent(flight.position, request) {
            self.object(violation);
        }
        // What let it go may be no end of another: its receiver is a new one, hence unknown.
        self.note_crowd(now);
        let judged = if flight.is_by_hand {
            self.judge_late_by_hand(flight, now)
        } else {
            self.judge_lateness(flight, now)
        };
        if let Some(violation) = judged {
            self.object(violation);
        }
        self.judge_share(flight, now);
        self.judge_circuit_sent(flight, now);
        self.judge_sent_to_gone(flight, now);
        self.judge_line(flight, now);
        self.judge_retries(flight, now);
        self.in_flight += 1;
        self.judge_caps(flight, now);
        self.judge_earned(flight, now);
        self.judge_rate(flight.ordinal, now.real);
        self.note_crowd(now);
        let period = self.breaks.len();
        if flight.is_by_hand {
            return flight;
        }
        if let Some(seen) = self.delivery(flight.position, flight.ordinal) {
            let repeated = flight.number <= seen.sent;
            // What came behind a repeated attempt comes again, too.
            seen.sent = flight.number;
            seen.period = period;
            seen.told_at = None;
            self.happened.repeated += u64::from(repeated);
        }
        flight
    }

    /// What is known of an attempt that goes out.
    fn flight_of(&mut self, request: &AttemptRequest, now: Moment) -> FlightFacts {
        let endpoint = request.target.endpoint;
        let is_watched = self.neighbours.is_watched(endpoint.application);
        let (sure, host) = if !is_watched {
            (
                self.surely_of_neighbour(endpoint),
                self.host_of_neighbour(&request.target),
            )
        } else {
            (
                self.surely(endpoint.ordinal),
                self.host_number(&request.target),
            )
        };
        let ordinal = endpoint.ordinal;
        let seen_event = self.events.get(&request.event.position);
        let seen = seen_event.filter(|_| is_watched && request.number > 1);
        let failed = seen.map_or(0, |seen| seen.seen(ordinal).failed);
        FlightFacts {
            is_retry: failed > 0 && failed + 1 == request.number && !request.is_by_hand,
            event: request.event.id,
            endpoint: request.target.id,
            position: request.event.position,
            ordinal: endpoint.ordinal,
            host,
            number: request.number,
            is_by_hand: request.is_by_hand,
            life: self.life,
            period: self.breaks.len(),
            started_at: now.steady,
            sure,
            neighbour: (!is_watched).then_some(endpoint),
        }
    }

    /// Judges an attempt of the schedule that goes out.
    fn judge_scheduled(&self, flight: FlightFacts, now: Moment) -> Option<Violation> {
        let seen_event = self.events.get(&flight.position)?;
        let seen = seen_event.seen(flight.ordinal);
        self.judge_wanted(flight, seen_event)
            .or_else(|| numbers::judge(flight, seen, &self.options.retry))
            .or_else(|| one_end::judge_sent(flight, seen))
            .or_else(|| own_time::judge_sent(flight, self.expires_at(seen_event, flight.ordinal)))
            .or_else(|| self.judge_numbered_on(flight, seen))
            .or_else(|| self.judge_repeated(flight, seen))
            .or_else(|| waits::judge(flight, seen_event, seen, now))
    }

    /// Whether the process that sent an attempt still lives.
    pub(super) const fn hears(&self, flight: FlightFacts) -> bool {
        flight.life == self.life
    }

    /// The network answers an attempt, when the process's wall clock shows `wall`; what it means only if
    /// somebody hears it.
    pub(super) fn answered(
        &mut self,
        flight: FlightFacts,
        outcome: &Outcome,
        now: Moment,
        wall: Timestamp,
    ) {
        if !self.is_watching {
            return;
        }
        let is_heard = self.hears(flight);
        if is_heard && oracle::is_success(outcome) {
            self.figures.succeeded();
        }
        if let Some(endpoint) = flight.neighbour {
            if is_heard {
                self.neighbour_ended(endpoint, flight, outcome, now);
            }
            return;
        }
        let answered = Sighting::Answered(flight.into(), outcome.kind, is_heard);
        self.log(now.real, answered);
        if is_heard {
            self.note_crowd(now);
            self.in_flight = self.in_flight.saturating_sub(1);
            let endpoint = self.endpoints.entry(flight.ordinal).or_default();
            endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
            endpoint.idle_since = now.real;
            self.host_ended(flight, outcome, now);
            self.slow_ended(flight, outcome.kind, now);
            self.share_left(flight, now);
            self.gone_heard(flight, outcome, now);
            self.earned_heard(flight, outcome, now);
            self.retry_left(flight);
        }
        if outcome.kind == OutcomeKind::Cancelled {
            // It is as one that was never made.
            self.happened.called_off += 1;
            return;
        }
        if flight.is_by_hand && is_heard {
            self.made_by_hand(flight, now);
        }
        if is_heard && outcome.kind != OutcomeKind::Internal {
            self.circuit_ended(flight, oracle::is_success(outcome), now);
        }
        let endpoints = self.endpoints.len();
        let (policy, steady) = (&self.options.retry, now.steady);
        let seen = self.events.get_mut(&flight.position);
        let seen = seen.and_then(|seen| seen.seen_mut(flight.ordinal, endpoints));
        let Some(seen) = seen else {
            return;
        };
        let is_of_schedule = is_heard && !flight.is_by_hand;
        if oracle::is_success(outcome) {
            seen.delivered_at.get_or_insert(now.real);
        } else if is_of_schedule {
            let step = seen.step(flight.number);
            seen.failed = flight.number;
            seen.not_before = oracle::earliest_next(policy, step, outcome, steady, wall);
            seen.not_after = oracle::latest_next(policy, step, outcome, steady, wall);
        }
        if is_of_schedule {
            seen.told_at = Some(now.real);
        }
    }
}
