//! What every store keeps of endpoints that change and go.

use super::*;
use fanfare::domain::{
    change::UniqueKey, delivery::LaneRow, endpoint::Endpoint, event::Besides, filter::Filter,
};
use fanfare::time::Span;

/// A change of an endpoint: this revision, with this name.
fn revised(key: EndpointKey, id: u128, revision: u32, uid: Option<&str>) -> Change {
    let mut revised = endpoint(key, id, 0);
    let known = Arc::make_mut(&mut revised);
    known.uid = uid.map(Into::into);
    Arc::make_mut(&mut known.target).revision = revision;
    Change::UpdateEndpoint(revised)
}

fn named(ordinal: u32, id: u128, uid: &str) -> Change {
    let mut named = endpoint(endpoint_key(0, ordinal), id, 0);
    Arc::make_mut(&mut named).uid = Some(uid.into());
    Change::PutEndpoint {
        endpoint: named,
        unique: Some(UniqueKey::EndpointUid {
            application: app(0),
            uid: uid.into(),
        }),
    }
}

fn found<S: Reads>(store: &S, uid: &str) -> Option<(u128, u32)> {
    let name = Name::Uid(uid.into());
    let found = store.endpoint(app(0), &name).expect("readable");
    found.map(|found| (found.id.id().value(), found.revision()))
}

pub(super) fn an_endpoint_changes_only_from_the_revision_that_is_there<S: Store + Reads>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    commit(&mut store, epoch, vec![named(0, 1, "a"), named(1, 2, "b")]);
    let (first, second) = (endpoint_key(0, 0), endpoint_key(0, 1));
    let results = commit(
        &mut store,
        epoch,
        vec![
            revised(first, 1, 1, Some("a")),
            revised(first, 1, 3, Some("a")),
            revised(endpoint_key(0, 7), 9, 2, None),
            revised(first, 1, 2, Some("b")),
            revised(first, 1, 2, Some("c")),
            revised(second, 2, 2, Some("a")),
            revised(first, 1, 3, None),
        ],
    );
    let (fresh, stale) = (ChangeResult::Fresh, ChangeResult::Stale);
    let taken = ChangeResult::Existing(Id::from_value(2));
    assert_eq!(results, [stale, stale, stale, taken, fresh, fresh, fresh]);
    assert_eq!(found(&store, "a"), Some((2, 2)));
    assert_eq!((found(&store, "b"), found(&store, "c")), (None, None));
    let by_id = store.endpoint(app(0), &Name::Id(Id::from_value(1)));
    assert_eq!(by_id.expect("readable").map(|it| it.revision()), Some(3));
}

pub(super) fn a_deleted_endpoint_leaves_its_names_and_cancels_what_was_open<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let lane = Change::PutLane {
        endpoint: key,
        row: LaneRow {
            cursor: at(0),
            ..LaneRow::default()
        },
    };
    let events = (0..4).map(|position| put_event(0, position, 11 + u128::from(position), 5));
    let mut changes = vec![named(0, 1, "a")];
    changes.extend(events);
    changes.extend([lane, Change::PutOpen(open(key, 1, 9))]);
    let records = vec![
        attempt(key, 1, 20, AttemptResult::RetryAt(ms(9)), 0),
        attempt(key, 2, 21, AttemptResult::Succeeded, 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let delete = Change::DeleteEndpoint {
        endpoint: key,
        from: at(4),
    };
    let late = put_event(0, 4, 15, 5);
    let update = revised(key, 1, 3, Some("a"));
    let results = commit(&mut store, epoch, vec![delete, late, update]);
    assert_eq!(results[2], ChangeResult::Stale, "it is gone");
    let states: Vec<_> = (0..5)
        .map(|position| store.delivery(key, at(position)))
        .collect();
    let cancelled = Some(DeliveryState::Cancelled);
    let succeeded = Some(DeliveryState::Succeeded);
    assert_eq!(states, [cancelled, cancelled, succeeded, cancelled, None]);
    assert_eq!(found(&store, "a"), None);
    let kept = store.endpoint(app(0), &Name::Id(Id::from_value(1)));
    assert!(kept.expect("readable").is_some_and(|it| it.is_deleted()));
    assert_eq!(store.attempt_ids(0, at(1)).len(), 1, "history stays");
    // As long as a row is left the engine is told of it, and of the endpoint no more after that.
    let (state, _) = recovered(&mut store);
    assert_eq!(state.endpoints.len(), 1);
    assert_eq!(
        (state.endpoints[0].lane.clone(), state.endpoints[0].open_due),
        (None, Some(ms(9)))
    );
    let epoch = acquire(&mut store, DATA_SHARD);
    let gone = Change::DeleteOpen {
        endpoint: key,
        position: at(1),
    };
    let again = named(1, 2, "a");
    assert_eq!(
        commit(&mut store, epoch, vec![gone, again])[1],
        ChangeResult::Fresh
    );
    let (state, _) = recovered(&mut store);
    let ids: Vec<u128> = state
        .endpoints
        .iter()
        .map(|known| known.endpoint.id.id().value())
        .collect();
    assert_eq!((ids, state.open_rows), (vec![2], 0));
}

pub(super) fn a_registration_is_free_again_when_its_endpoint_is_gone_or_sends_elsewhere<
    S: Store + Reads,
>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let registered = |ordinal, id| {
        let mut endpoint = endpoint(endpoint_key(0, ordinal), id, 0);
        Arc::make_mut(&mut endpoint).original_url_sha256 = Some([3; 32]);
        Change::PutEndpoint {
            endpoint,
            unique: Some(url_key(0, 3)),
        }
    };
    let elsewhere = revised(endpoint_key(0, 0), 1, 2, None);
    let delete = Change::DeleteEndpoint {
        endpoint: endpoint_key(0, 3),
        from: at(0),
    };
    let results = commit(
        &mut store,
        epoch,
        vec![
            registered(0, 1),
            registered(1, 2),
            elsewhere,
            registered(3, 2),
            delete,
            registered(2, 3),
        ],
    );
    let (fresh, taken) = (
        ChangeResult::Fresh,
        ChangeResult::Existing(Id::from_value(1)),
    );
    assert_eq!(results, [fresh, taken, fresh, fresh, fresh, fresh]);
}

pub(super) fn a_changed_filter_judges_no_event_of_before<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let mut narrow = Endpoint::clone(&endpoint(key, 1, 0));
    narrow.set_filter(
        Filter {
            event_types: vec!["other".into()],
            ..Filter::default()
        },
        at(1),
    );
    Arc::make_mut(&mut narrow.target).revision = 2;
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_event(0, 0, 11, 5),
        Change::UpdateEndpoint(Arc::new(narrow)),
        put_event(0, 1, 12, 5),
    ];
    commit(&mut store, epoch, changes);
    assert_eq!(store.delivery(key, at(0)), Some(DeliveryState::Pending));
    assert_eq!(store.delivery(key, at(1)), None);
}

pub(super) fn an_event_for_one_endpoint_is_for_no_other_and_keeps_what_was_said<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let mut narrow = Endpoint::clone(&endpoint(endpoint_key(0, 1), 2, 0));
    let none = Filter {
        event_types: vec!["other".into()],
        ..Filter::default()
    };
    narrow.set_filter(none, at(0));
    let said = Besides {
        only_to: Some(1),
        ordering_key: Some(fanfare::domain::ordering::OrderingKey::new(300)),
        tags: vec!["a/b".into(), "c".into()],
        deliver_after: Some(Span::from_seconds(60)),
        payload_for: Some(Span::from_seconds(3_600)),
        details: br#"{"d":1}"#.as_slice().into(),
    };
    let mut event = put_event(0, 0, 11, 5);
    if let Change::PutEvent(event) = &mut event {
        Arc::make_mut(event).besides = said.clone().shared();
    }
    let changes = vec![
        put_endpoint(0, 0, 1),
        Change::PutEndpoint {
            endpoint: Arc::new(narrow),
            unique: None,
        },
        event,
        put_event(0, 1, 12, 5),
    ];
    commit(&mut store, epoch, changes);
    let state = |ordinal, position| store.delivery(endpoint_key(0, ordinal), at(position));
    let pending = Some(DeliveryState::Pending);
    assert_eq!([state(0, 0), state(1, 0)], [None, pending]);
    assert_eq!([state(0, 1), state(1, 1)], [pending, None]);
    let found = store.event(app(0), &Name::Id(Id::from_value(11)));
    let event = found.expect("readable").expect("it is there").event;
    assert_eq!(event.besides.as_deref(), Some(&said));
}

pub(super) fn endpoints_are_listed_by_id_both_ways<S: Store + Reads>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let others = [put_endpoint(1, 90, 50), put_endpoint(1, 91, 99)];
    let ours = (0..5).map(|ordinal| put_endpoint(0, ordinal, 10 + u128::from(ordinal)));
    commit(&mut store, epoch, ours.chain(others).collect());
    let listed = |above: Option<u128>, below: Option<u128>, order, limit| -> Vec<u128> {
        let query = HistoryQuery {
            above: above.map(Id::from_value),
            below: below.map(Id::from_value),
            order,
            limit,
        };
        let found = store.endpoints_by_id(app(0), query).expect("readable");
        found.iter().map(|found| found.id.id().value()).collect()
    };
    use Order::{NewestFirst, OldestFirst};
    assert_eq!(listed(None, None, OldestFirst, 9), [10, 11, 12, 13, 14]);
    assert_eq!(listed(None, None, NewestFirst, 2), [14, 13]);
    assert_eq!(listed(Some(11), Some(14), OldestFirst, 9), [12, 13]);
    assert_eq!(listed(Some(11), Some(14), NewestFirst, 1), [13]);
    // Ends that are no endpoint of this application bound by their value all the same.
    assert_eq!(
        listed(Some(9), Some(50), OldestFirst, 9),
        [10, 11, 12, 13, 14]
    );
    assert!(listed(Some(14), None, OldestFirst, 9).is_empty());
}

#[test]
fn a_check_finds_nothing_wrong_with_what_changed_and_what_was_deleted() {
    let disk = SimulatedDisk::new(5);
    let mut store = embedded_on(&disk);
    let directory = acquire(&mut store, ShardId::DIRECTORY);
    let put = Change::PutApplication(application(0, "app", 500));
    let put = batch(1, ShardId::DIRECTORY, directory, vec![put], Vec::new());
    committed(&mut store, put);
    let epoch = acquire(&mut store, DATA_SHARD);
    let delete = Change::DeleteEndpoint {
        endpoint: endpoint_key(0, 0),
        from: at(1),
    };
    let changes = vec![
        named(0, 1, "a"),
        named(1, 2, "b"),
        put_event(0, 0, 11, 5),
        Change::PutOpen(open(endpoint_key(0, 0), 0, 9)),
        revised(endpoint_key(0, 1), 2, 2, Some("c")),
        delete,
        named(2, 3, "a"),
    ];
    let fresh = commit(&mut store, epoch, changes);
    assert!(fresh.iter().all(|result| *result == ChangeResult::Fresh));
    drop(store);
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn what_was_said_of_an_event_outlives_the_process() {
    let disk = SimulatedDisk::new(5);
    let mut store = embedded_on(&disk);
    let epoch = acquire(&mut store, DATA_SHARD);
    let said = Besides {
        only_to: Some(1),
        ordering_key: None,
        tags: vec!["a".into()],
        deliver_after: Some(Span::from_seconds(60)),
        payload_for: Some(Span::from_seconds(3_600)),
        details: br#"{"isRaw":true}"#.as_slice().into(),
    };
    let mut event = put_event(0, 0, 11, 5);
    if let Change::PutEvent(event) = &mut event {
        Arc::make_mut(event).besides = said.clone().shared();
    }
    let changes = vec![put_endpoint(0, 0, 1), put_endpoint(0, 1, 2), event];
    commit(&mut store, epoch, changes);
    disk.kill();
    drop(store);
    disk.restart();
    let store = embedded_on(&disk);
    let found = store.event(app(0), &Name::Id(Id::from_value(11)));
    let event = found.expect("readable").expect("it is there").event;
    assert_eq!(event.besides.as_deref(), Some(&said));
    assert_eq!(store.delivery(endpoint_key(0, 0), at(0)), None);
    let pending = Some(DeliveryState::Pending);
    assert_eq!(store.delivery(endpoint_key(0, 1), at(0)), pending);
    drop(store);
    assert_eq!(faults(&disk), Vec::<String>::new());
}
