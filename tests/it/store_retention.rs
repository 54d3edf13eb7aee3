//! What an embedded store keeps over a restart and what it lets go: whole buckets, never open work.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        change::{Change, ChangeResult, Epoch},
        delivery::{LaneRow, Resend},
        endpoint::EndpointKey,
        event::Event,
        history::{HistoryQuery, Name, Order},
        id::{EventId, Id},
        page::{LoadHandle, Page, PageRequest},
    },
    sim::simulated_disk::{DiskFaults, SimulatedDisk},
    store::{
        Completion, Reads as _, Store as _,
        embedded::{EmbeddedOptions, EmbeddedStore},
        memory::DATA_SHARD,
    },
    time::{Now, Span, Timestamp},
};

use crate::store_contract::rows::{
    app, at, attempt, batch, endpoint_key, open, put_endpoint, put_event, watermark,
};

const HOUR: Span = Span::from_seconds(3_600);
const ALL: HistoryQuery = HistoryQuery {
    above: None,
    below: None,
    order: Order::OldestFirst,
    limit: 1_000,
};

/// Buckets of an hour; payloads are kept for two hours and rows for four.
fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        data_shards: 1,
        bucket_age: HOUR,
        payload_age: Span::from_seconds(2 * 3_600),
        row_age: Span::from_seconds(4 * 3_600),
        retain_every: Span::ZERO,
        ..EmbeddedOptions::default()
    }
}

struct World {
    disk: SimulatedDisk,
    store: EmbeddedStore,
    epoch: Epoch,
    now: Timestamp,
    next_id: u128,
    next: u64,
}

impl World {
    fn new() -> Self {
        let disk = SimulatedDisk::new(7);
        let mut store = EmbeddedStore::open(Arc::new(disk.clone()), options()).expect("it is made");
        let (epoch, _) = store.acquire(DATA_SHARD).expect("it is there");
        let mut world = Self {
            disk,
            store,
            epoch,
            now: Timestamp::from_millis(1_000),
            next_id: 1,
            next: 0,
        };
        let id = world.id();
        world.commit(vec![put_endpoint(0, 0, id)]);
        world
    }

    /// Closes the store and opens it again.
    fn reopen(&mut self) {
        let disk = Arc::new(SimulatedDisk::new(0));
        let placeholder = EmbeddedStore::open(disk, options()).expect("it is made");
        drop(core::mem::replace(&mut self.store, placeholder));
        let disk = Arc::new(self.disk.clone());
        self.store = EmbeddedStore::open(disk, options()).expect("it opens");
        self.epoch = self.store.acquire(DATA_SHARD).expect("it is there").0;
    }

    fn id(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id
    }

    fn commit(&mut self, changes: Vec<Change>) -> Vec<ChangeResult> {
        self.commit_with(changes, Vec::new())
    }

    fn commit_with(
        &mut self,
        changes: Vec<Change>,
        attempts: Vec<fanfare::domain::attempt::AttemptRecord>,
    ) -> Vec<ChangeResult> {
        let mut batch = batch(1, DATA_SHARD, self.epoch, changes, attempts);
        batch.now = Now::at(self.now);
        self.store.submit(batch);
        let mut done = Vec::new();
        self.store.flush(&mut done).expect("the disk works");
        match done.pop() {
            Some(Completion::Committed(batch)) => batch.results,
            other => panic!("not committed: {other:?}"),
        }
    }

    /// An event, delivered at once and settled.
    fn event(&mut self) -> (u64, Id) {
        let position = self.next;
        self.next += 1;
        let (event, record) = (self.id(), self.id());
        self.commit(vec![put_event(0, position, event, 10)]);
        let key = endpoint_key(0, 0);
        let delivered = attempt(key, position, record, AttemptResult::Succeeded, 3);
        self.commit_with(vec![watermark(0, position + 1)], vec![delivered]);
        (position, Id::from_value(event))
    }

    /// Time goes by, and a batch comes in each hour of it.
    fn pass(&mut self, hours: u32) {
        for _ in 0..hours {
            self.now = self.now.plus(HOUR);
            self.event();
        }
    }

    fn event_of(&self, id: Id) -> Option<bool> {
        let entry = self.store.event(app(0), &Name::Id(id)).expect("readable");
        entry.map(|entry| entry.has_payload)
    }

    fn listed(&self) -> usize {
        self.store.events(app(0), ALL).expect("readable").len()
    }
}

#[test]
fn payloads_go_first_then_events_with_all_that_hangs_on_them() {
    let mut world = World::new();
    let (position, first) = world.event();
    assert_eq!(world.event_of(first), Some(true));
    world.pass(2);
    assert_eq!(world.event_of(first), Some(true), "closed for an hour");
    world.pass(2);
    assert_eq!(world.event_of(first), Some(false), "its payload has gone");
    let attempts = |world: &World| {
        let found = world.store.attempts_of_event(app(0), at(position), ALL);
        found.expect("readable").len()
    };
    assert_eq!(attempts(&world), 1);
    world.pass(3);
    assert_eq!(world.event_of(first), None);
    assert_eq!(attempts(&world), 0);
    let listed = world.store.attempts_of_endpoint(endpoint_key(0, 0), ALL);
    let listed = listed.expect("readable");
    assert!(!listed.is_empty() && listed.iter().all(|entry| entry.record.position > at(0)));
    assert_eq!(
        listed.len(),
        world.listed(),
        "each event was delivered once"
    );
}

#[test]
fn the_number_of_events_that_are_kept_levels_off() {
    let mut world = World::new();
    world.pass(20);
    let kept = world.listed();
    world.pass(50);
    assert_eq!(world.listed(), kept);
    assert!((4..9).contains(&kept), "{kept}");
}

#[test]
fn a_bucket_with_open_work_is_never_let_go() {
    let mut world = World::new();
    let (position, waiting) = world.event();
    world.commit(vec![Change::PutOpen(open(endpoint_key(0, 0), position, 1))]);
    let (_, after) = world.event();
    world.pass(30);
    assert_eq!(world.event_of(waiting), Some(true), "a delivery waits");
    assert_eq!(
        world.event_of(after),
        Some(true),
        "it is in the same bucket"
    );
    world.reopen();
    let request = PageRequest::Open {
        endpoint: endpoint_key(0, 0),
        after: None,
        limit: 10,
    };
    world.store.load(LoadHandle::new(1), request);
    let mut done = Vec::new();
    world.store.flush(&mut done).expect("the disk works");
    let Some(Completion::Loaded(_, page)) = done.pop() else {
        panic!("a page");
    };
    let Page::Open { rows, .. } = *page else {
        panic!("a page of rows");
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1.payload.bytes.len(), 10);

    world.commit(vec![Change::DeleteOpen {
        endpoint: endpoint_key(0, 0),
        position: at(position),
    }]);
    world.pass(8);
    assert_eq!(world.event_of(waiting), None);
}

#[test]
fn a_bucket_with_an_attempt_that_somebody_asked_for_is_never_let_go() {
    let mut world = World::new();
    let (position, asked) = world.event();
    let (endpoint, position) = (endpoint_key(0, 0), at(position));
    world.commit(vec![Change::PutResend(Resend {
        endpoint,
        position,
        attempts: 1,
    })]);
    world.pass(30);
    assert_eq!(world.event_of(asked), Some(true), "an attempt is owed");
    world.reopen();
    assert_eq!(world.event_of(asked), Some(true));
    world.commit(vec![Change::DeleteResend { endpoint, position }]);
    world.pass(8);
    assert_eq!(world.event_of(asked), None);
}

#[test]
fn a_sync_that_fails_while_the_file_is_made_or_opened_is_told() {
    let mut told = 0;
    for number in 0..12 {
        let disk = SimulatedDisk::new(number);
        disk.set_faults(DiskFaults {
            failing_sync: Some(number),
            ..DiskFaults::default()
        });
        let opened = EmbeddedStore::open(Arc::new(disk.clone()), options());
        let has_failed = disk.has_failed_sync();
        assert_eq!(opened.is_err(), has_failed, "sync {number}");
        told += u32::from(has_failed);
        // The next start begins again.
        disk.set_faults(DiskFaults::default());
        drop(opened);
        EmbeddedStore::open(Arc::new(disk), options()).expect("the disk works");
    }
    assert!(told >= 4, "{told}");
}

#[test]
fn a_lane_that_lags_keeps_the_events_before_which_it_stands() {
    let mut world = World::new();
    let id = world.id();
    world.commit(vec![put_endpoint(0, 1, id)]);
    let (position, first) = world.event();
    world.commit(vec![Change::PutLane {
        endpoint: endpoint_key(0, 1),
        row: LaneRow {
            cursor: at(position),
            ..LaneRow::default()
        },
    }]);
    world.pass(30);
    assert_eq!(world.event_of(first), Some(true));
    world.commit(vec![Change::DeleteLane {
        endpoint: endpoint_key(0, 1),
    }]);
    world.pass(40);
    assert_eq!(world.event_of(first), None);
}

#[test]
fn a_name_is_free_again_once_its_event_is_gone() {
    let mut world = World::new();
    let named = |world: &mut World| {
        let position = world.next;
        world.next += 1;
        let Change::PutEvent(event) = put_event(0, position, world.id(), 1) else {
            panic!("an event");
        };
        let event = Event {
            uid: Some("once".into()),
            ..Arc::into_inner(event).expect("ours alone")
        };
        let id = event.id.id();
        let results = world.commit(vec![Change::PutEvent(Arc::new(event))]);
        let next = world.next;
        world.commit(vec![watermark(0, next)]);
        (id, results)
    };
    let (first, results) = named(&mut world);
    assert_eq!(results, [ChangeResult::Fresh]);
    world.reopen();
    assert_eq!(named(&mut world).1, [ChangeResult::Existing(first)]);
    let by_name = Name::Uid("once".into());
    let found = world.store.event(app(0), &by_name).expect("readable");
    assert_eq!(found.expect("it is there").event.id, EventId::new(first));
    world.pass(8);
    assert!(
        world
            .store
            .event(app(0), &by_name)
            .expect("readable")
            .is_none()
    );
    assert_eq!(named(&mut world).1, [ChangeResult::Fresh]);
}

#[test]
fn names_of_events_that_are_gone_do_not_pile_up() {
    let mut world = World::new();
    let mut sizes = Vec::new();
    for hour in 0..60_u32 {
        for number in 0..50 {
            let position = world.next;
            world.next += 1;
            let Change::PutEvent(event) = put_event(0, position, world.id(), 1) else {
                panic!("an event");
            };
            let event = Event {
                uid: Some(format!("{hour}-{number}").into()),
                ..Arc::into_inner(event).expect("ours alone")
            };
            world.commit(vec![Change::PutEvent(Arc::new(event))]);
        }
        let next = world.next;
        world.commit(vec![watermark(0, next)]);
        world.now = world.now.plus(HOUR);
        sizes.push(world.disk.used());
    }
    assert_eq!(sizes[59], sizes[20], "{sizes:?}");
}

#[test]
fn ids_epochs_and_the_clock_go_on_after_a_restart() {
    let mut world = World::new();
    world.pass(3);
    let epoch = world.epoch;
    let clock = world.store.last_clock().expect("it was written");
    assert_eq!(clock.steady, world.now);
    world.reopen();
    assert!(world.epoch > epoch);
    assert_eq!(world.store.last_clock(), Some(clock));
    let (_, state) = world.store.acquire(DATA_SHARD).expect("it is there");
    let fanfare::domain::page::ShardState::Data {
        last_id,
        applications,
        ..
    } = state
    else {
        panic!("a shard of data");
    };
    assert_eq!(last_id, Id::from_value(world.next_id));
    assert_eq!(applications[0].next_position, at(world.next));
    let endpoints: Vec<EndpointKey> = applications[0]
        .endpoints
        .iter()
        .map(|known| known.endpoint.key)
        .collect();
    assert_eq!(endpoints, [endpoint_key(0, 0)]);
    assert_eq!(applications[0].key, ApplicationKey { ..app(0) });
}

#[test]
fn buckets_that_still_have_work_do_not_keep_later_ones_that_have_none() {
    let mut world = World::new();
    let id = world.id();
    world.commit(vec![put_endpoint(1, 0, id)]);
    // Twelve buckets of events of one application that nobody settles.
    for position in 0..12 {
        let id = world.id();
        world.commit(vec![put_event(0, position, id, 10)]);
        world.now = world.now.plus(HOUR);
    }
    let done = world.id();
    world.commit(vec![put_event(1, 0, done, 10)]);
    world.commit(vec![watermark(1, 1)]);
    for position in 12..24 {
        world.now = world.now.plus(HOUR);
        let id = world.id();
        world.commit(vec![put_event(0, position, id, 10)]);
    }
    let kept = world.store.events(app(0), ALL).expect("readable").len();
    assert_eq!(kept, 24, "work that waits is kept");
    let gone = world.store.events(app(1), ALL).expect("readable").len();
    assert_eq!(gone, 0, "the settled bucket has gone");
}
