//! Clocks: where a host takes `Now` from, and how it waits.
//!
//! Production uses [`SystemClock`]. [`PausedClock`] follows tokio's clock, which tests pause;
//! [`ManualClock`] stands still until it is told to move, for tests that speak to real sockets in
//! real time while an hour of policy time goes by.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;

use crate::{
    limits,
    time::{Anchor, ClockError, Now, Span, Timestamp},
};

/// A source of time for a host.
pub trait Clock {
    /// This moment.
    fn now(&self) -> Now;

    /// Waits until the steady time `deadline`; at once if it has passed.
    fn sleep_until(&self, deadline: Timestamp) -> impl Future<Output = ()>;
}

/// The system's clocks: steady time follows the monotonic one from the wall time at the start.
#[derive(Clone, Debug)]
pub struct SystemClock {
    anchor: Anchor,
    anchored_at: Instant,
}

impl SystemClock {
    /// Fastens steady time to this moment.
    #[must_use]
    pub fn start() -> Self {
        Self {
            anchor: Anchor::fresh(wall_time()),
            anchored_at: Instant::now(),
        }
    }

    /// Goes on from `last`, the last pair that a store has kept, as [`Anchor::resumed`] has it.
    ///
    /// # Errors
    /// [`ClockError`] if the wall clock says that more time went by than is believed.
    pub fn resume(last: Now, trusts_wall: bool) -> Result<Self, ClockError> {
        let gap_max = (!trusts_wall).then_some(Span::from_millis(limits::CLOCK_GAP_MS_MAX));
        Ok(Self {
            anchor: Anchor::resumed(last, wall_time(), gap_max)?,
            anchored_at: Instant::now(),
        })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        self.anchor
            .now(span(self.anchored_at.elapsed()), wall_time())
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        tokio::time::sleep(deadline.since(self.now().steady).as_duration()).await;
    }
}

/// Tokio's clock from a given moment on; paused time in tests moves it.
#[derive(Clone, Debug)]
pub struct PausedClock {
    start: Timestamp,
    started_at: tokio::time::Instant,
}

impl PausedClock {
    /// A clock that shows `start` now; to be made inside a tokio runtime.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            started_at: tokio::time::Instant::now(),
        }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Now {
        Now::at(self.start.plus(span(self.started_at.elapsed())))
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        tokio::time::sleep(deadline.since(self.now().steady).as_duration()).await;
    }
}

/// A clock that moves only when told; clones share it.
#[derive(Clone, Debug)]
pub struct ManualClock {
    time: Arc<Mutex<Timestamp>>,
    moved: Arc<Notify>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            time: Arc::new(Mutex::new(start)),
            moved: Arc::new(Notify::new()),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, span: Span) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        *time = time.plus(span);
        drop(time);
        self.moved.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        Now::at(*self.time.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Registered before the look at the time, so that no move is missed.
            moved.as_mut().enable();
            if self.now().steady >= deadline {
                return;
            }
            moved.await;
        }
    }
}

/// What the wall clock shows; a clock set before the epoch shows the epoch.
fn wall_time() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Timestamp::ZERO.plus(span(since))
}

fn span(duration: Duration) -> Span {
    Span::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}
