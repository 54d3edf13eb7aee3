//! How attempts to an endpoint ended lately, as counts.

/// Attempts that ended in one half of the window and in the one before it. A circuit looks at thousands of
/// them at each end, so they are counted and not listed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SeenEnds {
    /// Which half it is, counted from the epoch.
    half: i64,
    /// All attempts, and those of them that failed: in this half and in the one before.
    counts: [(u64, u64); 2],
}

impl SeenEnds {
    /// Counts an attempt that ended in this half; tells how many there are, and how many of them failed.
    pub(super) fn count(&mut self, half: i64, has_failed: bool) -> (u64, u64) {
        if half > self.half {
            let [last, _] = self.counts;
            let is_next = half == self.half + 1;
            self.counts = [(0, 0), if is_next { last } else { (0, 0) }];
            self.half = half;
        }
        let [(attempts, failed), before] = &mut self.counts;
        *attempts += 1;
        *failed += u64::from(has_failed);
        (*attempts + before.0, *failed + before.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_in_this_half_of_the_window_and_in_the_one_before_counts() {
        let mut ends = SeenEnds::default();
        assert_eq!(ends.count(7, true), (1, 1));
        assert_eq!(ends.count(7, false), (2, 1));
        assert_eq!(ends.count(8, true), (3, 2));
        assert_eq!(ends.count(9, false), (2, 1));
        assert_eq!(ends.count(11, true), (1, 1));
    }
}
