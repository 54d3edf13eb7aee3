//! What every store keeps of payloads and replies that are taken away.

use super::*;
use fanfare::domain::delivery::Resend;

fn expunged(position: u64) -> Change {
    Change::Expunge {
        application: app(0),
        position: at(position),
    }
}

/// Whether an event is there, and whether it has a payload.
fn payload<S: Reads>(store: &S, id: u128) -> Option<(bool, usize)> {
    let found = store.event(app(0), &Name::Id(Id::from_value(id)));
    let found = found.expect("readable");
    found.map(|entry| (entry.has_payload, entry.event.payload.bytes.len()))
}

pub(super) fn a_payload_goes_and_what_waited_for_it<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let mut changes = vec![put_endpoint(0, 0, 1), put_endpoint(0, 1, 2)];
    changes.extend((0..4).map(|position| put_event(0, position, 11 + u128::from(position), 5)));
    changes.extend([1, 2].map(|position| Change::PutOpen(open(key, position, 9))));
    changes.push(Change::PutOpen(open(endpoint_key(0, 1), 1, 9)));
    changes.push(Change::PutResend(Resend {
        endpoint: key,
        position: at(1),
        attempts: 1,
    }));
    let records = vec![
        attempt(key, 0, 20, AttemptResult::Succeeded, 0),
        attempt(key, 1, 21, AttemptResult::RetryAt(ms(9)), 0),
        attempt(key, 2, 22, AttemptResult::RetryAt(ms(9)), 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    commit(
        &mut store,
        epoch,
        vec![
            expunged(0),
            expunged(1),
            expunged(3),
            expunged(7),
            expunged(1),
        ],
    );
    let told: Vec<_> = (11..15).map(|id| payload(&store, id)).collect();
    let gone = Some((false, 0));
    assert_eq!(told, [gone, gone, Some((true, 5)), gone]);
    let told: Vec<_> = (0..4)
        .map(|position| store.delivery(key, at(position)))
        .collect();
    let cancelled = Some(DeliveryState::Cancelled);
    let succeeded = Some(DeliveryState::Succeeded);
    let waiting = Some(DeliveryState::Waiting { due: ms(9) });
    assert_eq!(told, [succeeded, cancelled, waiting, cancelled]);
    assert_eq!(store.attempt_ids(0, at(1)).len(), 1, "history stays");
    assert_eq!(events_of(&mut store, 0, 9).0, [2], "nobody walks over it");
    let (state, _) = recovered(&mut store);
    assert_eq!(state.open_rows, 1);
    let left: Vec<EventPosition> = state.events.iter().map(|event| event.position).collect();
    assert_eq!(left, [at(2)]);
    assert!(
        state.endpoints[0]
            .resends
            .iter()
            .all(|(_, event)| event.is_none())
    );
}

pub(super) fn the_body_of_a_reply_goes_and_nothing_else<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let changes = vec![put_endpoint(0, 0, 1), put_event(0, 0, 11, 5)];
    let records = (0..3).map(|step| attempt(key, 0, 20 + step, AttemptResult::Exhausted, 4));
    let records = records.collect();
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let bodies = |store: &S| -> Vec<(u128, usize)> {
        let query = HistoryQuery {
            above: None,
            below: None,
            order: Order::OldestFirst,
            limit: 9,
        };
        let listed = store.attempts_of_endpoint(key, query).expect("readable");
        let told = listed.iter().map(|entry| &entry.record);
        told.map(|record| (record.id.id().value(), record.body.len()))
            .collect()
    };
    assert_eq!(bodies(&store), [(20, 4), (21, 4), (22, 4)]);
    let expunge = |id: u128, position| Change::ExpungeAttempt {
        application: app(0),
        position: at(position),
        attempt: AttemptId::new(Id::from_value(id)),
    };
    commit(
        &mut store,
        epoch,
        vec![expunge(21, 0), expunge(19, 0), expunge(21, 5)],
    );
    assert_eq!(bodies(&store), [(20, 4), (21, 0), (22, 4)]);
    assert_eq!(payload(&store, 11), Some((true, 5)));
}
