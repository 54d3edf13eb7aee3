//! The mailbox: commands from other threads, taken by the cell as a whole.
//!
//! A vector behind a mutex, swapped whole; the cell is woken only when it was empty, so a burst of
//! commands costs one wake-up.

use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use tokio::sync::oneshot;

use crate::{
    domain::command::{Command, Refusal, Reply},
    engine::{Figures, pressure::Pressure},
    limits,
};

/// A command and where its answer goes.
pub(super) type Letter = (Command, oneshot::Sender<Reply>);

/// Where the figures go that an operator asked for.
pub(super) type Look = oneshot::Sender<Box<Figures>>;

/// Commands that wait for the cell.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inside: Mutex<Inside>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Inside {
    letters: Vec<Letter>,
    looks: Vec<Look>,
    /// How long shutdown may take, once asked for, in milliseconds.
    shutdown_ms: Option<u64>,
    /// No letter is put in any more: shutdown was asked for, or the cell has ended.
    closed: bool,
}

impl Mailbox {
    /// Puts a command in.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it is full, [`Refusal::ShuttingDown`] if shutdown was asked for.
    pub(super) fn put(&self, letter: Letter) -> Result<(), Refusal> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.closed {
            return Err(Refusal::ShuttingDown);
        }
        if inside.letters.len() >= limits::MAILBOX_COMMANDS_MAX {
            return Err(Refusal::Overloaded);
        }
        let was_empty = inside.letters.is_empty();
        inside.letters.push(letter);
        drop(inside);
        if was_empty {
            self.waker.wake();
        }
        Ok(())
    }

    /// Asks for figures, also while the cell shuts down. The question is dropped if too many wait.
    pub(super) fn look(&self, look: Look) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.looks.len() < limits::LOOKS_MAX {
            inside.looks.push(look);
        }
        drop(inside);
        self.waker.wake();
    }

    /// How full it is.
    pub(super) fn pressure(&self) -> Pressure {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        Pressure::of(inside.letters.len(), limits::MAILBOX_COMMANDS_MAX)
    }

    /// Asks the cell to shut down within `within_ms`. What was put in before is still taken, what
    /// comes later is refused, however late the cell hears of it.
    pub(super) fn shut_down(&self, within_ms: u64) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.shutdown_ms = Some(within_ms);
        inside.closed = true;
        drop(inside);
        self.waker.wake();
    }

    /// Takes everything out, letters into `letters`, which must be empty, and tells a wish to shut
    /// down; pending while there is nothing.
    pub(super) fn poll_take(
        &self,
        context: &mut Context<'_>,
        letters: &mut Vec<Letter>,
        looks: &mut Vec<Look>,
    ) -> Poll<Option<u64>> {
        self.waker.register(context.waker());
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::swap(&mut inside.letters, letters);
        looks.append(&mut inside.looks);
        let shutdown_ms = inside.shutdown_ms.take();
        if letters.is_empty() && looks.is_empty() && shutdown_ms.is_none() {
            Poll::Pending
        } else {
            Poll::Ready(shutdown_ms)
        }
    }

    /// The cell has ended: what is still inside goes, which its senders notice.
    pub(super) fn close(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.closed = true;
        inside.letters.clear();
        inside.looks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        (
            Command::CreateApplication {
                uid: None,
                registration: Default::default(),
            },
            oneshot::channel().0,
        )
    }

    #[test]
    fn a_full_mailbox_refuses_and_a_closed_one_too() {
        let mailbox = Mailbox::default();
        for _ in 0..limits::MAILBOX_COMMANDS_MAX {
            mailbox.put(letter()).expect("there is room");
        }
        assert_eq!(mailbox.put(letter()), Err(Refusal::Overloaded));
        mailbox.close();
        assert_eq!(mailbox.put(letter()), Err(Refusal::ShuttingDown));
    }

    #[test]
    fn letters_come_out_whole_with_a_wish_to_shut_down_after_which_none_are_taken_in() {
        let mailbox = Mailbox::default();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut letters, mut looks) = (Vec::new(), Vec::new());
        let polled = mailbox.poll_take(&mut context, &mut letters, &mut looks);
        assert!(polled.is_pending());
        mailbox.put(letter()).expect("there is room");
        mailbox.put(letter()).expect("there is room");
        mailbox.shut_down(30);
        assert_eq!(mailbox.put(letter()), Err(Refusal::ShuttingDown));
        assert_eq!(
            mailbox.poll_take(&mut context, &mut letters, &mut looks),
            Poll::Ready(Some(30))
        );
        assert_eq!(letters.len(), 2);
        assert!(looks.is_empty());
    }

    #[test]
    fn figures_are_asked_for_while_the_cell_shuts_down_and_not_without_bound() {
        let mailbox = Mailbox::default();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut letters, mut looks) = (Vec::new(), Vec::new());
        mailbox.shut_down(30);
        _ = mailbox.poll_take(&mut context, &mut letters, &mut looks);
        let (look, mut one_too_many) = oneshot::channel();
        for _ in 0..limits::LOOKS_MAX {
            mailbox.look(oneshot::channel().0);
        }
        mailbox.look(look);
        let polled = mailbox.poll_take(&mut context, &mut letters, &mut looks);
        assert_eq!(polled, Poll::Ready(None));
        assert_eq!(looks.len(), limits::LOOKS_MAX);
        assert!(one_too_many.try_recv().is_err());
        let (look, wait) = oneshot::channel();
        mailbox.look(look);
        mailbox.close();
        assert!(wait.blocking_recv().is_err(), "nobody waits in vain");
    }
}
