//! Room on the disk. Below a reserve nothing new is taken while results are still written; a disk
//! that refused a write takes nothing until there is room again.

use super::{EmbeddedStore, disk::Space};
use crate::{domain::change::StoreMode, limits, store::Completion};

impl EmbeddedStore {
    /// Looks how much room there is, and tells when that changes what is taken.
    pub(super) fn look_at_space(&mut self, was_full: bool, done: &mut Vec<Completion>) {
        // A disk that can't tell is taken to have room: it will refuse by itself.
        let mode = match self.disk.space() {
            Ok(space) => mode(self.mode, space, self.options.reserve_bytes, was_full),
            Err(_) if was_full => StoreMode::ReadOnly,
            Err(_) => StoreMode::Normal,
        };
        if mode != self.mode {
            self.mode = mode;
            done.push(Completion::Mode(mode));
        }
    }
}

/// What is taken next, with this much room; going back takes a little more than what led here, so
/// that it does not flutter.
fn mode(before: StoreMode, space: Space, reserve_max: u64, was_full: bool) -> StoreMode {
    let reserve = (space.total / 20).clamp(limits::RESERVE_BYTES_MIN.min(reserve_max), reserve_max);
    let quarter = reserve / 4;
    if was_full {
        return StoreMode::ReadOnly;
    }
    match before {
        StoreMode::Normal if space.free >= reserve => StoreMode::Normal,
        StoreMode::Reserve | StoreMode::ReadOnly if space.free >= reserve + quarter => {
            StoreMode::Normal
        }
        StoreMode::ReadOnly if space.free < quarter => StoreMode::ReadOnly,
        StoreMode::Normal | StoreMode::Reserve | StoreMode::ReadOnly => StoreMode::Reserve,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_and_going_back_takes_more_than_it() {
        const MIB: u64 = 1024 * 1024;
        let at = |before, free| {
            let space = Space {
                free: free * MIB,
                total: 10_000 * MIB,
            };
            mode(before, space, 1024 * MIB, false)
        };
        assert_eq!(at(StoreMode::Normal, 500), StoreMode::Normal);
        assert_eq!(at(StoreMode::Normal, 499), StoreMode::Reserve);
        assert_eq!(at(StoreMode::Reserve, 510), StoreMode::Reserve);
        assert_eq!(at(StoreMode::Reserve, 625), StoreMode::Normal);
        assert_eq!(at(StoreMode::ReadOnly, 124), StoreMode::ReadOnly);
        assert_eq!(at(StoreMode::ReadOnly, 125), StoreMode::Reserve);
        let plenty = Space {
            free: 9_000 * MIB,
            total: 10_000 * MIB,
        };
        assert_eq!(
            mode(StoreMode::Normal, plenty, 1024 * MIB, true),
            StoreMode::ReadOnly
        );
    }
}
