//! Ingest: commands come in, are judged by what is known, and become changes to be committed.

use std::sync::Arc;

use bytes::Bytes;

use super::{Engine, on_commit::OnCommit, record::ShardLog, registry::ApplicationEntry};
use crate::{
    domain::{
        application::ApplicationKey,
        change::{Change, StoreMode},
        command::{Command, NewEvent, Refusal, RequestHandle},
        event::{Besides, Event, JSON, ORDER_RECEIVED, Payload},
        id::{EventId, ShardId},
        once::Once,
    },
    generator,
    random::Stream,
    time::{Now, Timestamp},
};

/// The fake event source: a deadline of the engine and a stream of its own.
#[derive(Debug)]
pub(super) struct Generator {
    random: Stream,
    /// When the next event is due; `None` until its application is known.
    pub(super) next_at: Option<Timestamp>,
}

impl Generator {
    /// The generator of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Stream::new(seed, "generator", 0, 0),
            next_at: None,
        }
    }
}

impl Engine {
    /// Takes a command in; it is answered now if refused, else once it is durable.
    pub(super) fn ingest(&mut self, request: RequestHandle, command: Command, now: Now) {
        let (once, command) = if let Command::Once(once, command) = command {
            (Some(once), *command)
        } else {
            (None, command)
        };
        let shard = once.as_ref().and_then(|_| home(&command));
        let refused = if self.shutdown.is_some() {
            Err(Refusal::ShuttingDown)
        } else if !self.has_room_for(&command) {
            Err(Refusal::DiskFull)
        } else {
            match command {
                Command::CreateApplication { uid, registration } => {
                    self.create_application((request, once), uid, registration, now)
                }
                Command::UpdateApplication {
                    application,
                    revision,
                    uid,
                    registration,
                } => self.update_application(
                    (request, application),
                    revision,
                    (uid, registration),
                    now,
                ),
                Command::DeleteApplication {
                    application,
                    revision,
                } => self.delete_application((request, application), revision, now),
                Command::PutRecord {
                    kind,
                    name,
                    revision,
                    body,
                } => self.put_record((request, once), (kind, name, revision), body, now),
                Command::DeleteRecord {
                    kind,
                    name,
                    revision,
                } => self.delete_record(request, (kind, name, revision)),
                Command::CreateEndpoint(new) => self.create_endpoint((request, once), *new, now),
                Command::UpdateEndpoint(to) => self.update_endpoint((request, once), *to, now),
                Command::DeleteEndpoint {
                    application,
                    endpoint,
                } => self.delete_endpoint(request, (application, endpoint), now),
                Command::AcceptEvent(new) => self.accept_event((Some(request), once), *new, now),
                // Nothing of it is new, and the store knows whether it ever was.
                Command::Recall(_) => Err(Refusal::Stale),
                // Keys don't nest: the inner one counts.
                Command::Once(_, command) => return self.ingest(request, *command, now),
                Command::Expunge {
                    application,
                    position,
                    attempt,
                } => self.expunge(request, (application, position), attempt),
                Command::StartTask(new) => self.start_task((request, once), *new, now),
                Command::CancelTask(task) => self.cancel_task(request, task, now),
                Command::SetAside(new) => self.set_aside(request, *new, now),
                Command::Present(of, what) => self.tell_present(request, (of, what), now),
                Command::Resend {
                    endpoint,
                    event,
                    attempts,
                } => self.resend((request, once), (endpoint, event), attempts),
            }
        };
        if let Err(refusal) = refused {
            self.refuse((request, once), shard, refusal);
        }
    }

    /// Refuses what was asked. Under a key it may have been done before, and the store knows: who got
    /// the last place that there was is not told that there is none.
    fn refuse(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        shard: Option<ShardId>,
        refusal: Refusal,
    ) {
        let may_be_done = matches!(
            refusal,
            Refusal::Stale
                | Refusal::TooManySecrets
                | Refusal::TooManyEndpoints
                | Refusal::TooManyTasks
                | Refusal::TooManyDelayed
                | Refusal::UnknownApplication
                | Refusal::UnknownEndpoint
                | Refusal::EndpointDisabled
        );
        let shard = shard.filter(|_| may_be_done);
        let log = shard.and_then(|shard| Some((shard, self.logs.get_mut(&shard)?)));
        match log.filter(|(_, log)| !log.is_full()) {
            Some((shard, log)) => {
                let change = Change::Refuse(shard).once(once);
                log.gather_urgent(change, OnCommit::Refused(request, refusal), 0);
            }
            None => self.replies.push((request, Err(refusal))),
        }
    }

    /// Whether the store has room for what a command writes, if it writes. A key can be revoked and a task
    /// called off on a disk that is nearly full: that must not wait for somebody who makes room.
    const fn has_room_for(&self, command: &Command) -> bool {
        match (self.store_mode, command) {
            (StoreMode::Normal, _) | (_, Command::Present(..)) => true,
            (StoreMode::Reserve, command) => matches!(
                command,
                Command::DeleteRecord { .. } | Command::CancelTask(_)
            ),
            (StoreMode::ReadOnly, _) => false,
        }
    }

    fn accept_event(
        &mut self,
        (request, once): (Option<RequestHandle>, Option<Once>),
        new: NewEvent,
        now: Now,
    ) -> Result<(), Refusal> {
        let (event, bytes) = self.new_event(new, now)?;
        let log = self.logs.get_mut(&event.application.shard);
        let log = log.ok_or(Refusal::NotReady)?;
        #[cfg(feature = "mutants")]
        let (request, once) = match self.options.mutant {
            Some(super::mutant::Mutant::IgnoresKeys) => (request, None),
            Some(super::mutant::Mutant::RepliesBeforeTheCommit) => {
                let (id, accepted_wall) = (event.id, event.accepted_wall);
                let answer = crate::domain::command::Answer::Event { id, accepted_wall };
                self.replies
                    .extend(request.map(|request| (request, Ok(answer))));
                (None, once)
            }
            _ => (request, once),
        };
        let then = OnCommit::Event(request, Arc::clone(&event));
        log.gather_urgent(Change::PutEvent(event).once(once), then, bytes);
        Ok(())
    }

    /// An event at the next place of its application, to be gathered now, and the bytes that it holds.
    pub(super) fn new_event(
        &mut self,
        new: NewEvent,
        now: Now,
    ) -> Result<(Arc<Event>, usize), Refusal> {
        let expires_after = self.options.expires_after;
        let open_rows_max = self.options.open_rows_max;
        let is_cut_short = self.has_postponed_enough();
        let (entry, log) = self.writable(new.application)?;
        // Each of its deliveries waits in a row. Half of the room is left for retries, or what comes
        // later would wait behind what is to be sent much later.
        let is_late = new.besides.deliver_after.is_some();
        if is_late {
            if !is_cut_short {
                entry.oncoming.walked(entry.ring.end());
            }
            if entry.open_rows + entry.oncoming.rows() >= open_rows_max / 2 {
                return Err(Refusal::TooManyDelayed);
            }
            entry.oncoming.add(entry.next_position, entry.lanes.len());
        }
        let bytes = new.payload.bytes.len() + new.besides.bytes();
        let mut event = Event {
            id: EventId::new(log.next_id(now)),
            application: new.application,
            position: entry.next_position,
            uid: new.uid,
            event_type: new.event_type,
            channels: new.channels,
            payload: new.payload,
            accepted_at: now.steady,
            accepted_wall: now.wall,
            expires_at: now.steady,
            besides: new.besides.shared(),
        };
        // Its time begins when it may be sent; without its payload nothing of it can be sent.
        let expires_at = event.not_before().plus(expires_after);
        event.expires_at = expires_at.min(event.payload_until());
        let event = Arc::new(event);
        entry.next_position = entry.next_position.plus(1);
        Ok((event, bytes))
    }

    /// The application and the log of its shard, if both are ours and there is room to write.
    pub(super) fn writable(
        &mut self,
        key: ApplicationKey,
    ) -> Result<(&mut ApplicationEntry, &mut ShardLog), Refusal> {
        let index = self
            .registry
            .application(key)
            .ok_or(Refusal::UnknownApplication)?;
        let entry = self.registry.applications.get_mut(index);
        if entry
            .as_ref()
            .is_some_and(|entry| entry.application.is_deleted)
        {
            return Err(Refusal::UnknownApplication);
        }
        let entry = entry.filter(|entry| entry.acquired);
        let log = self.logs.get_mut(&key.shard);
        match (entry, log) {
            (Some(_), Some(log)) if log.is_full() => Err(Refusal::Overloaded),
            (Some(entry), Some(log)) => Ok((entry, log)),
            _ => Err(Refusal::NotReady),
        }
    }

    /// Makes the fake event that is due, if one is. A period that was slept through is skipped.
    pub(super) fn generate(&mut self, now: Now) {
        let Some(options) = self.options.generator.clone() else {
            return;
        };
        let Some(application) = self.registry.application_by_uid(&options.application) else {
            return;
        };
        let Some(entry) = self.registry.applications.get(application) else {
            return;
        };
        let (key, acquired) = (entry.application.key, entry.acquired);
        let next_at = *self
            .generator
            .next_at
            .get_or_insert_with(|| now.steady.plus(options.period));
        if self.shutdown.is_some() || !acquired || next_at > now.steady {
            return;
        }
        let period = options.period.as_micros().max(1);
        let late = now.steady.since(next_at).as_micros();
        let periods = late.div_euclid(period).saturating_add(1);
        let ahead = crate::time::Span::from_micros(period.saturating_mul(periods));
        self.generator.next_at = Some(next_at.plus(ahead));
        let payload = generator::order_received(&mut self.generator.random, now.wall);
        let event = NewEvent {
            application: key,
            uid: None,
            event_type: ORDER_RECEIVED.into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: Bytes::from(payload),
            },
            besides: Besides::default(),
        };
        if self.store_mode != StoreMode::Normal
            || self.accept_event((None, None), event, now).is_err()
        {
            self.stats.generator_skipped += 1;
        }
    }
}

/// The shard in which a command's key is judged, if it is one that may be refused though it was done.
fn home(command: &Command) -> Option<ShardId> {
    match command {
        Command::CreateEndpoint(new) => Some(new.application.shard),
        Command::UpdateEndpoint(update) => Some(update.application.shard),
        Command::Recall(shard) => Some(*shard),
        Command::AcceptEvent(new) => Some(new.application.shard),
        Command::Resend { event, .. } => Some(event.application.shard),
        Command::StartTask(new) => Some(new.application.shard),
        Command::CreateApplication { .. }
        | Command::UpdateApplication { .. }
        | Command::DeleteApplication { .. }
        | Command::PutRecord { .. }
        | Command::DeleteRecord { .. }
        | Command::DeleteEndpoint { .. }
        | Command::Expunge { .. }
        | Command::CancelTask(_)
        | Command::SetAside(_)
        | Command::Present(..)
        | Command::Once(..) => None,
    }
}
