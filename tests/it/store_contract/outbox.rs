//! What every store keeps of what one shard tells another.

use super::*;
use bytes::Bytes;
use fanfare::domain::{once::Once, outbox::OutboxRow};

/// A row with an id of this shard.
fn row(shard: u16, number: u128) -> Arc<OutboxRow> {
    Arc::new(OutboxRow {
        id: Id::from_value((u128::from(shard) << 64) | number),
        event_type: "endpoint.created".into(),
        payload: Bytes::from(format!("{{\"number\":{number}}}")),
    })
}

fn told(change: Change, number: u128) -> Change {
    Change::Told(Box::new(change), row(1, number))
}

/// What the store gives of the outbox when the shard is acquired.
fn waiting<S: Store>(store: &mut S) -> Vec<Arc<OutboxRow>> {
    match store.acquire(DATA_SHARD) {
        Ok((_, ShardState::Data { outbox, .. })) => outbox,
        other => panic!("no data shard: {other:?}"),
    }
}

pub(super) fn what_is_told_is_written_only_with_what_it_tells_of<S: Inspect>(make: impl Fn() -> S) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let once = |key| Once {
        key_sha256: [key; 32],
        body_sha256: [0; 32],
    };
    let deletion = || Change::DeleteEndpoint {
        endpoint: endpoint_key(0, 0),
        from: at(0),
    };
    let new = |ordinal, id, number| told(put_endpoint(0, ordinal, id), number).once(Some(once(7)));
    let results = commit(&mut store, epoch, vec![new(0, 10, 20)]);
    assert_eq!(results, [ChangeResult::Fresh]);
    let replayed = commit(&mut store, epoch, vec![new(1, 11, 21)]);
    assert_eq!(replayed, [ChangeResult::Replayed(Id::from_value(10))]);
    let changes = vec![told(deletion(), 22), told(deletion(), 23)];
    let results = commit(&mut store, epoch, changes);
    assert_eq!(results, [ChangeResult::Fresh, ChangeResult::Stale]);
    assert_eq!(waiting(&mut store), [row(1, 20), row(1, 22)]);
}

pub(super) fn what_is_told_to_another_shard_stays_until_it_is_taken_away<S: Inspect>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![
        put_endpoint(0, 0, 10),
        Change::PutOutbox(row(1, 31)),
        Change::PutOutbox(row(1, 30)),
    ];
    assert_eq!(commit(&mut store, epoch, changes), [ChangeResult::Fresh; 3]);
    assert_eq!(waiting(&mut store), [row(1, 30), row(1, 31)]);
    let (_, last_id) = recovered(&mut store);
    assert_eq!(last_id, row(1, 31).id, "their ids are given out");
    let epoch = acquire(&mut store, DATA_SHARD);
    let changes = vec![Change::DeleteOutbox(row(1, 30).id)];
    commit(&mut store, epoch, changes);
    assert_eq!(waiting(&mut store), [row(1, 31)]);
    for of_another_shard in [
        Change::PutOutbox(row(2, 40)),
        Change::DeleteOutbox(row(2, 40).id),
        Change::Told(Box::new(put_endpoint(0, 1, 11)), row(2, 40)),
    ] {
        let epoch = acquire(&mut store, DATA_SHARD);
        let changes = vec![of_another_shard];
        fails(&mut store, batch(9, DATA_SHARD, epoch, changes, Vec::new()));
    }
    assert_eq!(waiting(&mut store), [row(1, 31)]);
}
