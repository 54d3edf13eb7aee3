//! Randomness as data: ChaCha streams by name, keyed draws, integer ranges and ratios.
//!
//! Two kinds of draw. A [`Stream`] is sequential and named, for what comes in an order of its own
//! (ids, the generator). A [`Draw`] is *keyed*: a pure function of the seed, a name and the
//! delivery it is about, so that neither order, nor other tenants, nor a changed policy shifts it,
//! and any draw can be computed again later to explain a decision. There are no floats here.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use xxhash_rust::xxh3::xxh3_64;

/// A sequential source of random integers (ChaCha with eight rounds).
///
/// Not for keys or secrets: its output is known to whoever knows the seed.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream called `name` of this seed, for one epoch of one shard.
    #[must_use]
    pub fn new(seed: u64, name: &str, shard: u16, epoch: u64) -> Self {
        Self(ChaCha8Rng::from_seed(key(
            seed,
            name,
            u64::from(shard),
            epoch,
        )))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An integer from 0 to `bound - 1`, each equally likely; 0 if `bound` is 0.
    ///
    /// Lemire's method (2019, "Fast Random Integer Generation in an Interval"), which is our own
    /// here so that a seed means the same after an update of the library.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let reject_below = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            let [low, high] = halves(wide);
            if low >= reject_below {
                return high;
            }
        }
    }

    /// An integer from `low` to `high`, both included, each equally likely; `low` if they cross.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        match (high - low).checked_add(1) {
            Some(count) => low + self.below(count),
            None => self.next_u64(),
        }
    }

    /// True with the probability `ratio`.
    pub fn chance(&mut self, ratio: Ratio) -> bool {
        self.below(u64::from(ratio.denominator)) < u64::from(ratio.numerator)
    }

    /// One of `choices`, each equally likely; `None` of an empty list.
    pub fn pick<'choice, T>(&mut self, choices: &'choice [T]) -> Option<&'choice T> {
        let index = self.below(u64::try_from(choices.len()).unwrap_or(u64::MAX));
        choices.get(usize::try_from(index).unwrap_or(usize::MAX))
    }
}

/// What a keyed draw is about: one attempt of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The event's id, as its 16 bytes read as an integer.
    pub event: u128,
    /// The endpoint's id, as its 16 bytes read as an integer.
    pub endpoint: u128,
    /// The attempt's number, from 1.
    pub attempt: u32,
}

impl Draw {
    /// The stream of this draw under `name`; the same for every caller who asks.
    #[must_use]
    pub fn stream(self, seed: u64, name: &str) -> Stream {
        let [event_low, event_high] = halves(self.event);
        let [endpoint_low, endpoint_high] = halves(self.endpoint);
        let mut about = [0_u8; 36];
        for (slot, value) in
            about
                .chunks_exact_mut(8)
                .zip([event_low, event_high, endpoint_low, endpoint_high])
        {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        if let Some(tail) = about.get_mut(32..) {
            tail.copy_from_slice(&self.attempt.to_le_bytes());
        }
        Stream(ChaCha8Rng::from_seed(key(
            seed,
            name,
            xxh3_64(&about),
            u64::from(self.attempt),
        )))
    }
}

/// A probability as a fraction of integers, `numerator / denominator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// The fraction; a denominator of 0 is taken as "never", a numerator over it as "always".
    #[must_use]
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        if denominator == 0 {
            return Self {
                numerator: 0,
                denominator: 1,
            };
        }
        let numerator = if numerator > denominator {
            denominator
        } else {
            numerator
        };
        Self {
            numerator,
            denominator,
        }
    }

    /// That many per cent.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::new(percent, 100)
    }

    /// The upper number of the fraction.
    #[must_use]
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The lower number of the fraction; never 0.
    #[must_use]
    pub const fn denominator(self) -> u32 {
        self.denominator
    }
}

/// The 32 bytes that a ChaCha stream starts from.
fn key(seed: u64, name: &str, first: u64, second: u64) -> [u8; 32] {
    let mut key = [0_u8; 32];
    for (slot, value) in
        key.chunks_exact_mut(8)
            .zip([seed, xxh3_64(name.as_bytes()), first, second])
    {
        slot.copy_from_slice(&value.to_le_bytes());
    }
    key
}

/// The low and the high half of a 128-bit integer.
fn halves(wide: u128) -> [u64; 2] {
    let bytes = wide.to_le_bytes();
    let mut result = [0_u64; 2];
    for (slot, chunk) in result.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut half = [0_u8; 8];
        half.copy_from_slice(chunk);
        *slot = u64::from_le_bytes(half);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_name_shard_and_epoch_and_repeat_by_all_four() {
        let first = |seed, name, shard, epoch| Stream::new(seed, name, shard, epoch).next_u64();
        let base = first(1, "id", 1, 1);
        assert_eq!(base, first(1, "id", 1, 1));
        for other in [
            first(2, "id", 1, 1),
            first(1, "ids", 1, 1),
            first(1, "id", 2, 1),
            first(1, "id", 1, 2),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn the_first_draws_of_seed_one_never_change() {
        // A golden value: whoever changes it changes what every old seed means.
        let mut stream = Stream::new(1, "id", 1, 1);
        let drawn: Vec<u64> = (0..3).map(|_| stream.below(1_000_000)).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 3] = [31_332, 460_909, 787_707];

    #[test]
    fn a_keyed_draw_depends_on_each_part_of_its_key() {
        let draw = Draw {
            event: 1 << 70,
            endpoint: 7,
            attempt: 2,
        };
        let value = |draw: Draw| draw.stream(9, "jitter").next_u64();
        assert_eq!(value(draw), value(draw));
        for other in [
            Draw {
                event: 1 << 71,
                ..draw
            },
            Draw {
                endpoint: 1 << 66,
                ..draw
            },
            Draw { attempt: 3, ..draw },
        ] {
            assert_ne!(value(draw), value(other));
        }
    }

    #[test]
    fn ranges_hold_their_ends_and_reach_them() {
        let mut stream = Stream::new(3, "range", 0, 0);
        let drawn: Vec<u64> = (0..500).map(|_| stream.between(10, 13)).collect();
        assert_eq!(drawn.iter().min(), Some(&10));
        assert_eq!(drawn.iter().max(), Some(&13));
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.between(5, 5), 5);
        assert_eq!(stream.between(6, 5), 6);
        assert_eq!(stream.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_ratio_is_met_about_as_often_as_it_says() {
        let mut stream = Stream::new(4, "chance", 0, 0);
        let hits = (0..10_000)
            .filter(|_| stream.chance(Ratio::percent(20)))
            .count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!(!stream.chance(Ratio::new(1, 0)));
        assert!(stream.chance(Ratio::new(5, 2)));
    }
}
