//! A process that stands still: it is not let run, whatever it waits for, until its time is over; then
//! all that came meanwhile is there at once.

use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use std::rc::Rc;

use tokio::time::Sleep;

use super::stage::Stage;
use crate::time::Timestamp;

/// A process that stands still at times.
pub(super) struct StandingStill<P> {
    stage: Rc<Stage>,
    process: Pin<Box<P>>,
    /// Until when it stands still, and what wakes it then.
    until: Option<(Timestamp, Pin<Box<Sleep>>)>,
}

impl<P: Future> StandingStill<P> {
    /// Lets a process run where the stage does not have it stand still.
    pub(super) fn at_times(stage: Rc<Stage>, process: P) -> Self {
        Self {
            stage,
            process: Box::pin(process),
            until: None,
        }
    }
}

impl<P: Future> Future for StandingStill<P> {
    type Output = P::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<P::Output> {
        let until = self.stage.stalled_until.get();
        let left = until.since(self.stage.real());
        if left.as_micros() <= 0 {
            return self.process.as_mut().poll(context);
        }
        if self.until.as_ref().is_none_or(|(at, _)| *at != until) {
            let sleep = Box::pin(tokio::time::sleep(left.as_duration()));
            self.until = Some((until, sleep));
        }
        let wakes = match &mut self.until {
            Some((_, sleep)) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        };
        match wakes {
            Poll::Ready(()) => {
                self.until = None;
                self.process.as_mut().poll(context)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
