//! An embedded store on a full disk: who is set back, and who is not.

use std::sync::Arc;

use fanfare::{
    domain::{
        change::{Batch, Epoch},
        id::ShardId,
    },
    sim::simulated_disk::SimulatedDisk,
    store::{
        Completion, Store as _,
        embedded::{EmbeddedOptions, EmbeddedStore},
        memory::DATA_SHARD,
    },
};

use crate::store_contract::rows::{batch, put_endpoint, put_event};

/// What became of the batches of one flush, by handle.
fn flush(store: &mut EmbeddedStore) -> Vec<(u64, bool)> {
    let mut done = Vec::new();
    store.flush(&mut done).expect("the disk works");
    done.iter()
        .filter_map(|completion| match completion {
            Completion::Committed(batch) => Some((batch.handle.number(), true)),
            Completion::CommitFailed(_, handle) => Some((handle.number(), false)),
            Completion::Mode(_) | Completion::Loaded(..) | Completion::LoadFailed(_) => None,
        })
        .collect()
}

fn directory_batch(handle: u64, epoch: Epoch) -> Box<Batch> {
    batch(handle, ShardId::DIRECTORY, epoch, Vec::new(), Vec::new())
}

#[test]
fn a_full_disk_takes_the_shards_of_the_failed_group_and_no_others() {
    let disk = SimulatedDisk::new(3);
    let options = EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    };
    let mut store = EmbeddedStore::open(Arc::new(disk.clone()), options).expect("it is made");
    let (directory, _) = store.acquire(ShardId::DIRECTORY).expect("it is there");
    let (data, _) = store.acquire(DATA_SHARD).expect("it is there");
    store.submit(batch(
        1,
        DATA_SHARD,
        data,
        vec![put_endpoint(0, 0, 1)],
        Vec::new(),
    ));
    assert_eq!(flush(&mut store), [(1, true)]);
    disk.limit(Some(disk.used()));
    let event = vec![put_event(0, 0, 2, 4_000_000)];
    store.submit(batch(2, DATA_SHARD, data, event, Vec::new()));
    assert_eq!(flush(&mut store), [(2, false)]);
    disk.limit(None);
    store.submit(directory_batch(3, directory));
    assert_eq!(flush(&mut store), [(3, true)], "it was not in the group");
    let event = vec![put_event(0, 0, 2, 10)];
    store.submit(batch(4, DATA_SHARD, data, event.clone(), Vec::new()));
    assert_eq!(flush(&mut store), [(4, false)], "its epoch is over");
    let (again, _) = store.acquire(DATA_SHARD).expect("it is there");
    assert!(again > data);
    store.submit(batch(5, DATA_SHARD, again, event, Vec::new()));
    assert_eq!(flush(&mut store), [(5, true)]);
}
