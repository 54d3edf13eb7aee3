//! The world: the host of engine and store in virtual time. It carries turns exactly as
//! `engine/io.rs` has them and decides nothing; what happens next is the earliest thing that is due,
//! and among equals what was caused first.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ask::Ask,
    by_hand::Asked,
    dues::Dues,
    faults::Trouble,
    life::Clocks,
    network::Network,
    oracle::Violation,
    report::Report,
    rerun::Rerun,
    run::SimulationError,
    scenario::{Layer, Scenario},
    seen::{FlightFacts, Moment},
    simulated_disk::SimulatedDisk,
    store_host::{Flushed, StoreHost},
    stretch::Extent,
    trace::Trace,
    witness::Witness,
    workload::Workload,
};
use crate::{
    domain::{
        application::ApplicationKey, attempt::AttemptHandle, command::RequestHandle, id::ShardId,
        outcome::Outcome,
    },
    engine::{
        Engine,
        io::{Effect, Input},
    },
    limits,
    random::Stream,
    store::memory::MemoryStore,
    time::{Span, Timestamp},
};

/// When every simulation begins.
pub(super) use super::trace::VIRTUAL_BEGINNING as BEGINNING;

/// Turns that may pass before anything moves: more is a loop.
const TURNS_AT_ONE_TIME_MAX: u32 = 100_000;
/// Turns that a run may have, and how many more for each delivery.
const TURNS_MAX: u64 = 300_000;
const TURNS_PER_DELIVERY: u64 = 100;
/// And for each time that an event may be asked for in vain.
const TURNS_PER_ASK: u64 = 4;

/// Something on its way to the engine.
pub(super) enum Arrival {
    Input(Input),
    Answer(AttemptHandle, FlightFacts, Outcome),
    Ask(Ask),
    /// An ask that came while the process stood still.
    Waiting(Ask),
    Acquire(ShardId),
    LoseShard,
}

/// Something that is due.
pub(super) enum Due {
    /// For the engine.
    Engine(Arrival),
    /// The store begins its next group.
    Flush,
    /// The process begins a life.
    Start,
    /// The life with this number is over.
    Die(usize),
    /// It is told to end within this time.
    ShutDown(usize, Span),
    /// It has ended.
    Stop(usize),
    /// It should have ended long ago.
    StopAtLast(usize),
    /// Something goes wrong.
    Trouble(Trouble),
    /// The disk has room again.
    RoomAgain,
    /// All is well for the core.
    Heal,
}

impl Due {
    /// Whether it waits while the process stands still: all that comes to it, but not what producers do
    /// of themselves.
    pub(super) const fn is_of_process(&self) -> bool {
        match self {
            Self::Engine(arrival) => !matches!(arrival, Arrival::Ask(_)),
            Self::Flush => true,
            _ => false,
        }
    }
}

/// Everything a run consists of.
pub(super) struct World<'scenario> {
    pub(super) scenario: &'scenario Scenario,
    /// `None` while the process is down.
    pub(super) engine: Option<Engine>,
    pub(super) host: StoreHost,
    /// What the embedded store stands on.
    pub(super) disk: Option<SimulatedDisk>,
    pub(super) network: Network,
    pub(super) workload: Workload,
    pub(super) witness: Witness,
    pub(super) trace: Trace,
    /// This life, written down.
    pub(super) rerun: Option<Rerun>,
    /// When the process was to end at the latest, in steady time, if it was told to.
    pub(super) stopping: Option<Timestamp>,
    /// What is due.
    pub(super) dues: Dues,
    pub(super) now: Timestamp,
    /// Until when the process stands still, if it does.
    pub(super) stalled_until: Timestamp,
    /// When a run that is not over goes on for ever.
    end: Timestamp,
    pub(super) clocks: Clocks,
    turns_now: u32,
    pub(super) turns: u64,
    turns_max: u64,
    split: Stream,
    /// What inspections read.
    pub(super) inspections: Stream,
    effects: Vec<Effect>,
    pub(super) application: ApplicationKey,
    /// Shards that are given up and not acquired again.
    pub(super) acquiring: BTreeSet<ShardId>,
    /// What was asked by hand and is not answered, and when.
    pub(super) acts: BTreeMap<RequestHandle, (Asked, Moment)>,
}

impl<'scenario> World<'scenario> {
    /// A world in which nothing has happened.
    pub(super) fn new(scenario: &'scenario Scenario) -> Result<Self, SimulationError> {
        let seed = scenario.seed;
        let turns = scenario
            .deliveries()
            .saturating_add(scenario.deliveries_of_news());
        let turns = turns.saturating_mul(TURNS_PER_DELIVERY);
        // Who has no answer asks again each second.
        let vain = scenario.faults.asked_in_vain().as_micros().unsigned_abs() / 1_000_000;
        let asks = vain.saturating_mul(scenario.events.into());
        let turns = turns.saturating_add(asks.saturating_mul(TURNS_PER_ASK));
        let mut host = StoreHost::new(seed, scenario.faults.clone());
        let disk = match scenario.layer {
            Layer::Core(options) => {
                host.host_memory(MemoryStore::new(options));
                None
            }
            Layer::Store(_) | Layer::Full(_) => Some(SimulatedDisk::new(seed)),
        };
        Ok(Self {
            scenario,
            engine: None,
            host,
            disk,
            network: Network::of(scenario),
            workload: Workload::new(scenario)?,
            witness: Witness::new(scenario),
            trace: Trace::default(),
            rerun: None,
            stopping: None,
            dues: Dues::default(),
            now: BEGINNING,
            stalled_until: BEGINNING,
            end: scenario.end(),
            clocks: Clocks::starting_at(BEGINNING),
            turns_now: 0,
            turns: 0,
            turns_max: TURNS_MAX.saturating_add(turns),
            split: Stream::new(seed, "split turns", 0, 0),
            inspections: Stream::new(seed, "inspections", 0, 0),
            effects: Vec::new(),
            application: ApplicationKey::default(),
            acquiring: BTreeSet::new(),
            acts: BTreeMap::new(),
        })
    }

    /// Whether the witness looks.
    pub(super) const fn watch(&mut self, is_watching: bool) {
        self.witness.is_watching = is_watching;
        self.host.is_watched = is_watching;
    }

    /// The present moment.
    pub(super) const fn moment(&self) -> Moment {
        Moment {
            real: self.now,
            steady: self.clocks.now(self.now).steady,
        }
    }

    /// The next thing that is due, or a turn at the earliest time at which something is; false if
    /// nothing is.
    pub(super) fn turn(&mut self) -> Result<bool, SimulationError> {
        let next = self.dues.next_at();
        let deadline = self.engine.as_ref().and_then(Engine::next_deadline);
        let deadline = deadline.map(|steady| self.clocks.real_of(steady).max(self.stalled_until));
        let Some(due) = next.into_iter().chain(deadline).min() else {
            return Ok(false);
        };
        self.advance(due)?;
        let stands_still = self.stands_still();
        let first = self.dues.first(self.now);
        if first.is_some_and(|due| stands_still || !matches!(due, Due::Engine(_)))
            && let Some(due) = self.dues.take_first()
        {
            self.happen(due)?;
        } else {
            self.turn_of_engine()?;
        }
        if let Some(at) = self.host.plan(self.now) {
            self.plan_at(at, Due::Flush);
        }
        self.go_on()?;
        Ok(true)
    }

    /// Whether the process does nothing, whatever comes.
    pub(super) fn stands_still(&self) -> bool {
        self.now < self.stalled_until
    }

    /// The store begins its next group.
    fn flush(&mut self) -> Result<(), SimulationError> {
        let syncs_failed = |disk: &Option<SimulatedDisk>| {
            disk.as_ref().is_some_and(SimulatedDisk::has_failed_sync)
        };
        let had_failed = syncs_failed(&self.disk);
        match self.host.flush(self.moment(), &mut self.witness) {
            Flushed::Told(told) => {
                if syncs_failed(&self.disk) && !had_failed {
                    // Nobody knows what of the group is durable.
                    self.witness.object(Violation::Swallowed);
                }
                for (at, input) in told {
                    self.plan_at(at, Due::Engine(Arrival::Input(input)));
                }
            }
            Flushed::Ended => self.ended()?,
        }
        Ok(())
    }

    /// Something happens that is not for the engine to hear.
    fn happen(&mut self, due: Due) -> Result<(), SimulationError> {
        match due {
            Due::Engine(arrival) => self.arrive(arrival)?,
            // A shard is acquired as the store is before its next group, whatever waits for that.
            Due::Flush if self.dues.has_acquire(self.now) => self.plan(Span::ZERO, Due::Flush),
            Due::Flush => self.flush()?,
            Due::Start => self.start()?,
            Due::Die(life) if life == self.witness.life && !self.is_healed() => self.die(),
            Due::ShutDown(life, grace) if life == self.witness.life && !self.is_healed() => {
                self.shut_down(grace);
            }
            Due::Stop(life) if life == self.witness.life => self.stop(),
            Due::StopAtLast(life) if life == self.witness.life => self.stop_at_last(),
            Due::Die(_) | Due::ShutDown(..) | Due::Stop(_) | Due::StopAtLast(_) => {}
            Due::Trouble(trouble) => self.trouble(trouble),
            Due::RoomAgain => self.room_again(),
            Due::Heal => self.heal(),
        }
        Ok(())
    }

    /// One turn of the engine, with what has arrived.
    fn turn_of_engine(&mut self) -> Result<(), SimulationError> {
        let mut room = if self.scenario.faults.split_turns {
            self.split.between(1, 4)
        } else {
            u64::try_from(limits::TURN_INPUTS_MAX).unwrap_or(u64::MAX)
        };
        let mut idle = true;
        while room > 0
            && matches!(self.dues.first(self.now), Some(Due::Engine(_)))
            && let Some(Due::Engine(arrival)) = self.dues.take_first()
        {
            self.arrive(arrival)?;
            room -= 1;
            idle = false;
        }
        if idle {
            self.step(Input::DeadlineReached);
        }
        self.step(Input::TurnEnd);
        if let Some(engine) = self.engine.as_ref().filter(|_| self.witness.is_watching) {
            let held = engine.holdings();
            self.witness.judge_memory(&held);
            self.witness.judge_audit(engine, &held);
        }
        if let Some(rerun) = &mut self.rerun
            && self.engine.is_some()
        {
            rerun.turn_ended(self.clocks.now(self.now), &self.effects);
        }
        let mut effects = core::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.trace.effect(&effect);
            self.carry(effect);
        }
        self.effects = effects;
        self.look_at_figures();
        Ok(())
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
        self.turns += 1;
        let is_loop = self.turns_now > TURNS_AT_ONE_TIME_MAX || self.turns > self.turns_max;
        if is_loop || self.now > self.end {
            self.go_on()?;
            return Err(self.violated([Violation::Endless].as_slice()));
        }
        Ok(())
    }

    pub(super) fn step(&mut self, input: Input) {
        self.trace.input(&input);
        let now = self.clocks.now(self.now);
        if let Some(engine) = &mut self.engine {
            if let Some(rerun) = &mut self.rerun
                && !matches!(input, Input::TurnEnd)
            {
                rerun.input(now, &input);
            }
            engine.step(now, input, &mut self.effects);
        }
    }

    /// Plans something for later.
    pub(super) fn plan(&mut self, after: Span, due: Due) {
        self.plan_at(self.now.plus(after), due);
    }

    pub(super) fn plan_ask(&mut self, (after, ask): (Span, Ask)) {
        self.plan(after, Due::Engine(Arrival::Ask(ask)));
    }

    pub(super) fn plan_at(&mut self, at: Timestamp, due: Due) {
        let at = if due.is_of_process() {
            at.max(self.stalled_until)
        } else {
            at
        };
        self.dues.add(at, due);
    }

    /// Judges the end and sums the run up.
    pub(super) fn close(&mut self) -> Result<Report, SimulationError> {
        if self.disk.is_some() {
            self.inspect(Extent::Whole);
        }
        self.judge_rerun();
        let report = self.summary();
        let report = match self.host.store() {
            Some(store) if self.witness.is_watching => {
                let now = Moment {
                    real: self.now,
                    steady: self.clocks.now(self.now).steady,
                };
                self.witness.close(self.application, store, now, report)
            }
            _ => report,
        };
        self.go_on()?;
        Ok(report)
    }

    /// How far the run has come.
    pub(super) fn summary(&self) -> Report {
        let elapsed = self.now.since(BEGINNING).as_millis();
        let report = Report {
            layer: self.scenario.layer.name(),
            seed: self.scenario.seed,
            seeds: 1,
            events: u64::try_from(self.witness.answers.len()).unwrap_or(u64::MAX),
            attempts: self.witness.attempts,
            virtual_ms: u64::try_from(elapsed).unwrap_or(0),
            trace_hash: self.trace.hash(),
            records: self.trace.records(),
            ..Report::default()
        };
        report.having_met(self.witness.happened)
    }
}
