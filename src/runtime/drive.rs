//! The drive loop: turns, as the engine's contract (`engine/io.rs`) has them.

use std::{
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::Poll,
};

use slab::Slab;
use thiserror::Error;
use tokio::sync::oneshot;

use super::{
    clock::Clock,
    dropped::Dropped,
    handle::{Handle, Readiness},
    mailbox::{Letter, Look},
    port::StorePort,
    recorder::{RecordedEngine, Recorder},
};
use crate::{
    domain::{
        application::{DEFAULT_APPLICATION_UID, Registration},
        attempt::AttemptHandle,
        command::{Answer, Command, Refusal, Reply, RequestHandle},
        id::ShardId,
        observation::Observation,
        outcome::Outcome,
    },
    engine::{
        Engine,
        io::{Effect, Input},
    },
    limits,
    store::{AcquireError, Completion, StoreFailure},
    time::Span,
    transport::Transport,
};

/// Told whatever the engine observes; it must not block.
pub type Observer = Box<dyn FnMut(&Observation)>;

/// Why a drive loop ended by itself.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DriveError {
    /// The store did not give a shard.
    #[error("the store did not open: {0}")]
    Acquire(#[from] AcquireError),
    /// The store failed; what it was asked last may or may not be durable.
    #[error("{0}; nothing more is accepted: start again, which recovers all that was acknowledged")]
    Store(#[from] StoreFailure),
}

/// One engine and everything it is driven with.
pub struct Drive<C, P, T> {
    clock: C,
    store: P,
    transport: T,
    engine: RecordedEngine,
    handle: Handle,
    observer: Option<Observer>,
    requests: Slab<ReplyTo>,
    letters: Vec<Letter>,
    looks: Vec<Look>,
    outcomes: Vec<(AttemptHandle, Outcome)>,
    completions: Vec<Completion>,
    effects: Vec<Effect>,
    /// Whether something was there before it was waited for.
    is_busy: bool,
    /// Applications of the start that could not be made; they are asked for with the next turn.
    refused: Vec<Wanted>,
    /// Whether that turn comes at once.
    asks_again: bool,
    stopped: bool,
    dropped: Dropped,
}

/// Where an answer goes.
enum ReplyTo {
    /// To a caller.
    Caller(oneshot::Sender<Reply>),
    /// To the loop itself: an application that is there from the start is known.
    Start(Wanted),
}

/// An application that is made at the start if it is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// `default`; without it no commands are taken.
    Default,
    /// The one that operational events are for, which wait until it is there.
    Operational,
}

impl<C: Clock, P: StorePort, T: Transport> Drive<C, P, T> {
    /// A loop that is not running yet; `handle` reads the same store.
    pub fn new(
        engine: Engine,
        clock: C,
        store: P,
        transport: T,
        handle: Handle,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            clock,
            store,
            transport,
            engine: RecordedEngine::new(engine),
            handle,
            observer,
            requests: Slab::new(),
            letters: Vec::new(),
            looks: Vec::new(),
            outcomes: Vec::new(),
            completions: Vec::new(),
            effects: Vec::new(),
            is_busy: false,
            refused: Vec::new(),
            asks_again: false,
            stopped: false,
            dropped: Dropped::default(),
        }
    }

    /// Records all that the engine is told.
    #[must_use]
    pub fn recorded(mut self, recorder: Option<Recorder>) -> Self {
        if let Some(recorder) = recorder {
            self.engine.record(recorder);
        }
        self
    }

    /// Runs until shutdown is complete.
    ///
    /// # Errors
    /// [`DriveError`] if the store does not give its shards, or fails later.
    pub async fn run(mut self) -> Result<(), DriveError> {
        let ended = self.drive().await;
        if ended.is_ok() {
            self.engine.close();
        }
        self.handle.mailbox.close();
        ended
    }

    async fn drive(&mut self) -> Result<(), DriveError> {
        self.acquire(ShardId::DIRECTORY)?;
        for number in 1..=self.store.data_shards() {
            self.acquire(ShardId::new(number))?;
        }
        self.end_turn()?;
        self.ask_for(Wanted::Default);
        self.ask_for(Wanted::Operational);
        self.end_turn()?;
        while !self.stopped {
            self.turn().await?;
        }
        Ok(())
    }

    /// One turn: wait until something is there, tell the engine, carry its effects out.
    async fn turn(&mut self) -> Result<(), DriveError> {
        let shutdown_ms = self.wait().await?;
        let now = self.clock.now();
        for completion in self.completions.drain(..) {
            let input = match completion {
                Completion::Committed(batch) => Input::Committed(batch),
                Completion::CommitFailed(shard, batch) => Input::CommitFailed(shard, batch),
                Completion::Loaded(load, page) => Input::Loaded(load, page),
                Completion::LoadFailed(load) => Input::LoadFailed(load),
                Completion::Mode(mode) => Input::StoreMode(mode),
            };
            self.engine.step(now, input, &mut self.effects);
        }
        for wanted in core::mem::take(&mut self.refused) {
            self.ask_for(wanted);
        }
        let count = self.outcomes.len().min(limits::TURN_INPUTS_MAX);
        for (attempt, outcome) in self.outcomes.drain(..count) {
            self.engine
                .step(now, Input::AttemptDone(attempt, outcome), &mut self.effects);
        }
        let count = self.letters.len().min(limits::TURN_INPUTS_MAX);
        for (command, answer) in self.letters.drain(..count) {
            let request = request_handle(self.requests.insert(ReplyTo::Caller(answer)));
            self.engine
                .step(now, Input::Command(request, command), &mut self.effects);
        }
        if let Some(within_ms) = shutdown_ms {
            let within = Span::from_millis(i64::try_from(within_ms).unwrap_or(i64::MAX));
            let deadline = now.steady.plus(within);
            self.engine
                .step(now, Input::Shutdown(deadline), &mut self.effects);
        }
        self.end_turn()
    }

    /// Waits for letters, outcomes, completions or the engine's deadline; tells a wish to shut down.
    async fn wait(&mut self) -> Result<Option<u64>, StoreFailure> {
        let asks_again = core::mem::take(&mut self.asks_again);
        let has_left = asks_again || !self.letters.is_empty() || !self.outcomes.is_empty();
        if has_left || core::mem::take(&mut self.is_busy) {
            // Work goes on without a wait; connections get their turn all the same.
            tokio::task::yield_now().await;
        }
        let (is_busy, mut is_first_look) = (&mut self.is_busy, true);
        let deadline = self.engine.next_deadline();
        let (letters, outcomes) = (&mut self.letters, &mut self.outcomes);
        let looks = &mut self.looks;
        let (completions, store) = (&mut self.completions, &mut self.store);
        let (mailbox, transport) = (&self.handle.mailbox, &mut self.transport);
        let arrival = poll_fn(|context| {
            let committed = match store.poll_completions(context, completions) {
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            let done = transport.poll_outcomes(context, outcomes).is_ready();
            let mail = if letters.is_empty() {
                mailbox.poll_take(context, letters, looks)
            } else {
                Poll::Pending
            };
            let arrived = match mail {
                Poll::Ready(shutdown_ms) => Poll::Ready(Ok(shutdown_ms)),
                Poll::Pending if committed || done || has_left => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            };
            *is_busy = is_first_look && arrived.is_ready();
            is_first_look = false;
            arrived
        });
        let Some(deadline) = deadline else {
            return arrival.await;
        };
        tokio::select! {
            biased;
            arrived = arrival => arrived,
            () = self.clock.sleep_until(deadline) => Ok(None),
        }
    }

    /// Lets the engine decide and carries its effects out, in their order.
    fn end_turn(&mut self) -> Result<(), DriveError> {
        let now = self.clock.now();
        self.engine.step(now, Input::TurnEnd, &mut self.effects);
        let mut effects = core::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Commit(batch) => self.store.submit(batch),
                Effect::Load(load, request) => self.store.load(load, request),
                Effect::Send(request) => self.transport.start(request),
                Effect::CancelSend(attempt) => self.transport.cancel(attempt),
                Effect::Reply(request, reply) => self.reply(request, reply),
                Effect::Notify(observation) => {
                    if let Some(observer) = &mut self.observer {
                        observer(&observation);
                    }
                }
                Effect::ReleaseShard(shard) => {
                    self.store.release(shard);
                    self.acquire(shard)?;
                }
                Effect::Stopped => self.stopped = true,
            }
        }
        // What acquiring a shard added comes with the next turn.
        effects.append(&mut self.effects);
        self.effects = effects;
        self.store.flush();
        let status = &self.handle.status;
        let stats = self.engine.stats();
        self.dropped.tell(stats.operational_dropped, now.steady);
        *status.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
        status.press(|pressed| self.engine.pressed(pressed));
        *status.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        for look in self.looks.drain(..) {
            // Who no longer waits needs no figures.
            drop(look.send(Box::new(self.engine.figures(now))));
        }
        Ok(())
    }

    /// Takes a shard over and tells the engine.
    fn acquire(&mut self, shard: ShardId) -> Result<(), AcquireError> {
        let (epoch, state) = self.store.acquire(shard)?;
        let now = self.clock.now();
        let input = Input::ShardAcquired(shard, epoch, Box::new(state));
        self.engine.step(now, input, &mut self.effects);
        Ok(())
    }

    /// Asks for an application, if it is wanted at all.
    fn ask_for(&mut self, wanted: Wanted) {
        let uid: Arc<str> = match wanted {
            Wanted::Default => DEFAULT_APPLICATION_UID.into(),
            Wanted::Operational => match self.engine.operational_application() {
                Some(uid) => uid,
                None => return,
            },
        };
        let request = request_handle(self.requests.insert(ReplyTo::Start(wanted)));
        let command = Command::CreateApplication {
            uid: Some(uid),
            registration: Registration::default(),
        };
        self.engine.step(
            self.clock.now(),
            Input::Command(request, command),
            &mut self.effects,
        );
    }

    fn reply(&mut self, request: RequestHandle, reply: Reply) {
        let slot = usize::try_from(request.number()).ok();
        match slot.and_then(|slot| self.requests.try_remove(slot)) {
            // A caller that no longer waits needs no answer.
            Some(ReplyTo::Caller(answer)) => drop(answer.send(reply)),
            Some(ReplyTo::Start(wanted)) => self.started(wanted, reply),
            None => {}
        }
    }

    /// An application of the start is there; with `default` commands are taken from now on.
    fn started(&mut self, wanted: Wanted, reply: Reply) {
        match reply {
            Ok(Answer::Application { .. }) if wanted == Wanted::Operational => {}
            Ok(Answer::Application { key, .. }) => {
                self.handle.status.default_application.get_or_init(|| key);
                self.handle.status.set_readiness(Readiness::Ready);
            }
            Ok(
                Answer::Endpoint { .. }
                | Answer::Event { .. }
                | Answer::Record { .. }
                | Answer::Resend
                | Answer::Expunged
                | Answer::Task { .. }
                | Answer::SetAside { .. }
                | Answer::Present(_)
                | Answer::NameTaken { .. }
                | Answer::Replayed { .. },
            )
            | Err(Refusal::ShuttingDown) => {}
            Err(refusal) => {
                self.refused.push(wanted);
                // That there is room again comes with a turn of its own; these pass at once.
                self.asks_again |= matches!(refusal, Refusal::NotReady | Refusal::Unknown);
            }
        }
    }
}

/// The name of a request by its slot.
fn request_handle(slot: usize) -> RequestHandle {
    RequestHandle::new(u64::try_from(slot).unwrap_or(u64::MAX))
}
