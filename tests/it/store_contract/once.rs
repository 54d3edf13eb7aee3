//! What is asked again under the same key is done one time.

use fanfare::{
    domain::{
        delivery::Resend,
        endpoint::Endpoint,
        once::Once,
        record::{Record, RecordKind},
    },
    limits,
    time::Now,
};

use super::*;

const FRESH: ChangeResult = ChangeResult::Fresh;
const REUSED: ChangeResult = ChangeResult::Reused;

fn replayed(id: u128) -> ChangeResult {
    ChangeResult::Replayed(Id::from_value(id))
}

/// A change under a key, asked for by a body.
fn once(key: u8, body: u8, change: Change) -> Change {
    let once = Once {
        key_sha256: [key; 32],
        body_sha256: [body; 32],
    };
    Change::Once(once, Box::new(change))
}

/// Commits changes so many milliseconds after the beginning of time.
fn commit_at<S: Store>(
    store: &mut S,
    epoch: Epoch,
    millis: i64,
    changes: Vec<Change>,
) -> Vec<ChangeResult> {
    let mut batch = batch(1, DATA_SHARD, epoch, changes, Vec::new());
    batch.now = Now::at(ms(millis));
    committed(store, batch).results
}

/// Twins in one batch and in two are one; another body under the key is refused. Positions are used
/// either way.
pub(super) fn what_is_made_under_a_key_is_made_once<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        once(1, 1, put_event(0, 0, 10, 1)),
        once(1, 1, put_event(0, 1, 11, 1)),
        once(1, 2, put_event(0, 2, 12, 1)),
        once(2, 1, put_event(0, 3, 13, 1)),
        put_event(0, 4, 14, 1),
    ];
    let expected = [FRESH, replayed(10), REUSED, FRESH, FRESH];
    assert_eq!(commit(&mut store, epoch, changes), expected);
    let changes = vec![
        once(2, 1, put_event(0, 5, 15, 1)),
        once(1, 2, put_event(0, 6, 16, 1)),
    ];
    let expected = [replayed(13), REUSED];
    assert_eq!(commit(&mut store, epoch, changes), expected);
    assert_eq!(events_of(&mut store, 0, 10), (vec![0, 3, 4], 7));
    assert_eq!(recovered(&mut store).0.next_position, at(7));
}

/// A name that is taken is told only to who asks for it anew, not to who made it.
pub(super) fn who_made_something_is_told_so_again_and_others_that_it_is_there<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, ShardId::DIRECTORY);
    let put = |ordinal, uid, id| Change::PutApplication(application(ordinal, uid, id));
    let changes = vec![
        once(1, 1, put(0, "a", 1)),
        once(1, 1, put(1, "a", 2)),
        once(2, 1, put(2, "a", 3)),
        // It was refused, so its key is free.
        once(2, 2, put(3, "b", 4)),
        once(2, 2, put(4, "b", 5)),
    ];
    let existing = ChangeResult::Existing(Id::from_value(1));
    let expected = [FRESH, replayed(1), existing, FRESH, replayed(4)];
    let directory = batch(1, ShardId::DIRECTORY, epoch, changes, Vec::new());
    assert_eq!(committed(&mut store, directory).results, expected);

    let epoch = acquire(&mut store, DATA_SHARD);
    let put = |ordinal, id, url| Change::PutEndpoint {
        endpoint: endpoint(endpoint_key(0, ordinal), id, 0),
        unique: Some(url_key(0, url)),
    };
    let changes = vec![
        once(3, 1, put(0, 20, 1)),
        once(3, 1, put(1, 21, 1)),
        once(4, 1, put(2, 22, 1)),
        once(4, 1, put(3, 23, 2)),
    ];
    let existing = ChangeResult::Existing(Id::from_value(20));
    let expected = [FRESH, replayed(20), existing, FRESH];
    assert_eq!(commit(&mut store, epoch, changes), expected);
    let listed = store.endpoints(app(0), 0, 10).expect("readable");
    let listed: Vec<u32> = listed.iter().map(|found| found.key.ordinal).collect();
    assert_eq!(listed, [0, 3]);
}

/// Changes of an endpoint and of a record, and attempts that are asked for, are told apart by their
/// keys before their revision is judged.
pub(super) fn what_is_changed_under_a_key_is_changed_once<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    commit(
        &mut store,
        epoch,
        vec![put_endpoint(0, 0, 1), put_event(0, 0, 11, 5)],
    );
    let update = |revision| {
        let mut changed = Endpoint::clone(&endpoint(key, 1, 0));
        Arc::make_mut(&mut changed.target).revision = revision;
        Change::UpdateEndpoint(Arc::new(changed))
    };
    let owed = || {
        Change::PutResend(Resend {
            endpoint: key,
            position: at(0),
            attempts: 1,
        })
    };
    let changes = vec![
        once(1, 1, update(2)),
        once(1, 1, update(2)),
        once(1, 1, update(3)),
        once(1, 2, update(3)),
        once(2, 1, update(2)),
        once(2, 1, update(3)),
        once(3, 1, owed()),
        Change::DeleteResend {
            endpoint: key,
            position: at(0),
        },
        once(3, 1, owed()),
    ];
    let expected = [
        FRESH,
        replayed(1),
        replayed(1),
        REUSED,
        ChangeResult::Stale,
        FRESH,
        FRESH,
        FRESH,
        replayed(0),
    ];
    assert_eq!(commit(&mut store, epoch, changes), expected);
    let (state, _) = recovered(&mut store);
    let row = state.endpoints.first().expect("an endpoint");
    assert_eq!(row.endpoint.revision(), 3);
    assert!(row.resends.is_empty(), "it was owed one time");
}

/// A changed record keeps its id, whatever stands in the change: a repetition is told none.
pub(super) fn a_record_that_is_changed_under_a_key_is_known_by_its_name<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let record = |id, revision| {
        Change::PutRecord(Arc::new(Record {
            kind: RecordKind::EventType,
            name: "n".into(),
            id: Id::from_value(id),
            revision,
            body: Bytes::new(),
            created_at: Now::at(ms(1)),
            updated_at: Now::at(ms(1)),
        }))
    };
    let epoch = acquire(&mut store, ShardId::DIRECTORY);
    let changes = vec![
        once(1, 1, record(20, 1)),
        once(2, 1, record(21, 2)),
        once(2, 1, record(22, 2)),
        once(2, 1, record(23, 1)),
    ];
    let expected = [FRESH, FRESH, replayed(0), replayed(0)];
    let directory = batch(1, ShardId::DIRECTORY, epoch, changes, Vec::new());
    assert_eq!(committed(&mut store, directory).results, expected);
    let found = store.record(RecordKind::EventType, "n").expect("readable");
    let found = found.map(|record| (record.id.value(), record.revision));
    assert_eq!(found, Some((20, 2)));
}

/// A change that can't be made writes nothing and leaves its key free.
pub(super) fn what_is_refused_tells_whether_it_was_done_before<S: Inspect>(make: impl Fn() -> S) {
    for shard in [DATA_SHARD, ShardId::DIRECTORY] {
        let mut store = make();
        let epoch = acquire(&mut store, shard);
        let done = || match shard {
            DATA_SHARD => put_event(0, 0, 10, 1),
            _ => Change::PutApplication(application(0, "a", 10)),
        };
        let changes = vec![
            Change::Refuse(shard),
            once(1, 1, Change::Refuse(shard)),
            once(1, 1, done()),
            once(1, 1, Change::Refuse(shard)),
            once(1, 2, Change::Refuse(shard)),
        ];
        let stale = ChangeResult::Stale;
        let expected = [stale, stale, FRESH, replayed(10), REUSED];
        let results = committed(&mut store, batch(1, shard, epoch, changes, Vec::new())).results;
        assert_eq!(results, expected);
    }
    // Each shard refuses what was asked of it alone.
    for (shard, other) in [
        (DATA_SHARD, ShardId::DIRECTORY),
        (ShardId::DIRECTORY, DATA_SHARD),
    ] {
        let mut store = make();
        let epoch = acquire(&mut store, shard);
        let changes = vec![once(1, 1, Change::Refuse(other))];
        fails(&mut store, batch(1, shard, epoch, changes, Vec::new()));
    }
}

/// A change that makes nothing can't be done once, nor can one be done once twice over.
pub(super) fn a_change_that_makes_nothing_is_not_done_once<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let twice = once(1, 1, once(2, 1, put_event(0, 0, 10, 1)));
    for change in [once(1, 1, watermark(0, 0)), twice] {
        let epoch = acquire(&mut store, DATA_SHARD);
        fails(
            &mut store,
            batch(1, DATA_SHARD, epoch, vec![change], Vec::new()),
        );
    }
    let update = Change::UpdateApplication(application(0, "a", 1));
    let directory = acquire(&mut store, ShardId::DIRECTORY);
    let changes = vec![once(1, 1, update)];
    fails(
        &mut store,
        batch(1, ShardId::DIRECTORY, directory, changes, Vec::new()),
    );
}

/// A key is known for a day at least, and for two at most.
pub(super) fn a_key_is_known_for_a_day_and_forgotten_after_two<S: Inspect>(make: impl Fn() -> S) {
    const DAY: i64 = limits::ONCE_AGE_MS;
    for (first, again, is_known) in [
        (5, DAY - 1, true),
        (5, DAY + 4, true),
        (DAY - 1, 2 * DAY - 2, true),
        (5, 2 * DAY + 5, false),
        (5, 30 * DAY, false),
        (DAY - 1, 3 * DAY, false),
    ] {
        let mut store = make();
        let epoch = acquire(&mut store, DATA_SHARD);
        // From then on the store sees the days pass.
        commit_at(
            &mut store,
            epoch,
            1,
            vec![once(9, 9, put_event(0, 0, 9, 1))],
        );
        let put = |position, id| vec![once(1, 1, put_event(0, position, id, 1))];
        assert_eq!(commit_at(&mut store, epoch, first, put(1, 10)), [FRESH]);
        let between = vec![once(8, 8, put_event(0, 2, 11, 1))];
        commit_at(&mut store, epoch, first.midpoint(again), between);
        let result = commit_at(&mut store, epoch, again, put(3, 12));
        let expected = if is_known { replayed(10) } else { FRESH };
        assert_eq!(result, [expected], "{first} {again}");
    }
}

/// A process that ends between the commit and the answer leaves the key behind; tables of keys that
/// had their time are gone from the file.
#[test]
fn keys_outlive_the_process_and_go_with_their_days() {
    let disk = SimulatedDisk::new(3);
    let mut store = embedded_on(&disk);
    let epoch = acquire(&mut store, DATA_SHARD);
    let update = || {
        let mut changed = Endpoint::clone(&endpoint(endpoint_key(0, 0), 5, 0));
        Arc::make_mut(&mut changed.target).revision = 2;
        Change::UpdateEndpoint(Arc::new(changed))
    };
    let owed = || {
        Change::PutResend(Resend {
            endpoint: endpoint_key(0, 0),
            position: at(0),
            attempts: 1,
        })
    };
    let changes = vec![
        put_endpoint(0, 0, 5),
        once(1, 1, put_event(0, 0, 10, 1)),
        once(3, 1, update()),
        once(4, 1, owed()),
    ];
    assert_eq!(commit(&mut store, epoch, changes), [FRESH; 4]);
    disk.kill();
    drop(store);
    disk.restart();
    let mut store = embedded_on(&disk);
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        once(1, 1, put_event(0, 1, 11, 1)),
        once(1, 2, put_event(0, 2, 12, 1)),
        once(3, 1, Change::Refuse(DATA_SHARD)),
        once(3, 1, update()),
        once(4, 1, owed()),
    ];
    let expected = [replayed(10), REUSED, replayed(5), replayed(5), replayed(0)];
    assert_eq!(commit(&mut store, epoch, changes), expected);
    let tables = |store: EmbeddedStore| {
        drop(store);
        let found = fanfare::store::embedded::stats::stats(&disk).expect("it is a store");
        let names = found.tables.into_iter().map(|table| table.name);
        names.filter(|name| name.starts_with("once.")).collect()
    };
    let found: Vec<String> = tables(store);
    assert_eq!(found, ["once.00000000"]);
    let mut store = embedded_on(&disk);
    let epoch = acquire(&mut store, DATA_SHARD);
    for (days, position) in [(1, 3), (2, 4)] {
        let changes = vec![once(
            2,
            2,
            put_event(0, position, 20 + u128::from(position), 1),
        )];
        commit_at(&mut store, epoch, days * limits::ONCE_AGE_MS, changes);
    }
    let found: Vec<String> = tables(store);
    assert_eq!(found, ["once.00000001"]);
    assert_eq!(faults(&disk), Vec::<String>::new());
}
