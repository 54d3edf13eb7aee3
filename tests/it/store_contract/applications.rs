//! What every store keeps of applications.

use super::*;

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
