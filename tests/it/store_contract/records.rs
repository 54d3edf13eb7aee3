//! What every store keeps of records of the directory: how many there may be.

use bytes::Bytes;
use fanfare::{
    domain::record::{Record, RecordKind},
    limits,
    time::Now,
};

use super::*;

use RecordKind::{ApiKey, EventType};

fn put(kind: RecordKind, name: &str, id: u128, revision: u32, body: &'static str) -> Change {
    Change::PutRecord(Arc::new(Record {
        kind,
        name: name.into(),
        id: Id::from_value(id),
        revision,
        body: Bytes::from_static(body.as_bytes()),
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(revision.into())),
    }))
}

fn delete(kind: RecordKind, name: &str, revision: u32) -> Change {
    Change::DeleteRecord {
        kind,
        name: name.into(),
        revision,
    }
}

fn changed<S: Store>(store: &mut S, changes: Vec<Change>) -> Vec<ChangeResult> {
    let epoch = acquire(store, ShardId::DIRECTORY);
    let batch = batch(1, ShardId::DIRECTORY, epoch, changes, Vec::new());
    committed(store, batch).results
}

/// Id, revision and content of an record.
fn found<S: Reads>(store: &S, kind: RecordKind, name: &str) -> Option<(u128, u32, String)> {
    let record = store.record(kind, name).expect("readable")?;
    assert_eq!((record.kind, &*record.name), (kind, name));
    assert_eq!(record.updated_at, Now::at(ms(record.revision.into())));
    let content = String::from_utf8(record.body.to_vec()).expect("a text");
    Some((record.id.value(), record.revision, content))
}

const FRESH: ChangeResult = ChangeResult::Fresh;

pub(super) fn there_are_only_so_many_records_of_a_kind<S: Store + Reads>(make: impl Fn() -> S) {
    let mut store = make();
    let most = limits::EVENT_TYPES_MAX;
    let changes = (0..most).zip(1..);
    let changes = changes.map(|(number, id)| put(EventType, &format!("{number}"), id, 1, ""));
    let changes: Vec<Change> = changes.collect();
    let results = changed(&mut store, changes);
    assert!(results.iter().all(|result| *result == FRESH));
    let changes = vec![
        put(EventType, "more", 9_000, 1, ""),
        put(EventType, "7", 8, 2, "a change is none more"),
        put(ApiKey, "more", 9_001, 1, ""),
        delete(EventType, "7", 2),
        put(EventType, "more", 9_002, 1, ""),
        put(EventType, "still more", 9_003, 1, ""),
    ];
    let full = ChangeResult::Full;
    assert_eq!(
        changed(&mut store, changes),
        [full, FRESH, FRESH, FRESH, FRESH, full]
    );
}

pub(super) fn records_belong_to_the_directory_and_are_found_by_kind_and_name<S: Store + Reads>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    for change in [put(EventType, "a", 1, 1, ""), delete(EventType, "a", 1)] {
        let epoch = acquire(&mut store, DATA_SHARD);
        let strange = batch(1, DATA_SHARD, epoch, vec![change], Vec::new());
        fails(&mut store, strange);
    }
    assert_eq!(found(&store, EventType, "a"), None);
    let changes = vec![put(EventType, "a", 1, 1, "x"), put(ApiKey, "a", 2, 1, "y")];
    changed(&mut store, changes);
    assert_eq!(found(&store, EventType, "a"), Some((1, 1, "x".into())));
    assert_eq!(found(&store, ApiKey, "a"), Some((2, 1, "y".into())));
    assert_eq!(found(&store, ApiKey, ""), None);
}

#[test]
fn records_and_their_count_outlive_the_power_and_a_check_finds_nothing_wrong() {
    let disk = SimulatedDisk::new(6);
    let mut store = embedded_on(&disk);
    let most = limits::EVENT_TYPES_MAX;
    let changes = (0..most).zip(1..);
    let changes = changes.map(|(number, id)| put(EventType, &format!("{number}"), id, 1, "said"));
    let mut changes: Vec<Change> = changes.collect();
    changes.push(put(ApiKey, "k", 5_000, 1, "key"));
    changes.push(put(ApiKey, "k", 5_000, 2, "changed"));
    changes.push(delete(EventType, "3", 1));
    changed(&mut store, changes);
    disk.kill();
    drop(store);
    disk.restart();
    let mut store = embedded_on(&disk);
    assert_eq!(
        found(&store, ApiKey, "k"),
        Some((5_000, 2, "changed".into()))
    );
    assert_eq!(found(&store, EventType, "4"), Some((5, 1, "said".into())));
    assert_eq!(found(&store, EventType, "3"), None);
    let changes = vec![
        put(EventType, "more", 9_000, 1, ""),
        put(EventType, "still more", 9_001, 1, ""),
    ];
    assert_eq!(changed(&mut store, changes), [FRESH, ChangeResult::Full]);
    drop(store);
    assert_eq!(faults(&disk), Vec::<String>::new());
}
