//! The host of such a run: commands and outcomes as they are due, and a store that commits at once.

use std::collections::BTreeMap;

use super::{Figures, Gathering};
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Answer, Command, Reply, RequestHandle},
        id::{EndpointId, ShardId},
        outcome::{Outcome, OutcomeKind},
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    limits,
    sim::trace::Trace,
    store::{
        Completion, Store as _,
        memory::{DATA_SHARD, MemoryOptions, MemoryStore},
    },
    time::{Now, Span, Timestamp},
};

/// A run under another policy.
pub(super) struct Run {
    engine: Engine,
    store: MemoryStore,
    trace: Trace,
    wall_ahead: Span,
    now: Timestamp,
    dues: BTreeMap<(Timestamp, u64), Input>,
    caused: u64,
    /// How many shards of data the recorded store had; this one has one.
    data_shards: u32,
    answers: BTreeMap<EndpointId, BTreeMap<Timestamp, Outcome>>,
    /// The recorded endpoint that a request makes.
    made: BTreeMap<u64, EndpointId>,
    /// Recorded endpoints by their names here, and the other way round.
    names: BTreeMap<EndpointId, EndpointId>,
    figures: Gathering,
}

impl Run {
    /// A run that has not begun; the recorded store had `data_shards`, and receivers gave `answers`.
    pub(super) fn new(
        options: Options,
        begun: Now,
        data_shards: u32,
        answers: BTreeMap<EndpointId, BTreeMap<Timestamp, Outcome>>,
    ) -> Self {
        let mut trace = Trace::default();
        trace.keep_effects();
        Self {
            engine: Engine::new(options),
            store: MemoryStore::new(MemoryOptions {
                events_max: usize::MAX / 2,
                attempts_max: usize::MAX / 2,
                bytes_max: usize::MAX / 2,
            }),
            trace,
            wall_ahead: begun.wall.since(begun.steady),
            now: begun.steady,
            dues: BTreeMap::new(),
            caused: 0,
            data_shards,
            answers,
            made: BTreeMap::new(),
            names: BTreeMap::new(),
            figures: Gathering::default(),
        }
    }

    /// Runs what was asked until the steady time `ended`.
    pub(super) fn run(
        mut self,
        asked: Vec<(Timestamp, Command, Option<EndpointId>)>,
        ended: Timestamp,
    ) -> Figures {
        let mut asked = asked.into_iter().enumerate().peekable();
        for shard in [ShardId::DIRECTORY, DATA_SHARD] {
            // The memory store has both.
            if let Ok((epoch, state)) = self.store.acquire(shard) {
                self.due(
                    self.now,
                    Input::ShardAcquired(shard, epoch, Box::new(state)),
                );
            }
        }
        loop {
            let command = asked.peek().map(|(_, (at, ..))| *at);
            let due = self.dues.first_key_value().map(|((at, _), _)| *at);
            let next = [command, due, self.engine.next_deadline()];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            if next > ended {
                break;
            }
            self.now = self.now.max(next);
            while let Some((number, (_, command, made))) =
                asked.next_if(|(_, (at, ..))| *at <= self.now)
            {
                let request = u64::try_from(number).unwrap_or(u64::MAX);
                if let Some(made) = made {
                    self.made.insert(request, made);
                }
                let command = self.translated(command);
                self.due(
                    self.now,
                    Input::Command(RequestHandle::new(request), command),
                );
            }
            self.turn();
        }
        self.figures.finish()
    }

    fn due(&mut self, at: Timestamp, input: Input) {
        self.caused += 1;
        self.dues.insert((at, self.caused), input);
    }

    fn turn(&mut self) {
        let now = Now {
            steady: self.now,
            wall: self.now.plus(self.wall_ahead),
        };
        let mut effects = Vec::new();
        for _ in 0..limits::TURN_INPUTS_MAX {
            let Some(first) = self.dues.first_entry() else {
                break;
            };
            if first.key().0 > self.now {
                break;
            }
            let input = first.remove();
            if let Input::AttemptDone(attempt, _) = &input {
                self.figures.landed(*attempt);
            }
            self.engine.step(now, input, &mut effects);
        }
        self.engine.step(now, Input::TurnEnd, &mut effects);
        for effect in effects {
            self.trace.effect(&effect);
            self.carry(effect);
        }
        for record in self.trace.kept() {
            self.figures.note(self.now, record);
        }
        self.trace.forget_kept();
        let mut done = Vec::new();
        // A store in memory does not fail.
        _ = self.store.flush(&mut done);
        for completion in done {
            let input = match completion {
                Completion::Committed(batch) => Input::Committed(batch),
                Completion::CommitFailed(shard, batch) => Input::CommitFailed(shard, batch),
                Completion::Loaded(load, page) => Input::Loaded(load, page),
                Completion::LoadFailed(load) => Input::LoadFailed(load),
                Completion::Mode(mode) => Input::StoreMode(mode),
            };
            self.due(self.now, input);
        }
    }

    fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(batch) => self.store.submit(batch),
            Effect::Load(load, request) => self.store.load(load, request),
            Effect::Send(request) => {
                let outcome = self.answer(request.target.id);
                let at = self.now.plus(outcome.duration);
                self.due(at, Input::AttemptDone(request.attempt, outcome));
            }
            Effect::Reply(request, reply) => self.replied(request, &reply),
            Effect::CancelSend(_)
            | Effect::Notify(_)
            | Effect::ReleaseShard(_)
            | Effect::Stopped => {}
        }
    }

    fn replied(&mut self, request: RequestHandle, reply: &Reply) {
        let made = self.made.remove(&request.number());
        if let (Some(recorded), Ok(Answer::Endpoint { id, .. })) = (made, reply) {
            self.names.insert(*id, recorded);
            self.names.insert(recorded, *id);
        }
    }

    /// What the endpoint answered nearest to this time; one that never answered is not there.
    fn answer(&self, endpoint: EndpointId) -> Outcome {
        let known = self.names.get(&endpoint);
        let answers = known.and_then(|recorded| self.answers.get(recorded));
        let nearest = answers.and_then(|answers| {
            let before = answers.range(..=self.now).next_back();
            let behind = answers.range(self.now..).next();
            let both = before.into_iter().chain(behind);
            both.min_by_key(|(at, _)| at.since(self.now).as_micros().unsigned_abs())
        });
        let nothing = || Outcome::without_reply(OutcomeKind::Refused, Span::ZERO);
        nearest.map_or_else(nothing, |(_, outcome)| outcome.clone())
    }

    /// A command with the names and places that things have here.
    fn translated(&self, mut command: Command) -> Command {
        let name = |endpoint: &mut EndpointId| {
            *endpoint = self.names.get(endpoint).copied().unwrap_or(*endpoint);
        };
        match &mut command {
            Command::CreateEndpoint(new) => self.place(&mut new.application),
            Command::AcceptEvent(new) => self.place(&mut new.application),
            Command::UpdateEndpoint(update) => {
                self.place(&mut update.application);
                name(&mut update.endpoint);
            }
            Command::DeleteEndpoint {
                application,
                endpoint,
            } => {
                self.place(application);
                name(endpoint);
            }
            Command::UpdateApplication { application, .. }
            | Command::DeleteApplication { application, .. } => self.place(application),
            _ => {}
        }
        command
    }

    /// Applications are dealt to the shards of data in turn.
    fn place(&self, application: &mut ApplicationKey) {
        let first = u32::from(application.shard.number().saturating_sub(1));
        application.ordinal = application
            .ordinal
            .saturating_mul(self.data_shards)
            .saturating_add(first);
        application.shard = DATA_SHARD;
    }
}
