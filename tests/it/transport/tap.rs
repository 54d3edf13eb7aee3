//! A dialer whose streams count what goes through them, and panic where a test says so.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// Counts the reads and writes of all its streams that moved bytes.
#[derive(Clone)]
pub(super) struct Tapping {
    pub(super) reads: Rc<Cell<usize>>,
    pub(super) writes: Rc<Cell<usize>>,
    /// Which read of a stream is a bug, from 1.
    panic_at_read: usize,
}

impl Tapping {
    pub(super) fn new(panic_at_read: usize) -> Self {
        Self {
            reads: Rc::default(),
            writes: Rc::default(),
            panic_at_read,
        }
    }
}

impl Dialer for Tapping {
    type Stream = Tapped;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<Tapped>> {
        let Dialed { stream, peer } = TcpDialer.dial(address).await?;
        let stream = Tapped {
            stream,
            reads: 0,
            tap: self.clone(),
        };
        Ok(Dialed { stream, peer })
    }
}

/// A stream that is counted.
pub(super) struct Tapped {
    stream: TcpStream,
    reads: usize,
    tap: Tapping,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.reads += 1;
            self.tap.reads.set(self.tap.reads.get() + 1);
        }
        assert!(self.reads < self.tap.panic_at_read, "injected by a test");
        polled
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if polled.is_ready() {
            self.tap.writes.set(self.tap.writes.get() + 1);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
