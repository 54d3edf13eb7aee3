//! What is kept and what goes: how much open and ended work there is, and the ended events in the
//! order in which they ended.

use std::collections::VecDeque;

use super::{MemoryOptions, Volume};
use crate::domain::{application::ApplicationKey, event::EventPosition};

/// Accounts for everything a data shard keeps.
#[derive(Debug)]
pub(super) struct Retention {
    options: MemoryOptions,
    /// What belongs to open events.
    pub(super) open: Volume,
    /// What belongs to ended events.
    pub(super) ended: Volume,
    queue: VecDeque<Ended>,
    next_number: u64,
}

/// An event that ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    number: u64,
    application: ApplicationKey,
    position: EventPosition,
}

impl Volume {
    /// Makes it larger by `other`.
    pub(super) const fn add(&mut self, other: Self) {
        self.events += other.events;
        self.attempts += other.attempts;
        self.bytes += other.bytes;
    }

    /// Makes it smaller by `other`, which is part of it.
    pub(super) const fn subtract(&mut self, other: Self) {
        self.events -= other.events;
        self.attempts -= other.attempts;
        self.bytes -= other.bytes;
    }
}

impl Retention {
    /// Of an empty shard.
    pub(super) fn new(options: MemoryOptions) -> Self {
        Self {
            options,
            open: Volume::default(),
            ended: Volume::default(),
            queue: VecDeque::new(),
            next_number: 0,
        }
    }

    /// Whether an event with a payload of that many bytes still fits beside the open ones.
    pub(super) const fn has_room(&self, bytes: usize) -> bool {
        self.open.events < self.options.events_max && self.has_room_for_body(bytes)
    }

    /// Whether a reply body of that many bytes still fits beside the open events.
    pub(super) const fn has_room_for_body(&self, bytes: usize) -> bool {
        // Events that are open again may hold more than there is room for.
        self.open.bytes.saturating_add(bytes) <= self.options.bytes_max
    }

    /// The account that an event's volume belongs to.
    pub(super) const fn volume_of(&mut self, has_ended: bool) -> &mut Volume {
        if has_ended {
            &mut self.ended
        } else {
            &mut self.open
        }
    }

    /// An event of this volume has ended; gives the number to mark it with.
    pub(super) fn end(
        &mut self,
        application: ApplicationKey,
        position: EventPosition,
        volume: Volume,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push_back(Ended {
            number,
            application,
            position,
        });
        self.open.subtract(volume);
        self.ended.add(volume);
        number
    }

    /// The event that was marked with `number` is open again.
    pub(super) fn reopen(&mut self, number: u64, volume: Volume) {
        let place = self.queue.partition_point(|ended| ended.number < number);
        self.queue.remove(place);
        self.ended.subtract(volume);
        self.open.add(volume);
    }

    /// The ended event that must go next, while more is kept than there is room for.
    pub(super) fn next_to_forget(&mut self) -> Option<(ApplicationKey, EventPosition)> {
        let too_much = self.ended.events > self.options.events_max
            || self.ended.attempts > self.options.attempts_max
            || self.ended.bytes + self.open.bytes > self.options.bytes_max;
        let ended = too_much.then(|| self.queue.pop_front()).flatten()?;
        Some((ended.application, ended.position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_over_its_bound_takes_not_even_an_empty_payload() {
        let mut retention = Retention::new(MemoryOptions {
            bytes_max: 10,
            ..MemoryOptions::default()
        });
        retention.open.bytes = 10;
        assert!(retention.has_room(0) && !retention.has_room(1));
        retention.open.bytes = 11;
        assert!(!retention.has_room(0) && !retention.has_room_for_body(0));
    }
}
