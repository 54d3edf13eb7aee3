//! What if: the traffic of a journal under another policy.
//!
//! Commands come as they were recorded, to a fresh engine over a memory store; attempts are answered as
//! receivers answered then: with what was recorded of the same endpoint nearest to that time. What was
//! asked by hand (resends, tasks, payloads let go) is left out, since it was asked about what happened.

mod run;

use std::collections::{BTreeMap, BTreeSet};

use self::run::Run;
use super::trace::Record;
use crate::{
    domain::{
        attempt::AttemptHandle,
        command::Command,
        id::{EndpointId, Id, ShardId},
        outcome::Outcome,
        page::ShardState,
    },
    engine::{io::Input, options::Options},
    journal::{
        frame::Content,
        steps::{Step, Turn},
    },
    time::{Now, Timestamp},
};

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events accepted.
    pub events: u64,
    /// Deliveries of which an attempt was made.
    pub begun: u64,
    /// Attempts made.
    pub attempts: u64,
    /// Deliveries that ended with success.
    pub succeeded: u64,
    /// Deliveries that ended without.
    pub exhausted: u64,
    /// Deliveries whose time ran out.
    pub expired: u64,
    /// Attempts that were in flight at once, at most.
    pub in_flight_max: u64,
    /// From acceptance to success, in the middle and of the slowest hundredth, in milliseconds; 0 if
    /// nothing succeeded.
    pub p50_ms: u64,
    /// See above.
    pub p99_ms: u64,
}

/// Figures that are being gathered from the records of a trace. What is done by hand is left out: attempts
/// that are asked for, and whatever comes of a delivery after its end.
#[derive(Default)]
struct Gathering {
    sum: Figures,
    accepted_at: BTreeMap<(u128, u64), Timestamp>,
    /// Where events and endpoints are, by their ids: a delivery is both.
    positions: BTreeMap<u128, u64>,
    endpoints: BTreeMap<u128, u128>,
    /// Deliveries of which an attempt is asked for; those of them that this batch says were made; and those
    /// that have ended.
    resends: BTreeSet<u128>,
    resent: BTreeSet<u128>,
    ended: BTreeSet<u128>,
    flying: BTreeSet<AttemptHandle>,
    latencies: Vec<i64>,
}

impl Gathering {
    fn note(&mut self, time: Timestamp, record: &Record) {
        match record.kind {
            100 => self.resent.clear(),
            120 => self.sent(record),
            201 => {
                self.endpoints.insert(record.first, record.second);
            }
            203 => {
                self.sum.events += 1;
                self.accepted_at.insert((record.second, record.value), time);
                self.positions.insert(record.first, record.value);
            }
            206 if self.ended.insert(record.first) => self.sum.expired += 1,
            // Set aside by hand.
            241 => {
                self.ended.insert(record.first);
            }
            230 => {
                self.resends.insert(record.first);
            }
            231 if self.resends.remove(&record.first) => {
                self.resent.insert(record.first);
            }
            221 | 222 => self.ended(time, record),
            _ => {}
        }
    }

    fn sent(&mut self, record: &Record) {
        let position = self.positions.get(&record.first);
        let delivery = self
            .endpoints
            .get(&record.second)
            .zip(position)
            .map(|(endpoint, position)| (u128::from(*position) << 80) | endpoint);
        let is_by_hand =
            |delivery: u128| self.resends.contains(&delivery) || self.ended.contains(&delivery);
        if delivery.is_some_and(is_by_hand) {
            return;
        }
        self.sum.attempts += 1;
        self.sum.begun += u64::from(record.value & 0xffff == 1);
        self.flying.insert(AttemptHandle::new(record.value >> 16));
        let in_flight = u64::try_from(self.flying.len()).unwrap_or(u64::MAX);
        self.sum.in_flight_max = self.sum.in_flight_max.max(in_flight);
    }

    /// A delivery ends with the result of an attempt.
    fn ended(&mut self, time: Timestamp, record: &Record) {
        let delivery = record.second;
        let is_by_hand = self.resent.remove(&delivery);
        if !self.ended.insert(delivery) || is_by_hand {
            return;
        }
        if record.kind == 222 {
            self.sum.exhausted += 1;
            return;
        }
        self.sum.succeeded += 1;
        let position = u64::try_from(delivery >> 80).unwrap_or(u64::MAX);
        let application = (delivery & ((1 << 80) - 1)) >> 32;
        if let Some(accepted) = self.accepted_at.get(&(application, position)) {
            self.latencies.push(time.since(*accepted).as_millis());
        }
    }

    fn landed(&mut self, attempt: AttemptHandle) {
        self.flying.remove(&attempt);
    }

    /// Nothing is in flight any more: another process begins.
    fn process_began(&mut self) {
        self.flying.clear();
    }

    fn finish(mut self) -> Figures {
        self.latencies.sort_unstable();
        let rank = |percent: usize| {
            let place = (self.latencies.len() * percent).div_ceil(100);
            let latency = self.latencies.get(place.saturating_sub(1));
            latency.map_or(0, |latency| u64::try_from(*latency).unwrap_or(0))
        };
        Figures {
            p50_ms: rank(50),
            p99_ms: rank(99),
            ..self.sum
        }
    }
}

/// Why the traffic of a journal can't be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// Its first life is not there from its beginning.
    #[error("the beginning of the journal is gone: record with a larger --record-max-bytes")]
    NoBeginning,
    /// Its first life began on a store that held something.
    #[error(
        "the journal begins on a store that was in use already, which it does not hold: record from \
         the first start of a store"
    )]
    StoreInUse,
}

/// The traffic of a journal, and how receivers answered.
#[derive(Default)]
pub struct Traffic {
    options: Option<Options>,
    error: Option<WhatIfError>,
    begun: Now,
    ended: Timestamp,
    /// What was asked, when, and the endpoint that was made by it.
    asked: Vec<(Timestamp, Command, Option<EndpointId>)>,
    /// Commands of this life that wait for their answer, by their place in `asked`.
    waiting: BTreeMap<u64, usize>,
    data_shards: BTreeSet<ShardId>,
    answers: BTreeMap<EndpointId, BTreeMap<Timestamp, Outcome>>,
    flying: BTreeMap<AttemptHandle, (EndpointId, Timestamp)>,
    left_out: u64,
    lives: u64,
    figures: Gathering,
}

impl Traffic {
    /// Takes the next content of the journal.
    pub fn take(&mut self, content: Content) {
        match content {
            Content::Opening(opening) => {
                if self.options.is_none() {
                    if !opening.is_beginning() {
                        self.error.get_or_insert(WhatIfError::NoBeginning);
                    }
                    self.begun = opening.begun;
                    self.options = Some(opening.options.clone());
                }
                if opening.is_beginning() {
                    self.lives += 1;
                    self.waiting.clear();
                    self.flying.clear();
                    self.figures.process_began();
                }
            }
            Content::Steps(steps) => {
                for step in steps {
                    match step {
                        Step::Input(now, input) => self.input(now, *input),
                        Step::Turn(now, turn) => self.turn(now, &turn),
                    }
                }
            }
            Content::Closing(_) => {}
        }
    }

    fn input(&mut self, now: Now, input: Input) {
        self.ended = now.steady;
        match input {
            Input::Command(request, command) => self.command(now, request.number(), command),
            Input::ShardAcquired(shard, _, state) => {
                if shard != ShardId::DIRECTORY {
                    self.data_shards.insert(shard);
                }
                // What later lives begin with was asked for in the journal.
                let is_first = self.lives <= 1 && self.asked.is_empty();
                if is_first && !is_empty(&state) {
                    self.error.get_or_insert(WhatIfError::StoreInUse);
                }
            }
            Input::AttemptDone(attempt, outcome) => {
                self.figures.landed(attempt);
                if let Some((endpoint, at)) = self.flying.remove(&attempt) {
                    self.answers
                        .entry(endpoint)
                        .or_default()
                        .insert(at, outcome);
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, now: Now, request: u64, command: Command) {
        match command {
            Command::Once(_, command) => self.command(now, request, *command),
            Command::CreateApplication { .. }
            | Command::UpdateApplication { .. }
            | Command::DeleteApplication { .. }
            | Command::CreateEndpoint(_)
            | Command::UpdateEndpoint(_)
            | Command::DeleteEndpoint { .. }
            | Command::AcceptEvent(_) => {
                self.waiting.insert(request, self.asked.len());
                self.asked.push((now.steady, command, None));
            }
            Command::PutRecord { .. }
            | Command::DeleteRecord { .. }
            | Command::Present(..)
            | Command::Recall(_) => {}
            Command::Expunge { .. }
            | Command::Resend { .. }
            | Command::SetAside(_)
            | Command::StartTask(_)
            | Command::CancelTask(_) => self.left_out += 1,
        }
    }

    fn turn(&mut self, now: Now, turn: &Turn) {
        self.ended = now.steady;
        for record in &turn.effects {
            self.figures.note(now.steady, record);
            match record.kind {
                120 => {
                    let endpoint = EndpointId::new(Id::from_value(record.second));
                    let handle = AttemptHandle::new(record.value >> 16);
                    self.flying.insert(handle, (endpoint, now.steady));
                }
                130 => {
                    let request = u64::try_from(record.first).unwrap_or(u64::MAX);
                    let place = self.waiting.remove(&request);
                    if (2..=3).contains(&record.value)
                        && let Some(asked) = place.and_then(|place| self.asked.get_mut(place))
                    {
                        asked.2 = Some(EndpointId::new(Id::from_value(record.second)));
                    }
                }
                _ => {}
            }
        }
    }

    /// The options that it was recorded with; `None` if nothing was.
    #[must_use]
    pub const fn options(&self) -> Option<&Options> {
        self.options.as_ref()
    }

    /// What was asked by hand and is left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Runs it under `options`, for as long as it was recorded; gives the figures of the recorded run
    /// and of this one.
    ///
    /// # Errors
    /// [`WhatIfError`]
    pub fn run(self, options: Options) -> Result<(Figures, Figures), WhatIfError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let recorded = self.figures.finish();
        let data_shards = u32::try_from(self.data_shards.len()).unwrap_or(1);
        let run = Run::new(options, self.begun, data_shards.max(1), self.answers);
        Ok((recorded, run.run(self.asked, self.ended)))
    }
}

fn is_empty(state: &ShardState) -> bool {
    match state {
        ShardState::Directory { applications, .. } => applications.is_empty(),
        ShardState::Data { applications, .. } => applications.is_empty(),
    }
}
