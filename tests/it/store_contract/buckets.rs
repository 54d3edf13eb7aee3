//! What retention lets go, and what lists show beside it: the embedded store with a bucket for each
//! event, which may go an hour after it was last written.

use super::*;
use fanfare::time::{Now, Span};

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// A store that lets things go early.
struct Early {
    store: EmbeddedStore,
    epoch: Epoch,
}

impl Early {
    /// With one endpoint.
    fn new() -> Self {
        let hour = Span::from_millis(HOUR);
        let options = EmbeddedOptions {
            data_shards: 1,
            bucket_bytes: 1,
            payload_age: hour,
            row_age: hour,
            retain_every: Span::ZERO,
            journal_attempts_max: 1,
            ..EmbeddedOptions::default()
        };
        let disk = Arc::new(SimulatedDisk::new(1));
        let mut store = EmbeddedStore::open(disk, options).expect("it is made");
        let epoch = acquire(&mut store, DATA_SHARD);
        let mut early = Self { store, epoch };
        early.write(0, vec![put_endpoint(0, 0, 10)]);
        early
    }

    fn write(&mut self, now: i64, changes: Vec<Change>) {
        let mut batch = batch(1, DATA_SHARD, self.epoch, changes, Vec::new());
        batch.now = Now::at(ms(now));
        committed(&mut self.store, batch);
    }

    fn attempted(&mut self, now: i64, position: u64, id: u128) {
        let record = attempt(
            endpoint_key(0, 0),
            position,
            id,
            AttemptResult::Succeeded,
            0,
        );
        let mut batch = batch(1, DATA_SHARD, self.epoch, Vec::new(), vec![record]);
        batch.now = Now::at(ms(now));
        committed(&mut self.store, batch);
    }

    /// One page of the attempts to the endpoint.
    fn listed(&self, order: Order, limit: usize) -> Vec<u128> {
        let query = HistoryQuery {
            above: None,
            below: None,
            order,
            limit,
        };
        let listed = self.store.attempts_of_endpoint(endpoint_key(0, 0), query);
        let ids = listed.expect("readable").into_iter();
        ids.map(|entry| entry.record.id.id().value()).collect()
    }

    fn has_payload(&self, id: u128) -> Option<bool> {
        let found = self.store.event(app(0), &Name::Id(Id::from_value(id)));
        found.expect("readable").map(|entry| entry.has_payload)
    }
}

#[test]
fn a_page_of_attempts_is_full_though_some_of_its_events_are_gone() {
    let mut early = Early::new();
    early.write(0, vec![put_event(0, 0, 11, 5)]);
    early.write(0, vec![put_event(0, 1, 12, 5)]);
    // These stand in the index of the second bucket, and go with the first.
    early.attempted(0, 0, 21);
    early.attempted(0, 0, 22);
    early.write(2 * HOUR, vec![put_event(0, 2, 13, 5), watermark(0, 2)]);
    assert_eq!(early.has_payload(11), None, "it is gone");
    early.attempted(2 * HOUR, 1, 23);
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for limit in 1..4 {
            assert_eq!(early.listed(order, limit), [23], "{order:?}, {limit}");
        }
    }
}

#[test]
fn attempts_are_listed_though_a_bucket_that_came_later_is_gone() {
    let mut early = Early::new();
    let waits = Change::PutOpen(open(endpoint_key(0, 0), 0, HOUR));
    early.write(0, vec![put_event(0, 0, 11, 5), waits]);
    early.attempted(0, 0, 21);
    early.write(0, vec![put_event(0, 1, 12, 5)]);
    early.attempted(0, 1, 22);
    early.write(0, vec![put_event(0, 2, 13, 5), watermark(0, 3)]);
    early.write(2 * HOUR, Vec::new());
    assert_eq!(early.has_payload(12), None, "it is gone");
    assert_eq!(early.listed(Order::NewestFirst, 10), [21]);
    early.attempted(2 * HOUR, 2, 23);
    assert_eq!(early.listed(Order::NewestFirst, 10), [23, 21]);
    assert_eq!(early.listed(Order::OldestFirst, 10), [21, 23]);
}

#[test]
fn what_was_set_aside_is_kept_as_long_as_its_event_and_listed_over_all_buckets() {
    let mut early = Early::new();
    let endpoint = endpoint_key(0, 0);
    let set_aside =
        |position, id| Change::SetAside(Arc::new(rows::audit_entry(endpoint, at(position), id)));
    let waits = |position| Change::PutOpen(open(endpoint, position, HOUR));
    let listed = |early: &Early| {
        let all = HistoryQuery {
            above: None,
            below: None,
            order: Order::NewestFirst,
            limit: 2,
        };
        let found = early.store.audit(endpoint, all).expect("readable");
        let ids = found.iter().map(|entry| entry.id.id().value());
        ids.collect::<Vec<_>>()
    };
    early.write(0, vec![put_event(0, 0, 11, 5), waits(0)]);
    early.write(0, vec![put_event(0, 1, 12, 5), waits(1)]);
    early.write(0, vec![put_event(0, 2, 13, 5), waits(2)]);
    early.write(0, vec![put_event(0, 3, 14, 5), watermark(0, 4)]);
    // The first event of all was set aside last, then the third one.
    early.write(
        0,
        vec![
            set_aside(1, 21),
            set_aside(2, 22),
            set_aside(0, 23),
            waits(0),
        ],
    );
    assert_eq!(listed(&early), [23, 22]);
    early.write(9 * HOUR, vec![set_aside(0, 24)]);
    assert_eq!(
        listed(&early),
        [24, 23],
        "the others went with their events"
    );
    early.write(9 * HOUR + HOUR - 1, Vec::new());
    assert_eq!(early.has_payload(11), Some(true));
    early.write(10 * HOUR, Vec::new());
    assert_eq!(early.has_payload(11), None);
    assert_eq!(listed(&early), []);
}

#[test]
fn an_event_is_kept_for_its_time_after_its_delivery_expired() {
    let mut early = Early::new();
    let endpoint = endpoint_key(0, 0);
    let waits = Change::PutOpen(open(endpoint, 0, HOUR));
    early.write(0, vec![put_event(0, 0, 11, 5), waits]);
    early.write(0, vec![put_event(0, 1, 12, 5), watermark(0, 2)]);
    let expired = Change::Expire {
        endpoint,
        position: at(0),
    };
    early.write(9 * HOUR, vec![expired]);
    early.write(9 * HOUR + HOUR - 1, Vec::new());
    assert_eq!(early.has_payload(11), Some(true));
    early.write(10 * HOUR, Vec::new());
    assert_eq!(early.has_payload(11), None);
}
