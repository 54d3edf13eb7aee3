//! Where outcomes gather until the host takes them, and the slot that can't lose one.

use core::{
    cell::Cell,
    mem,
    task::{Context, Poll, Waker},
};
use std::rc::Rc;

use tokio::time::Instant;

use crate::{
    domain::{
        attempt::AttemptHandle,
        outcome::{Outcome, OutcomeKind},
    },
    time::Span,
};

/// The outcomes that have come and wait for the host; shared by all connection tasks of a cell.
///
/// Cells and no borrow flags: a [`Slot`] must be able to report while a panic unwinds.
#[derive(Default)]
pub(super) struct Outcomes {
    list: Cell<Vec<(AttemptHandle, Outcome)>>,
    /// Whom to wake when the list is no longer empty.
    waker: Cell<Option<Waker>>,
}

impl Outcomes {
    /// Adds an outcome; wakes the host only if it was the first.
    fn push(&self, attempt: AttemptHandle, outcome: Outcome) {
        let mut list = self.list.take();
        let was_empty = list.is_empty();
        list.push((attempt, outcome));
        self.list.set(list);
        if was_empty && let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Moves all outcomes into `done`; pending while there are none.
    pub(super) fn poll_take(
        &self,
        context: &mut Context<'_>,
        done: &mut Vec<(AttemptHandle, Outcome)>,
    ) -> Poll<()> {
        let mut list = self.list.take();
        if list.is_empty() {
            self.list.set(list);
            self.waker.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        if done.is_empty() {
            mem::swap(done, &mut list);
        } else {
            done.append(&mut list);
        }
        self.list.set(list);
        Poll::Ready(())
    }
}

/// The duty to report one attempt: settled by hand, or by its drop as [`OutcomeKind::Internal`].
///
/// So a panic in a connection task, or the end of the task itself, still is an outcome.
pub(super) struct Slot {
    attempt: AttemptHandle,
    started: Instant,
    outcomes: Option<Rc<Outcomes>>,
}

impl Slot {
    /// Takes the duty on, at the start of an attempt.
    pub(super) fn new(attempt: AttemptHandle, started: Instant, outcomes: Rc<Outcomes>) -> Self {
        Self {
            attempt,
            started,
            outcomes: Some(outcomes),
        }
    }

    /// Which attempt it stands for.
    pub(super) const fn attempt(&self) -> AttemptHandle {
        self.attempt
    }

    /// When the attempt started.
    pub(super) const fn started(&self) -> Instant {
        self.started
    }

    /// Reports `outcome` with its duration filled in; says when that was.
    pub(super) fn settle(mut self, outcome: Outcome) -> Instant {
        self.report(outcome)
    }

    /// Reports that the attempt ended without a reply; says when that was.
    pub(super) fn settle_without_reply(self, kind: OutcomeKind, resent: bool) -> Instant {
        self.settle(Outcome {
            resent,
            ..Outcome::without_reply(kind, Span::ZERO)
        })
    }

    fn report(&mut self, outcome: Outcome) -> Instant {
        let now = Instant::now();
        if let Some(outcomes) = self.outcomes.take() {
            let micros = now.saturating_duration_since(self.started).as_micros();
            let duration = Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
            outcomes.push(
                self.attempt,
                Outcome {
                    duration,
                    ..outcome
                },
            );
        }
        now
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.outcomes.is_some() {
            self.report(Outcome::without_reply(OutcomeKind::Internal, Span::ZERO));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::{panic, sync::Arc, task::Wake};

    use super::*;

    #[derive(Default)]
    struct CountingWaker(AtomicUsize);

    impl Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn slot(number: u64, outcomes: &Rc<Outcomes>) -> Slot {
        Slot::new(
            AttemptHandle::new(number),
            Instant::now(),
            Rc::clone(outcomes),
        )
    }

    #[test]
    fn the_host_is_woken_once_for_many_outcomes() {
        let outcomes = Rc::new(Outcomes::default());
        let counter = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        let mut done = Vec::new();
        assert!(outcomes.poll_take(&mut context, &mut done).is_pending());
        for number in 0..3 {
            slot(number, &outcomes).settle_without_reply(OutcomeKind::Refused, false);
        }
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        assert!(outcomes.poll_take(&mut context, &mut done).is_ready());
        let numbers: Vec<u64> = done.iter().map(|(attempt, _)| attempt.number()).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert!(outcomes.poll_take(&mut context, &mut done).is_pending());
    }

    #[test]
    fn outcomes_are_added_to_what_the_host_already_holds() {
        let outcomes = Rc::new(Outcomes::default());
        let mut done = vec![(
            AttemptHandle::new(7),
            Outcome::without_reply(OutcomeKind::Reset, Span::ZERO),
        )];
        slot(8, &outcomes).settle_without_reply(OutcomeKind::Closed, true);
        let waker = Waker::noop();
        let polled = outcomes.poll_take(&mut Context::from_waker(waker), &mut done);
        assert!(polled.is_ready());
        assert_eq!(done.len(), 2);
        assert!(done[1].1.resent);
    }

    #[test]
    fn a_slot_that_unwinds_reports_an_internal_failure_once() {
        let outcomes = Rc::new(Outcomes::default());
        let shared = panic::AssertUnwindSafe(Rc::clone(&outcomes));
        let caught = panic::catch_unwind(move || {
            let _slot = slot(1, &shared);
            panic::resume_unwind(Box::new("injected"));
        });
        assert!(caught.is_err());
        let mut done = Vec::new();
        let waker = Waker::noop();
        let polled = outcomes.poll_take(&mut Context::from_waker(waker), &mut done);
        assert!(polled.is_ready());
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].1.kind, OutcomeKind::Internal);
    }
}
