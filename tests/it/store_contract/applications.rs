//! What every store keeps of the directory: applications and records.

use super::*;
use fanfare::{
    domain::record::{Record, RecordKind},
    time::Now,
};

/// Commits changes to the directory.
fn changed<S: Store>(store: &mut S, changes: Vec<Change>) -> Vec<ChangeResult> {
    let epoch = acquire(store, ShardId::DIRECTORY);
    let batch = batch(1, ShardId::DIRECTORY, epoch, changes, Vec::new());
    committed(store, batch).results
}

/// An application of this name and revision.
fn revised(ordinal: u32, uid: &str, id: u128, revision: u32) -> Change {
    let mut application = application(ordinal, uid, id);
    Arc::make_mut(&mut application).revision = revision;
    Change::UpdateApplication(application)
}

pub(super) fn an_application_changes_only_from_the_revision_that_is_there<S: Store + Reads>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let put = |ordinal, uid, id| Change::PutApplication(application(ordinal, uid, id));
    changed(&mut store, vec![put(0, "a", 1), put(1, "b", 2)]);
    let fresh = ChangeResult::Fresh;
    let results = changed(
        &mut store,
        vec![
            revised(0, "a", 1, 1),
            revised(0, "a", 1, 3),
            revised(7, "c", 9, 2),
            revised(0, "b", 1, 2),
            revised(0, "c", 1, 2),
            revised(0, "d", 1, 2),
            revised(1, "a", 2, 2),
        ],
    );
    let taken = ChangeResult::Existing(Id::from_value(2));
    let stale = ChangeResult::Stale;
    assert_eq!(results, [stale, stale, stale, taken, fresh, stale, fresh]);
    let named = |uid: &str| {
        let found = store.application(&Name::Uid(uid.into())).expect("readable");
        found.map(|found| (found.id.id().value(), found.revision))
    };
    assert_eq!(named("c"), Some((1, 2)));
    assert_eq!(named("a"), Some((2, 2)), "the name was free from then on");
    assert_eq!((named("b"), named("d")), (None, None));
    // A name that was given up can be had by a new one, too.
    assert_eq!(changed(&mut store, vec![put(2, "b", 3)]), [fresh]);
}

pub(super) fn applications_are_listed_by_id_both_ways<S: Store + Reads>(make: impl Fn() -> S) {
    let mut store = make();
    // Places in shards say nothing about the order of creation.
    let put = |ordinal, uid, id| Change::PutApplication(application(ordinal, uid, id));
    let changes = vec![
        put(3, "a", 1),
        put(1, "b", 2),
        put(2, "c", 3),
        put(0, "d", 4),
    ];
    changed(&mut store, changes);
    let listed = |above: Option<u128>, below: Option<u128>, order, limit| -> Vec<u128> {
        let query = HistoryQuery {
            above: above.map(Id::from_value),
            below: below.map(Id::from_value),
            order,
            limit,
        };
        let found = store.applications(query).expect("readable").into_iter();
        found.map(|found| found.id.id().value()).collect()
    };
    use Order::{NewestFirst, OldestFirst};
    assert_eq!(listed(None, None, OldestFirst, 9), [1, 2, 3, 4]);
    assert_eq!(listed(None, None, NewestFirst, 3), [4, 3, 2]);
    assert_eq!(listed(Some(1), Some(4), OldestFirst, 1), [2]);
    assert_eq!(listed(Some(1), Some(4), NewestFirst, 9), [3, 2]);
    assert!(listed(Some(4), None, OldestFirst, 9).is_empty());
}

pub(super) fn a_record_is_made_once_and_changes_only_from_the_revision_that_is_there<
    S: Store + Reads,
>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let put = |kind, name: &str, id: u128, revision| {
        Change::PutRecord(Arc::new(Record {
            kind,
            name: name.into(),
            id: Id::from_value(id),
            body: Bytes::from(format!("{id}")),
            revision,
            created_at: Now::at(ms(i64::try_from(id).expect("small"))),
            updated_at: Now::at(ms(i64::try_from(id).expect("small"))),
        }))
    };
    let delete = |name: &str, revision| Change::DeleteRecord {
        kind: TYPE,
        name: name.into(),
        revision,
    };
    const TYPE: RecordKind = RecordKind::EventType;
    const KEY: RecordKind = RecordKind::ApiKey;
    let results = changed(
        &mut store,
        vec![
            put(TYPE, "b", 1, 1),
            put(TYPE, "b", 2, 1),
            put(KEY, "b", 3, 1),
            put(TYPE, "a", 4, 2),
            put(TYPE, "a", 5, 1),
            put(TYPE, "a", 6, 2),
            put(TYPE, "a", 7, 2),
            put(TYPE, "c", 8, 1),
            delete("c", 2),
            delete("c", 1),
            delete("c", 1),
        ],
    );
    let (fresh, stale) = (ChangeResult::Fresh, ChangeResult::Stale);
    let taken = ChangeResult::Existing(Id::from_value(1));
    assert_eq!(
        results,
        [
            fresh, taken, fresh, stale, fresh, fresh, stale, fresh, stale, fresh, stale
        ]
    );
    let listed = |kind| -> Vec<(String, u128, u32, String, i64, i64)> {
        let records = store.records(kind).expect("readable").into_iter();
        records
            .map(|record| {
                (
                    record.name.to_string(),
                    record.id.value(),
                    record.revision,
                    String::from_utf8(record.body.to_vec()).expect("UTF-8"),
                    record.created_at.wall.as_millis(),
                    record.updated_at.wall.as_millis(),
                )
            })
            .collect()
    };
    // A changed one keeps its id and the time it was made.
    let expected = [
        ("a".to_owned(), 5, 2, "6".to_owned(), 5, 6),
        ("b".to_owned(), 1, 1, "1".to_owned(), 1, 1),
    ];
    assert_eq!(listed(TYPE), expected);
    assert_eq!(listed(KEY), [("b".to_owned(), 3, 1, "3".to_owned(), 3, 3)]);
}
