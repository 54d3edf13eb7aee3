//! What is due in a simulated world, by time, and among equals in the order in which it was caused.
//!
//! Some hundred things are due at any moment and each attempt adds one, so places are given in a slab
//! and only small keys move in the heap.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use slab::Slab;

use super::world::{Arrival, Due};
use crate::time::Timestamp;

/// When something is due, in which order it was caused, and its place in the slab.
type Key = Reverse<(Timestamp, u64, usize)>;

/// Everything that is due.
#[derive(Default)]
pub(super) struct Dues {
    order: BinaryHeap<Key>,
    dues: Slab<Due>,
    caused: u64,
    /// Shards that are to be acquired among them.
    acquires: usize,
}

impl Dues {
    /// Adds something that is due at a time.
    pub(super) fn add(&mut self, at: Timestamp, due: Due) {
        self.caused += 1;
        self.acquires += usize::from(is_acquire(&due));
        let place = self.dues.insert(due);
        self.order.push(Reverse((at, self.caused, place)));
    }

    /// When the first of them is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    /// The first of them, if it is due by now.
    pub(super) fn first(&self, now: Timestamp) -> Option<&Due> {
        let Reverse((at, _, place)) = self.order.peek()?;
        self.dues.get(*place).filter(|_| *at <= now)
    }

    /// Takes the first of them away.
    pub(super) fn take_first(&mut self) -> Option<Due> {
        let Reverse((.., place)) = self.order.pop()?;
        let due = self.dues.try_remove(place)?;
        self.acquires -= usize::from(is_acquire(&due));
        Some(due)
    }

    /// Whether a shard is to be acquired by now.
    pub(super) fn has_acquire(&self, now: Timestamp) -> bool {
        let is_now = |Reverse((at, _, place)): &Key| {
            *at <= now && self.dues.get(*place).is_some_and(is_acquire)
        };
        self.acquires > 0 && self.order.iter().any(is_now)
    }

    /// Puts those of a kind off that are due before a time, until that time and behind what is due then,
    /// in the order in which they are due.
    pub(super) fn put_off(&mut self, until: Timestamp, is_put_off: impl Fn(&Due) -> bool) {
        let mut put_off = Vec::new();
        let dues = &self.dues;
        self.order.retain(|key| {
            let Reverse((at, _, place)) = key;
            let stays = *at >= until || !dues.get(*place).is_some_and(&is_put_off);
            if !stays {
                put_off.push(*key);
            }
            stays
        });
        put_off.sort_unstable_by_key(|Reverse(key)| *key);
        for Reverse((.., place)) in put_off {
            self.caused += 1;
            self.order.push(Reverse((until, self.caused, place)));
        }
    }

    /// Takes the one away that is meant, wherever it stands.
    pub(super) fn take_one(&mut self, is_meant: impl Fn(&Due) -> bool) -> Option<Due> {
        let (place, _) = self.dues.iter().find(|(_, due)| is_meant(due))?;
        self.order.retain(|Reverse((.., other))| *other != place);
        let due = self.dues.try_remove(place)?;
        self.acquires -= usize::from(is_acquire(&due));
        Some(due)
    }

    /// Keeps those of a kind alone.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Due) -> bool) {
        self.dues.retain(|_, due| is_kept(due));
        let dues = &self.dues;
        self.order
            .retain(|Reverse((.., place))| dues.contains(*place));
        let left = self.dues.iter();
        self.acquires = left.filter(|(_, due)| is_acquire(due)).count();
    }
}

const fn is_acquire(due: &Due) -> bool {
    matches!(due, Due::Engine(Arrival::Acquire(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ShardId;

    fn number(due: Option<Due>) -> Option<usize> {
        match due? {
            Due::Die(number) => Some(number),
            _ => None,
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_earliest_comes_first_and_among_equals_what_was_caused_first() {
        let mut dues = Dues::default();
        for (micros, number) in [(5, 1), (3, 2), (5, 3), (3, 4)] {
            dues.add(at(micros), Due::Die(number));
        }
        assert_eq!(dues.next_at(), Some(at(3)));
        assert!(dues.first(at(2)).is_none() && dues.first(at(3)).is_some());
        let taken: Vec<_> = core::iter::from_fn(|| number(dues.take_first())).collect();
        assert_eq!(taken, [2, 4, 1, 3]);
        assert_eq!(dues.next_at(), None);
    }

    #[test]
    fn what_is_put_off_comes_behind_what_is_due_then_in_its_old_order() {
        let mut dues = Dues::default();
        for (micros, number) in [(5, 1), (3, 2), (9, 3), (3, 4), (4, 6)] {
            dues.add(at(micros), Due::Die(number));
        }
        dues.put_off(at(9), |due| matches!(due, Due::Die(number) if *number != 6));
        assert_eq!(dues.next_at(), Some(at(4)));
        let taken: Vec<_> = core::iter::from_fn(|| number(dues.take_first())).collect();
        assert_eq!(taken, [6, 3, 2, 4, 1]);
    }

    #[test]
    fn one_that_is_taken_away_is_never_met() {
        let mut dues = Dues::default();
        for (micros, number) in [(5, 1), (3, 2), (9, 3)] {
            dues.add(at(micros), Due::Die(number));
        }
        let is_second = |due: &Due| matches!(due, Due::Die(2));
        assert_eq!(number(dues.take_one(is_second)), Some(2));
        assert!(dues.take_one(is_second).is_none());
        let taken: Vec<_> = core::iter::from_fn(|| number(dues.take_first())).collect();
        assert_eq!(taken, [1, 3]);
    }

    #[test]
    fn what_is_not_kept_is_never_met_and_a_place_that_is_given_again_is_another_one() {
        let mut dues = Dues::default();
        let acquire = || Due::Engine(Arrival::Acquire(ShardId::new(1)));
        dues.add(at(1), acquire());
        dues.add(at(2), Due::Die(7));
        assert!(dues.has_acquire(at(1)) && !dues.has_acquire(at(0)));
        dues.retain(|due| matches!(due, Due::Die(_)));
        assert!(!dues.has_acquire(at(1)));
        dues.add(at(3), acquire());
        assert!(dues.has_acquire(at(3)) && !dues.has_acquire(at(2)));
        assert_eq!(number(dues.take_first()), Some(7));
        assert!(matches!(dues.take_first(), Some(Due::Engine(_))));
        assert!(!dues.has_acquire(at(9)) && dues.take_first().is_none());
    }
}
