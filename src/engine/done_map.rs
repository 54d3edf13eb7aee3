//! The done map: which of the next 256 events after a lane's cursor are settled, and a few further ahead.
//!
//! Attempts of one lane end out of order; the map lets the cursor follow without a row for each. Only what
//! succeeds by hand may be further ahead than 256: the walk waits there.

use crate::{
    domain::{delivery::LaneRow, event::EventPosition},
    limits,
};

/// A cursor, one bit for each of the events from it on, and a list of what is settled further ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DoneMap {
    cursor: EventPosition,
    /// Bit `n` of the whole stands for the event `n` places after the cursor; bit 0 is never set.
    bits: [u64; 4],
    /// Settled places from [`DoneMap::limit`] on, in their order.
    far: Vec<EventPosition>,
}

impl DoneMap {
    /// A map with nothing settled from `cursor` on.
    pub(super) const fn starting_at(cursor: EventPosition) -> Self {
        Self {
            cursor,
            bits: [0; 4],
            far: Vec::new(),
        }
    }

    /// A map as it was stored.
    pub(super) fn restored(row: LaneRow) -> Self {
        let mut map = Self {
            cursor: row.cursor,
            bits: row.done,
            far: row.far,
        };
        map.follow();
        map.come_near();
        map
    }

    /// The map as it is stored.
    pub(super) fn row(&self) -> LaneRow {
        LaneRow {
            cursor: self.cursor,
            done: self.bits,
            far: self.far.clone(),
        }
    }

    /// Everything before it is settled.
    pub(super) const fn cursor(&self) -> EventPosition {
        self.cursor
    }

    /// How many are settled further ahead than the bits reach.
    pub(super) const fn far(&self) -> usize {
        self.far.len()
    }

    /// Whether the event at `position` is settled.
    pub(super) fn is_done(&self, position: EventPosition) -> bool {
        if position < self.cursor {
            return true;
        }
        let offset = position.since(self.cursor);
        let word = usize::try_from(offset / 64)
            .ok()
            .and_then(|word| self.bits.get(word));
        word.map_or_else(
            || self.far.binary_search(&position).is_ok(),
            |word| word >> (offset % 64) & 1 == 1,
        )
    }

    /// The place behind the last one that the walk may come to while the cursor stands.
    pub(super) const fn limit(&self) -> EventPosition {
        self.cursor.plus(limits::DONE_MAP_EVENTS)
    }

    /// Settles the event at `position`.
    pub(super) fn settle(&mut self, position: EventPosition) {
        if position < self.cursor {
            return;
        }
        if position == self.cursor && self.bits == [0; 4] {
            self.cursor = position.plus(1);
        } else if !self.mark(position) {
            if let Err(place) = self.far.binary_search(&position) {
                self.far.insert(place, position);
            }
            return;
        } else {
            self.follow();
        }
        self.come_near();
    }

    /// Marks the event at `position` by its bit; false if that is out of reach.
    fn mark(&mut self, position: EventPosition) -> bool {
        let offset = position.since(self.cursor);
        let word = usize::try_from(offset / 64);
        let word = word.ok().and_then(|word| self.bits.get_mut(word));
        let Some(word) = word else {
            return false;
        };
        *word |= 1 << (offset % 64);
        true
    }

    /// Marks what the cursor came near to.
    fn come_near(&mut self) {
        while let Some(nearest) = self.far.first().copied() {
            if nearest >= self.cursor && !self.mark(nearest) {
                return;
            }
            self.far.remove(0);
            self.follow();
        }
    }

    /// Moves the cursor behind the settled events that now begin at it.
    fn follow(&mut self) {
        loop {
            let [first, ..] = self.bits;
            let run = first.trailing_ones();
            if run == 0 {
                return;
            }
            self.cursor = self.cursor.plus(u64::from(run));
            self.shift(run);
        }
    }

    /// Shifts the bits down by 1 to 64 places.
    fn shift(&mut self, places: u32) {
        let mut above = 0;
        for word in self.bits.iter_mut().rev() {
            let wide = (u128::from(above) << 64) | u128::from(*word);
            above = *word;
            let bytes = (wide >> places).to_le_bytes();
            let mut low = [0; 8];
            low.copy_from_slice(bytes.split_at(8).0);
            *word = u64::from_le_bytes(low);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_cursor_follows_as_a_set_of_numbers_would(
            offsets in prop::collection::vec(prop_oneof![9 => 0_u64..256, 1 => 0_u64..700], 1..600),
        ) {
            let mut map = DoneMap::starting_at(EventPosition::new(100));
            let mut model = BTreeSet::new();
            let mut cursor = 100;
            for offset in offsets {
                let position = cursor + offset;
                map.settle(EventPosition::new(position));
                model.insert(position);
                while model.remove(&cursor) {
                    cursor += 1;
                }
                prop_assert_eq!(map.cursor().number(), cursor);
                for position in cursor..cursor + 700 {
                    prop_assert_eq!(
                        map.is_done(EventPosition::new(position)),
                        model.contains(&position)
                    );
                }
                prop_assert_eq!(DoneMap::restored(map.row()), map.clone());
            }
        }
    }

    #[test]
    fn a_full_map_empties_at_once_when_its_first_event_settles() {
        let mut map = DoneMap::starting_at(EventPosition::new(0));
        for position in 1..256 {
            map.settle(EventPosition::new(position));
        }
        assert_eq!(map.cursor(), EventPosition::new(0));
        map.settle(EventPosition::new(0));
        assert_eq!(map, DoneMap::starting_at(EventPosition::new(256)));
    }

    #[test]
    fn what_is_settled_beyond_its_reach_is_known_when_the_cursor_comes_near() {
        let at = EventPosition::new;
        let mut map = DoneMap::starting_at(at(0));
        for position in [900, 256, 900, 257] {
            map.settle(at(position));
        }
        assert_eq!(map.far(), 3);
        assert!(map.is_done(at(900)) && !map.is_done(at(901)) && !map.is_done(at(255)));
        let mut stored = DoneMap::restored(map.row());
        assert_eq!(stored, map);
        for position in 0..256 {
            stored.settle(at(position));
        }
        assert_eq!((stored.cursor(), stored.far()), (at(258), 1));
        for position in 258..900 {
            stored.settle(at(position));
        }
        assert_eq!((stored.cursor(), stored.far()), (at(901), 0));
    }
}
