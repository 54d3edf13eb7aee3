//! The outbox: operational events leave their shard in the batch of what they tell of, and are accepted
//! as events of the application that they are for, in its shard, once each.
//!
//! A row is written, then sent on, then taken away. Whatever is lost between two of these steps is done
//! again from the row; the other shard knows it by its id. One engine drives both shards, so that no
//! message leaves it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Engine, flight::Flight, on_commit::OnCommit, record::ShardLog};
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        attempt::AttemptResult,
        change::{Change, ChangeResult, StoreMode},
        command::NewEvent,
        endpoint::Endpoint,
        event::{Besides, Event, JSON, Payload},
        id::{AttemptId, Id, ShardId},
        once::Once,
        outbox::OutboxRow,
        outcome::OutcomeKind,
    },
    limits,
    policy::operational::{AttemptNews, EndpointNews, LastAttempt, OperationalEvent},
    time::{Now, Span, Timestamp},
};

/// What is on its way from one shard to another.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    rows: BTreeMap<Id, Row>,
    /// Those that are durable and are not sent on.
    ready: BTreeSet<Id>,
    /// Until when nothing is sent on, because there was no room.
    pub(super) paused_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Row {
    row: Arc<OutboxRow>,
    /// The shard that it was sent on to and that has not answered.
    sent_to: Option<ShardId>,
}

impl Outbox {
    /// A row that was read from the store.
    fn restore(&mut self, row: Arc<OutboxRow>) {
        self.ready.insert(row.id);
        self.rows.insert(row.id, Row { row, sent_to: None });
    }

    /// A shard is lost: its rows come back with it, and what was sent on to it is sent on again.
    pub(super) fn forget(&mut self, shard: ShardId) {
        self.rows.retain(|id, _| id.shard() != shard);
        self.ready.retain(|id| id.shard() != shard);
        for (id, row) in &mut self.rows {
            if row.sent_to == Some(shard) {
                row.sent_to = None;
                self.ready.insert(*id);
            }
        }
    }
}

impl Engine {
    /// The `uid` of the application that operational events are for, if they are wanted.
    #[must_use]
    pub fn operational_application(&self) -> Option<Arc<str>> {
        self.options.operational.clone()
    }

    /// Gathers a change that somebody waits for and, if operational events are wanted of its
    /// application, that another shard is told of it.
    pub(super) fn gather_told(
        &mut self,
        (application, once): (ApplicationKey, Option<Once>),
        (change, then, bytes): (Change, OnCommit, usize),
        (news, endpoint): (EndpointNews, &Endpoint),
        now: Now,
    ) {
        let event = self
            .told_of(application)
            .map(|application| news.told(&application, endpoint));
        let row = event.and_then(|event| self.outbox_row(application.shard, event, now));
        let Some(log) = self.logs.get_mut(&application.shard) else {
            return;
        };
        match row {
            Some(row) => {
                let bytes = bytes + row.payload.len();
                let then = OnCommit::Told(Box::new(then), row.id);
                let change = Change::Told(Box::new(change), row);
                log.gather_urgent(change.once(once), then, bytes);
            }
            None => log.gather_urgent(change.once(once), then, bytes),
        }
    }

    /// Gathers, beside the record of an attempt, what is told of it.
    pub(super) fn tell_attempt(
        &mut self,
        flight: &Flight,
        (id, result): (AttemptId, AttemptResult),
        outcome: OutcomeKind,
        now: Now,
    ) {
        let Some(news) = AttemptNews::of(result, flight.number, flight.step()) else {
            return;
        };
        let Some(lane) = self.registry.lanes.get(flight.lane) else {
            return;
        };
        let endpoint = Arc::clone(&lane.endpoint);
        let shard = endpoint.key.application.shard;
        let Some(application) = self.told_of(endpoint.key.application) else {
            return;
        };
        if endpoint.is_deleted() {
            return;
        }
        let last = LastAttempt {
            id,
            outcome,
            ended_wall: now.wall,
        };
        let event = news.told(&application, &endpoint, &flight.event, last);
        let row = self.outbox_row(shard, event, now);
        if let (Some(row), Some(log)) = (row, self.logs.get_mut(&shard)) {
            log.gather_outbox(row, now);
        }
    }

    /// The application, if operational events are wanted of it: of all but the one they are for, since
    /// what happens there would never end.
    fn told_of(&self, key: ApplicationKey) -> Option<Arc<Application>> {
        let wanted = self.options.operational.as_ref()?;
        let index = self.registry.application(key)?;
        let application = &self.registry.applications.get(index)?.application;
        let is_told_there = application.uid.as_ref() == Some(wanted);
        (!is_told_there).then(|| Arc::clone(application))
    }

    /// A row of the outbox, if there is room for one.
    fn outbox_row(
        &mut self,
        shard: ShardId,
        event: OperationalEvent,
        now: Now,
    ) -> Option<Arc<OutboxRow>> {
        if self.outbox.rows.len() >= limits::OUTBOX_ROWS_MAX {
            self.stats.operational_dropped += 1;
            return None;
        }
        let row = Arc::new(OutboxRow {
            id: self.logs.get_mut(&shard)?.next_id(now),
            event_type: event.event_type.into(),
            payload: event.payload,
        });
        let waiting = Row {
            row: Arc::clone(&row),
            sent_to: None,
        };
        self.outbox.rows.insert(row.id, waiting);
        Some(row)
    }

    /// Takes what a shard has to tell when it is acquired. What nobody wants any more goes.
    pub(super) fn restore_outbox(&mut self, shard: ShardId, rows: Vec<Arc<OutboxRow>>, now: Now) {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::ForgetsNews) {
            return;
        }
        for row in rows {
            if self.options.operational.is_some() {
                self.outbox.restore(row);
            } else if let Some(log) = self.logs.get_mut(&shard) {
                log.gather(Change::DeleteOutbox(row.id), now);
            }
        }
    }

    /// What is about the outbox of a durable change is done; gives what else follows.
    pub(super) fn outbox_committed(
        &mut self,
        then: OnCommit,
        result: ChangeResult,
        now: Now,
    ) -> OnCommit {
        if let OnCommit::Told(then, id) = then {
            self.outbox_written(id, result);
            return *then;
        }
        if let OnCommit::Outbox(id) = then {
            self.outbox_written(id, result);
            return OnCommit::Nothing;
        }
        if let OnCommit::Forwarded(id, event) = then {
            self.forwarded(id, event, result, now);
            return OnCommit::Nothing;
        }
        then
    }

    /// A row is durable, or was not written because nothing happened.
    fn outbox_written(&mut self, id: Id, result: ChangeResult) {
        if result == ChangeResult::Fresh {
            self.outbox.ready.insert(id);
        } else {
            self.outbox.rows.remove(&id);
        }
    }

    /// The other shard answered: the row goes, unless there was no room for the event.
    fn forwarded(&mut self, id: Id, event: Arc<Event>, result: ChangeResult, now: Now) {
        let is_full = matches!(result, ChangeResult::Full | ChangeResult::Stale);
        self.event_committed(None, event, result);
        if is_full {
            let pause = Span::from_millis(limits::OUTBOX_PAUSE_MS);
            self.outbox.paused_until = Some(now.steady.plus(pause));
            if let Some(row) = self.outbox.rows.get_mut(&id) {
                row.sent_to = None;
                self.outbox.ready.insert(id);
            }
            return;
        }
        let is_known = self.outbox.rows.remove(&id).is_some();
        self.outbox.ready.remove(&id);
        if let Some(log) = self.logs.get_mut(&id.shard()).filter(|_| is_known) {
            log.gather(Change::DeleteOutbox(id), now);
        }
    }

    /// Sends on what is durable. Where the application is not there, or its shard has no room, it waits.
    pub(super) fn forward(&mut self, now: Now) {
        let paused_until = self.outbox.paused_until;
        self.outbox.paused_until = paused_until.filter(|until| now.steady < *until);
        if self.outbox.ready.is_empty()
            || self.shutdown.is_some()
            || self.store_mode != StoreMode::Normal
            || self.outbox.paused_until.is_some()
        {
            return;
        }
        let wanted = self.options.operational.as_ref();
        let index = wanted.and_then(|uid| self.registry.application_by_uid(uid));
        let entry = index.and_then(|index| self.registry.applications.get(index));
        let Some(application) = entry.map(|entry| entry.application.key) else {
            return;
        };
        while let Some(id) = self.outbox.ready.first().copied() {
            let Some(waiting) = self.outbox.rows.get(&id) else {
                self.outbox.ready.remove(&id);
                continue;
            };
            let row = Arc::clone(&waiting.row);
            if self.send_on(application, &row, now).is_none() {
                return;
            }
            self.outbox.ready.remove(&id);
            if let Some(waiting) = self.outbox.rows.get_mut(&id) {
                waiting.sent_to = Some(application.shard);
            }
        }
    }

    /// Gathers the event that a row tells of; `None` if there is no room.
    fn send_on(&mut self, application: ApplicationKey, row: &OutboxRow, now: Now) -> Option<()> {
        let new = NewEvent {
            application,
            uid: None,
            event_type: Arc::clone(&row.event_type),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: row.payload.clone(),
            },
            besides: Besides::default(),
        };
        let once = Once {
            key_sha256: row.key(),
            body_sha256: [0; 32],
        };
        let (event, bytes) = self.new_event(new, now).ok()?;
        let once = Some(once);
        #[cfg(feature = "mutants")]
        let once = once.filter(|_| !self.has(super::mutant::Mutant::TellsAgain));
        let log: &mut ShardLog = self.logs.get_mut(&application.shard)?;
        let change = Change::PutEvent(Arc::clone(&event)).once(once);
        log.gather_urgent(change, OnCommit::Forwarded(row.id, event), bytes);
        Some(())
    }
}
