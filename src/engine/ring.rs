//! The ring: the newest events of an application, once in memory, whatever waits for them.
//!
//! A lane stands at a place of the ring and walks from event to event, so a wide or a deep fan-out
//! costs nothing per delivery. Each slot counts the lanes whose cursor stands on it: the first slot
//! with one is the watermark, before which everything is settled, and the slots before it go.

use std::{collections::VecDeque, sync::Arc};

use super::audit::Miscount;
use crate::domain::event::{Event, EventPosition};

/// The newest events of one application, in order and without gaps in their places.
#[derive(Debug, Default)]
pub(super) struct Ring {
    base: EventPosition,
    slots: VecDeque<Slot>,
    bytes: usize,
}

/// One place of the ring.
#[derive(Debug)]
struct Slot {
    /// `None` where an event was refused after its place had been given, or expunged.
    event: Option<Arc<Event>>,
    /// Lanes whose cursor stands here.
    lanes: u32,
}

impl Ring {
    /// An empty ring whose next event has the place `base`.
    pub(super) const fn starting_at(base: EventPosition) -> Self {
        Self {
            base,
            slots: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The first place held: everything before it is settled or lags.
    pub(super) const fn base(&self) -> EventPosition {
        self.base
    }

    /// The place behind the newest event.
    pub(super) fn end(&self) -> EventPosition {
        self.base.plus(self.len() as u64)
    }

    /// How many places are held.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Payload bytes held.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether what is counted is what there is; `cursors` are those of all lanes that stand here.
    pub(super) fn audit(&self, mut cursors: Vec<EventPosition>) -> Option<Miscount> {
        let events = self.slots.iter().filter_map(|slot| slot.event.as_ref());
        let bytes = events.map(|event| event.payload.bytes.len()).sum();
        cursors.sort_unstable();
        let slots = (0..).zip(&self.slots);
        let noted = slots.flat_map(|(place, slot)| {
            let lanes = usize::try_from(slot.lanes).unwrap_or(usize::MAX);
            core::iter::repeat_n(self.base.plus(place), lanes)
        });
        Miscount::of("bytes of newest events", self.bytes, bytes)
            .or_else(|| Miscount::unless("cursors on newest events", noted.eq(cursors)))
    }

    /// Adds the event of the next place, or the gap where it was refused.
    pub(super) fn push(&mut self, event: Option<Arc<Event>>) {
        self.bytes += event.as_ref().map_or(0, |event| event.payload.bytes.len());
        self.slots.push_back(Slot { event, lanes: 0 });
    }

    /// The event at `position` is none any more: its place is a gap.
    pub(super) fn forget(&mut self, position: EventPosition) {
        let event = self.slot(position).and_then(|slot| slot.event.take());
        self.bytes -= event.map_or(0, |event| event.payload.bytes.len());
    }

    /// What stands at `position`: `None` if it isn't held, `Some(None)` for a gap.
    pub(super) fn at(&self, position: EventPosition) -> Option<Option<&Arc<Event>>> {
        self.slots
            .get(self.index(position)?)
            .map(|slot| slot.event.as_ref())
    }

    /// Whether `position` is held.
    pub(super) fn holds(&self, position: EventPosition) -> bool {
        self.base <= position && position < self.end()
    }

    /// A lane's cursor comes to stand at `position`; it must be held.
    pub(super) fn enter(&mut self, position: EventPosition) {
        if let Some(slot) = self.slot(position) {
            slot.lanes += 1;
        }
    }

    /// A lane's cursor leaves `position`, and settled places before the first cursor go.
    pub(super) fn leave(&mut self, position: EventPosition) {
        let Some(slot) = self.slot(position) else {
            return;
        };
        slot.lanes = slot.lanes.saturating_sub(1);
        if slot.lanes == 0 && position == self.base {
            self.trim();
        }
    }

    /// Lets the settled places at the front go.
    pub(super) fn trim(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.lanes == 0) {
            self.pop();
        }
    }

    /// Lets the first `count` places go though lanes stand on them; these must be told to lag.
    pub(super) fn evict(&mut self, count: usize) {
        for _ in 0..count.min(self.len()) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.bytes -= slot.event.map_or(0, |event| event.payload.bytes.len());
            self.base = self.base.plus(1);
        }
    }

    fn slot(&mut self, position: EventPosition) -> Option<&mut Slot> {
        let index = self.index(position)?;
        self.slots.get_mut(index)
    }

    fn index(&self, position: EventPosition) -> Option<usize> {
        (position >= self.base)
            .then(|| usize::try_from(position.since(self.base)).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_before_the_first_cursor_go_and_the_base_is_the_watermark() {
        let mut ring = Ring::starting_at(EventPosition::new(10));
        for _ in 0..4 {
            ring.push(None);
        }
        ring.enter(EventPosition::new(10));
        ring.enter(EventPosition::new(12));
        ring.leave(EventPosition::new(10));
        assert_eq!(ring.base(), EventPosition::new(12));
        assert!(ring.at(EventPosition::new(11)).is_none());
        assert!(ring.holds(EventPosition::new(13)) && !ring.holds(EventPosition::new(14)));
        ring.leave(EventPosition::new(12));
        assert_eq!((ring.base(), ring.len()), (EventPosition::new(14), 0));
    }

    #[test]
    fn a_cursor_in_the_middle_holds_what_lies_behind_it() {
        let mut ring = Ring::starting_at(EventPosition::new(0));
        for _ in 0..3 {
            ring.push(None);
        }
        ring.enter(EventPosition::new(0));
        ring.enter(EventPosition::new(1));
        ring.leave(EventPosition::new(1));
        assert_eq!(ring.len(), 3);
        ring.evict(2);
        assert_eq!(
            (ring.base(), ring.end()),
            (EventPosition::new(2), EventPosition::new(3))
        );
    }
}
