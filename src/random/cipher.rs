//! ChaCha with eight rounds as a source of numbers: one block at a time, since a keyed draw needs a few
//! numbers of a stream of its own. Its output is that of the cipher with a nonce of zeros and a 64-bit
//! count of blocks, so a seed means the same wherever the cipher is known.

/// The first row of each block: `expand 32-byte k`.
const CONSTANTS: Row = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Each is two of the eight rounds: one by columns, one by diagonals.
const DOUBLE_ROUNDS: usize = 4;
/// Numbers of 64 bits in a block.
const NUMBERS: usize = 8;

/// A row of the square of words that a block is made from.
type Row = [u32; 4];

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Cipher {
    key: [Row; 2],
    /// The count of the next block.
    count: u64,
    numbers: [u64; NUMBERS],
    /// How many numbers of the block are taken.
    taken: usize,
}

impl Cipher {
    /// The stream of a key, from its beginning.
    pub(super) fn new(key: [u64; 4]) -> Self {
        let [first, second, third, fourth] = key.map(split);
        Self {
            key: [join(first, second), join(third, fourth)],
            count: 0,
            numbers: [0; NUMBERS],
            taken: NUMBERS,
        }
    }

    /// The next number.
    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        if self.taken >= NUMBERS {
            self.numbers = block(self.key, self.count);
            self.count = self.count.wrapping_add(1);
            self.taken = 0;
        }
        let number = self.numbers.get(self.taken).copied();
        self.taken += 1;
        number.unwrap_or_default()
    }
}

/// The block of this count.
fn block([second, third]: [Row; 2], count: u64) -> [u64; NUMBERS] {
    let begin = [CONSTANTS, second, third, join(split(count), [0, 0])];
    let mut rows = begin;
    for _ in 0..DOUBLE_ROUNDS {
        rows = quarter_rounds(rows);
        let [a, [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3]] = rows;
        rows = quarter_rounds([a, [b1, b2, b3, b0], [c2, c3, c0, c1], [d3, d0, d1, d2]]);
        let [a, [b1, b2, b3, b0], [c2, c3, c0, c1], [d3, d0, d1, d2]] = rows;
        rows = [a, [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3]];
    }
    let [a, b, c, d] = rows;
    let [e, f, g, h] = begin;
    let [first, second] = numbers(sum(a, e));
    let [third, fourth] = numbers(sum(b, f));
    let [fifth, sixth] = numbers(sum(c, g));
    let [seventh, eighth] = numbers(sum(d, h));
    [first, second, third, fourth, fifth, sixth, seventh, eighth]
}

/// A quarter round of each column.
#[inline]
fn quarter_rounds([mut a, mut b, mut c, mut d]: [Row; 4]) -> [Row; 4] {
    a = sum(a, b);
    d = mixed::<16>(d, a);
    c = sum(c, d);
    b = mixed::<12>(b, c);
    a = sum(a, b);
    d = mixed::<8>(d, a);
    c = sum(c, d);
    b = mixed::<7>(b, c);
    [a, b, c, d]
}

#[inline]
fn sum([a, b, c, d]: Row, [e, f, g, h]: Row) -> Row {
    [
        a.wrapping_add(e),
        b.wrapping_add(f),
        c.wrapping_add(g),
        d.wrapping_add(h),
    ]
}

/// Each word with the other one's bits, turned by so many.
#[inline]
fn mixed<const BY: u32>([a, b, c, d]: Row, [e, f, g, h]: Row) -> Row {
    [
        (a ^ e).rotate_left(BY),
        (b ^ f).rotate_left(BY),
        (c ^ g).rotate_left(BY),
        (d ^ h).rotate_left(BY),
    ]
}

/// The low and the high word of a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low word is what is asked for"
)]
const fn split(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

const fn join([a, b]: [u32; 2], [c, d]: [u32; 2]) -> Row {
    [a, b, c, d]
}

/// Two numbers, the low word first.
fn numbers([a, b, c, d]: Row) -> [u64; 2] {
    let number = |low: u32, high: u32| u64::from(low) | (u64::from(high) << 32);
    [number(a, b), number(c, d)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::*;

    proptest! {
        #[test]
        fn its_numbers_are_those_of_the_published_cipher(key: [u64; 4], count in 1_usize..100) {
            let mut seed = [0; 32];
            for (slot, value) in seed.chunks_exact_mut(8).zip(key) {
                slot.copy_from_slice(&value.to_le_bytes());
            }
            let mut published = ChaCha8Rng::from_seed(seed);
            let mut cipher = Cipher::new(key);
            for _ in 0..count {
                prop_assert_eq!(cipher.next(), published.next_u64());
            }
        }
    }
}
