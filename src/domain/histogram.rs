//! A histogram: how many lengths of time were how long, as integers.

use crate::time::Span;

/// Most bounds that a histogram has.
pub const BOUNDS_MAX: usize = 20;

/// Bounds for attempts, which end within a minute.
pub const ATTEMPT_BOUNDS: &[Span] = &[
    Span::from_millis(1),
    Span::from_micros(2_500),
    Span::from_millis(5),
    Span::from_millis(10),
    Span::from_millis(25),
    Span::from_millis(50),
    Span::from_millis(100),
    Span::from_millis(250),
    Span::from_millis(500),
    Span::from_seconds(1),
    Span::from_millis(2_500),
    Span::from_seconds(5),
    Span::from_seconds(10),
    Span::from_seconds(30),
    Span::from_seconds(60),
];

/// Bounds for deliveries, which succeed at once or, where retries were needed, after days.
pub const DELIVERY_BOUNDS: &[Span] = &[
    Span::from_millis(5),
    Span::from_millis(10),
    Span::from_millis(25),
    Span::from_millis(50),
    Span::from_millis(100),
    Span::from_millis(250),
    Span::from_millis(500),
    Span::from_seconds(1),
    Span::from_millis(2_500),
    Span::from_seconds(5),
    Span::from_seconds(10),
    Span::from_seconds(30),
    Span::from_seconds(60),
    Span::from_seconds(5 * 60),
    Span::from_seconds(30 * 60),
    Span::from_seconds(2 * 3_600),
    Span::from_seconds(12 * 3_600),
    Span::from_seconds(86_400),
    Span::from_seconds(3 * 86_400),
];

/// Bounds for commits, which take what a sync of the disk takes.
pub const COMMIT_BOUNDS: &[Span] = &[
    Span::from_micros(100),
    Span::from_micros(250),
    Span::from_micros(500),
    Span::from_millis(1),
    Span::from_micros(2_500),
    Span::from_millis(5),
    Span::from_millis(10),
    Span::from_millis(25),
    Span::from_millis(50),
    Span::from_millis(100),
    Span::from_millis(250),
    Span::from_millis(500),
    Span::from_seconds(1),
    Span::from_millis(2_500),
    Span::from_seconds(10),
];

const _: () = assert!(ATTEMPT_BOUNDS.len() <= BOUNDS_MAX);
const _: () = assert!(DELIVERY_BOUNDS.len() <= BOUNDS_MAX);
const _: () = assert!(COMMIT_BOUNDS.len() <= BOUNDS_MAX);

/// How many lengths of time fell between which bounds, and their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [Span],
    /// One for each bound, and one for what is longer than the last.
    counts: [u64; BOUNDS_MAX + 1],
    sum: Span,
}

impl Histogram {
    /// An empty one with these bounds, in rising order; [`BOUNDS_MAX`] at most.
    #[must_use]
    pub const fn new(bounds: &'static [Span]) -> Self {
        Self {
            bounds,
            counts: [0; BOUNDS_MAX + 1],
            sum: Span::ZERO,
        }
    }

    /// Counts a length of time; one that is negative counts as none at all.
    pub fn count(&mut self, length: Span) {
        let length = length.max(Span::ZERO);
        let place = self.bounds.partition_point(|bound| *bound < length);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        let sum = self.sum.as_micros().saturating_add(length.as_micros());
        self.sum = Span::from_micros(sum);
    }

    /// How many were no longer than each bound, and at last, without a bound, how many there were.
    pub fn up_to(&self) -> impl Iterator<Item = (Option<Span>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.counts).scan(0, |so_far, (bound, count)| {
            *so_far += count;
            Some((bound, *so_far))
        })
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them are together.
    #[must_use]
    pub const fn sum(&self) -> Span {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise() {
        for bounds in [ATTEMPT_BOUNDS, DELIVERY_BOUNDS, COMMIT_BOUNDS] {
            assert!(bounds.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn a_length_counts_up_to_its_bound_and_every_longer_one() {
        const BOUNDS: &[Span] = &[Span::from_micros(10), Span::from_micros(20)];
        let mut histogram = Histogram::new(BOUNDS);
        for micros in [-5, 0, 10, 11, 20, 21, 1_000] {
            histogram.count(Span::from_micros(micros));
        }
        let counted: Vec<_> = histogram.up_to().collect();
        let expected = [(Some(BOUNDS[0]), 3), (Some(BOUNDS[1]), 5), (None, 7)];
        assert_eq!(counted, expected);
        assert_eq!(histogram.total(), 7);
        assert_eq!(histogram.sum(), Span::from_micros(1_062));
    }
}
