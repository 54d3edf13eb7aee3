//! A stream in memory that gives and takes its bytes in pieces, as the kernel may: few at a time, or
//! none although there are some.

use core::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::{io, rc::Rc};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::random::Stream;

/// Bytes on their way in each direction.
const BUFFER_BYTES: usize = 64 * 1_024;
/// Most bytes of a piece.
const PIECE_BYTES_MAX: u64 = 64;

/// One end of a stream in memory.
pub(super) struct PiecesStream {
    inside: DuplexStream,
    /// Draws the pieces; `None` for a stream that passes everything on at once.
    pieces: Option<Stream>,
}

/// Both ends of a new stream; the pieces are drawn by `random`, if there is one.
pub(super) fn pair(random: Option<Stream>) -> (PiecesStream, PiecesStream) {
    let (near, far) = tokio::io::duplex(BUFFER_BYTES);
    let near = PiecesStream {
        inside: near,
        pieces: random,
    };
    let far = PiecesStream {
        inside: far,
        pieces: None,
    };
    (near, far)
}

impl PiecesStream {
    /// How many bytes the next call may move; none if it is to come again.
    fn piece(&mut self) -> Option<usize> {
        let Some(pieces) = &mut self.pieces else {
            return Some(usize::MAX);
        };
        if pieces.below(4) == 0 {
            return None;
        }
        usize::try_from(pieces.between(1, PIECE_BYTES_MAX)).ok()
    }
}

impl AsyncRead for PiecesStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(most) = self.piece() else {
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if most >= buffer.remaining() {
            return Pin::new(&mut self.inside).poll_read(context, buffer);
        }
        let mut bytes = vec![0; most];
        let mut piece = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut self.inside).poll_read(context, &mut piece);
        buffer.put_slice(piece.filled());
        read
    }
}

impl AsyncWrite for PiecesStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(most) = self.piece() else {
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        let piece = bytes.get(..most).unwrap_or(bytes);
        Pin::new(&mut self.inside).poll_write(context, piece)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inside).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inside).poll_shutdown(context)
    }
}

/// A stream whose other end may want to leave: then it is gone as soon as more comes, of which it reads
/// nothing.
pub(super) struct LeavingStream {
    inside: PiecesStream,
    leaves: Rc<Cell<bool>>,
}

impl LeavingStream {
    pub(super) const fn new(inside: PiecesStream, leaves: Rc<Cell<bool>>) -> Self {
        Self { inside, leaves }
    }
}

impl AsyncRead for LeavingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inside).poll_read(context, buffer))?;
        if self.leaves.get() && buffer.filled().len() > before {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LeavingStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inside).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inside).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inside).poll_shutdown(context)
    }
}
