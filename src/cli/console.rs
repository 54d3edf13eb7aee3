//! The console: the original server's lines, on standard output, as plain text whatever the log is.
//!
//! Lines are written on a thread of their own, so a terminal or pipe that does not read stops no
//! delivery: beyond a bound, lines are dropped and counted.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use crate::{domain::observation::Observation, limits, runtime::cell::SendObserver};

/// Writes observations to standard output.
pub(super) struct Console {
    writer: JoinHandle<()>,
}

impl Console {
    /// Starts the writing thread; gives the observer that feeds it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start() -> io::Result<(Self, SendObserver)> {
        let (lines, waiting) = sync_channel(limits::CONSOLE_LINES_MAX);
        let writer = thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || {
                write_all(&waiting, &mut io::stdout().lock());
            })?;
        Ok((Self { writer }, Box::new(feed(lines))))
    }

    /// Waits until all lines are written; the observer must have gone.
    pub(super) fn finish(self) {
        // A panic there was told where it happened; there is nothing left to write.
        drop(self.writer.join());
    }
}

/// The observer: hands lines over and never waits.
fn feed(lines: SyncSender<String>) -> impl FnMut(&Observation) + Send {
    let mut dropped = 0_u64;
    move |observation| {
        if dropped > 0
            && lines
                .try_send(format!("({dropped} lines were dropped)"))
                .is_ok()
        {
            dropped = 0;
        }
        if let Err(TrySendError::Full(_)) = lines.try_send(observation.to_string()) {
            dropped += 1;
        }
    }
}

/// Writes lines until the observer goes. If nobody reads any more, lines are thrown away.
fn write_all(waiting: &Receiver<String>, out: &mut impl io::Write) {
    while let Ok(line) = waiting.recv() {
        let written = writeln!(out, "{line}").and_then(|()| out.flush());
        if written.is_err() {
            while waiting.recv().is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        let (lines, waiting) = sync_channel(2);
        let mut observe = feed(lines);
        for _ in 0..5 {
            observe(&Observation::NoEndpoints);
        }
        let taken: Vec<String> = waiting.try_iter().collect();
        assert_eq!(taken.len(), 2);
        observe(&Observation::NoEndpoints);
        drop(observe);
        let mut out = Vec::new();
        write_all(&waiting, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "(3 lines were dropped)\n.... No Clients Registered yet ....\n"
        );
    }

    #[test]
    fn a_closed_output_ends_nothing() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (lines, waiting) = sync_channel(10);
        let mut observe = feed(lines);
        observe(&Observation::NoEndpoints);
        observe(&Observation::NoEndpoints);
        drop(observe);
        write_all(&waiting, &mut Closed);
    }
}
