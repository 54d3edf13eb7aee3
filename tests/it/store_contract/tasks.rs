//! What every store keeps of tasks, and how events look to them.

use super::*;
use fanfare::domain::{
    id::{EndpointId, TaskId},
    task::{Matching, Selection, Standing, Task, TaskState},
};
use fanfare::{limits, time::Now};

fn task(id: u128, state: TaskState) -> Task {
    Task {
        id: TaskId::new(Id::from_value(id)),
        endpoint: endpoint_key(0, 0),
        endpoint_id: EndpointId::new(Id::from_value(1)),
        selection: Selection::Matching(Matching {
            event_types: vec!["a".into()],
            channel: Some("b".into()),
            tag: Some("t".into()),
            standing: Some(Standing::Waiting),
            status_class: Some(5),
        }),
        from: at(0),
        until: at(3),
        next: at(1),
        state,
        total: 3,
        done: 2,
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(2)),
    }
}

fn put(id: u128, state: TaskState) -> Change {
    Change::PutTask(Arc::new(task(id, state)))
}

fn listed<S: Reads>(store: &S, order: Order, above: Option<u128>, limit: usize) -> Vec<u128> {
    let query = HistoryQuery {
        above: above.map(Id::from_value),
        below: None,
        order,
        limit,
    };
    let tasks = store.tasks(query).expect("readable").into_iter();
    tasks.map(|task| task.id.id().value()).collect()
}

pub(super) fn tasks_are_kept_and_those_under_way_are_recovered<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_event(0, 0, 11, 5),
        put(20, TaskState::Counting),
        put(21, TaskState::Sending),
        put(22, TaskState::Finished),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, vec![]));
    assert_eq!(listed(&store, Order::OldestFirst, None, 2), [20, 21]);
    assert_eq!(listed(&store, Order::NewestFirst, None, 9), [22, 21, 20]);
    assert_eq!(listed(&store, Order::OldestFirst, Some(20), 9), [21, 22]);
    let found = store.task(Id::from_value(21)).expect("readable");
    assert_eq!(found.as_deref(), Some(&task(21, TaskState::Sending)));
    assert_eq!(store.task(Id::from_value(19)).expect("readable"), None);
    let changed = Task {
        done: 3,
        next: at(3),
        ..task(20, TaskState::Finished)
    };
    let changes = vec![
        Change::UpdateTask(Arc::new(changed.clone())),
        Change::UpdateTask(Arc::new(task(99, TaskState::Sending))),
    ];
    let batch = batch(3, DATA_SHARD, epoch, changes, vec![]);
    let results = committed(&mut store, batch).results;
    assert_eq!(results, [ChangeResult::Fresh, ChangeResult::Stale]);
    let found = store.task(Id::from_value(20)).expect("readable");
    assert_eq!(found.as_deref(), Some(&changed));
    let (state, last_id) = recovered(&mut store);
    let under_way: Vec<_> = state
        .tasks
        .iter()
        .map(|task| task.id.id().value())
        .collect();
    assert_eq!(under_way, [21]);
    assert_eq!(last_id, Id::from_value(22), "their ids are given out");
}

pub(super) fn the_oldest_task_that_has_ended_goes_first<S: Inspect>(make: impl Fn() -> S) {
    let most = limits::TASKS_KEPT_MAX as u128;
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let mut changes = vec![put_endpoint(0, 0, 1), put_event(0, 0, 11, 5)];
    changes.extend((0..most).map(|id| {
        let has_ended = id == 3;
        let state = [TaskState::Sending, TaskState::Cancelled][usize::from(has_ended)];
        put(20 + id, state)
    }));
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, vec![]));
    let next = 20 + most;
    let changes = vec![
        put(next, TaskState::Counting),
        put(next + 1, TaskState::Counting),
    ];
    let batch = batch(3, DATA_SHARD, epoch, changes, vec![]);
    let results = committed(&mut store, batch).results;
    assert_eq!(results, [ChangeResult::Fresh, ChangeResult::Full]);
    let kept = listed(&store, Order::OldestFirst, None, usize::MAX);
    assert_eq!(kept.len() as u128, most);
    assert_eq!((kept[2], kept[3]), (22, 24));
    assert_eq!(kept.last(), Some(&next));
}

/// What a task sees of each event: its place, its delivery, attempts, and the last status.
type Seen = (u64, Option<DeliveryState>, u16, Option<u64>);

fn seen<S: Reads>(store: &S, from: u64, until: u64, limit: usize) -> (Vec<Seen>, u64) {
    let key = endpoint_key(0, 0);
    let candidates = store.candidates(key, (at(from), at(until)), limit);
    let candidates = candidates.expect("readable");
    let found = candidates.found.iter();
    let told = found.map(|candidate| {
        assert!(candidate.event.payload.bytes.is_empty());
        let outcome = candidate.last_outcome.map(|outcome| outcome.code());
        let place = candidate.event.position.number();
        (place, candidate.state, candidate.attempts, outcome)
    });
    (told.collect(), candidates.until.number())
}

pub(super) fn a_task_sees_how_the_deliveries_of_its_endpoint_stand<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let mut changes = vec![
        Change::PutEndpoint {
            endpoint: endpoint(key, 1, 1),
            unique: None,
        },
        put_endpoint(0, 1, 2),
    ];
    changes.extend((0..6).map(|position| put_event(0, position, 11 + u128::from(position), 5)));
    changes.push(Change::PutOpen(open(key, 2, 9)));
    let records = vec![
        attempt(key, 1, 20, AttemptResult::Succeeded, 0),
        attempt(key, 2, 21, AttemptResult::RetryAt(ms(9)), 0),
        attempt(endpoint_key(0, 1), 3, 22, AttemptResult::Exhausted, 0),
        attempt(key, 1, 23, AttemptResult::Failed, 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let expunged = Change::Expunge {
        application: app(0),
        position: at(4),
    };
    commit(&mut store, epoch, vec![expunged]);
    let (found, until) = seen(&store, 0, 99, 99);
    assert_eq!(until, 6);
    let states: Vec<_> = found.iter().map(|seen| (seen.0, seen.1)).collect();
    assert_eq!(
        states,
        [
            (0, None),
            (1, Some(DeliveryState::Succeeded)),
            (2, Some(DeliveryState::Waiting { due: ms(9) })),
            (3, Some(DeliveryState::Pending)),
            (5, Some(DeliveryState::Pending)),
        ]
    );
    let tried: Vec<_> = found.iter().map(|seen| seen.2 > 0).collect();
    assert_eq!(tried, [false, true, true, false, false]);
    assert!(found.iter().all(|seen| seen.3.is_some() == (seen.2 > 0)));
    let (found, until) = seen(&store, 1, 5, 2);
    assert_eq!((found.len(), until), (2, 3));
    let (found, until) = seen(&store, 3, 4, 9);
    assert_eq!((found.len(), until), (1, 4));
}

pub(super) fn a_reopened_delivery_keeps_where_it_began_anew<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_event(0, 0, 11, 5),
        put_event(0, 1, 12, 5),
        Change::Expire {
            endpoint: key,
            position: at(0),
        },
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, vec![]));
    assert_eq!(store.delivery(key, at(0)), Some(DeliveryState::Expired));
    let reopened = |position, due| fanfare::domain::delivery::OpenDelivery {
        attempts: 7,
        expires_at: ms(2_000_000),
        reopened_after: Some(5),
        ..open(key, position, due)
    };
    let changes = vec![
        Change::PutOpen(reopened(0, 9)),
        Change::PutOpen(open(key, 1, 10)),
    ];
    commit(&mut store, epoch, changes);
    let request = PageRequest::Open {
        endpoint: key,
        after: None,
        limit: 9,
    };
    let Page::Open { rows, .. } = load(&mut store, request) else {
        panic!("another page");
    };
    let told: Vec<_> = rows
        .iter()
        .map(|(row, _)| (row.attempts, row.expires_at, row.reopened_after))
        .collect();
    assert_eq!(
        told,
        [(7, ms(2_000_000), Some(5)), (1, ms(1_000_000), None)]
    );
    let waiting = DeliveryState::Waiting { due: ms(9) };
    assert_eq!(store.delivery(key, at(0)), Some(waiting));
    // It is expired no more: its end is told by its attempts.
    let ended = vec![attempt(key, 0, 30, AttemptResult::Exhausted, 0)];
    let changes = vec![Change::DeleteOpen {
        endpoint: key,
        position: at(0),
    }];
    committed(&mut store, batch(4, DATA_SHARD, epoch, changes, ended));
    assert_eq!(store.delivery(key, at(0)), Some(DeliveryState::Exhausted));
}
