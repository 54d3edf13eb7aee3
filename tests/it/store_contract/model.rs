//! Random batches against a plain model: naive maps, everything recomputed from what is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fanfare::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptRecord, AttemptResult},
        audit::AuditEntry,
        change::{Change, ChangeResult, Epoch, UniqueKey},
        circuit::{Circuit, CircuitState},
        delivery::{self, DeliveryFacts, DeliveryState, LaneRow, OpenDelivery, OtherEnd},
        endpoint::{DisabledReason, Endpoint, EndpointKey, EndpointState},
        event::{Event, EventPosition},
        history::{HistoryQuery, Order},
        id::{EventId, Id},
        ordering::OrderingKey,
        page::{LoadHandle, Page, PageRequest, ShardState},
    },
    sim::simulated_disk::SimulatedDisk,
    store::{
        Completion,
        memory::{DATA_SHARD, MemoryOptions, MemoryStore},
    },
};
use proptest::prelude::*;

use super::{Inspect, rows};

/// One random act; its numbers are bent to what exists.
#[derive(Clone, Debug)]
enum Act {
    Commit(Vec<Draft>, Vec<Try>),
    StaleCommit(Vec<Draft>),
    Acquire,
    LoadEvents(u32, u64, usize),
    LoadOpen(u32, Option<(i64, u64)>, usize),
}

/// A random change.
#[derive(Clone, Debug)]
enum Draft {
    Endpoint(u32, Option<u8>),
    Event(u32, u64, usize),
    Open(u32, u64, i64),
    Delete(u32, u64),
    Expire(u32, u64),
    SetAside(u32, u64),
    Lane(u32, u64, u64),
    NoLane(u32),
    Circuit(u32, u16),
    Ordered(u32, u64, u64),
    Watermark(u32, u64),
    State(u32, bool, u64),
}

/// A random attempt: endpoint, event, result, bytes of its body.
type Try = (u32, u64, u8, usize);

fn drafts() -> impl Strategy<Value = Draft> {
    let endpoint = 0_u32..6;
    let event = 0_u64..10;
    prop_oneof![
        2 => (0_u32..2, prop::option::of(0_u8..3)).prop_map(|(a, u)| Draft::Endpoint(a, u)),
        6 => (0_u32..2, 0_u64..4, 0_usize..30).prop_map(|(a, s, b)| Draft::Event(a, s / 3, b)),
        4 => (endpoint.clone(), event.clone(), 0_i64..6).prop_map(|(e, p, d)| Draft::Open(e, p, d)),
        2 => (endpoint.clone(), event.clone(), 0_u64..3)
            .prop_map(|(e, p, k)| Draft::Ordered(e, p, k)),
        3 => (endpoint.clone(), event.clone()).prop_map(|(e, p)| Draft::Delete(e, p)),
        1 => (endpoint.clone(), event.clone()).prop_map(|(e, p)| Draft::Expire(e, p)),
        2 => (endpoint.clone(), event.clone()).prop_map(|(e, p)| Draft::SetAside(e, p)),
        1 => (endpoint.clone(), 0_u64..4, 0_u64..9).prop_map(|(e, f, d)| Draft::Lane(e, f, d)),
        2 => endpoint.clone().prop_map(Draft::NoLane),
        2 => (endpoint.clone(), 0_u16..3).prop_map(|(e, c)| Draft::Circuit(e, c)),
        4 => (0_u32..2, 0_u64..5).prop_map(|(a, f)| Draft::Watermark(a, f)),
        1 => (endpoint, any::<bool>(), 0_u64..3).prop_map(|(e, on, f)| Draft::State(e, on, f)),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let attempt = (0_u32..6, 0_u64..14, 0_u8..3, 0_usize..20);
    let commit = (
        prop::collection::vec(drafts(), 0..8),
        prop::collection::vec(attempt, 0..6),
    );
    let act = prop_oneof![
        8 => commit.prop_map(|(drafts, tries)| Act::Commit(drafts, tries)),
        1 => prop::collection::vec(drafts(), 1..4).prop_map(Act::StaleCommit),
        1 => Just(Act::Acquire),
        2 => (0_u32..3, 0_u64..14, 1_usize..6).prop_map(|(a, f, l)| Act::LoadEvents(a, f, l)),
        2 => (0_u32..6, prop::option::of((0_i64..5, 0_u64..10)), 1_usize..5)
            .prop_map(|(e, a, l)| Act::LoadOpen(e, a, l)),
    ];
    prop::collection::vec(act, 1..40)
}

/// All that a store should know, in the plainest shape.
struct Model {
    options: MemoryOptions,
    endpoints: BTreeMap<EndpointKey, Endpoint>,
    unique: BTreeMap<UniqueKey, Id>,
    events: BTreeMap<(ApplicationKey, u64), Known>,
    next: BTreeMap<ApplicationKey, u64>,
    watermarks: BTreeMap<ApplicationKey, u64>,
    lanes: BTreeMap<EndpointKey, LaneRow>,
    circuits: BTreeMap<EndpointKey, Circuit>,
    ordered: BTreeMap<(EndpointKey, u64), OrderingKey>,
    open: BTreeMap<(EndpointKey, u64), OpenDelivery>,
    /// Ended events, first ended first.
    ended: Vec<(ApplicationKey, u64)>,
    last_id: Id,
}

/// An event of the model.
struct Known {
    event: Arc<Event>,
    attempts: Vec<AttemptRecord>,
    other_ends: BTreeMap<u32, OtherEnd>,
    audit: Vec<AuditEntry>,
}

impl Known {
    fn bytes(&self) -> usize {
        let bodies: usize = self.attempts.iter().map(|record| record.body.len()).sum();
        self.event.payload.bytes.len() + bodies
    }
}

impl Model {
    fn new(options: MemoryOptions) -> Self {
        Self {
            options,
            endpoints: BTreeMap::new(),
            unique: BTreeMap::new(),
            events: BTreeMap::new(),
            next: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            lanes: BTreeMap::new(),
            circuits: BTreeMap::new(),
            ordered: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: Vec::new(),
            last_id: Id::default(),
        }
    }

    fn next_of(&self, application: ApplicationKey) -> u64 {
        self.next.get(&application).copied().unwrap_or(0)
    }

    /// Up to where no cursor has business.
    fn settled_until(&self, application: ApplicationKey) -> u64 {
        let lanes = self.lanes.iter();
        let cursors = lanes.filter(|(key, _)| key.application == application);
        let watermark = self.watermarks.get(&application).copied().unwrap_or(0);
        cursors
            .map(|(_, lane)| lane.cursor.number())
            .fold(watermark, u64::min)
    }

    fn open_events(&self) -> impl Iterator<Item = &Known> {
        let open = |key: &&(ApplicationKey, u64)| !self.ended.contains(key);
        let keys = self.events.keys().filter(open);
        keys.filter_map(|key| self.events.get(key))
    }

    fn open_bytes(&self) -> usize {
        self.open_events().map(Known::bytes).sum()
    }

    fn apply(&mut self, changes: &[Change], attempts: &[AttemptRecord]) -> Vec<ChangeResult> {
        let results = changes.iter().map(|change| self.change(change)).collect();
        for record in attempts {
            self.record(record.clone());
        }
        self.end_and_forget();
        results
    }

    fn put_circuit(&mut self, endpoint: EndpointKey, circuit: Option<Circuit>) {
        self.circuits.remove(&endpoint);
        if let Some(circuit) = circuit.filter(|_| self.endpoints.contains_key(&endpoint)) {
            self.circuits.insert(endpoint, circuit);
        }
    }

    fn put_open(&mut self, row: OpenDelivery) {
        let event = (row.endpoint.application, row.position.number());
        if self.events.contains_key(&event) && self.endpoints.contains_key(&row.endpoint) {
            self.open.insert((row.endpoint, event.1), row);
            self.ended.retain(|ended| *ended != event);
        }
    }

    fn put_ordered(&mut self, row: (EndpointKey, u64), order: OrderingKey) {
        if self.open.contains_key(&row) {
            self.ordered.insert(row, order);
        }
    }

    fn delete_open(&mut self, endpoint: EndpointKey, position: EventPosition) {
        self.open.remove(&(endpoint, position.number()));
        self.ordered.remove(&(endpoint, position.number()));
    }

    fn change(&mut self, change: &Change) -> ChangeResult {
        match change {
            Change::PutApplication(_)
            | Change::UpdateApplication(_)
            | Change::PutRecord(_)
            | Change::DeleteRecord { .. }
            | Change::UpdateEndpoint(_)
            | Change::Once(..)
            | Change::Refuse(_)
            | Change::Told(..)
            | Change::PutOutbox(_)
            | Change::DeleteOutbox(_)
            | Change::DeleteEndpoint { .. }
            | Change::Expunge { .. }
            | Change::ExpungeAttempt { .. }
            | Change::PutTask(_)
            | Change::UpdateTask(_)
            | Change::PutResend(_)
            | Change::DeleteResend { .. } => unreachable!("not drafted"),
            Change::PutEndpoint { endpoint, unique } => {
                return self.put_endpoint(endpoint, unique.as_ref());
            }
            Change::PutEvent(event) => return self.put_event(event),
            Change::PutOpen(row) => self.put_open(*row),
            Change::PutOrdered {
                endpoint,
                position,
                order,
            } => self.put_ordered((*endpoint, position.number()), *order),
            Change::DeleteOpen { endpoint, position } => self.delete_open(*endpoint, *position),
            Change::Expire { endpoint, position } => {
                self.delete_open(*endpoint, *position);
                let event = (endpoint.application, position.number());
                if let Some(known) = self.events.get_mut(&event) {
                    known.other_ends.insert(endpoint.ordinal, OtherEnd::Expired);
                }
            }
            Change::SetAside(entry) => return self.set_aside(entry),
            Change::PutLane { endpoint, row } => {
                if self.endpoints.contains_key(endpoint) {
                    self.lanes.insert(*endpoint, row.clone());
                }
            }
            Change::DeleteLane { endpoint } => {
                self.lanes.remove(endpoint);
            }
            Change::PutCircuit { endpoint, circuit } => self.put_circuit(*endpoint, *circuit),
            Change::Watermark {
                application,
                position,
            } => {
                self.watermarks.insert(*application, position.number());
            }
            Change::SetEndpointState {
                endpoint,
                state,
                from,
            } => {
                if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
                    endpoint.set_state(*state, *from);
                }
            }
        }
        ChangeResult::Fresh
    }

    fn set_aside(&mut self, entry: &AuditEntry) -> ChangeResult {
        let (endpoint, position) = (entry.endpoint, entry.position);
        self.last_id = self.last_id.max(entry.id.id());
        let waits = self.open.contains_key(&(endpoint, position.number()));
        let event = (endpoint.application, position.number());
        let known = self.events.get_mut(&event);
        let Some(known) = known.filter(|_| waits) else {
            return ChangeResult::Stale;
        };
        let end = OtherEnd::SetAside(entry.act);
        known.other_ends.insert(endpoint.ordinal, end);
        known.audit.push(entry.clone());
        self.delete_open(endpoint, position);
        ChangeResult::Fresh
    }

    /// What was done by hand with deliveries of an endpoint, the oldest first.
    fn audit(&self, endpoint: EndpointKey) -> Vec<AuditEntry> {
        let entries = self.events.values().flat_map(|known| &known.audit);
        let mut entries: Vec<AuditEntry> = entries
            .filter(|entry| entry.endpoint == endpoint)
            .cloned()
            .collect();
        entries.sort_unstable_by_key(|entry| entry.id);
        entries
    }

    fn put_endpoint(
        &mut self,
        endpoint: &Arc<Endpoint>,
        unique: Option<&UniqueKey>,
    ) -> ChangeResult {
        if let Some(existing) = unique.and_then(|key| self.unique.get(key)) {
            return ChangeResult::Existing(*existing);
        }
        let id = endpoint.id.id();
        self.unique.extend(unique.cloned().map(|key| (key, id)));
        self.last_id = self.last_id.max(id);
        self.endpoints.insert(endpoint.key, (**endpoint).clone());
        ChangeResult::Fresh
    }

    fn put_event(&mut self, event: &Arc<Event>) -> ChangeResult {
        let position = event.position.number();
        self.next.insert(event.application, position + 1);
        let bytes = self.open_bytes() + event.payload.bytes.len();
        let too_many = self.open_events().count() >= self.options.events_max;
        if too_many || bytes > self.options.bytes_max {
            return ChangeResult::Full;
        }
        self.last_id = self.last_id.max(event.id.id());
        let known = Known {
            event: event.clone(),
            attempts: Vec::new(),
            other_ends: BTreeMap::new(),
            audit: Vec::new(),
        };
        self.events.insert((event.application, position), known);
        ChangeResult::Fresh
    }

    fn record(&mut self, mut record: AttemptRecord) {
        self.last_id = self.last_id.max(record.id.id());
        let event = (record.endpoint.application, record.position.number());
        if self.open_bytes() + record.body.len() > self.options.bytes_max {
            record.body.clear();
        }
        if let Some(known) = self.events.get_mut(&event) {
            known.attempts.push(record);
        }
    }

    fn end_and_forget(&mut self) {
        for (application, position) in self.events.keys() {
            let event = (*application, *position);
            let mut rows = self.open.keys();
            let is_open = rows.any(|(key, place)| (key.application, *place) == event);
            let settled = *position < self.settled_until(*application);
            if settled && !is_open && !self.ended.contains(&event) {
                self.ended.push(event);
            }
        }
        loop {
            let ended = || self.ended.iter().filter_map(|key| self.events.get(key));
            let attempts: usize = ended().map(|known| known.attempts.len()).sum();
            let bytes: usize = self.events.values().map(Known::bytes).sum();
            let too_much = self.ended.len() > self.options.events_max
                || attempts > self.options.attempts_max
                || bytes > self.options.bytes_max;
            if !too_much || self.ended.is_empty() {
                return;
            }
            let event = self.ended.remove(0);
            self.events.remove(&event);
        }
    }

    fn delivery(&self, endpoint: EndpointKey, position: u64) -> Option<DeliveryState> {
        let known = self.events.get(&(endpoint.application, position))?;
        let to_endpoint = |record: &&AttemptRecord| record.endpoint == endpoint;
        delivery::state(DeliveryFacts {
            resend: false,
            expunged: false,
            subscribed: self.endpoints.get(&endpoint)?.takes(rows::at(position)),
            open_due: self.open.get(&(endpoint, position)).map(|row| row.due),
            last_result: known.attempts.iter().rfind(to_endpoint).map(|r| r.result),
            other_end: known.other_ends.get(&endpoint.ordinal).copied(),
            deleted: false,
        })
    }

    /// The model's answer to an acquisition, as text.
    fn state(&self) -> String {
        let mut text = format!("last {:?}\n", self.last_id);
        let mut applications: BTreeSet<ApplicationKey> = self.next.keys().copied().collect();
        applications.extend(self.endpoints.keys().map(|key| key.application));
        applications.extend(self.watermarks.keys());
        for application in applications {
            let watermark = self.watermarks.get(&application).copied().unwrap_or(0);
            let from = (application, watermark)..=(application, u64::MAX);
            let events: Vec<Id> = self
                .events
                .range(from.clone())
                .map(|(_, k)| k.event.id.id())
                .collect();
            let next = self.next_of(application);
            text += &format!("{application:?} {next} {watermark} {events:?}\n");
            let endpoints = self.endpoints.iter();
            for (key, endpoint) in endpoints.filter(|(key, _)| key.application == application) {
                let settled: Vec<u64> = self
                    .events
                    .range(from.clone())
                    .filter(|((_, position), known)| {
                        known.other_ends.contains_key(&key.ordinal)
                            || self.open.contains_key(&(*key, *position))
                            || known.attempts.iter().any(|record| record.endpoint == *key)
                    })
                    .map(|((_, position), _)| *position)
                    .collect();
                let rows = self.open.range((*key, 0)..=(*key, u64::MAX));
                let due = rows.map(|(_, row)| row.due).min();
                text += &endpoint_line(endpoint, self.lanes.get(key), &settled, due);
                text += &format!("{:?}\n", self.circuits.get(key));
                for ((_, position), order) in self.ordered.range((*key, 0)..=(*key, u64::MAX)) {
                    let due = self.open.get(&(*key, *position)).map(|row| row.due);
                    let is_held = due == Some(fanfare::time::Timestamp::MAX);
                    text += &format!("{position} {order:?} {is_held}\n");
                }
            }
        }
        text
    }
}

/// One endpoint of a shard's state, as text.
fn endpoint_line(
    endpoint: &Endpoint,
    lane: Option<&LaneRow>,
    settled: &[u64],
    due: Option<fanfare::time::Timestamp>,
) -> String {
    let subscriptions = &endpoint.subscriptions;
    let (id, state) = (endpoint.id, endpoint.state);
    format!("  {id} {state:?} {subscriptions:?} {lane:?} {settled:?} {due:?}\n")
}

/// A store's answer to an acquisition, as text.
fn told(state: &ShardState) -> String {
    let ShardState::Data {
        applications,
        outbox,
        last_id,
    } = state
    else {
        panic!("another shard: {state:?}");
    };
    let mut text = format!("last {last_id:?}\n");
    assert!(outbox.is_empty(), "nothing is told");
    for known in applications {
        let events: Vec<Id> = known.events.iter().map(|event| event.id.id()).collect();
        let (next, watermark) = (known.next_position.number(), known.watermark.number());
        text += &format!("{:?} {next} {watermark} {events:?}\n", known.key);
        for endpoint in &known.endpoints {
            let settled: Vec<u64> = endpoint.settled.iter().map(|p| p.number()).collect();
            let lane = endpoint.lane.as_ref();
            text += &endpoint_line(&endpoint.endpoint, lane, &settled, endpoint.open_due);
            text += &format!("{:?}\n", endpoint.circuit.as_ref());
            for row in &endpoint.ordered {
                let (position, order) = (row.position.number(), row.order);
                text += &format!("{position} {order:?} {}\n", row.is_held);
            }
        }
    }
    text
}

/// A store and the model, told the same.
struct Pair<S> {
    store: S,
    model: Model,
    epoch: Epoch,
    next_id: u128,
    next_ordinal: u32,
}

impl<S: Inspect> Pair<S> {
    fn id(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id
    }

    /// An endpoint by number; some do not exist.
    fn key(&self, number: u32) -> EndpointKey {
        let mut keys = self.model.endpoints.keys();
        let key = keys.nth(usize::try_from(number).expect("small"));
        key.copied().unwrap_or_else(|| rows::endpoint_key(1, 9_999))
    }

    /// Mostly a delivery that has an open row, sometimes any.
    fn delivery_near(&self, endpoint: u32, position: u64) -> (EndpointKey, EventPosition) {
        let mut rows = self.model.open.keys();
        let (endpoint, position) = rows
            .nth(usize::try_from(position).expect("small"))
            .copied()
            .unwrap_or_else(|| (self.key(endpoint), position));
        (endpoint, rows::at(position))
    }

    /// A lane that lags so far, with some settled by bits and some beyond them.
    fn lane(&self, endpoint: u32, forward: u64, done: u64) -> Change {
        let endpoint = self.key(endpoint);
        let from = self.model.settled_until(endpoint.application) + forward;
        let far = (0..done % 3).map(|far| rows::at(from + 256 + far));
        Change::PutLane {
            endpoint,
            row: LaneRow {
                cursor: rows::at(from),
                done: [done, 0, 0, 1],
                far: far.collect(),
            },
        }
    }

    /// Turns drafts into changes that an engine could send.
    fn changes(&mut self, drafts: &[Draft]) -> Vec<Change> {
        let mut next = self.model.next.clone();
        let mut changes = Vec::new();
        for draft in drafts {
            changes.push(match *draft {
                Draft::Endpoint(application, url) => {
                    self.next_ordinal += 1;
                    let key = rows::endpoint_key(application, self.next_ordinal);
                    let from = self.model.next_of(key.application);
                    Change::PutEndpoint {
                        endpoint: rows::endpoint(key, self.id(), from),
                        unique: url.map(|url| rows::url_key(application, url)),
                    }
                }
                Draft::Event(application, skip, bytes) => {
                    let next = next.entry(rows::app(application)).or_default();
                    let position = *next + skip;
                    *next = position + 1;
                    rows::put_event(application, position, self.id(), bytes)
                }
                Draft::Open(endpoint, position, due) => {
                    Change::PutOpen(self.open_row(endpoint, position, due))
                }
                Draft::Ordered(endpoint, position, key) => {
                    let (endpoint, position) = self.delivery_near(endpoint, position);
                    Change::PutOrdered {
                        endpoint,
                        position,
                        order: OrderingKey::new(key),
                    }
                }
                Draft::Delete(endpoint, position) => {
                    let (endpoint, position) = self.delivery_near(endpoint, position);
                    Change::DeleteOpen { endpoint, position }
                }
                Draft::Expire(endpoint, position) => {
                    let (endpoint, position) = self.delivery_near(endpoint, position);
                    Change::Expire { endpoint, position }
                }
                Draft::SetAside(endpoint, position) => self.set_aside(endpoint, position),
                Draft::Lane(endpoint, forward, done) => self.lane(endpoint, forward, done),
                Draft::NoLane(endpoint) => Change::DeleteLane {
                    endpoint: self.key(endpoint),
                },
                Draft::Circuit(endpoint, openings) => Change::PutCircuit {
                    endpoint: self.key(endpoint),
                    circuit: (openings > 0).then(|| Circuit {
                        state: CircuitState::Open {
                            since: rows::ms(5),
                            until: rows::ms(90),
                        },
                        failing_since: Some(rows::ms(3)),
                        usual_per_minute: 7,
                        openings,
                    }),
                },
                Draft::Watermark(application, forward) => {
                    self.watermark(&changes, rows::app(application), forward)
                }
                Draft::State(endpoint, enabled, forward) => self.state(endpoint, enabled, forward),
            });
        }
        changes
    }

    /// A row of an endpoint; the last due time is that of what is held, which is never due.
    fn open_row(&self, endpoint: u32, position: u64, due: i64) -> OpenDelivery {
        let mut row = rows::open(self.key(endpoint), position, due);
        if due == 5 {
            row.due = fanfare::time::Timestamp::MAX;
        }
        row
    }

    /// That a delivery was skipped or parked.
    fn set_aside(&mut self, endpoint: u32, position: u64) -> Change {
        let (endpoint, position) = self.delivery_near(endpoint, position);
        Change::SetAside(Arc::new(rows::audit_entry(endpoint, position, self.id())))
    }

    /// A watermark that does not go back nor beyond what was committed.
    fn watermark(&self, drafted: &[Change], application: ApplicationKey, forward: u64) -> Change {
        let old = self.model.watermarks.get(&application).copied();
        let drafted = drafted.iter().filter_map(|change| match change {
            Change::Watermark {
                application: other,
                position,
            } if *other == application => Some(position.number()),
            _ => None,
        });
        let old = drafted.fold(old.unwrap_or(0), u64::max);
        let end = self.model.next_of(application).max(old);
        rows::watermark(application.ordinal, (old + forward).min(end))
    }

    /// An endpoint is enabled or disabled from some position on.
    fn state(&self, endpoint: u32, enabled: bool, forward: u64) -> Change {
        let endpoint = self.key(endpoint);
        let next = self.model.next_of(endpoint.application);
        Change::SetEndpointState {
            endpoint,
            state: if enabled {
                EndpointState::Enabled
            } else {
                EndpointState::Disabled(DisabledReason::Gone)
            },
            from: rows::at(next + forward),
        }
    }

    fn attempts(&mut self, tries: &[Try]) -> Vec<AttemptRecord> {
        let mut records = Vec::new();
        for (endpoint, position, result, body) in tries {
            let result = match result {
                0 => AttemptResult::Succeeded,
                1 => AttemptResult::Exhausted,
                _ => AttemptResult::RetryAt(rows::ms(77)),
            };
            let key = self.key(*endpoint);
            records.push(rows::attempt(key, *position, self.id(), result, *body));
        }
        records
    }

    fn flush(&mut self) -> Completion {
        let mut done = Vec::new();
        self.store.flush(&mut done).expect("the store works");
        assert_eq!(done.len(), 1);
        done.remove(0)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Commit(drafts, tries) => {
                let changes = self.changes(drafts);
                let attempts = self.attempts(tries);
                let expected = self.model.apply(&changes, &attempts);
                let batch = rows::batch(1, DATA_SHARD, self.epoch, changes, attempts);
                self.store.submit(batch);
                match self.flush() {
                    Completion::Committed(batch) => assert_eq!(batch.results, expected),
                    other => panic!("not committed: {other:?}"),
                }
            }
            Act::StaleCommit(drafts) => {
                let changes = self.changes(drafts);
                let stale = Epoch::new(self.epoch.number() - 1);
                let batch = rows::batch(1, DATA_SHARD, stale, changes, Vec::new());
                self.store.submit(batch);
                assert!(matches!(self.flush(), Completion::CommitFailed(..)));
            }
            Act::Acquire => {
                let (epoch, state) = self.store.acquire(DATA_SHARD).expect("it exists");
                assert!(epoch > self.epoch);
                self.epoch = epoch;
                assert_eq!(told(&state), self.model.state());
            }
            Act::LoadEvents(application, from, limit) => {
                self.load_events(rows::app(*application), *from, *limit);
            }
            Act::LoadOpen(endpoint, after, limit) => {
                self.load_open(self.key(*endpoint), *after, *limit);
            }
        }
    }

    fn load_events(&mut self, application: ApplicationKey, from: u64, limit: usize) {
        let request = PageRequest::Events {
            application,
            from: rows::at(from),
            limit,
        };
        self.store.load(LoadHandle::new(1), request);
        let until =
            (from + u64::try_from(limit).expect("small")).min(self.model.next_of(application));
        let span = (application, from)..(application, until.max(from));
        let expected: Vec<Id> = self
            .model
            .events
            .range(span)
            .map(|(_, k)| k.event.id.id())
            .collect();
        match self.flush() {
            Completion::Loaded(_, page) => match *page {
                Page::Events { events, until: end } => {
                    let ids: Vec<Id> = events.iter().map(|event| event.id.id()).collect();
                    assert_eq!((ids, end), (expected, rows::at(until)));
                }
                Page::Open { .. } | Page::Candidates(_) => panic!("another page"),
            },
            other => panic!("not loaded: {other:?}"),
        }
    }

    fn load_open(&mut self, endpoint: EndpointKey, after: Option<(i64, u64)>, limit: usize) {
        let after = after.map(|(due, position)| (rows::ms(due), rows::at(position)));
        self.store.load(
            LoadHandle::new(1),
            PageRequest::Open {
                endpoint,
                after,
                limit,
            },
        );
        let all = self
            .model
            .open
            .values()
            .filter(|row| row.endpoint == endpoint);
        let place = |row: &OpenDelivery| (row.due, row.position);
        let mut expected: Vec<OpenDelivery> = all
            .filter(|row| after.is_none_or(|after| place(row) > after))
            .copied()
            .collect();
        expected.sort_by_key(place);
        let expected_more = expected.len() > limit;
        expected.truncate(limit);
        match self.flush() {
            Completion::Loaded(_, page) => match *page {
                Page::Open { rows, more } => {
                    for (row, event) in &rows {
                        assert_eq!(row.position, event.position);
                    }
                    // The drafts name no event; a store may know it from the event itself.
                    let unnamed = |row: &OpenDelivery| OpenDelivery {
                        event: EventId::default(),
                        ..*row
                    };
                    let found: Vec<OpenDelivery> =
                        rows.iter().map(|(row, _)| unnamed(row)).collect();
                    assert_eq!((found, more), (expected, expected_more));
                }
                Page::Events { .. } | Page::Candidates(_) => panic!("another page"),
            },
            other => panic!("not loaded: {other:?}"),
        }
    }

    /// Compares every fact that can be asked for.
    fn compare(&mut self) {
        self.act(&Act::Acquire);
        let keys: Vec<EndpointKey> = self.model.endpoints.keys().copied().collect();
        for key in keys {
            for position in 0..self.model.next_of(key.application) {
                let expected = self.model.delivery(key, position);
                let place: EventPosition = rows::at(position);
                assert_eq!(
                    self.store.delivery(key, place),
                    expected,
                    "{key:?} {position}"
                );
            }
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let all = HistoryQuery {
                    above: None,
                    below: None,
                    order,
                    limit: 1_000,
                };
                let mut expected = self.model.audit(key);
                if order == Order::NewestFirst {
                    expected.reverse();
                }
                let found = self.store.audit(key, all).expect("readable");
                assert_eq!(found, expected, "{key:?}");
            }
        }
        for ((application, position), known) in &self.model.events {
            let expected: Vec<_> = known.attempts.iter().map(|record| record.id).collect();
            let found = self
                .store
                .attempt_ids(application.ordinal, rows::at(*position));
            assert_eq!(found, expected);
        }
    }
}

/// Runs random acts against a store that keeps as much as `options` say.
fn follows_the_model<S: Inspect>(store: S, options: MemoryOptions, acts: &[Act]) -> Pair<S> {
    let mut pair = Pair {
        store,
        model: Model::new(options),
        epoch: Epoch::new(0),
        next_id: 0,
        next_ordinal: 0,
    };
    pair.act(&Act::Acquire);
    // A little of everything, so that short runs have something to work on.
    let mut first: Vec<Draft> = (0..4)
        .map(|number| Draft::Endpoint(number % 2, None))
        .collect();
    first.extend((0..6).map(|number| Draft::Event(number % 2, 0, 4)));
    pair.act(&Act::Commit(first, Vec::new()));
    for act in acts {
        pair.act(act);
    }
    pair.compare();
    pair
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_roomy_memory_store_does_what_the_model_does(acts in acts()) {
        let options = MemoryOptions::default();
        follows_the_model(MemoryStore::new(options), options, &acts);
    }

    #[test]
    fn an_embedded_store_does_what_the_model_does(acts in acts()) {
        let options = MemoryOptions {
            events_max: usize::MAX,
            attempts_max: usize::MAX,
            bytes_max: usize::MAX,
        };
        let disk = SimulatedDisk::new(1);
        let mut pair = follows_the_model(super::embedded_on(&disk), options, &acts);
        // Nothing of it is in memory alone: closed and opened again, it knows the same.
        let elsewhere = super::embedded_on(&SimulatedDisk::new(2));
        drop(core::mem::replace(&mut pair.store, elsewhere));
        pair.store = super::embedded_on(&disk);
        // An epoch under which nothing was written may be given out again.
        pair.epoch = Epoch::new(0);
        pair.compare();
        drop(pair);
        prop_assert_eq!(super::faults(&disk), Vec::<String>::new());
        // Nor is anything wrong with what a crash leaves.
        disk.restart();
        prop_assert_eq!(super::faults(&disk), Vec::<String>::new());
    }

    #[test]
    fn a_tiny_memory_store_forgets_what_the_model_forgets(
        acts in acts(),
        events_max in 1_usize..5,
        attempts_max in 0_usize..6,
        bytes_max in 20_usize..120,
    ) {
        let options = MemoryOptions { events_max, attempts_max, bytes_max };
        let pair = follows_the_model(MemoryStore::new(options), options, &acts);
        let counts = pair.store.counts();
        let open: Vec<&Known> = pair.model.open_events().collect();
        prop_assert_eq!(counts.open.events, open.len());
        prop_assert_eq!(counts.open.bytes, pair.model.open_bytes());
        let attempts: usize = open.iter().map(|known| known.attempts.len()).sum();
        prop_assert_eq!(counts.open.attempts, attempts);
        prop_assert_eq!(counts.ended.events, pair.model.ended.len());
        prop_assert!(counts.ended.events <= events_max && counts.ended.attempts <= attempts_max);
        prop_assert_eq!(counts.open_rows, pair.model.open.len());
        prop_assert_eq!(counts.lanes, pair.model.lanes.len());
    }
}
