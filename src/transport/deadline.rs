//! One timer for the whole life of a connection task.
//!
//! Attempts mostly end long before their deadlines, so moving a deadline further away costs nothing
//! here: the timer stays armed where it is, and when it fires early it is armed again.

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that can be moved often and cheaply.
pub(super) struct Deadline {
    sleep: Pin<Box<Sleep>>,
    /// Where the timer is armed; never after `at`.
    armed_at: Instant,
    at: Instant,
}

impl Deadline {
    /// A deadline at `at`.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(at)),
            armed_at: at,
            at,
        }
    }

    /// Moves the deadline to `at`.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = at;
        if at < self.armed_at {
            self.arm();
        }
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            if self.armed_at >= self.at {
                return Poll::Ready(());
            }
            self.arm();
        }
    }

    fn arm(&mut self) {
        self.armed_at = self.at;
        self.sleep.as_mut().reset(self.at);
    }
}

#[cfg(test)]
mod tests {
    use core::{future::poll_fn, time::Duration};

    use super::*;

    async fn passed_after(deadline: &mut Deadline, since: Instant) -> Duration {
        poll_fn(|context| deadline.poll_passed(context)).await;
        Instant::now() - since
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_where_it_was_moved_to_later_or_earlier() {
        let start = Instant::now();
        let mut deadline = Deadline::new(start + Duration::from_millis(10));
        deadline.set(start + Duration::from_millis(50));
        let elapsed = passed_after(&mut deadline, start).await;
        assert!((50..60).contains(&elapsed.as_millis()), "{elapsed:?}");

        deadline.set(start + Duration::from_millis(900));
        deadline.set(start + Duration::from_millis(100));
        let elapsed = passed_after(&mut deadline, start).await;
        assert!((100..110).contains(&elapsed.as_millis()), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_can_be_moved_after_it_has_passed() {
        let start = Instant::now();
        let mut deadline = Deadline::new(start);
        passed_after(&mut deadline, start).await;
        deadline.set(start + Duration::from_millis(20));
        let elapsed = passed_after(&mut deadline, start).await;
        assert!((20..30).contains(&elapsed.as_millis()), "{elapsed:?}");
    }
}
