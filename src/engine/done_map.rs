//! The done map: which of the next 256 events after a lane's cursor are settled.
//!
//! Attempts of one lane end out of order; the map lets the cursor follow without a row for each.

use crate::{domain::event::EventPosition, limits};

/// A cursor and one bit for each of the events from it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DoneMap {
    cursor: EventPosition,
    /// Bit `n` of the whole stands for the event `n` places after the cursor; bit 0 is never set.
    bits: [u64; 4],
}

impl DoneMap {
    /// A map with nothing settled from `cursor` on.
    pub(super) const fn starting_at(cursor: EventPosition) -> Self {
        Self {
            cursor,
            bits: [0; 4],
        }
    }

    /// A map as it was stored.
    pub(super) fn restored(cursor: EventPosition, bits: [u64; 4]) -> Self {
        let mut map = Self { cursor, bits };
        map.follow();
        map
    }

    /// Everything before it is settled.
    pub(super) const fn cursor(&self) -> EventPosition {
        self.cursor
    }

    /// The bits as they are stored.
    pub(super) const fn bits(&self) -> [u64; 4] {
        self.bits
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
        word.is_some_and(|word| word >> (offset % 64) & 1 == 1)
    }

    /// The place behind the last one that can be settled while the cursor stands.
    pub(super) const fn limit(&self) -> EventPosition {
        self.cursor.plus(limits::DONE_MAP_EVENTS)
    }

    /// Settles the event at `position`, which must lie before [`DoneMap::limit`].
    pub(super) fn settle(&mut self, position: EventPosition) {
        if position < self.cursor {
            return;
        }
        if position == self.cursor && self.bits == [0; 4] {
            self.cursor = position.plus(1);
            return;
        }
        let offset = position.since(self.cursor);
        if let Some(word) = usize::try_from(offset / 64)
            .ok()
            .and_then(|w| self.bits.get_mut(w))
        {
            *word |= 1 << (offset % 64);
        }
        self.follow();
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
            offsets in prop::collection::vec(0_u64..256, 1..600),
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
                for position in cursor..cursor + 256 {
                    prop_assert_eq!(
                        map.is_done(EventPosition::new(position)),
                        model.contains(&position)
                    );
                }
                prop_assert_eq!(DoneMap::restored(map.cursor(), map.bits()), map);
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
}
