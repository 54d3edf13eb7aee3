//! The data shard: applies batches of changes to endpoints, events and open deliveries.
//!
//! What an engine that keeps the contract never sends (an event at a used position, a row of
//! another shard) fails the whole batch; a change that refers to what was forgotten is not written.

use core::convert::Infallible;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Counts, MemoryOptions,
    endpoint_rows::EndpointRows,
    event_log::{EventLog, event_key},
    once::Keys,
    retention::Retention,
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::{Batch, Change, ChangeResult, UniqueKey},
        delivery::{LaneRow, OpenDelivery, OtherEnd},
        endpoint::{Endpoint, EndpointKey},
        event::{Event, EventPosition},
        id::Id,
        once::Once,
        outbox::OutboxRow,
        task::Task,
    },
    store::accept::{Places, accepts},
    time::Now,
};

/// Endpoints, events and deliveries of all applications.
#[derive(Debug)]
pub(super) struct DataShard {
    pub(super) applications: BTreeMap<ApplicationKey, ApplicationRows>,
    pub(super) unique: BTreeMap<UniqueKey, Id>,
    keys: Keys,
    pub(super) retention: Retention,
    pub(super) last_id: Id,
    pub(super) tasks: BTreeMap<Id, Arc<Task>>,
    pub(super) outbox: BTreeMap<Id, Arc<OutboxRow>>,
    /// Events whose last open row went in this commit; empty between commits.
    released: Vec<(ApplicationKey, EventPosition)>,
    /// Applications whose cursors moved in this commit; empty between commits.
    moved: BTreeSet<ApplicationKey>,
}

impl Places for DataShard {
    type Error = Infallible;

    fn has_endpoint(&mut self, endpoint: EndpointKey) -> Result<bool, Infallible> {
        Ok(self.endpoint(endpoint).is_some())
    }

    fn next_position(&self, application: ApplicationKey) -> EventPosition {
        let rows = self.applications.get(&application);
        rows.map_or_else(EventPosition::default, |rows| rows.next_position)
    }
}

/// What is stored of one application.
#[derive(Debug, Default)]
pub(super) struct ApplicationRows {
    pub(super) events: EventLog,
    pub(super) endpoints: BTreeMap<u32, EndpointRows>,
    pub(super) next_position: EventPosition,
    pub(super) watermark: EventPosition,
    /// Cursors of the lagging lanes, furthest behind first.
    pub(super) lagging: BTreeSet<(EventPosition, u32)>,
    /// Every event before it is ended or has an open row.
    pub(super) swept: EventPosition,
}

impl ApplicationRows {
    /// Up to where no cursor has business any more.
    fn settled_until(&self) -> EventPosition {
        let lagging = self.lagging.first().map(|(cursor, _)| *cursor);
        let until = lagging.map_or(self.watermark, |cursor| cursor.min(self.watermark));
        until.min(self.next_position)
    }
}

impl DataShard {
    /// An empty shard.
    pub(super) fn new(options: MemoryOptions) -> Self {
        Self {
            applications: BTreeMap::new(),
            unique: BTreeMap::new(),
            keys: Keys::default(),
            retention: Retention::new(options),
            last_id: Id::default(),
            tasks: BTreeMap::new(),
            outbox: BTreeMap::new(),
            released: Vec::new(),
            moved: BTreeSet::new(),
        }
    }

    /// Applies a batch; false, and nothing changed, if it can't belong to this shard.
    pub(super) fn apply(&mut self, batch: &mut Batch) -> bool {
        let Ok(accepted) = accepts(self, batch);
        if !accepted {
            return false;
        }
        for change in batch.changes.drain(..) {
            let result = self.change(change, batch.now);
            batch.results.push(result);
        }
        self.record(&mut batch.attempts);
        self.end_events();
        while let Some((application, position)) = self.retention.next_to_forget() {
            self.forget(application, position);
        }
        true
    }

    /// How much is kept.
    pub(super) fn counts(&self) -> Counts {
        let endpoints = || {
            self.applications
                .values()
                .flat_map(|rows| rows.endpoints.values())
        };
        Counts {
            open: self.retention.open,
            ended: self.retention.ended,
            open_rows: endpoints().map(EndpointRows::open_rows).sum(),
            lanes: self
                .applications
                .values()
                .map(|rows| rows.lagging.len())
                .sum(),
        }
    }

    /// Applies one change.
    pub(super) fn change(&mut self, change: Change, now: Now) -> ChangeResult {
        match change {
            // `accepts` let none of these through.
            Change::PutApplication(_)
            | Change::UpdateApplication(_)
            | Change::PutRecord(_)
            | Change::DeleteRecord { .. } => {}
            Change::Once(once, change) => return self.change_once(&once, *change, now),
            Change::PutEndpoint { endpoint, unique } => return self.put_endpoint(endpoint, unique),
            Change::UpdateEndpoint(endpoint) => return self.update_endpoint(endpoint),
            Change::DeleteEndpoint { endpoint, from } => {
                return self.delete_endpoint(endpoint, from);
            }
            Change::Told(change, row) => return self.change_told(*change, row, now),
            Change::PutOutbox(row) => self.put_outbox(row),
            Change::DeleteOutbox(id) => drop(self.outbox.remove(&id)),
            Change::Refuse(_) => return ChangeResult::Stale,
            Change::PutEvent(event) => return self.put_event(event),
            Change::SetEndpointState {
                endpoint,
                state,
                from,
            } => {
                if let Some(rows) = self.endpoint_mut(endpoint) {
                    rows.set_state(state, from);
                }
            }
            Change::PutOpen(row) => return self.put_open(row),
            Change::DeleteOpen { endpoint, position } => self.delete_open(endpoint, position),
            Change::PutTask(task) => return self.put_task(task),
            Change::UpdateTask(task) => return self.update_task(task),
            Change::PutResend(row) => return self.put_resend(row),
            Change::DeleteResend { .. } | Change::PutOrdered { .. } => {
                self.change_beside(&change);
            }
            Change::Expunge {
                application,
                position,
            } => self.expunge(application, position),
            Change::ExpungeAttempt {
                application,
                position,
                attempt,
            } => self.expunge_attempt(application, position, attempt),
            Change::Expire { endpoint, position } => self.expire(endpoint, position),
            Change::SetAside(entry) => return self.set_aside(entry),
            Change::PutLane { endpoint, row } => self.put_lane(endpoint, Some(row)),
            Change::DeleteLane { endpoint } => self.put_lane(endpoint, None),
            Change::PutCircuit { endpoint, circuit } => self.put_circuit(endpoint, circuit),
            Change::Watermark {
                application,
                position,
            } => {
                let rows = self.applications.entry(application).or_default();
                rows.watermark = rows.watermark.max(position);
                self.moved.insert(application);
            }
        }
        ChangeResult::Fresh
    }

    /// Applies a change unless its key was used before; an event's position is used either way.
    fn change_once(&mut self, once: &Once, change: Change, now: Now) -> ChangeResult {
        if let Some(result) = self.keys.judge(once, now) {
            if let Change::PutEvent(event) = change {
                let rows = self.applications.entry(event.application).or_default();
                rows.next_position = event.position.plus(1);
            }
            return result;
        }
        let asked = change.done_once();
        let result = self.change(change, now);
        self.keys.note(once, asked, result);
        result
    }

    /// Writes an endpoint unless its key is taken.
    fn put_endpoint(&mut self, endpoint: Arc<Endpoint>, unique: Option<UniqueKey>) -> ChangeResult {
        let id = endpoint.id.id();
        if let Some(unique) = unique {
            if let Some(existing) = self.unique.get(&unique) {
                return ChangeResult::Existing(*existing);
            }
            self.unique.insert(unique, id);
        }
        self.last_id = self.last_id.max(id);
        let key = endpoint.key;
        let rows = self.applications.entry(key.application).or_default();
        rows.endpoints
            .insert(key.ordinal, EndpointRows::new(endpoint));
        ChangeResult::Fresh
    }

    /// Writes an event if its name is free and there is room; its position is used either way.
    fn put_event(&mut self, event: Arc<Event>) -> ChangeResult {
        let rows = self.applications.entry(event.application).or_default();
        rows.next_position = event.position.plus(1);
        let unique = event_key(&event);
        if let Some(existing) = unique.as_ref().and_then(|key| self.unique.get(key)) {
            return ChangeResult::Existing(*existing);
        }
        if !self.retention.has_room(event.payload.bytes.len()) {
            return ChangeResult::Full;
        }
        self.last_id = self.last_id.max(event.id.id());
        self.unique.extend(unique.map(|key| (key, event.id.id())));
        let position = event.position;
        rows.events.insert(event);
        if let Some(row) = rows.events.get(position) {
            self.retention.open.add(row.volume());
        }
        ChangeResult::Fresh
    }

    /// Writes or replaces the row of a delivery whose event and endpoint exist.
    fn put_open(&mut self, row: OpenDelivery) -> ChangeResult {
        let Some(rows) = self.applications.get_mut(&row.endpoint.application) else {
            return ChangeResult::Fresh;
        };
        let event = rows.events.get_mut(row.position);
        let endpoint = rows.endpoints.get_mut(&row.endpoint.ordinal);
        let (Some(event), Some(endpoint)) = (event, endpoint) else {
            return ChangeResult::Fresh;
        };
        // A task came upon what was taken away meanwhile.
        if row.reopened_after.is_some() && event.expunged {
            return ChangeResult::Stale;
        }
        if endpoint.put_open(row) {
            event.open_rows += 1;
        }
        // What a task sent again has not ended any more.
        if row.reopened_after.is_some() {
            let ordinal = row.endpoint.ordinal;
            event.other_ends.retain(|(of, _)| *of != ordinal);
        }
        if let Some(number) = event.ended.take() {
            self.retention.reopen(number, event.volume());
        }
        ChangeResult::Fresh
    }

    /// Takes the row of a delivery away.
    pub(super) fn delete_open(&mut self, endpoint: EndpointKey, position: EventPosition) {
        let Some(rows) = self.applications.get_mut(&endpoint.application) else {
            return;
        };
        let Some(endpoint_rows) = rows.endpoints.get_mut(&endpoint.ordinal) else {
            return;
        };
        if endpoint_rows.delete_open(position)
            && let Some(event) = rows.events.get_mut(position)
        {
            event.open_rows -= 1;
            if event.open_rows == 0 {
                self.released.push((endpoint.application, position));
            }
        }
    }

    /// Takes the row of a delivery away and notes that it expired.
    fn expire(&mut self, endpoint: EndpointKey, position: EventPosition) {
        self.delete_open(endpoint, position);
        let event = self
            .applications
            .get_mut(&endpoint.application)
            .and_then(|rows| rows.events.get_mut(position));
        if let Some(event) = event {
            event.ends_so(endpoint.ordinal, OtherEnd::Expired);
        }
    }

    /// Writes where a lane stands, or that it no longer lags.
    pub(super) fn put_lane(&mut self, endpoint: EndpointKey, lane: Option<LaneRow>) {
        let Some(rows) = self.applications.get_mut(&endpoint.application) else {
            return;
        };
        let Some(endpoint_rows) = rows.endpoints.get_mut(&endpoint.ordinal) else {
            return;
        };
        if let Some(row) = endpoint_rows.lane.take() {
            rows.lagging.remove(&(row.cursor, endpoint.ordinal));
        }
        if let Some(row) = &lane {
            rows.lagging.insert((row.cursor, endpoint.ordinal));
        }
        endpoint_rows.lane = lane;
        self.moved.insert(endpoint.application);
    }

    /// Finds the events that ended in this commit, in order of application and position.
    fn end_events(&mut self) {
        let mut ended = core::mem::take(&mut self.released);
        while let Some(application) = self.moved.pop_first() {
            let Some(rows) = self.applications.get_mut(&application) else {
                continue;
            };
            let until = rows.settled_until();
            if until > rows.swept {
                let span = rows.events.span(rows.swept, until);
                ended.extend(span.map(|row| (application, row.event.position)));
                rows.swept = until;
            }
        }
        ended.sort_unstable();
        ended.dedup();
        for (application, position) in ended.drain(..) {
            let Some(rows) = self.applications.get_mut(&application) else {
                continue;
            };
            let swept = rows.swept;
            if let Some(row) = rows.events.get_mut(position)
                && row.open_rows == 0
                && row.ended.is_none()
                && position < swept
            {
                let number = self.retention.end(application, position, row.volume());
                row.ended = Some(number);
                let attempts = row.attempts.len();
                rows.events.ended_after(attempts);
            }
        }
        self.released = ended;
    }

    /// Forgets an ended event with all that hangs on it.
    fn forget(&mut self, application: ApplicationKey, position: EventPosition) {
        if let Some(rows) = self.applications.get_mut(&application)
            && let Some(row) = rows.events.get(position)
        {
            self.retention.ended.subtract(row.volume());
            if let Some(key) = event_key(&row.event) {
                self.unique.remove(&key);
            }
            rows.events.remove(position);
        }
    }

    /// The rows of an endpoint.
    pub(super) fn endpoint(&self, key: EndpointKey) -> Option<&EndpointRows> {
        let rows = self.applications.get(&key.application)?;
        rows.endpoints.get(&key.ordinal)
    }

    /// The rows of an endpoint, to be changed.
    pub(super) fn endpoint_mut(&mut self, key: EndpointKey) -> Option<&mut EndpointRows> {
        let rows = self.applications.get_mut(&key.application)?;
        rows.endpoints.get_mut(&key.ordinal)
    }
}
