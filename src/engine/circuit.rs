//! Circuits: what the breaker of a lane learns from attempts, and what of it is kept.
//!
//! The policy decides ([`CircuitBreaker`]); here its lane is told, and a row is written when something of
//! weight changed: when a circuit opens, recovers or closes, and when an endpoint has failed for long.

use super::{Engine, flight::Flight, lane::Lane, window::Window};
use crate::{
    domain::{
        attempt::Holder,
        change::{Change, ChangeResult},
        circuit::{Circuit, CircuitState},
        endpoint::DisabledReason,
        id::EndpointId,
    },
    policy::{
        circuit_breaker::{AttemptEnd, CircuitBreaker, Rule},
        classify::Verdict,
    },
    time::Now,
};

impl Engine {
    /// The circuit of an endpoint as it was kept, or a new one.
    pub(super) fn restored_circuit(
        &self,
        endpoint: u128,
        kept: Option<Circuit>,
        now: Now,
    ) -> CircuitBreaker {
        let rule = self.circuit_rule(endpoint);
        CircuitBreaker::restored(kept.unwrap_or_default(), rule, now.steady)
    }

    fn circuit_rule(&self, endpoint: u128) -> Rule<'_> {
        Rule {
            policy: self.options.circuit_breaker.as_ref(),
            endpoint,
            seed: self.options.seed,
        }
    }

    /// Lets the circuit of a lane learn from an attempt; disables an endpoint that failed for too long. What ends
    /// while it is disabled tells nothing: whoever enables it again has repaired it.
    pub(super) fn learn(&mut self, flight: &Flight, verdict: Verdict, now: Now) {
        let lane = self.registry.lanes.get_mut(flight.lane);
        let Some(lane) = lane.filter(|lane| lane.is_enabled()) else {
            return;
        };
        let rule = Rule {
            policy: self.options.circuit_breaker.as_ref(),
            endpoint: lane.endpoint.id.id().value(),
            seed: self.options.seed,
        };
        let end = AttemptEnd {
            succeeded: verdict == Verdict::Success,
            started_at: flight.started_at.steady,
        };
        #[cfg(feature = "mutants")]
        super::mutant::mistaken_circuit(lane.mutant, &mut lane.circuit, end, rule, now.steady);
        #[cfg(not(feature = "mutants"))]
        lane.circuit.ended(end, rule, now.steady);
        let failing_since = lane.circuit.circuit().failing_since;
        let is_over = self
            .options
            .disable_after
            .zip(failing_since)
            .is_some_and(|(most, since)| now.steady.since(since) >= most);
        #[cfg(feature = "mutants")]
        let is_over = {
            let lane = self.registry.lanes.get(flight.lane);
            let is_open = lane.is_some_and(|lane| lane.circuit.is_open());
            self.mistaken_disabling(is_over, is_open)
        };
        if is_over {
            self.disable(flight.lane, DisabledReason::Failing, now);
        }
        self.keep_circuit(flight.lane, now);
    }

    /// Whoever disables an endpoint ends what was learned of it: once it is enabled again, it starts slowly.
    pub(super) fn rest_circuit(&mut self, index: usize, reason: DisabledReason, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let has_failed = match reason {
            DisabledReason::Gone | DisabledReason::Failing => true,
            DisabledReason::Requested => lane.circuit.kept(now.steady).is_some(),
        };
        if has_failed {
            let rule = Rule {
                policy: self.options.circuit_breaker.as_ref(),
                endpoint: lane.endpoint.id.id().value(),
                seed: self.options.seed,
            };
            lane.circuit.start_slowly(rule, now.steady);
        }
        lane.circuit.start_anew();
        self.keep_circuit(index, now);
    }

    /// An endpoint is enabled again: its window is to be earned anew, and nothing of before counts.
    pub(super) fn start_anew(&mut self, index: usize, now: Now) {
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            lane.window = Window::new(self.options.window_max);
            lane.circuit.start_anew();
            lane.held_by = Some(Holder::Disabled);
        }
        self.forget_promptness(index);
        self.keep_circuit(index, now);
    }

    /// An endpoint has another URL: what was learned is of another receiver, also from attempts that are in
    /// flight.
    pub(super) fn move_circuit(&mut self, index: usize, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let rule = Rule {
            policy: self.options.circuit_breaker.as_ref(),
            endpoint: lane.endpoint.id.id().value(),
            seed: self.options.seed,
        };
        lane.circuit.moved(rule, now.steady);
        lane.window = Window::new(self.options.window_max);
        self.forget_promptness(index);
        self.keep_circuit(index, now);
    }

    /// Gathers, with the change that gives an endpoint another URL, that nothing is kept of its circuit: whoever
    /// acquires the shard right after that must not hold the new receiver to what the old one did.
    pub(super) fn let_go_of_circuit(&mut self, id: EndpointId, now: Now) {
        let index = self.registry.lane(id);
        let Some(lane) = index.and_then(|index| self.registry.lanes.get_mut(index)) else {
            return;
        };
        lane.moves += 1;
        let endpoint = lane.endpoint.key;
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard)
            && lane.circuit_row.take().is_some()
        {
            let circuit = None;
            log.gather(Change::PutCircuit { endpoint, circuit }, now);
        }
    }

    /// Such a change was written, or did not come about: then what was let go of is kept.
    pub(super) fn url_was_written(&mut self, id: EndpointId, result: ChangeResult, now: Now) {
        let Some(index) = self.registry.lane(id) else {
            return;
        };
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            lane.moves = lane.moves.saturating_sub(1);
        }
        if result != ChangeResult::Fresh {
            self.keep_circuit(index, now);
        }
    }

    /// Nothing waits for a lane: if it was recovering it no longer is.
    pub(super) fn note_caught_up(&mut self, index: usize, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if lane.circuit.circuit().state == CircuitState::Recovering {
            lane.circuit.caught_up();
            self.keep_circuit(index, now);
        }
    }

    /// Gathers what is to be kept of a circuit, if that is not what was.
    pub(super) fn keep_circuit(&mut self, index: usize, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        // Of one that is disabled or deleted nothing is held back by its circuit.
        let is_open = lane.circuit.is_open() && lane.is_enabled();
        self.circuits_open += usize::from(is_open);
        let was_open = core::mem::replace(&mut lane.is_counted_open, is_open);
        self.circuits_open -= usize::from(was_open);
        let circuit = lane.circuit.kept(now.steady);
        #[cfg(feature = "mutants")]
        let circuit = super::mutant::mistaken_row(lane.mutant, circuit);
        if circuit == lane.circuit_row || lane.endpoint.is_deleted() {
            return;
        }
        let endpoint = lane.endpoint.key;
        if let Some(log) = self.logs.get_mut(&endpoint.application.shard) {
            lane.circuit_row = circuit;
            log.gather(Change::PutCircuit { endpoint, circuit }, now);
        }
    }

    /// Gives a restored lane its circuit as it was kept. Of a disabled endpoint nothing is remembered but
    /// that it starts slowly.
    pub(super) fn restore_circuit(&mut self, lane: &mut Lane, kept: Option<Circuit>, now: Now) {
        #[cfg(feature = "mutants")]
        let kept = kept.filter(|_| !self.has(super::mutant::Mutant::ForgetsCircuits));
        lane.circuit = self.restored_circuit(lane.endpoint.id.id().value(), kept, now);
        lane.circuit_row = kept;
        if kept.is_some() && !lane.is_enabled() {
            let rule = self.circuit_rule(lane.endpoint.id.id().value());
            lane.circuit.start_slowly(rule, now.steady);
        }
        lane.is_counted_open = lane.circuit.is_open() && lane.is_enabled();
        self.circuits_open += usize::from(lane.is_counted_open);
    }
}
