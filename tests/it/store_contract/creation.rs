//! The first creation of the embedded store, broken off at each operation of the disk.

use super::*;
use fanfare::sim::simulated_disk::DiskFaults;

/// A process is killed at some operation of the first creation; the next one goes on, and what it
/// commits must outlive the power.
#[test]
fn what_is_committed_after_a_creation_that_was_broken_off_outlives_the_power() {
    let options = EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    };
    let mut broken_off = 0;
    for operation in 0..80 {
        for seed in 0..4 {
            let disk = SimulatedDisk::new(seed);
            let open = || EmbeddedStore::open(Arc::new(disk.clone()), options.clone());
            disk.set_faults(DiskFaults {
                crash_at: Some(operation),
                ..DiskFaults::default()
            });
            broken_off += u32::from(open().is_err());
            disk.kill();
            disk.set_faults(DiskFaults::default());
            disk.restart_warm();
            let mut store = open().expect("a killed process leaves nothing that can't be opened");
            filled(&mut store);
            disk.kill();
            drop(store);
            disk.restart();
            let store = open().expect("the power leaves nothing that can't be opened");
            let found = store.event(app(0), &Name::Id(Id::from_value(13)));
            let found = found.expect("readable");
            assert!(found.is_some(), "operation {operation}, seed {seed}");
        }
    }
    assert!(broken_off > 40, "{broken_off}");
}
