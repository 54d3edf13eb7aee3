//! F3: the verbs. A pure state machine that takes events in and decides every attempt.
//!
//! The files read in the order in which an event flows:
//! `ingest` (a command becomes a change) → `record` (changes become batches) → `fan_out` (what is
//! durable wakes lanes) → `schedule` (which lane has something to do) → `dispatch` (attempts start,
//! fairly) → `settle` (outcomes move deliveries on) → `record` again.
//!
//! The engine does no I/O, reads no clock and draws no randomness but what follows from its seed:
//! see [`io`] for the whole contract. It acts only on what is durable.
//!
//! ```
//! use fanfare::{
//!     domain::id::ShardId,
//!     engine::{Engine, io::Input, options::Options},
//!     store::{Store as _, memory::MemoryStore},
//!     time::{Now, Timestamp},
//! };
//!
//! let mut store = MemoryStore::default();
//! let mut engine = Engine::new(Options::default());
//! let now = Now::at(Timestamp::from_millis(1_764_000_000_000));
//! let mut effects = Vec::new();
//! for shard in [ShardId::DIRECTORY, ShardId::new(1)] {
//!     let (epoch, state) = store.acquire(shard)?;
//!     engine.step(now, Input::ShardAcquired(shard, epoch, Box::new(state)), &mut effects);
//! }
//! engine.step(now, Input::TurnEnd, &mut effects);
//! assert!(effects.is_empty());
//! assert_eq!(engine.next_deadline(), None);
//! # Ok::<(), fanfare::store::AcquireError>(())
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

mod audit;
mod circuit;
mod directory;
mod dispatch;
mod done_map;
mod endpoint;
mod expunge;
mod fan_out;
mod flight;
mod held;
mod host;
mod ingest;
pub mod io;
mod lane;
mod lines;
mod logs;
#[cfg(feature = "mutants")]
pub mod mutant;
mod on_commit;
mod open_rows;
pub mod options;
mod order;
mod outbox;
mod overtake;
mod pace;
mod pages;
mod postpone;
pub mod pressure;
mod record;
mod registry;
mod resend;
mod ring;
mod round;
mod schedule;
mod set_aside;
mod settle;
mod shard;
mod share;
mod slow;
mod standing;
mod stats;
mod tally;
mod task;
mod task_step;
#[cfg(test)]
mod tests_support;
mod walk;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use slab::Slab;

pub use self::{
    audit::Miscount,
    standing::{Figures, Standing},
    stats::{Holdings, Stats},
    tally::{OUTCOMES, Tally},
};
use self::{
    flight::Flight,
    host::Hosts,
    ingest::Generator,
    io::{Effect, Input},
    logs::ShardLogs,
    open_rows::Held,
    options::Options,
    outbox::Outbox,
    record::ShardLog,
    registry::Registry,
    round::Rounds,
    schedule::LoadSource,
    slow::Slow,
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptHandle,
        change::StoreMode,
        command::{Reply, RequestHandle},
        endpoint::EndpointKey,
        event::{Event, EventPosition},
        id::ShardId,
        page::LoadHandle,
    },
    time::{Now, Timestamp},
};

/// The webhook engine.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    registry: Registry,
    /// What is being written, by shard; a shard is ours while it stands here.
    logs: ShardLogs,
    /// The keys of `logs`, so that they can be walked while a log changes.
    shard_list: Vec<ShardId>,
    /// The number that the next application of a shard gets.
    next_application: BTreeMap<ShardId, u32>,
    /// Attempts in flight; outlives the state of the shards, so that slots stay true.
    flights: Slab<Flight>,
    /// Attempts in flight whose lane was forgotten, with the endpoint they went to.
    orphans: Vec<(AttemptHandle, EndpointKey)>,
    retries_in_flight: usize,
    /// Lanes whose circuit is open or half-open.
    circuits_open: usize,
    /// Deliveries that were put off in this turn.
    postponed: usize,
    /// What goes to each host.
    hosts: Hosts,
    /// What goes to receivers that are not prompt.
    slow: Slow,
    /// Applications with ready lanes, in the order of their turns.
    ready: VecDeque<usize>,
    /// Lanes that sleep until a time.
    asleep: BTreeSet<(Timestamp, usize)>,
    /// Applications whose rate is used up, until it is not.
    applications_asleep: BTreeSet<(Timestamp, usize)>,
    loads: BTreeMap<LoadHandle, LoadSource>,
    /// Lanes that have run out of loaded open rows.
    open_loads: BTreeSet<(ShardId, usize)>,
    /// Lanes whose task wants to look at events, in the order of their turns.
    task_turns: VecDeque<usize>,
    /// Lanes whose task waits for another try to look at events.
    tasks_paused: BTreeSet<(Timestamp, usize)>,
    /// Open rows that stand in memory, over all lanes.
    open_held: Held,
    /// Events that became durable in this turn; `None` where one was refused.
    arrived: Vec<(ApplicationKey, EventPosition, Option<Arc<Event>>)>,
    /// Lanes that an event wakes; kept for its memory.
    woken: Vec<usize>,
    replies: Vec<(RequestHandle, Reply)>,
    rounds: Rounds,
    /// What is on its way from one shard to another.
    outbox: Outbox,
    generator: Generator,
    shutdown: Option<Shutdown>,
    /// What the store has room for.
    store_mode: StoreMode,
    stats: Stats,
    tally: Tally,
    /// When the last batch was submitted, of any shard.
    last_batch: Option<Now>,
    /// The last handle that was given.
    handle: u64,
    turn: u64,
    /// The count of loads at which the pages were last bounded.
    pages_bounded_at: u64,
}

/// How far shutdown has come.
#[derive(Clone, Copy, Debug)]
struct Shutdown {
    deadline: Timestamp,
    cancelled: bool,
    stopped: bool,
}

impl Engine {
    /// An engine that owns no shard yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            generator: Generator::new(options.seed),
            options,
            registry: Registry::default(),
            logs: ShardLogs::default(),
            shard_list: Vec::new(),
            next_application: BTreeMap::new(),
            flights: Slab::new(),
            orphans: Vec::new(),
            retries_in_flight: 0,
            circuits_open: 0,
            postponed: 0,
            hosts: Hosts::default(),
            slow: Slow::default(),
            ready: VecDeque::new(),
            asleep: BTreeSet::new(),
            applications_asleep: BTreeSet::new(),
            loads: BTreeMap::new(),
            open_loads: BTreeSet::new(),
            task_turns: VecDeque::new(),
            tasks_paused: BTreeSet::new(),
            open_held: Held::default(),
            arrived: Vec::new(),
            woken: Vec::new(),
            replies: Vec::new(),
            rounds: Rounds::default(),
            outbox: Outbox::default(),
            shutdown: None,
            store_mode: StoreMode::Normal,
            stats: Stats::default(),
            tally: Tally::default(),
            last_batch: None,
            handle: 0,
            turn: 0,
            pages_bounded_at: 0,
        }
    }

    /// Takes one input in; effects come at [`Input::TurnEnd`] and are appended to `out`.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Command(request, command) => {
                #[cfg(feature = "mutants")]
                let command = mutant::mistaken_ask(&self.options, command);
                self.ingest(request, command, now);
            }
            Input::ShardAcquired(shard, epoch, state) => self.acquired(shard, epoch, *state, now),
            Input::ShardLost(shard) => self.forget(shard),
            Input::Committed(batch) => self.committed(batch, now),
            Input::CommitFailed(shard, batch) => self.commit_failed(shard, batch, out),
            Input::Loaded(load, page) => self.loaded(load, *page, now),
            Input::LoadFailed(load) => self.load_failed(load, now),
            Input::StoreMode(mode) => self.store_mode = mode,
            Input::AttemptDone(attempt, outcome) => {
                self.count_attempt(attempt, &outcome, now);
                self.settle(attempt, outcome, now);
            }
            Input::DeadlineReached => {}
            Input::TurnEnd => self.end_turn_of_engine(now, out),
            Input::Shutdown(deadline) => {
                self.shutdown.get_or_insert(Shutdown {
                    deadline,
                    cancelled: false,
                    stopped: false,
                });
            }
        }
    }

    /// When the engine wants to be woken, in steady time, if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let delay = self.options.record_delay;
        let results = self
            .logs
            .values()
            .filter_map(|log| log.deadline(delay))
            .min();
        if let Some(shutdown) = self.shutdown {
            let forced = (!shutdown.cancelled).then_some(shutdown.deadline);
            return results.into_iter().chain(forced).min();
        }
        let asleep = self.asleep.first().map(|(at, _)| *at);
        let paced = self.applications_asleep.first().map(|(at, _)| *at);
        let paused = self.tasks_paused.first().map(|(at, _)| *at);
        let generator = self
            .generator
            .next_at
            .filter(|_| self.options.generator.is_some());
        let rounds = self.rounds_deadline();
        let heartbeat = self.heartbeat_deadline();
        let outbox = self.outbox.paused_until;
        [
            results, asleep, paced, paused, generator, rounds, heartbeat, outbox,
        ]
        .iter()
        .flatten()
        .min()
        .copied()
    }

    /// What the engine has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            in_flight: u64::try_from(self.flights.len()).unwrap_or(u64::MAX),
            circuits_open: u64::try_from(self.circuits_open).unwrap_or(u64::MAX),
            slow_in_flight: u64::try_from(self.slow.in_flight()).unwrap_or(u64::MAX),
            hosts_full: u64::try_from(self.hosts.full()).unwrap_or(u64::MAX),
            ..self.stats
        }
    }

    /// Decides: everything that arrived in the turn is known now.
    fn end_turn_of_engine(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.turn += 1;
        self.postponed = 0;
        self.generate(now);
        self.forward(now);
        out.extend(
            self.replies
                .drain(..)
                .map(|(request, reply)| Effect::Reply(request, reply)),
        );
        self.fan_out(now);
        self.schedule(now);
        self.dispatch(now, out);
        self.bound_pages();
        self.tell_rounds(now, out);
        self.record(self.shutdown.is_some(), now, out);
        self.shut_down(now, out);
    }

    /// Moves shutdown on: attempts end or are called off, results become durable, all is still.
    fn shut_down(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        if now.steady >= shutdown.deadline && !shutdown.cancelled {
            shutdown.cancelled = true;
            out.extend(
                self.flights
                    .iter()
                    .map(|(_, flight)| Effect::CancelSend(flight.handle)),
            );
        }
        let still = self.flights.is_empty() && self.logs.values().all(ShardLog::is_quiet);
        #[cfg(feature = "mutants")]
        let still = still
            || (self.options.mutant == Some(mutant::Mutant::LeavesResultsBehind)
                && self.flights.is_empty());
        if still && !shutdown.stopped {
            shutdown.stopped = true;
            out.push(Effect::Stopped);
        }
    }

    /// A number that names something in flight.
    fn next_handle(&mut self) -> u64 {
        self.handle += 1;
        self.handle
    }
}
