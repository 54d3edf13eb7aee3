//! What every store keeps of attempts that somebody asked for.

use super::*;
use fanfare::domain::delivery::Resend;

fn owed(ordinal: u32, position: u64, attempts: u16) -> Change {
    Change::PutResend(Resend {
        endpoint: endpoint_key(0, ordinal),
        position: at(position),
        attempts,
    })
}

fn made(ordinal: u32, position: u64) -> Change {
    Change::DeleteResend {
        endpoint: endpoint_key(0, ordinal),
        position: at(position),
    }
}

/// What is owed to each endpoint: its ordinal, the event, attempts before, and the event's payload.
fn all_owed<S: Store>(store: &mut S) -> Vec<(u32, u64, u16, Option<usize>)> {
    let (state, _) = recovered(store);
    let owed = state.endpoints.into_iter().flat_map(|row| row.resends);
    let told = owed.map(|(row, event)| {
        let bytes = event.map(|event| event.payload.bytes.len());
        (
            row.endpoint.ordinal,
            row.position.number(),
            row.attempts,
            bytes,
        )
    });
    told.collect()
}

pub(super) fn an_attempt_is_owed_until_it_is_made<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let (first, second) = (endpoint_key(0, 0), endpoint_key(0, 1));
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_endpoint(0, 1, 2),
        put_event(0, 0, 11, 5),
        put_event(0, 1, 12, 6),
    ];
    let records = vec![
        attempt(first, 0, 20, AttemptResult::Succeeded, 0),
        attempt(first, 1, 21, AttemptResult::Exhausted, 0),
        attempt(second, 1, 22, AttemptResult::Failed, 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let pending = Some(DeliveryState::Pending);
    assert_eq!(store.delivery(second, at(1)), pending, "it failed by hand");
    let changes = vec![owed(1, 1, 7), owed(0, 1, 1), owed(0, 0, 3), owed(0, 0, 4)];
    commit(&mut store, epoch, changes);
    assert_eq!(store.delivery(first, at(0)), pending);
    assert_eq!(store.delivery(first, at(1)), pending);
    let expected = [(0, 0, 4, Some(5)), (0, 1, 1, Some(6)), (1, 1, 7, Some(6))];
    assert_eq!(all_owed(&mut store), expected);

    let epoch = acquire(&mut store, DATA_SHARD);
    commit(&mut store, epoch, vec![made(0, 0), made(0, 0), made(1, 0)]);
    assert_eq!(store.delivery(first, at(0)), Some(DeliveryState::Succeeded));
    assert_eq!(all_owed(&mut store), expected[1..]);
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        Change::PutOpen(open(first, 1, 9)),
        Change::DeleteEndpoint {
            endpoint: second,
            from: at(2),
        },
        owed(1, 1, 8),
        owed(7, 1, 8),
    ];
    commit(&mut store, epoch, changes);
    let waiting = DeliveryState::Waiting { due: ms(9) };
    assert_eq!(
        store.delivery(first, at(1)),
        Some(waiting),
        "the retry is shown"
    );
    assert_eq!(
        all_owed(&mut store),
        expected[1..2],
        "a deleted endpoint is owed nothing"
    );
}

pub(super) fn a_failure_by_hand_settles_nothing<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let key = endpoint_key(0, 0);
    let mut changes = vec![put_endpoint(0, 0, 1)];
    changes.extend((0..3).map(|position| put_event(0, position, 11 + u128::from(position), 5)));
    let records = vec![
        attempt(key, 0, 20, AttemptResult::Failed, 0),
        attempt(key, 1, 21, AttemptResult::Succeeded, 0),
        attempt(key, 1, 22, AttemptResult::Failed, 0),
    ];
    committed(&mut store, batch(2, DATA_SHARD, epoch, changes, records));
    let (state, _) = recovered(&mut store);
    assert_eq!(state.endpoints[0].settled, [at(1)]);
}

pub(super) fn no_attempt_is_owed_of_what_has_no_payload_any_more<S: Store>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 1),
        put_event(0, 0, 11, 5),
        put_event(0, 1, 12, 6),
    ];
    commit(&mut store, epoch, changes);
    let expunged = |position| Change::Expunge {
        application: app(0),
        position: at(position),
    };
    // In one batch, and in a later one.
    let results = commit(
        &mut store,
        epoch,
        vec![expunged(0), owed(0, 0, 1), owed(0, 1, 1)],
    );
    let (fresh, stale) = (ChangeResult::Fresh, ChangeResult::Stale);
    assert_eq!(results, [fresh, stale, fresh]);
    let begun_anew = Change::PutOpen(fanfare::domain::delivery::OpenDelivery {
        reopened_after: Some(1),
        ..open(endpoint_key(0, 0), 0, 9)
    });
    let results = commit(&mut store, epoch, vec![owed(0, 0, 2), begun_anew]);
    assert_eq!(results, [stale, stale]);
    assert_eq!(all_owed(&mut store), [(0, 1, 1, Some(6))]);
}
