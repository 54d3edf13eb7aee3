//! How full the engine is, for hosts that would rather refuse a request early: nothing is decided on it
//! here, where each command is judged by itself.

use super::Engine;
use crate::domain::{change::StoreMode, id::ShardId};

/// How much waits to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Less than half of what may.
    #[default]
    Low,
    /// Half of what may, or more: what can wait should.
    High,
    /// All that may: new events are refused.
    Full,
}

impl Pressure {
    /// That of `held` where `most` is the bound.
    #[must_use]
    pub const fn of(held: usize, most: usize) -> Self {
        if held >= most {
            Self::Full
        } else if held >= most.div_ceil(2) {
            Self::High
        } else {
            Self::Low
        }
    }
}

impl Engine {
    /// The shards whose pressure is not low, in their order; appended to `pressed`.
    pub fn pressed(&self, pressed: &mut Vec<(ShardId, Pressure)>) {
        for (shard, log) in self.logs.iter() {
            let pressure = log.pressure();
            if pressure > Pressure::Low {
                pressed.push((shard, pressure));
            }
        }
    }

    /// What the store last said of its room.
    #[must_use]
    pub const fn store_mode(&self) -> StoreMode {
        self.store_mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_bound_is_high_and_all_of_it_is_full() {
        for (held, expected) in [
            (0, Pressure::Low),
            (49, Pressure::Low),
            (50, Pressure::High),
            (99, Pressure::High),
            (100, Pressure::Full),
            (101, Pressure::Full),
        ] {
            assert_eq!(Pressure::of(held, 100), expected, "{held}");
        }
    }
}
