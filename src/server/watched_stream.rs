//! A client's socket, shared between its HTTP connection and the task that watches over it.
//!
//! The HTTP connection ends with its last answer, even if the client is still sending. Closing the
//! socket then would make the kernel reset the connection, and the client would never read the
//! answer. So the watching task keeps the socket, and lingers: it reads and throws away what still
//! comes, for a while.

#![expect(
    clippy::disallowed_methods,
    reason = "a socket's patience is a matter of real time"
)]

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use std::{io, net::Shutdown, sync::Arc};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::conduct::Conduct;
use crate::limits;

/// One of the handles to a client's socket; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct WatchedStream(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    stream: TcpStream,
    /// Is told of what moves.
    conduct: Conduct,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, conduct: Conduct) -> Self {
        Self(Arc::new(Inside { stream, conduct }))
    }

    /// Ends our side and takes what the other side still sends, until it ends too, or has sent
    /// `limits::LINGER_BYTES_MAX`, or `limits::LINGER_TIMEOUT_MS` are over.
    pub(super) async fn linger(&self) {
        let stream = &self.0.stream;
        // It may have been ended already, or be gone: then reading tells.
        drop(SockRef::from(stream).shutdown(Shutdown::Write));
        let most = Duration::from_millis(limits::LINGER_TIMEOUT_MS);
        drop(tokio::time::timeout(most, read_to_end(stream)).await);
    }
}

async fn read_to_end(stream: &TcpStream) -> io::Result<()> {
    let mut left = limits::LINGER_BYTES_MAX;
    let mut buffer = vec![0; 16 * 1024];
    while left > 0 {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(context))?;
            match self.0.stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    self.0.conduct.read(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl WatchedStream {
    /// Writes as soon as there is room.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(context))?;
            match send(&self.0.stream) {
                Ok(count) => {
                    self.0.conduct.sent(count);
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.conduct.stuck(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}
