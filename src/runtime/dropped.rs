//! Tells the log that operational events were dropped: one line, and seldom.

use crate::{
    limits,
    time::{Span, Timestamp},
};

/// What was told of dropped operational events.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// How many of them the log knows.
    told: u64,
    /// Until when it is told of no more.
    quiet_until: Option<Timestamp>,
}

impl Dropped {
    /// Tells of those that were dropped since it was told of the last ones, `dropped` in all, unless
    /// that was a moment ago.
    pub(super) fn tell(&mut self, dropped: u64, steady: Timestamp) {
        if let Some(count) = self.news(dropped, steady) {
            tracing::warn!(
                count,
                "operational events are dropped: too many wait for their application, which is not \
                 there or takes none"
            );
        }
    }

    /// How many there are to tell of now.
    fn news(&mut self, dropped: u64, steady: Timestamp) -> Option<u64> {
        let is_quiet = self.quiet_until.is_some_and(|until| steady < until);
        let count = dropped.saturating_sub(self.told);
        if count == 0 || is_quiet {
            return None;
        }
        self.told = dropped;
        let pause = Span::from_seconds(limits::DROPPED_TOLD_EVERY_S);
        self.quiet_until = Some(steady.plus(pause));
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_were_dropped_are_told_and_no_oftener_than_once_a_minute() {
        let mut dropped = Dropped::default();
        let at = |seconds: i64| Timestamp::from_millis(1_764_000_000_000 + seconds * 1_000);
        for (seconds, in_all, expected) in [
            (0, 0, None),
            (1, 3, Some(3)),
            (2, 4, None),
            (60, 7, None),
            (61, 7, Some(4)),
            (62, 7, None),
            (200, 7, None),
            (201, 8, Some(1)),
        ] {
            assert_eq!(dropped.news(in_all, at(seconds)), expected, "at {seconds}");
        }
    }
}
