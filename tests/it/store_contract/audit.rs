//! What every store keeps of deliveries that somebody skips or parks.

use std::sync::Arc;

use fanfare::domain::{audit::AuditEntry, page::Ordered};

use super::{rows::audit_entry, *};

fn set_aside(position: u64, id: u128) -> Change {
    Change::SetAside(Arc::new(audit_entry(endpoint_key(0, 0), at(position), id)))
}

/// The ids of what is noted, in a part of the list.
fn noted<S: Reads>(store: &S, query: HistoryQuery) -> Vec<u128> {
    let found = store.audit(endpoint_key(0, 0), query).expect("readable");
    let ids = found.iter().map(|entry| entry.id.id().value());
    ids.collect()
}

fn all(order: Order) -> HistoryQuery {
    HistoryQuery {
        above: None,
        below: None,
        order,
        limit: 100,
    }
}

/// An endpoint and four events, of which three wait for it, in line.
fn waiting<S: Store>(store: &mut S) -> Epoch {
    let epoch = acquire(store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let mut changes = vec![put_endpoint(0, 0, 1), put_endpoint(0, 1, 2)];
    changes.extend((0..4).map(|position| put_event(0, position, 11 + u128::from(position), 5)));
    for position in [1, 2, 3] {
        changes.push(Change::PutOpen(open(key, position, 9)));
        changes.push(Change::PutOrdered {
            endpoint: key,
            position: at(position),
            order: fanfare::domain::ordering::OrderingKey::new(3),
        });
    }
    commit(store, epoch, changes);
    epoch
}

pub(super) fn what_is_set_aside_ends_and_is_noted_for_good<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = waiting(&mut store);
    let key = endpoint_key(0, 0);
    let results = commit(&mut store, epoch, vec![set_aside(1, 30), set_aside(3, 31)]);
    assert_eq!(results, [ChangeResult::Fresh; 2]);
    let states = |store: &S| [1, 2, 3].map(|position| store.delivery(key, at(position)));
    let waiting = Some(DeliveryState::Waiting { due: ms(9) });
    let skipped = Some(DeliveryState::Skipped);
    let parked = Some(DeliveryState::Parked);
    assert_eq!(states(&store), [skipped, waiting, parked]);
    let (state, last_id) = recovered(&mut store);
    assert_eq!(last_id, Id::from_value(31));
    let known = &state.endpoints[0];
    assert_eq!(known.settled, [at(1), at(2), at(3)]);
    assert_eq!(state.open_rows, 1);
    let lines: Vec<Ordered> = known.ordered.clone();
    assert_eq!(lines.len(), 1, "it stands in no line any more");

    // A task sends it again, and it is set aside again.
    let epoch = acquire(&mut store, DATA_SHARD);
    let mut again = open(key, 3, 20);
    again.reopened_after = Some(1);
    commit(&mut store, epoch, vec![Change::PutOpen(again)]);
    let waiting_again = Some(DeliveryState::Waiting { due: ms(20) });
    assert_eq!(states(&store), [skipped, waiting, waiting_again]);
    commit(&mut store, epoch, vec![set_aside(3, 32)]);
    assert_eq!(states(&store), [skipped, waiting, skipped]);
    assert_eq!(noted(&store, all(Order::OldestFirst)), [30, 31, 32]);
    let found = store.audit(key, all(Order::OldestFirst)).expect("readable");
    let expected: Vec<AuditEntry> = [(1, 30), (3, 31), (3, 32)]
        .into_iter()
        .map(|(position, id)| audit_entry(key, at(position), id))
        .collect();
    assert_eq!(found, expected);
    let other = store.audit(endpoint_key(0, 1), all(Order::OldestFirst));
    assert_eq!(other.expect("readable"), []);
}

pub(super) fn only_what_waits_is_set_aside<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = waiting(&mut store);
    let key = endpoint_key(0, 0);
    let unknown = audit_entry(endpoint_key(0, 9), at(0), 40);
    let changes = vec![
        // It has not begun, there is no such event, no such endpoint; and it is over.
        set_aside(0, 30),
        set_aside(7, 31),
        Change::SetAside(Arc::new(unknown)),
        set_aside(1, 33),
        set_aside(1, 34),
    ];
    let stale = ChangeResult::Stale;
    let results = commit(&mut store, epoch, changes);
    assert_eq!(results, [stale, stale, stale, ChangeResult::Fresh, stale]);
    assert_eq!(store.delivery(key, at(0)), Some(DeliveryState::Pending));
    assert_eq!(noted(&store, all(Order::OldestFirst)), [33]);
}

pub(super) fn the_audit_is_read_in_parts_either_way<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = waiting(&mut store);
    for id in 30..36 {
        let mut again = open(endpoint_key(0, 0), 3, 9);
        again.reopened_after = Some(1);
        commit(
            &mut store,
            epoch,
            vec![Change::PutOpen(again), set_aside(3, id)],
        );
    }
    let id = |id| Some(Id::from_value(id));
    let part = |above, below, order, limit| HistoryQuery {
        above,
        below,
        order,
        limit,
    };
    for (query, expected) in [
        (part(None, None, Order::NewestFirst, 2), vec![35, 34]),
        (part(None, id(34), Order::NewestFirst, 3), vec![33, 32, 31]),
        (part(id(33), None, Order::OldestFirst, 9), vec![34, 35]),
        (part(id(30), id(35), Order::OldestFirst, 2), vec![31, 32]),
        (part(id(35), None, Order::OldestFirst, 2), vec![]),
    ] {
        assert_eq!(noted(&store, query), expected, "{query:?}");
    }
}
