//! I22, L7 and L8: circuits open and close by their rule, and then nothing goes out until they are half-open;
//! then one attempt at a time; a receiver that recovers gets no more than it may; and an endpoint is
//! disabled once it failed for long enough, and not before.
//!
//! What a circuit must be is reckoned from the results that were heard ([`model`]), and each row that is written of it
//! must be the one that was to be kept then ([`rows`]). Believed is only what is durable when a process or a shard is
//! lost, once that was found to be what was to be kept lately.
//!
//! That a circuit opens no more often than it must is seen elsewhere, too: an attempt that could have gone out
//! long before is late ([`judge_lateness`](super::lateness)), and a core that never comes through is told (L7).

mod model;
mod recovery;
mod rows;
mod usual;
mod waiting;

pub(in crate::sim) use self::model::SeenCircuit;
use self::{model::SeenState, rows::Found};
use crate::{
    domain::circuit::{Circuit, CircuitState},
    engine::options::Options,
    sim::{
        oracles::pause::is_pause_of_any,
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How long somebody who asked for another URL may wait for an answer until it does not come about.
const MOVE_MAX: Span = Span::from_seconds(3_600);

impl SeenCircuit {
    /// From now on its process has these settings.
    pub(in crate::sim) const fn has_settings(&mut self, options: &Options) {
        self.has_breaker = options.circuit_breaker.is_some();
    }
}

impl Witness {
    /// Somebody asks that an endpoint gets another URL.
    pub(in crate::sim) fn circuit_may_move(&mut self, ordinal: u32, now: Moment) {
        let seen = self.endpoints.entry(ordinal).or_default();
        seen.circuit.moving_at = Some(now.real);
    }

    /// Who asked for it at that time is answered.
    pub(in crate::sim) fn circuit_has_moved(&mut self, ordinal: u32, asked_at: Moment) {
        let seen = self.endpoints.entry(ordinal).or_default();
        seen.circuit.moving_at.take_if(|at| *at <= asked_at.real);
    }

    /// Judges an attempt that goes out by the circuit of its endpoint. What somebody asked for is not held
    /// back.
    pub(in crate::sim) fn judge_circuit_sent(&mut self, flight: FlightFacts, now: Moment) {
        self.judge_kept(flight.ordinal, now);
        let (period, window) = (self.breaks.len(), self.window);
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        let (id, in_flight) = (endpoint.id, endpoint.in_flight);
        let seen = &mut endpoint.circuit;
        seen.has_breaker = self.options.circuit_breaker.is_some();
        seen.enter(period, now);
        let confirmed = seen.recovery.confirmed(now.real, window);
        let judged = match &self.options.circuit_breaker {
            Some(policy) if !flight.is_by_hand => seen.judge_sent(id, in_flight, policy, now),
            _ => None,
        };
        let wrongly = seen.began_wrongly.take();
        let wrongly = wrongly.map(|what| Pace::AgainstTheRule { endpoint: id, what });
        self.happened.probes += u64::from(matches!(
            seen.state,
            SeenState::Open { .. } | SeenState::HalfOpen { .. }
        ));
        for pace in confirmed.into_iter().chain(judged).chain(wrongly) {
            self.object(pace.into());
        }
    }

    /// An attempt ended, and the engine that made it heard of it.
    pub(in crate::sim) fn circuit_ended(
        &mut self,
        flight: FlightFacts,
        succeeded: bool,
        now: Moment,
    ) {
        let period = self.breaks.len();
        if flight.period != period {
            return;
        }
        let disable_after = self.options.disable_after;
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        let is_held = endpoint.disabled_at.is_some() || endpoint.deleted_at.is_some();
        let seen = &mut endpoint.circuit;
        seen.enter(period, now);
        if now.real == endpoint.enabled_at {
            // It comes before the engine hears that it is enabled, or after it.
            seen.is_unsure = true;
        }
        if is_held || now.real < endpoint.enabled_at {
            // The engine may not have heard yet that it is disabled, and have counted this.
            seen.usual.doubt();
            return;
        }
        if flight.started_at < seen.begun_at {
            return;
        }
        let before = seen.state;
        let policy = self.options.circuit_breaker.as_ref();
        seen.ended((succeeded, flight.started_at), policy, disable_after, now);
        if seen.state != before {
            self.happened.circuits_opened +=
                u64::from(matches!(seen.state, SeenState::Open { .. }));
            self.happened.recoveries += u64::from(seen.state == SeenState::Recovering);
        }
    }

    /// What is kept of a circuit is durable.
    pub(in crate::sim) fn circuit_durable(
        &mut self,
        ordinal: u32,
        circuit: Option<Circuit>,
        at: Moment,
    ) {
        let (period, window) = (self.breaks.len(), self.window);
        let policies = &self.policies;
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let (id, seen) = (endpoint.id, &mut endpoint.circuit);
        if endpoint.disabled_at.is_some() || endpoint.deleted_at.is_some() {
            seen.rows.row = circuit;
            return;
        }
        let before = seen.state;
        let may_move = seen.may_move(at.real) && circuit.is_none();
        if may_move && before != SeenState::Closed {
            // Whether this is what goes with the change, or the end of a recovery, can't be told.
            if before == SeenState::Recovering {
                seen.is_unsure = true;
                seen.recovery.forget();
            }
            seen.rows.row = None;
            return;
        }
        let found = seen.written(circuit, policies, at);
        if seen.period != period {
            seen.is_written_since = true;
            return;
        }
        let is_over = before == SeenState::Recovering && seen.state == SeenState::Closed;
        if is_over {
            // All was delivered that had waited, which shows only now.
            seen.recovery.is_over(at.real, window);
        }
        let what = match found {
            Found::Kept => None,
            Found::Closed { since, .. } => {
                let is_early = self.waits_since(ordinal, since, at);
                is_early.then_some("closed while something waits")
            }
            Found::Other(_) if may_move => None,
            Found::Other(_) if seen.is_unsure => {
                // Its pause must be one all the same.
                let open = circuit.is_some_and(|row| {
                    matches!(row.state, CircuitState::Open { since, until }
                        if !is_pause_of_any(policies, row.openings, until.since(since)))
                });
                open.then_some("open for another time than its pause")
            }
            Found::Other(what) => {
                seen.is_unsure = true;
                Some(what)
            }
        };
        if let Some(what) = what {
            self.object(Pace::AgainstTheRule { endpoint: id, what }.into());
        }
    }

    /// Judges, once its period is over, what is durable of a circuit: of what changed too late to be written nobody
    /// can tell.
    fn judge_kept(&mut self, ordinal: u32, now: Moment) {
        let Some(endpoint) = self.endpoints.get(&ordinal) else {
            return;
        };
        let seen = &endpoint.circuit;
        if seen.period == self.breaks.len() {
            return;
        }
        let is_held = endpoint.disabled_at.is_some() || endpoint.deleted_at.is_some();
        let Some(broken_at) = self.breaks.get(seen.period) else {
            return;
        };
        if is_held || seen.is_unsure || seen.may_move(*broken_at) {
            return;
        }
        let is_orderly = self.orderly.contains(&seen.period);
        let is_late = |from: Timestamp| is_orderly || self.at_work(from, *broken_at) > self.window;
        if !seen.rows.is_kept(&self.policies, now.steady, is_late) {
            let endpoint = endpoint.id;
            self.object(Pace::CircuitNotKept { endpoint }.into());
        }
    }

    /// An endpoint is disabled since it is gone, or failed for too long: if it is enabled again, it begins slowly.
    pub(in crate::sim) fn circuit_disabled(&mut self, ordinal: u32) {
        let seen = &mut self.endpoints.entry(ordinal).or_default().circuit;
        seen.has_breaker = self.options.circuit_breaker.is_some();
        seen.begins_slowly = seen.moves_at.is_none();
    }

    /// An endpoint was disabled since it failed for too long.
    pub(in crate::sim) fn judge_disabled(&mut self, ordinal: u32, at: Moment) {
        self.happened.disabled_failing += 1;
        self.circuit_disabled(ordinal);
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let (id, since) = (endpoint.id, endpoint.circuit.failing_since);
        let failing = since.map_or(Span::ZERO, |since| at.steady.since(since));
        if self.options.disable_after.is_none_or(|most| failing < most) {
            let endpoint = id;
            self.object(Pace::DisabledEarly { endpoint, failing }.into());
        }
    }

    /// Whether the circuit of an endpoint is closed, in this period.
    pub(in crate::sim) fn is_circuit_closed(&self, ordinal: u32) -> bool {
        let endpoint = self.endpoints.get(&ordinal);
        endpoint.is_some_and(|endpoint| endpoint.circuit.state == SeenState::Closed)
    }

    /// Until when, in steady time, attempts to an endpoint are held back at the latest.
    pub(in crate::sim) fn held_back_until(&self, ordinal: u32) -> Option<Timestamp> {
        let policy = self.options.circuit_breaker.as_ref()?;
        let (seen, period) = (&self.endpoints.get(&ordinal)?.circuit, self.breaks.len());
        // Since its endpoint has another URL nothing is held back, whatever was until then.
        let moved = seen.moves_at.filter(|(_, moved)| *moved == period);
        let held = seen.held_back_until(period, policy);
        moved.map(|(at, _)| at.steady).or(held)
    }
}
