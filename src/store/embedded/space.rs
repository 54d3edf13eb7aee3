//! Room on the disk. Below a reserve nothing new is taken while results are still written; a disk
//! that refused a write takes nothing until there is room again.

use super::{EmbeddedStore, disk::Space};
use crate::{domain::change::StoreMode, limits, store::Completion};

/// What is known of the room on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    /// What is taken.
    pub(super) mode: StoreMode,
    /// How much room there seemed to be when the disk refused a write, while it is not tried again.
    refused_at: Option<u64>,
    /// Looks since then that were made for their own sake, once a second, not behind a group.
    looks: u32,
}

impl EmbeddedStore {
    /// Looks how much room there is, and tells when that changes what is taken.
    pub(super) fn look_at_space(
        &mut self,
        was_full: bool,
        was_idle: bool,
        done: &mut Vec<Completion>,
    ) {
        // A disk that can't tell is taken to have room: it will refuse by itself.
        let space = self.disk.space().unwrap_or(PLENTY);
        let before = self.room.mode;
        self.room
            .look(space, self.options.reserve_bytes, was_full, was_idle);
        if self.room.mode != before {
            done.push(Completion::Mode(self.room.mode));
        }
    }
}

/// A disk that can't tell how much room it has.
const PLENTY: Space = Space {
    free: u64::MAX,
    total: u64::MAX,
};

/// Idle looks after which a disk that refused a write is tried again though it shows no more room than
/// before: what refuses may be a quota.
const LOOKS_UNTIL_TRIED: u32 = 60;

impl Room {
    /// What is taken from now on, with this much room. Going back takes a little more than what led
    /// here, so that it does not flutter: on a disk that takes no results, each attempt that goes out
    /// is made again later.
    fn look(&mut self, space: Space, reserve_max: u64, was_full: bool, was_idle: bool) {
        let reserve =
            (space.total / 20).clamp(limits::RESERVE_BYTES_MIN.min(reserve_max), reserve_max);
        let quarter = reserve / 4;
        if was_full {
            *self = Self {
                mode: StoreMode::ReadOnly,
                refused_at: Some(space.free),
                looks: 0,
            };
            return;
        }
        if let Some(refused_at) = self.refused_at {
            self.looks += u32::from(was_idle);
            if space.free < refused_at.saturating_add(quarter) && self.looks < LOOKS_UNTIL_TRIED {
                return;
            }
            self.refused_at = None;
        }
        self.mode = match self.mode {
            StoreMode::Normal if space.free >= reserve => StoreMode::Normal,
            StoreMode::Reserve | StoreMode::ReadOnly if space.free >= reserve + quarter => {
                StoreMode::Normal
            }
            StoreMode::ReadOnly if space.free < quarter => StoreMode::ReadOnly,
            StoreMode::Normal | StoreMode::Reserve | StoreMode::ReadOnly => StoreMode::Reserve,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn look(room: &mut Room, free: u64, was_full: bool) -> StoreMode {
        let space = Space {
            free: free * MIB,
            total: 10_000 * MIB,
        };
        room.look(space, 1024 * MIB, was_full, true);
        room.mode
    }

    #[test]
    fn a_reserve_is_kept_and_going_back_takes_more_than_it() {
        let at = |mode, free| {
            let mut room = Room {
                mode,
                ..Room::default()
            };
            look(&mut room, free, false)
        };
        assert_eq!(at(StoreMode::Normal, 500), StoreMode::Normal);
        assert_eq!(at(StoreMode::Normal, 499), StoreMode::Reserve);
        assert_eq!(at(StoreMode::Reserve, 510), StoreMode::Reserve);
        assert_eq!(at(StoreMode::Reserve, 625), StoreMode::Normal);
        assert_eq!(at(StoreMode::ReadOnly, 124), StoreMode::ReadOnly);
        assert_eq!(at(StoreMode::ReadOnly, 125), StoreMode::Reserve);
    }

    #[test]
    fn a_disk_that_refused_a_write_is_tried_again_when_it_has_more_room_or_a_minute_later() {
        let mut room = Room::default();
        assert_eq!(look(&mut room, 600, true), StoreMode::ReadOnly);
        assert_eq!(look(&mut room, 724, false), StoreMode::ReadOnly);
        assert_eq!(look(&mut room, 725, false), StoreMode::Normal);
        // A quota refuses whatever room the disk shows.
        assert_eq!(look(&mut room, 9_000, true), StoreMode::ReadOnly);
        // A look behind a group comes at any time, so it does not count.
        for _ in 0..10 * LOOKS_UNTIL_TRIED {
            let space = Space {
                free: 9_000 * MIB,
                total: 10_000 * MIB,
            };
            room.look(space, 1024 * MIB, false, false);
            assert_eq!(room.mode, StoreMode::ReadOnly);
        }
        for _ in 1..LOOKS_UNTIL_TRIED {
            assert_eq!(look(&mut room, 9_000, false), StoreMode::ReadOnly);
        }
        assert_eq!(look(&mut room, 9_000, false), StoreMode::Normal);
    }
}
