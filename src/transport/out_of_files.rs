//! No file descriptor left for a connection: that is a condition of this machine, and nothing of the
//! receiver's. So an attempt waits a moment for one, and the log hears of it now and then.

use core::{cell::Cell, time::Duration};

use tokio::time::Instant;

use crate::limits;

/// Where a transport stands that finds no file descriptor.
pub(super) struct OutOfFiles {
    /// How long one attempt waits in all.
    patience: Duration,
    told_at: Cell<Option<Instant>>,
    untold: Cell<u64>,
}

impl OutOfFiles {
    /// For attempts that have so long: they wait for a quarter of it, at most
    /// `limits::OPEN_FILE_WAIT_MS`.
    pub(super) fn new(attempt_timeout_ms: u64) -> Self {
        let patience = (attempt_timeout_ms / 4).min(limits::OPEN_FILE_WAIT_MS);
        Self {
            patience: Duration::from_millis(patience),
            told_at: Cell::new(None),
            untold: Cell::new(0),
        }
    }

    /// When an attempt that begins to wait now gives it up.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Notes that there was none, and tells the log at most once in `limits::OPEN_FILE_TOLD_EVERY_MS`.
    pub(super) fn note(&self) {
        if let Some(times) = self.counted() {
            tracing::warn!(
                times,
                "no file descriptor left for connections to receivers: raise the limit (ulimit -n, \
                 LimitNOFILE=)"
            );
        }
    }

    /// Counts one more time; how often it was since the log was told, if it is told again now.
    fn counted(&self) -> Option<u64> {
        let times = self.untold.get().saturating_add(1);
        let now = Instant::now();
        let pause = Duration::from_millis(limits::OPEN_FILE_TOLD_EVERY_MS);
        let is_due = self.told_at.get().is_none_or(|told| told + pause <= now);
        self.untold.set(if is_due { 0 } else { times });
        if !is_due {
            return None;
        }
        self.told_at.set(Some(now));
        Some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_log_hears_of_it_now_and_then_with_how_often_it_was() {
        let files = OutOfFiles::new(30_000);
        let pause = Duration::from_millis(limits::OPEN_FILE_TOLD_EVERY_MS);
        assert_eq!(files.counted(), Some(1));
        assert_eq!([files.counted(), files.counted()], [None, None]);
        tokio::time::advance(pause - Duration::from_millis(1)).await;
        assert_eq!(files.counted(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(files.counted(), Some(4));
        assert_eq!(files.counted(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_waits_for_a_quarter_of_its_time_at_most() {
        let wait = |timeout_ms| OutOfFiles::new(timeout_ms).deadline() - Instant::now();
        assert_eq!(wait(400), Duration::from_millis(100));
        assert_eq!(
            wait(30_000),
            Duration::from_millis(limits::OPEN_FILE_WAIT_MS)
        );
    }
}
