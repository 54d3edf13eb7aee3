//! Reads as of one moment: as many as somebody likes, and none of them sees what is written meanwhile.

use super::*;

/// How many events a list shows.
fn events(reads: &dyn Reads) -> usize {
    let all = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: usize::MAX,
    };
    reads.events(app(0), all).expect("readable").len()
}

/// Writes an event at a place.
fn write<S: Store>(store: &mut S, epoch: Epoch, position: u64) {
    let id = 100 + u128::from(position);
    let changes = vec![put_event(0, position, id, 10)];
    committed(
        store,
        batch(position, DATA_SHARD, epoch, changes, Vec::new()),
    );
}

pub(super) fn what_is_read_as_of_one_moment_is_what_single_reads_see<S: Store + Reads>(
    make: impl Fn() -> S,
) {
    let mut store = make();
    let epoch = acquire(&mut store, DATA_SHARD);
    let put = vec![put_endpoint(0, 0, 10)];
    committed(&mut store, batch(9, DATA_SHARD, epoch, put, Vec::new()));
    for position in 0..3 {
        write(&mut store, epoch, position);
    }
    let mut seen = Vec::new();
    let look = &mut |moment: &dyn Reads| {
        let key = endpoint_key(0, 0);
        let states = (0..4).map(|position| moment.delivery_state(key, at(position)));
        seen.extend(states.map(|state| state.expect("readable")));
        assert_eq!((events(moment), events(moment)), (3, 3));
        let again = &mut |inside: &dyn Reads| assert_eq!(events(inside), 3);
        moment.as_of_one_moment(again).expect("readable");
    };
    store.as_of_one_moment(look).expect("readable");
    let expected = (0..4).map(|position| store.delivery_state(endpoint_key(0, 0), at(position)));
    let expected: Vec<_> = expected.map(|state| state.expect("readable")).collect();
    assert_eq!(seen, expected);
    assert_eq!(seen.iter().flatten().count(), 3);
}

#[test]
fn nothing_is_seen_of_what_is_written_after_the_moment() {
    let mut store = embedded();
    let epoch = acquire(&mut store, DATA_SHARD);
    write(&mut store, epoch, 0);
    let reader = store.reader();
    let look = &mut |moment: &dyn Reads| {
        assert_eq!(events(moment), 1);
        write(&mut store, epoch, 1);
        assert_eq!((events(moment), events(&reader)), (1, 2));
    };
    reader.as_of_one_moment(look).expect("readable");
    assert_eq!(events(&reader), 2);
}
