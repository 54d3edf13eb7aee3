//! Lists and history of the embedded store against those of the memory store, which scans plainly:
//! the same batches go to both, then any page that can be asked for is compared.

use std::sync::Arc;

use fanfare::{
    domain::{
        attempt::AttemptResult,
        change::{Batch, Epoch},
        endpoint::EndpointKey,
        history::{HistoryQuery, Name, Order},
        id::Id,
    },
    sim::simulated_disk::SimulatedDisk,
    store::{
        Reads,
        embedded::{EmbeddedOptions, EmbeddedStore},
        memory::{DATA_SHARD, MemoryOptions, MemoryStore},
    },
    time::{Now, Span},
};
use proptest::prelude::*;

use super::rows::{app, at, attempt, batch, endpoint_key, ms, put_endpoint, put_event};

/// Events, then attempts for some of them: the application, and pairs of endpoint and how far back.
type Step = (u32, usize, Vec<(u32, u64)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let attempts = prop::collection::vec((0_u32..3, 0_u64..12), 0..8);
    prop::collection::vec((0_u32..2, 0_usize..5, attempts), 1..25)
}

/// A page: the ends as places among all ids so far, the order, the length.
type Ask = (Option<u8>, Option<u8>, bool, usize);

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let end = || prop::option::of(any::<u8>());
    prop::collection::vec((end(), end(), any::<bool>(), 1_usize..9), 1..20)
}

struct Pair {
    memory: MemoryStore,
    embedded: EmbeddedStore,
    epochs: (Epoch, Epoch),
    now: Now,
    last_id: u128,
    next: [u64; 2],
}

impl Pair {
    fn new() -> Self {
        let plenty = MemoryOptions {
            events_max: usize::MAX,
            attempts_max: usize::MAX,
            bytes_max: usize::MAX,
        };
        let options = EmbeddedOptions {
            data_shards: 1,
            bucket_bytes: 400,
            journal_attempts_max: 5,
            ..EmbeddedOptions::default()
        };
        let disk = Arc::new(SimulatedDisk::new(1));
        let mut memory = MemoryStore::new(plenty);
        let mut embedded = EmbeddedStore::open(disk, options).expect("it is made");
        let epochs = (
            super::acquire(&mut memory, DATA_SHARD),
            super::acquire(&mut embedded, DATA_SHARD),
        );
        let mut pair = Self {
            memory,
            embedded,
            epochs,
            now: Now::at(ms(1_000)),
            last_id: 0,
            next: [0; 2],
        };
        let endpoints = || {
            (0..6)
                .map(|n| put_endpoint(n / 3, n % 3, 1 + u128::from(n)))
                .collect()
        };
        pair.commit(|epoch| batch(1, DATA_SHARD, epoch, endpoints(), Vec::new()));
        pair
    }

    /// Ids bear the time, as those of an engine do.
    fn id(&mut self) -> u128 {
        let millis = u128::from(self.now.steady.as_millis().unsigned_abs());
        self.last_id = (self.last_id + 1).max((millis << 80) | (1 << 64));
        self.last_id
    }

    fn commit(&mut self, mut make: impl FnMut(Epoch) -> Box<Batch>) {
        let (mut ours, mut theirs) = (make(self.epochs.0), make(self.epochs.1));
        ours.now = self.now;
        theirs.now = self.now;
        let results = super::committed(&mut self.memory, ours).results;
        assert_eq!(
            super::committed(&mut self.embedded, theirs).results,
            results
        );
    }

    fn step(&mut self, (application, events, tries): &Step) {
        self.now = Now::at(self.now.steady.plus(Span::from_millis(40)));
        let place = usize::try_from(*application).expect("small");
        let mut changes = Vec::new();
        for _ in 0..*events {
            let (position, id) = (self.next[place], self.id());
            self.next[place] += 1;
            changes.push(put_event(*application, position, id, 30));
        }
        let next = self.next[place];
        let known: Vec<_> = tries
            .iter()
            .filter(|(_, back)| *back < next)
            .copied()
            .collect();
        let records: Vec<_> = known
            .into_iter()
            .map(|(endpoint, back)| {
                let key = endpoint_key(*application, endpoint);
                attempt(key, next - 1 - back, self.id(), AttemptResult::Succeeded, 2)
            })
            .collect();
        self.commit(|epoch| batch(1, DATA_SHARD, epoch, changes.clone(), records.clone()));
    }

    /// Some id between the first and the last that were given.
    fn some_id(&self, place: u8) -> Id {
        let first = 1_000_u128 << 80;
        let span = self.last_id.saturating_sub(first);
        Id::from_value(first + span / 255 * u128::from(place))
    }

    fn compare(&self, ask: &Ask) {
        let (above, below, newest_first, limit) = *ask;
        let query = HistoryQuery {
            above: above.map(|place| self.some_id(place)),
            below: below.map(|place| self.some_id(place)),
            order: if newest_first {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
            limit,
        };
        for application in 0..2 {
            assert_eq!(
                events(&self.embedded, application, query),
                events(&self.memory, application, query),
                "{query:?}"
            );
            for endpoint in 0..3 {
                let listed = |store: &dyn Reads| {
                    let key = endpoint_key(application, endpoint);
                    let found = store.attempts_of_endpoint(key, query).expect("readable");
                    format!("{found:?}")
                };
                assert_eq!(listed(&self.embedded), listed(&self.memory), "{query:?}");
                self.compare_deliveries(endpoint_key(application, endpoint), query);
            }
            for position in 0..self.next[usize::try_from(application).expect("small")] {
                let listed = |store: &dyn Reads| {
                    let found = store.attempts_of_event(app(application), at(position), query);
                    format!("{:?}", found.expect("readable"))
                };
                assert_eq!(listed(&self.embedded), listed(&self.memory), "{query:?}");
            }
        }
    }
}

impl Pair {
    /// Both stores show the same events from an endpoint, each as it stands when asked for alone.
    fn compare_deliveries(&self, endpoint: EndpointKey, query: HistoryQuery) {
        let told = |store: &dyn Reads| store.deliveries(endpoint, query).expect("readable");
        let deliveries = told(&self.embedded);
        assert_eq!(deliveries, told(&self.memory), "{query:?}");
        if deliveries.is_empty() {
            return;
        }
        let events = self.memory.events(endpoint.application, query);
        let events = events.expect("readable");
        assert_eq!(events.len(), deliveries.len());
        for (entry, delivery) in events.iter().zip(deliveries) {
            assert_eq!(entry.event.id, delivery.event);
            let alone = self.embedded.delivery_state(endpoint, entry.event.position);
            assert_eq!(alone.expect("readable"), delivery.state);
        }
    }
}

/// The ids of a page of events; each is found by its id, too.
fn events(store: &impl Reads, application: u32, query: HistoryQuery) -> Vec<Id> {
    let page = store.events(app(application), query).expect("readable");
    for entry in &page {
        let name = Name::Id(entry.event.id.id());
        let found = store.event(app(application), &name).expect("readable");
        assert_eq!(
            found.map(|found| found.event.position),
            Some(entry.event.position)
        );
    }
    page.iter().map(|entry| entry.event.id.id()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn an_embedded_store_lists_what_a_memory_store_lists(steps in steps(), asks in asks()) {
        let mut pair = Pair::new();
        for (number, step) in steps.iter().enumerate() {
            pair.step(step);
            if let Some(ask) = asks.get(number % asks.len()) {
                pair.compare(ask);
            }
        }
        for ask in &asks {
            pair.compare(ask);
        }
    }
}

#[test]
fn attempts_of_one_batch_are_listed_whole_though_their_bodies_need_several_rows() {
    let mut pair = Pair::new();
    let event = put_event(0, 0, pair.id(), 30);
    pair.next[0] = 1;
    let records: Vec<_> = (0..40)
        .map(|number| {
            let (key, id) = (endpoint_key(0, number % 3), pair.id());
            attempt(key, 0, id, AttemptResult::Succeeded, 16 * 1024)
        })
        .collect();
    pair.commit(|epoch| batch(1, DATA_SHARD, epoch, vec![event.clone()], records.clone()));
    for newest_first in [true, false] {
        for limit in [1, 7, 100] {
            pair.compare(&(None, None, newest_first, limit));
        }
    }
}

#[test]
fn pages_in_a_row_show_each_attempt_once_in_both_directions_while_more_come_in() {
    let mut pair = Pair::new();
    for _ in 0..40 {
        pair.step(&(0, 1, vec![(0, 0)]));
    }
    let query = |above, below, order| HistoryQuery {
        above,
        below,
        order,
        limit: 7,
    };
    let page = |pair: &Pair, query| -> Vec<Id> {
        let found = pair
            .embedded
            .attempts_of_endpoint(endpoint_key(0, 0), query);
        found
            .expect("readable")
            .iter()
            .map(|entry| entry.record.id.id())
            .collect()
    };
    let mut seen = Vec::new();
    let mut below = None;
    loop {
        let found = page(&pair, query(None, below, Order::NewestFirst));
        let Some(last) = found.last() else { break };
        below = Some(*last);
        seen.extend(found);
        pair.step(&(0, 1, vec![(0, 0)]));
    }
    assert_eq!(seen.len(), 40);
    assert!(seen.is_sorted_by(|a, b| a > b), "each once, newest first");

    let mut back = Vec::new();
    let mut above = below;
    loop {
        let found = page(&pair, query(above, None, Order::OldestFirst));
        let Some(last) = found.last() else { break };
        above = Some(*last);
        back.extend(found);
    }
    assert_eq!(
        back.len(),
        39 + 6,
        "all but the oldest, and those that came in"
    );
    assert!(back.is_sorted_by(|a, b| a < b), "each once, oldest first");
}
