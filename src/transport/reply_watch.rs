//! Watches the bytes of a reply as they are read: whether any came, and how many interim replies.
//!
//! hyper passes over interim (1xx) replies in silence and without a bound, so they are counted
//! here, below it. Only the first bytes of each head are looked at; once the final reply has begun
//! nothing more is.

use core::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::{io, rc::Rc};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use crate::limits;

/// The receiver sent more interim replies than `limits::REPLY_INTERIM_MAX`; its fault.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("more than {} interim replies", limits::REPLY_INTERIM_MAX)]
pub(super) struct TooManyInterim;

/// What is known of the reply that is being read.
#[derive(Default)]
pub(super) struct ReplyWatch {
    any_byte: Cell<bool>,
    interim: Cell<usize>,
    position: Cell<Position>,
    /// Whether a write of a part counts as one of all.
    #[cfg(feature = "mutants")]
    pub(super) takes_short_writes: Cell<bool>,
}

/// Where in the reply the next byte lies.
#[derive(Clone, Copy, Default)]
enum Position {
    /// At this index of a status line, `HTTP/1.1 200 OK`.
    StatusLine(u8),
    /// In an interim head behind its status, after this many line ends in a row.
    InterimHead(u8),
    /// In the final reply, or in something that is none: hyper judges that.
    #[default]
    Final,
}

impl ReplyWatch {
    /// Forgets the last reply: a request is about to be sent.
    pub(super) fn begin(&self) {
        self.any_byte.set(false);
        self.interim.set(0);
        self.position.set(Position::StatusLine(0));
    }

    /// Whether any byte was read since [`ReplyWatch::begin`].
    pub(super) fn any_byte(&self) -> bool {
        self.any_byte.get()
    }

    /// Looks at bytes that were read.
    fn see(&self, bytes: &[u8]) -> Result<(), TooManyInterim> {
        if !bytes.is_empty() {
            self.any_byte.set(true);
        }
        let mut position = self.position.get();
        for byte in bytes {
            position = match position {
                Position::Final => break,
                Position::StatusLine(0) if matches!(byte, b'\r' | b'\n') => position,
                Position::StatusLine(DIGIT_INDEX) if *byte == b'1' => self.next_interim()?,
                Position::StatusLine(DIGIT_INDEX) => Position::Final,
                Position::StatusLine(index) => Position::StatusLine(index + 1),
                Position::InterimHead(line_ends) => match byte {
                    b'\n' if line_ends == 1 => Position::StatusLine(0),
                    b'\n' => Position::InterimHead(1),
                    b'\r' => position,
                    _ => Position::InterimHead(0),
                },
            };
        }
        self.position.set(position);
        Ok(())
    }

    fn next_interim(&self) -> Result<Position, TooManyInterim> {
        let count = self.interim.get() + 1;
        self.interim.set(count);
        if count > limits::REPLY_INTERIM_MAX {
            return Err(TooManyInterim);
        }
        Ok(Position::InterimHead(0))
    }
}

/// Where the first digit of the status stands in `HTTP/1.1 200 OK`.
const DIGIT_INDEX: u8 = 9;

/// A stream whose reads are watched; one that brings too many interim replies fails.
///
/// It gives at most [`limits::REPLY_READ_BYTES`] at once, however much there is: the buffer behind it
/// grows with what a read fills, up to the largest head, and would stay so large for a body.
pub(super) struct Watched<S> {
    stream: Take<S>,
    watch: Rc<ReplyWatch>,
}

impl<S: AsyncRead> Watched<S> {
    /// Watches `stream`.
    pub(super) fn new(stream: S, watch: Rc<ReplyWatch>) -> Self {
        Self {
            stream: stream.take(limits::REPLY_READ_BYTES),
            watch,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.stream.set_limit(limits::REPLY_READ_BYTES);
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(
            self.watch
                .see(fresh)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        )
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        #[cfg(feature = "mutants")]
        if self.watch.takes_short_writes.get() {
            return written.map_ok(|_| bytes.len());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(interim: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0..interim {
            let fields = "early: hint\r\n".repeat(number % 3);
            bytes.extend_from_slice(format!("HTTP/1.1 103 Early\r\n{fields}\r\n").as_bytes());
        }
        // A body full of what would be interim heads, were it not a body.
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n");
        bytes.extend_from_slice("\r\n\r\nHTTP/1.1 100 \r\n\r\n".repeat(10).as_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn interim_replies_are_counted_however_the_bytes_are_cut(
            interim in 0_usize..20,
            cuts in prop::collection::vec(1_usize..40, 1..50),
        ) {
            let watch = ReplyWatch::default();
            watch.begin();
            let bytes = reply(interim);
            let mut rest = bytes.as_slice();
            let mut result = Ok(());
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() && result.is_ok() {
                let (chunk, behind) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                result = watch.see(chunk);
                rest = behind;
            }
            let expected = interim.min(limits::REPLY_INTERIM_MAX + 1);
            prop_assert_eq!(watch.interim.get(), expected);
            prop_assert_eq!(result.is_err(), interim > limits::REPLY_INTERIM_MAX);
        }
    }

    #[test]
    fn a_new_request_forgets_the_last_reply() {
        let watch = ReplyWatch::default();
        watch.begin();
        assert!(!watch.any_byte());
        assert_eq!(watch.see(b"HTTP/1.1 100 Continue\n\n"), Ok(()));
        assert!(watch.any_byte());
        assert_eq!(watch.interim.get(), 1);
        watch.begin();
        assert!(!watch.any_byte());
        assert_eq!(watch.interim.get(), 0);
    }

    #[tokio::test]
    async fn a_read_gives_no_more_than_its_bound_however_much_there_is() {
        let plenty = tokio::io::repeat(b'x');
        let mut watched = Watched::new(plenty, Rc::new(ReplyWatch::default()));
        let mut buffer = vec![0; limits::REPLY_HEAD_BYTES_MAX];
        for _ in 0..3 {
            let count = watched.read(&mut buffer).await.expect("it never fails");
            assert_eq!(u64::try_from(count), Ok(limits::REPLY_READ_BYTES));
        }
    }
}
