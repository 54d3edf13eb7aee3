//! The contract of `store::Store`, written once for every store: each fact is a function over a
//! maker of empty stores, and a store passes when all of them hold for it.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds too little should panic"
)]

mod applications;
mod audit;
mod buckets;
mod creation;
mod endpoints;
mod expunge;
mod history;
mod model;
mod once;
mod one_moment;
mod outbox;
mod records;
mod resends;
pub(crate) mod rows;
mod secrets;
mod tasks;

use std::sync::Arc;

use applications::*;
use audit::*;
use bytes::Bytes;
use endpoints::*;
use expunge::*;
use fanfare::{
    domain::{
        attempt::AttemptResult,
        change::{Batch, Change, ChangeResult, Epoch},
        delivery::{DeliveryState, LaneRow},
        endpoint::{DisabledReason, EndpointKey, EndpointState},
        event::EventPosition,
        history::{HistoryQuery, Name, Order},
        id::{AttemptId, Id, ShardId},
        page::{ApplicationState, LoadHandle, Page, PageRequest, ShardState},
    },
    sim::simulated_disk::SimulatedDisk,
    store::{
        AcquireError, Completion, Reads, Store,
        embedded::{
            EmbeddedOptions, EmbeddedStore,
            check::check,
            offline::{Progress, Unseen},
        },
        memory::{DATA_SHARD, MemoryOptions, MemoryStore},
    },
};
use once::*;
use one_moment::*;
use outbox::*;
use records::*;
use resends::*;
use rows::{
    app, application, at, attempt, batch, endpoint, endpoint_key, ms, open, put_endpoint,
    put_event, url_key, watermark,
};
use tasks::*;

/// A store whose single facts tests can look at.
trait Inspect: Store + Reads {
    fn delivery(&self, endpoint: EndpointKey, position: EventPosition) -> Option<DeliveryState> {
        self.delivery_state(endpoint, position).expect("readable")
    }

    fn attempt_ids(&self, application: u32, position: EventPosition) -> Vec<AttemptId> {
        let query = HistoryQuery {
            above: None,
            below: None,
            order: Order::OldestFirst,
            limit: usize::MAX,
        };
        let entries = self.attempts_of_event(app(application), position, query);
        let entries = entries.expect("readable").into_iter();
        entries.map(|entry| entry.record.id).collect()
    }
}

impl Inspect for MemoryStore {}
impl Inspect for EmbeddedStore {}

/// An embedded store on a disk in memory.
fn embedded() -> EmbeddedStore {
    embedded_on(&SimulatedDisk::new(1))
}

/// The store of a disk.
fn embedded_on(disk: &SimulatedDisk) -> EmbeddedStore {
    let options = EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    };
    EmbeddedStore::open(Arc::new(disk.clone()), options).expect("it is made")
}

/// What a check of a closed store says.
fn faults(disk: &SimulatedDisk) -> Vec<String> {
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let mut faults = check(disk, &progress).expect("it is a store").faults;
    // The model also records what an engine never does and a store takes: attempts to an endpoint
    // and of events that never were, expiry of what waits or is not there, cursors beyond the end.
    let taken = [
        "went to endpoint 9999 of",
        "attempts are of event",
        "expired and",
        "skipped and waits",
        "parked and waits",
        "its lane stands behind",
        "its watermark",
    ];
    faults.retain(|fault| !taken.iter().any(|part| fault.contains(part)));
    faults
}

/// Declares a store's tests: one per fact.
macro_rules! contract {
    ($make:expr => $($fact:ident),+ $(,)?) => {
        $(#[test] fn $fact() { super::$fact($make); })+
    };
}

/// The facts that every store keeps.
macro_rules! every_fact {
    ($make:expr) => {
        contract!($make =>
            an_unknown_shard_is_not_acquired,
            what_is_read_as_of_one_moment_is_what_single_reads_see,
            a_uid_exists_once_even_within_one_batch,
            an_application_changes_only_from_the_revision_that_is_there,
            applications_are_listed_by_id_both_ways,
            there_are_only_so_many_records_of_a_kind,
            records_belong_to_the_directory_and_are_found_by_kind_and_name,
            a_record_is_made_once_and_changes_only_from_the_revision_that_is_there,
            an_endpoint_exists_once_by_its_unique_key,
            an_endpoint_changes_only_from_the_revision_that_is_there,
            a_deleted_endpoint_leaves_its_names_and_cancels_what_was_open,
            a_registration_is_free_again_when_its_endpoint_is_gone_or_sends_elsewhere,
            a_changed_filter_judges_no_event_of_before,
            an_event_for_one_endpoint_is_for_no_other_and_keeps_what_was_said,
            endpoints_are_listed_by_id_both_ways,
            an_attempt_is_owed_until_it_is_made,
            tasks_are_kept_and_those_under_way_are_recovered,
            what_is_told_is_written_only_with_what_it_tells_of,
            what_is_told_to_another_shard_stays_until_it_is_taken_away,
            the_oldest_task_that_has_ended_goes_first,
            a_task_sees_how_the_deliveries_of_its_endpoint_stand,
            a_reopened_delivery_keeps_where_it_began_anew,
            a_failure_by_hand_settles_nothing,
            no_attempt_is_owed_of_what_has_no_payload_any_more,
            what_is_set_aside_ends_and_is_noted_for_good,
            only_what_waits_is_set_aside,
            the_audit_is_read_in_parts_either_way,
            a_payload_goes_and_what_waited_for_it,
            the_body_of_a_reply_goes_and_nothing_else,
            a_committed_batch_comes_back_empty_with_its_lists_memory,
            the_body_that_a_batch_brought_is_let_go_with_it,
            a_batch_of_an_older_epoch_changes_nothing,
            a_batch_of_a_released_shard_fails_and_so_do_all_later_ones,
            a_batch_with_rows_of_another_shard_changes_nothing,
            an_event_at_a_used_position_fails_its_batch,
            an_endpoint_at_a_used_place_fails_its_batch,
            completions_come_in_the_order_of_submission,
            an_event_behind_an_empty_place_is_found_by_its_id,
            a_page_of_events_ends_where_nothing_is_durable,
            open_rows_come_by_due_time_and_page_by_page,
            a_row_that_is_put_again_moves,
            a_disabled_endpoint_takes_no_events_from_its_position_on,
            a_shard_is_acquired_with_what_is_unsettled,
            the_last_id_is_the_greatest_of_all_kinds,
            a_delivery_goes_from_pending_to_its_end,
            endpoints_are_listed_by_ordinal,
            what_is_made_under_a_key_is_made_once,
            what_is_changed_under_a_key_is_changed_once,
            a_record_that_is_changed_under_a_key_is_known_by_its_name,
            what_is_refused_tells_whether_it_was_done_before,
            who_made_something_is_told_so_again_and_others_that_it_is_there,
            a_change_that_makes_nothing_is_not_done_once,
            a_key_is_known_for_a_day_and_forgotten_after_two,
        );
    };
}

mod memory {
    every_fact!(super::MemoryStore::default);
}

mod embedded_on_a_simulated_disk {
    every_fact!(super::embedded);
}

fn acquire<S: Store>(store: &mut S, shard: ShardId) -> Epoch {
    store.acquire(shard).expect("the shard exists").0
}

fn flush<S: Store>(store: &mut S) -> Vec<Completion> {
    let mut done = Vec::new();
    store.flush(&mut done).expect("the store works");
    done
}

/// Commits changes and gives their results.
fn commit<S: Store>(store: &mut S, epoch: Epoch, changes: Vec<Change>) -> Vec<ChangeResult> {
    committed(store, batch(1, DATA_SHARD, epoch, changes, Vec::new())).results
}

/// Commits a batch that must succeed.
fn committed<S: Store>(store: &mut S, batch: Box<Batch>) -> Batch {
    store.submit(batch);
    match flush(store).pop() {
        Some(Completion::Committed(batch)) => *batch,
        other => panic!("not committed: {other:?}"),
    }
}

fn fails<S: Store>(store: &mut S, batch: Box<Batch>) {
    let (shard, handle) = (batch.shard, batch.handle);
    store.submit(batch);
    let done = flush(store);
    assert!(
        matches!(done[..], [Completion::CommitFailed(s, h)] if s == shard && h == handle),
        "{done:?}"
    );
}

/// What the data shard says of application 0.
fn recovered<S: Store>(store: &mut S) -> (ApplicationState, Id) {
    match store.acquire(DATA_SHARD) {
        Ok((
            _,
            ShardState::Data {
                mut applications,
                last_id,
                ..
            },
        )) => (applications.remove(0), last_id),
        other => panic!("no data shard: {other:?}"),
    }
}

fn load<S: Store>(store: &mut S, request: PageRequest) -> Page {
    store.load(LoadHandle::new(5), request);
    match flush(store).pop() {
        Some(Completion::Loaded(handle, page)) if handle == LoadHandle::new(5) => *page,
        other => panic!("not loaded: {other:?}"),
    }
}

fn events_of<S: Store>(store: &mut S, from: u64, limit: usize) -> (Vec<u64>, u64) {
    let request = PageRequest::Events {
        application: app(0),
        from: at(from),
        limit,
    };
    match load(store, request) {
        Page::Events { events, until } => (
            events.iter().map(|event| event.position.number()).collect(),
            until.number(),
        ),
        other @ (Page::Open { .. } | Page::Candidates(_)) => panic!("another page: {other:?}"),
    }
}

/// One endpoint and three events.
fn filled<S: Store>(store: &mut S) -> Epoch {
    let epoch = acquire(store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 10),
        put_event(0, 0, 11, 5),
        put_event(0, 1, 12, 5),
        put_event(0, 2, 13, 5),
    ];
    assert_eq!(commit(store, epoch, changes), [ChangeResult::Fresh; 4]);
    epoch
}

fn an_unknown_shard_is_not_acquired<S: Store>(make: impl Fn() -> S) {
    let refused = make().acquire(ShardId::new(9_999)).map(|_| ());
    assert_eq!(refused, Err(AcquireError::UnknownShard { number: 9_999 }));
}

fn a_uid_exists_once_even_within_one_batch<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, ShardId::DIRECTORY);
    let put = |ordinal, uid, id| Change::PutApplication(application(ordinal, uid, id));
    let changes = vec![put(0, "a", 1), put(1, "a", 2), put(2, "b", 3)];
    let directory = batch(1, ShardId::DIRECTORY, epoch, changes, Vec::new());
    let results = committed(&mut store, directory).results;
    let existing = ChangeResult::Existing(Id::from_value(1));
    assert_eq!(
        results,
        [ChangeResult::Fresh, existing, ChangeResult::Fresh]
    );
    let again = batch(
        2,
        ShardId::DIRECTORY,
        epoch,
        vec![put(5, "a", 9)],
        Vec::new(),
    );
    assert_eq!(committed(&mut store, again).results, [existing]);
    let (_, state) = store.acquire(ShardId::DIRECTORY).expect("it exists");
    let ShardState::Directory {
        applications,
        last_id,
    } = state
    else {
        panic!("another shard: {state:?}");
    };
    let found: Vec<_> = applications
        .iter()
        .map(|a| (a.key.ordinal, a.uid.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(found, [(0, "a"), (2, "b")]);
    assert_eq!(last_id, Id::from_value(3));
}

fn an_endpoint_exists_once_by_its_unique_key<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let put = |application, ordinal, id, url| Change::PutEndpoint {
        endpoint: endpoint(endpoint_key(application, ordinal), id, 0),
        unique: Some(url_key(application, url)),
    };
    let changes = vec![
        put(0, 0, 1, 7),
        put(0, 1, 2, 7),
        put(1, 2, 3, 7),
        put(0, 3, 4, 8),
    ];
    let fresh = ChangeResult::Fresh;
    let existing = ChangeResult::Existing(Id::from_value(1));
    assert_eq!(
        commit(&mut store, epoch, changes),
        [fresh, existing, fresh, fresh]
    );
    let listed = store.endpoints(app(0), 0, 10).expect("readable");
    let ordinals: Vec<u32> = listed.iter().map(|endpoint| endpoint.key.ordinal).collect();
    assert_eq!(ordinals, [0, 3]);
}

fn a_committed_batch_comes_back_empty_with_its_lists_memory<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let record = attempt(endpoint_key(0, 0), 0, 20, AttemptResult::Succeeded, 0);
    let batch = batch(3, DATA_SHARD, epoch, vec![watermark(0, 1)], vec![record]);
    let batch = committed(&mut store, batch);
    assert!(batch.changes.is_empty() && batch.changes.capacity() > 0);
    assert!(batch.attempts.is_empty() && batch.attempts.capacity() > 0);
    assert_eq!(batch.results, [ChangeResult::Fresh]);
}

/// Bodies that wait to be written share a bound, which what was written is no part of.
fn the_body_that_a_batch_brought_is_let_go_with_it<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let bytes: Arc<[u8]> = [b'r'; 2_000].into();
    let mut record = attempt(endpoint_key(0, 0), 0, 20, AttemptResult::Succeeded, 0);
    record.body = Bytes::from_owner(Arc::clone(&bytes));
    committed(
        &mut store,
        batch(2, DATA_SHARD, epoch, Vec::new(), vec![record]),
    );
    assert_eq!(Arc::strong_count(&bytes), 1);
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: 1,
    };
    let found = store.attempts_of_event(app(0), at(0), query);
    let found = found.expect("readable");
    assert_eq!(found[0].record.body, bytes[..]);
}

fn a_batch_of_an_older_epoch_changes_nothing<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let old = filled(&mut store);
    // Submitted in time, but the shard has a new owner before it is flushed.
    store.submit(batch(
        7,
        DATA_SHARD,
        old,
        vec![put_event(0, 3, 14, 5)],
        Vec::new(),
    ));
    let new = acquire(&mut store, DATA_SHARD);
    assert!(new > old);
    assert!(matches!(
        flush(&mut store)[..],
        [Completion::CommitFailed(..)]
    ));
    assert_eq!(events_of(&mut store, 0, 10), (vec![0, 1, 2], 3));
    let changes = vec![put_event(0, 3, 14, 5)];
    assert_eq!(commit(&mut store, new, changes), [ChangeResult::Fresh]);
}

fn a_batch_of_a_released_shard_fails_and_so_do_all_later_ones<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    store.release(DATA_SHARD);
    for handle in 8..10 {
        fails(
            &mut store,
            batch(
                handle,
                DATA_SHARD,
                epoch,
                vec![put_event(0, 3, 14, 5)],
                Vec::new(),
            ),
        );
    }
    assert_eq!(recovered(&mut store).0.next_position, at(3));
}

fn a_batch_with_rows_of_another_shard_changes_nothing<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let stranger = Change::PutApplication(application(0, "a", 1));
    let mixed = vec![put_event(0, 3, 14, 5), stranger];
    fails(&mut store, batch(2, DATA_SHARD, epoch, mixed, Vec::new()));
    // The epoch is over, for good batches too.
    let good = vec![put_event(0, 3, 14, 5)];
    fails(&mut store, batch(3, DATA_SHARD, epoch, good, Vec::new()));
    assert_eq!(recovered(&mut store).0.next_position, at(3));
    let directory = acquire(&mut store, ShardId::DIRECTORY);
    let event = vec![put_event(0, 3, 14, 5)];
    fails(
        &mut store,
        batch(4, ShardId::DIRECTORY, directory, event, Vec::new()),
    );
}

fn an_event_at_a_used_position_fails_its_batch<S: Store>(make: impl Fn() -> S) {
    for changes in [
        vec![put_event(0, 2, 14, 5)],
        vec![put_event(0, 3, 14, 5), put_event(0, 3, 15, 5)],
    ] {
        let mut store = make();
        let epoch = filled(&mut store);
        fails(&mut store, batch(2, DATA_SHARD, epoch, changes, Vec::new()));
        assert_eq!(events_of(&mut store, 0, 10), (vec![0, 1, 2], 3));
    }
}

fn an_endpoint_at_a_used_place_fails_its_batch<S: Store>(make: impl Fn() -> S) {
    // Places of endpoints that stand already, and a fresh one given twice.
    for places in [vec![0], vec![40, 40]] {
        let mut store = make();
        filled(&mut store);
        let before = recovered(&mut store).0.endpoints.len();
        let epoch = acquire(&mut store, DATA_SHARD);
        let changes = places
            .iter()
            .zip(500..)
            .map(|(place, id)| put_endpoint(0, *place, id));
        let changes = changes.collect();
        fails(&mut store, batch(2, DATA_SHARD, epoch, changes, Vec::new()));
        assert_eq!(
            recovered(&mut store).0.endpoints.len(),
            before,
            "{places:?}"
        );
    }
}

fn completions_come_in_the_order_of_submission<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let request = |from| PageRequest::Events {
        application: app(0),
        from: at(from),
        limit: 10,
    };
    store.load(LoadHandle::new(1), request(2));
    store.submit(batch(
        2,
        DATA_SHARD,
        epoch,
        vec![put_event(0, 3, 14, 5)],
        Vec::new(),
    ));
    store.load(LoadHandle::new(3), request(2));
    let seen: Vec<(u64, usize)> = flush(&mut store)
        .iter()
        .map(|completion| match completion {
            Completion::Committed(batch) => (batch.handle.number(), 0),
            Completion::Loaded(load, page) => match &**page {
                Page::Events { events, .. } => (load.number(), events.len()),
                Page::Open { .. } | Page::Candidates(_) => panic!("another page"),
            },
            other => panic!("failed: {other:?}"),
        })
        .collect();
    // A load sees what was submitted before it; one that is committed in the same group may show,
    // too, since it is durable by then.
    let handles: Vec<u64> = seen.iter().map(|(handle, _)| *handle).collect();
    assert_eq!(handles, [1, 2, 3]);
    assert!((1..=2).contains(&seen[0].1), "{seen:?}");
    assert_eq!(seen[2].1, 2);
}

fn an_event_behind_an_empty_place_is_found_by_its_id<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    // A refused name leaves its place empty.
    let changes = vec![put_event(0, 0, 11, 5), put_event(0, 2, 13, 5)];
    assert_eq!(commit(&mut store, epoch, changes), [ChangeResult::Fresh; 2]);
    let position = |id| {
        let name = Name::Id(Id::from_value(id));
        let found = store.event(app(0), &name).expect("readable");
        found.map(|entry| entry.event.position.number())
    };
    let found = [11, 12, 13, 14].map(position);
    assert_eq!(found, [Some(0), None, Some(2), None]);
}

fn a_page_of_events_ends_where_nothing_is_durable<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    filled(&mut store);
    assert_eq!(events_of(&mut store, 0, 2), (vec![0, 1], 2));
    assert_eq!(events_of(&mut store, 1, 2), (vec![1, 2], 3));
    assert_eq!(events_of(&mut store, 2, 50), (vec![2], 3));
    assert_eq!(events_of(&mut store, 3, 50), (vec![], 3));
}

/// The rows of a page as (due in milliseconds, position), and whether there are more.
fn open_page<S: Store>(
    store: &mut S,
    after: Option<(i64, u64)>,
    limit: usize,
) -> (Vec<(i64, u64)>, bool) {
    let request = PageRequest::Open {
        endpoint: endpoint_key(0, 0),
        after: after.map(|(due, position)| (ms(due), at(position))),
        limit,
    };
    match load(store, request) {
        Page::Open { rows, more } => {
            assert!(
                rows.iter()
                    .all(|(row, event)| row.position == event.position)
            );
            let place = |row: &fanfare::domain::delivery::OpenDelivery| {
                (row.due.as_millis(), row.position.number())
            };
            (rows.iter().map(|(row, _)| place(row)).collect(), more)
        }
        other @ (Page::Events { .. } | Page::Candidates(_)) => panic!("another page: {other:?}"),
    }
}

fn open_rows_come_by_due_time_and_page_by_page<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let key = endpoint_key(0, 0);
    let put = |position, due| Change::PutOpen(open(key, position, due));
    commit(
        &mut store,
        epoch,
        vec![put(0, 30), put(1, 20), put(2, 20), put_endpoint(0, 1, 30)],
    );
    let other = Change::PutOpen(open(endpoint_key(0, 1), 0, 1));
    commit(&mut store, epoch, vec![other]);
    assert_eq!(
        open_page(&mut store, None, 2),
        (vec![(20, 1), (20, 2)], true)
    );
    assert_eq!(
        open_page(&mut store, Some((20, 2)), 2),
        (vec![(30, 0)], false)
    );
    assert_eq!(
        open_page(&mut store, Some((20, 1)), 1),
        (vec![(20, 2)], true)
    );
    assert_eq!(open_page(&mut store, Some((30, 0)), 1), (vec![], false));
}

fn a_row_that_is_put_again_moves<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let key = endpoint_key(0, 0);
    let put = |position, due| Change::PutOpen(open(key, position, due));
    commit(&mut store, epoch, vec![put(0, 10), put(1, 20), put(0, 30)]);
    assert_eq!(
        open_page(&mut store, None, 9),
        (vec![(20, 1), (30, 0)], false)
    );
    let delete = |position| Change::DeleteOpen {
        endpoint: key,
        position: at(position),
    };
    commit(&mut store, epoch, vec![delete(0), delete(0), delete(2)]);
    assert_eq!(open_page(&mut store, None, 9), (vec![(20, 1)], false));
}

fn a_disabled_endpoint_takes_no_events_from_its_position_on<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let key = endpoint_key(0, 0);
    let before = store.endpoints(app(0), 0, 1).expect("readable");
    let state = EndpointState::Disabled(DisabledReason::Gone);
    let disable = Change::SetEndpointState {
        endpoint: key,
        state,
        from: at(2),
    };
    commit(&mut store, epoch, vec![disable]);
    assert_eq!(
        store.endpoints(app(0), 0, 1).expect("readable")[0].state,
        state
    );
    assert_eq!(
        before[0].state,
        EndpointState::Enabled,
        "handed out as it was"
    );
    assert_eq!(store.delivery(key, at(1)), Some(DeliveryState::Pending));
    assert_eq!(store.delivery(key, at(2)), None);
}

fn a_shard_is_acquired_with_what_is_unsettled<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let key = endpoint_key(0, 0);
    let more = (3..7).map(|position| put_event(0, position, 20 + u128::from(position), 5));
    commit(&mut store, epoch, more.collect());
    let retry = AttemptResult::RetryAt(ms(40));
    let records = vec![
        attempt(key, 0, 40, AttemptResult::Succeeded, 0),
        attempt(key, 5, 41, AttemptResult::Succeeded, 0),
        attempt(key, 3, 42, retry, 0),
        attempt(key, 5, 43, AttemptResult::Succeeded, 0),
    ];
    let changes = vec![
        put_endpoint(0, 1, 30),
        Change::PutOpen(open(key, 3, 40)),
        Change::PutOpen(open(key, 1, 15)),
        Change::Expire {
            endpoint: key,
            position: at(4),
        },
        Change::PutLane {
            endpoint: endpoint_key(0, 1),
            row: LaneRow {
                cursor: at(1),
                done: [2, 0, 0, 0],
                far: vec![at(6)],
            },
        },
        watermark(0, 2),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let (state, _) = recovered(&mut store);
    assert_eq!((state.watermark, state.next_position), (at(2), at(7)));
    let events: Vec<u64> = state.events.iter().map(|e| e.position.number()).collect();
    assert_eq!(events, [2, 3, 4, 5, 6]);
    let [first, second] = &state.endpoints[..] else {
        panic!("two endpoints: {state:?}");
    };
    assert_eq!(first.settled, [at(3), at(4), at(5)]);
    assert_eq!((first.lane.clone(), first.open_due), (None, Some(ms(15))));
    assert_eq!(second.settled, []);
    let row = LaneRow {
        cursor: at(1),
        done: [2, 0, 0, 0],
        far: vec![at(6)],
    };
    assert_eq!(second.lane, Some(row));
    assert_eq!(second.open_due, None);
    let epoch = acquire(&mut store, DATA_SHARD);
    let settle = vec![
        Change::DeleteLane {
            endpoint: endpoint_key(0, 1),
        },
        watermark(0, 7),
    ];
    commit(&mut store, epoch, settle);
    let (state, _) = recovered(&mut store);
    assert!(state.events.is_empty());
    assert_eq!(state.endpoints[1].lane, None);
    assert_eq!(
        state.endpoints[0].open_due,
        Some(ms(15)),
        "rows outlive the watermark"
    );
}

fn the_last_id_is_the_greatest_of_all_kinds<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    assert_eq!(recovered(&mut store).1, Id::from_value(13));
    let stale = attempt(endpoint_key(0, 0), 0, 900, AttemptResult::Succeeded, 0);
    fails(
        &mut store,
        batch(1, DATA_SHARD, epoch, Vec::new(), vec![stale]),
    );
    assert_eq!(
        recovered(&mut store).1,
        Id::from_value(13),
        "never committed"
    );
    let epoch = acquire(&mut store, DATA_SHARD);
    let record = attempt(endpoint_key(0, 0), 0, 70, AttemptResult::Succeeded, 0);
    committed(
        &mut store,
        batch(2, DATA_SHARD, epoch, Vec::new(), vec![record]),
    );
    assert_eq!(recovered(&mut store).1, Id::from_value(70));
    let epoch = acquire(&mut store, DATA_SHARD);
    commit(&mut store, epoch, vec![put_endpoint(0, 9, 80)]);
    assert_eq!(recovered(&mut store).1, Id::from_value(80));
}

fn a_delivery_goes_from_pending_to_its_end<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = filled(&mut store);
    let key = endpoint_key(0, 0);
    assert_eq!(store.delivery(key, at(0)), Some(DeliveryState::Pending));
    assert_eq!(store.delivery(key, at(3)), None, "no such event");
    assert_eq!(
        store.delivery(endpoint_key(0, 1), at(0)),
        None,
        "no such endpoint"
    );
    let retry = attempt(key, 0, 20, AttemptResult::RetryAt(ms(9)), 0);
    let row = vec![Change::PutOpen(open(key, 0, 9))];
    committed(&mut store, batch(2, DATA_SHARD, epoch, row, vec![retry]));
    let waiting = DeliveryState::Waiting { due: ms(9) };
    assert_eq!(store.delivery(key, at(0)), Some(waiting));
    let delete = Change::DeleteOpen {
        endpoint: key,
        position: at(0),
    };
    let records = vec![
        attempt(key, 0, 21, AttemptResult::Succeeded, 0),
        attempt(key, 1, 22, AttemptResult::Exhausted, 0),
    ];
    let expire = Change::Expire {
        endpoint: key,
        position: at(2),
    };
    committed(
        &mut store,
        batch(3, DATA_SHARD, epoch, vec![delete, expire], records),
    );
    let states: Vec<_> = (0..3).map(|p| store.delivery(key, at(p))).collect();
    let ended = [
        DeliveryState::Succeeded,
        DeliveryState::Exhausted,
        DeliveryState::Expired,
    ];
    assert_eq!(states, ended.map(Some));
    let ids = store.attempt_ids(0, at(0));
    assert_eq!(ids, [20, 21].map(|id| AttemptId::new(Id::from_value(id))));
}

fn endpoints_are_listed_by_ordinal<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 4, 1),
        put_endpoint(1, 3, 2),
        put_endpoint(0, 2, 3),
        put_endpoint(0, 9, 4),
    ];
    commit(&mut store, epoch, changes);
    let listed = |from, limit| -> Vec<u32> {
        let endpoints = store.endpoints(app(0), from, limit).expect("readable");
        endpoints
            .iter()
            .map(|endpoint| endpoint.key.ordinal)
            .collect()
    };
    assert_eq!(listed(0, 10), [2, 4, 9]);
    assert_eq!(listed(3, 1), [4]);
    assert_eq!(listed(10, 5), Vec::<u32>::new());
}

/// A memory store with room for two events, three attempts and 100 bytes.
fn tiny() -> MemoryStore {
    MemoryStore::new(MemoryOptions {
        events_max: 2,
        attempts_max: 3,
        bytes_max: 100,
    })
}

#[test]
fn open_events_alone_fill_the_memory_store_and_their_positions_stay_unused() {
    let mut store = tiny();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_event(0, 0, 2, 60),
        put_event(0, 1, 3, 41),
        put_event(0, 2, 4, 40),
        put_event(0, 3, 5, 0),
    ];
    let (fresh, full) = (ChangeResult::Fresh, ChangeResult::Full);
    assert_eq!(
        commit(&mut store, epoch, changes),
        [fresh, fresh, full, fresh, full]
    );
    assert_eq!(events_of(&mut store, 0, 10), (vec![0, 2], 4));
    // What has ended makes room.
    commit(&mut store, epoch, vec![watermark(0, 1)]);
    assert_eq!(
        commit(&mut store, epoch, vec![put_event(0, 4, 6, 60)]),
        [fresh]
    );
    assert_eq!(events_of(&mut store, 0, 10), (vec![2, 4], 5));
}

#[test]
fn ended_events_are_forgotten_in_the_order_in_which_they_ended() {
    let mut store = tiny();
    let epoch = filled_in_pairs(&mut store);
    let key = endpoint_key(0, 0);
    // Event 0 keeps an open row, so event 1 is the first that ends.
    commit(
        &mut store,
        epoch,
        vec![Change::PutOpen(open(key, 0, 9)), watermark(0, 2)],
    );
    commit(&mut store, epoch, vec![put_event(0, 2, 13, 5)]);
    let delete = Change::DeleteOpen {
        endpoint: key,
        position: at(0),
    };
    commit(&mut store, epoch, vec![delete]);
    assert_eq!(events_of(&mut store, 0, 10).0, [0, 1, 2]);
    commit(&mut store, epoch, vec![watermark(0, 3)]);
    assert_eq!(events_of(&mut store, 0, 10).0, [0, 2]);
}

/// One endpoint and two events.
fn filled_in_pairs(store: &mut MemoryStore) -> Epoch {
    let epoch = acquire(store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 10),
        put_event(0, 0, 11, 5),
        put_event(0, 1, 12, 5),
    ];
    commit(store, epoch, changes);
    epoch
}

#[test]
fn a_lagging_lane_keeps_its_events_until_it_catches_up() {
    let mut store = tiny();
    let epoch = filled_in_pairs(&mut store);
    let lane = |cursor| Change::PutLane {
        endpoint: endpoint_key(0, 0),
        row: LaneRow {
            cursor: at(cursor),
            ..LaneRow::default()
        },
    };
    commit(&mut store, epoch, vec![watermark(0, 2), lane(0)]);
    assert_eq!((store.counts().open.events, store.counts().lanes), (2, 1));
    commit(&mut store, epoch, vec![lane(1)]);
    assert_eq!(store.counts().open.events, 1);
    let caught_up = Change::DeleteLane {
        endpoint: endpoint_key(0, 0),
    };
    commit(&mut store, epoch, vec![caught_up]);
    assert_eq!((store.counts().open.events, store.counts().lanes), (0, 0));
}

#[test]
fn attempts_and_reply_bodies_count_towards_what_is_kept() {
    let mut store = tiny();
    let epoch = filled_in_pairs(&mut store);
    let key = endpoint_key(0, 0);
    let record = |position, id, body| attempt(key, position, id, AttemptResult::Succeeded, body);
    let records = vec![
        record(0, 20, 50),
        record(1, 21, 41),
        record(1, 22, 0),
        record(0, 23, 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, Vec::new(), records));
    let bodies: Vec<usize> = store
        .attempts(app(0), at(1))
        .iter()
        .map(|r| r.body.len())
        .collect();
    assert_eq!(bodies, [0, 0], "no room for a body of 41 bytes beside 60");
    assert_eq!(
        (store.counts().open.attempts, store.counts().open.bytes),
        (4, 60)
    );
    // Four ended attempts are one too many, so the first event goes.
    commit(&mut store, epoch, vec![watermark(0, 2)]);
    assert_eq!(events_of(&mut store, 0, 10).0, [1]);
    assert!(store.attempts(app(0), at(0)).is_empty());
    assert_eq!(store.counts().ended.attempts, 2);
}
