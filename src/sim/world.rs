//! The world: the host of engine and store in virtual time. It carries turns exactly as
//! `engine/io.rs` has them and decides nothing; what happens next is the earliest thing that is due,
//! and among equals what was caused first.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{
    disk::Disk,
    network::Network,
    oracle::Violation,
    report::Report,
    scenario::Scenario,
    trace::Trace,
    witness::{FlightFacts, Witness},
    workload::{Ask, Workload},
};
use crate::{
    domain::{
        application::ApplicationKey, attempt::AttemptHandle, command::Answer,
        endpoint_url::EndpointUrlError, id::ShardId, outcome::Outcome, secret::SecretError,
    },
    engine::{
        Engine,
        io::{Effect, Input},
    },
    limits,
    random::Stream,
    store::{AcquireError, memory::DATA_SHARD},
    time::{Now, Span, Timestamp},
};

/// When every simulation begins: 2026-01-01, midnight UTC.
const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Turns that may pass before anything moves: more is a loop.
const TURNS_AT_ONE_TIME_MAX: u32 = 100_000;

/// Why a run gave no report.
#[derive(Debug, Error)]
pub enum SimulationError {
    /// What must always hold did not: a bug, to be reported with the seed.
    #[error("a property did not hold; please report this with the seed and the options: {}", list(.0))]
    Violated(Vec<Violation>),
    /// The engine goes on for ever: a bug.
    #[error("the run does not come to an end at {at_ms} ms of virtual time; please report this")]
    Endless {
        /// How far it came.
        at_ms: i64,
    },
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] AcquireError),
    /// The workload's URLs are not valid.
    #[error(transparent)]
    Url(#[from] EndpointUrlError),
    /// The workload's secret is not valid.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Violations as one line.
fn list(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// Runs a scenario until every delivery has ended and nothing moves any more.
///
/// # Errors
/// [`SimulationError`]: never the scenario's fault.
pub fn run(scenario: &Scenario) -> Result<Report, SimulationError> {
    let mut world = World::new(scenario)?;
    world.plan(Span::ZERO, Arrival::Acquire(ShardId::DIRECTORY));
    world.plan(Span::ZERO, Arrival::Acquire(DATA_SHARD));
    world.plan(Span::ZERO, Arrival::Ask(Ask::Application));
    while world.turn()? {}
    world.close()
}

/// Something on its way to the engine.
enum Arrival {
    Input(Input),
    Answer(AttemptHandle, FlightFacts, Outcome),
    Ask(Ask),
    Acquire(ShardId),
}

struct World<'scenario> {
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
    fn new(scenario: &'scenario Scenario) -> Result<Self, SimulationError> {
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
    fn turn(&mut self) -> Result<bool, SimulationError> {
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

    fn plan(&mut self, after: Span, arrival: Arrival) {
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
                    Ok(Answer::Event { id }) => self.witness.accepted(id, self.now),
                    Ok(Answer::Application { key, .. }) => self.application = key,
                    Ok(Answer::Endpoint { .. }) | Err(_) => {}
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
    fn close(mut self) -> Result<Report, SimulationError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn document(scenario: &Scenario) -> String {
        let report = run(scenario).expect("every property holds");
        report.to_json().expect("integers and a string")
    }

    #[test]
    fn the_same_seed_gives_the_same_document_and_another_seed_another_hash() {
        let scenario = |seed| Scenario::new(seed, 40, 8).expect("it can run");
        assert_eq!(document(&scenario(1)), document(&scenario(1)));
        let hash = |seed| run(&scenario(seed)).expect("it ends").trace_hash;
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn one_backoff_step_longer_by_a_millisecond_changes_the_hash() {
        let scenario = Scenario::new(1, 20, 5).expect("it can run");
        let before = run(&scenario).expect("it ends");
        for step in 0..scenario.engine.retry.waits.len() {
            let mut changed = scenario.clone();
            let wait = &mut changed.engine.retry.waits;
            let longer = wait.get_mut(step).expect("a step");
            *longer = Span::from_micros(longer.as_micros() + 1_000);
            let after = run(&changed).expect("it ends");
            assert_ne!(before.trace_hash, after.trace_hash, "step {step}");
            assert_eq!(before.deliveries, after.deliveries, "step {step}");
        }
    }

    #[test]
    fn the_document_tells_nothing_of_the_faults_that_did_not_happen() {
        let mut scenario = Scenario::new(3, 10, 3).expect("it can run");
        let quiet = document(&scenario);
        scenario.faults.failing_commits = vec![crate::sim::scenario::FailingCommit {
            number: u64::MAX,
            is_durable: false,
        }];
        assert_eq!(quiet, document(&scenario));
    }

    #[test]
    fn without_a_dead_receiver_most_is_delivered_at_once() {
        let report = run(&Scenario::new(5, 50, 2).expect("it can run")).expect("it ends");
        assert_eq!(report.deliveries, 100);
        assert_eq!(report.deliveries, report.succeeded + report.exhausted);
        assert!(report.latency_ms.p50 < 1_000, "{report:?}");
    }
}
