//! The world: the host of engine and store in virtual time. It carries turns exactly as
//! `engine/io.rs` has them and decides nothing; what happens next is the earliest thing that is due,
//! and among equals what was caused first.

use std::collections::BTreeMap;

use super::{
    disk::Disk,
    network::Network,
    report::Report,
    run::SimulationError,
    scenario::Scenario,
    trace::Trace,
    witness::{FlightFacts, Witness},
    workload::{Ask, Workload},
};
use crate::{
    domain::{
        application::ApplicationKey, attempt::AttemptHandle, command::Answer, id::ShardId,
        outcome::Outcome,
    },
    engine::{
        Engine,
        io::{Effect, Input},
    },
    limits,
    random::Stream,
    time::{Now, Span, Timestamp},
};

/// When every simulation begins: 2026-01-01, midnight UTC.
const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Turns that may pass before anything moves: more is a loop.
const TURNS_AT_ONE_TIME_MAX: u32 = 100_000;

/// Something on its way to the engine.
pub(super) enum Arrival {
    Input(Input),
    Answer(AttemptHandle, FlightFacts, Outcome),
    Ask(Ask),
    Acquire(ShardId),
}

/// Everything a run consists of.
pub(super) struct World<'scenario> {
    scenario: &'scenario Scenario,
    engine: Engine,
    disk: Disk,
    network: Network,
    workload: Workload,
    witness: Witness,
    trace: Trace,
    /// What is due, and in which order it was caused.
    arrivals: BTreeMap<(Timestamp, u64), Arrival>,
    caused: u64,
    now: Timestamp,
    turns_now: u32,
    split: Stream,
    effects: Vec<Effect>,
    application: ApplicationKey,
}

impl<'scenario> World<'scenario> {
    /// A world in which nothing has happened.
    pub(super) fn new(scenario: &'scenario Scenario) -> Result<Self, SimulationError> {
        let seed = scenario.seed;
        Ok(Self {
            scenario,
            engine: Engine::new(scenario.engine_options()),
            disk: Disk::new(seed, scenario.store, scenario.faults.clone()),
            network: Network::new(seed, scenario.endpoints, scenario.faults.gone_receiver),
            workload: Workload::new(scenario)?,
            witness: Witness::new(scenario),
            trace: Trace::default(),
            arrivals: BTreeMap::new(),
            caused: 0,
            now: BEGINNING,
            turns_now: 0,
            split: Stream::new(seed, "split turns", 0, 0),
            effects: Vec::new(),
            application: ApplicationKey::default(),
        })
    }

    /// One turn at the earliest time at which something is due; false if nothing is.
    pub(super) fn turn(&mut self) -> Result<bool, SimulationError> {
        let arrival = self.arrivals.first_key_value().map(|((at, _), _)| *at);
        let Some(due) = arrival.into_iter().chain(self.engine.next_deadline()).min() else {
            return Ok(false);
        };
        self.advance(due)?;
        let mut room = if self.scenario.faults.split_turns {
            self.split.between(1, 4)
        } else {
            u64::try_from(limits::TURN_INPUTS_MAX).unwrap_or(u64::MAX)
        };
        let mut idle = true;
        while room > 0
            && let Some(entry) = self.arrivals.first_entry()
            && entry.key().0 <= self.now
        {
            let arrival = entry.remove();
            self.arrive(arrival)?;
            room -= 1;
            idle = false;
        }
        if idle {
            self.step(Input::DeadlineReached);
        }
        self.step(Input::TurnEnd);
        let mut effects = core::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.trace.effect(&effect);
            self.carry(effect);
        }
        self.effects = effects;
        Ok(true)
    }

    /// Moves time on, and notices when it no longer moves or never ends.
    fn advance(&mut self, due: Timestamp) -> Result<(), SimulationError> {
        self.turns_now = if due > self.now {
            0
        } else {
            self.turns_now + 1
        };
        self.now = self.now.max(due);
        self.trace.set_now(self.now);
        let gaps = self.scenario.event_every.as_micros().saturating_mul(2);
        let workload = Span::from_micros(gaps.saturating_mul(self.scenario.events.into()));
        // Everything has expired by then, twice over.
        let end = BEGINNING
            .plus(workload)
            .plus(self.scenario.engine.expires_after)
            .plus(self.scenario.engine.expires_after)
            .plus(Span::from_seconds(86_400));
        if self.turns_now > TURNS_AT_ONE_TIME_MAX || self.now > end {
            let at_ms = self.now.since(BEGINNING).as_millis();
            return Err(SimulationError::Endless { at_ms });
        }
        Ok(())
    }

    fn step(&mut self, input: Input) {
        self.trace.input(&input);
        self.engine
            .step(Now::at(self.now), input, &mut self.effects);
    }

    /// Plans an arrival.
    pub(super) fn plan(&mut self, after: Span, arrival: Arrival) {
        self.plan_at(self.now.plus(after), arrival);
    }

    fn plan_at(&mut self, at: Timestamp, arrival: Arrival) {
        self.caused += 1;
        self.arrivals.insert((at, self.caused), arrival);
    }

    /// Tells the engine what arrived.
    fn arrive(&mut self, arrival: Arrival) -> Result<(), SimulationError> {
        match arrival {
            Arrival::Input(input) => self.step(input),
            Arrival::Answer(attempt, flight, outcome) => {
                self.witness.answered(flight, &outcome, self.now);
                self.step(Input::AttemptDone(attempt, outcome));
            }
            Arrival::Ask(ask) => {
                if let Some((after, next)) = self.workload.after(ask) {
                    self.plan(after, Arrival::Ask(next));
                }
                let (request, command) = self.workload.command(ask)?;
                self.step(Input::Command(request, command));
            }
            Arrival::Acquire(shard) => {
                let (epoch, state) = self.disk.acquire(shard)?;
                self.step(Input::ShardAcquired(shard, epoch, Box::new(state)));
            }
        }
        Ok(())
    }

    /// Carries an effect out.
    fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(batch) => {
                let (at, input) = self.disk.commit(batch, self.now, &mut self.witness);
                self.plan_at(at, Arrival::Input(input));
            }
            Effect::Load(load, request) => {
                let (at, input) = self.disk.load(load, request, self.now, &mut self.witness);
                self.plan_at(at, Arrival::Input(input));
            }
            Effect::Send(request) => {
                let flight = self.witness.sent(&request, self.now);
                let outcome = self.network.answer(&request);
                let duration = outcome.duration;
                self.plan(duration, Arrival::Answer(request.attempt, flight, outcome));
            }
            // Its outcome comes by itself, as that of an attempt that had just ended.
            Effect::CancelSend(_) => {}
            Effect::Reply(request, reply) => {
                match reply {
                    Ok(Answer::Event { id, .. }) => self.witness.accepted(id, self.now),
                    Ok(Answer::Application { key, .. }) => self.application = key,
                    Ok(Answer::Endpoint { .. } | Answer::NameTaken { .. }) | Err(_) => {}
                }
                for (after, ask) in self.workload.answered(request, reply) {
                    self.plan(after, Arrival::Ask(ask));
                }
            }
            Effect::ReleaseShard(shard) => {
                self.witness.lost_shard();
                self.disk.release(shard);
                self.plan(Span::from_millis(1), Arrival::Acquire(shard));
            }
            // Nobody listens, and nobody asked for an end.
            Effect::Notify(_) | Effect::Stopped => {}
        }
    }

    /// Judges the end and sums the run up.
    pub(super) fn close(mut self) -> Result<Report, SimulationError> {
        let elapsed = self.now.since(BEGINNING).as_millis();
        let report = Report {
            seed: self.scenario.seed,
            virtual_ms: u64::try_from(elapsed).unwrap_or(0),
            trace_hash: self.trace.hash(),
            ..Report::default()
        };
        let report = self
            .witness
            .close(self.application, self.disk.store(), report);
        let violations = self.witness.violations();
        if violations.is_empty() {
            Ok(report)
        } else {
            Err(SimulationError::Violated(violations.to_vec()))
        }
    }
}
