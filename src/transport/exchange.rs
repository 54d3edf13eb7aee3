//! One HTTP/1.1 connection and the exchanges on it, one after the other.
//!
//! hyper's connection future is polled here, beside the exchange it serves: no task of its own, no
//! wake-up between the two.

use core::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};
use std::rc::Rc;

use http::{HeaderMap, Request, Response, header};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    body::DeliveryBody,
    classify_error::{ExchangeFailure, exchange_failure},
    dial::Wire,
    reply_body::ReplyBody,
    reply_watch::{ReplyWatch, Watched},
};
use crate::{domain::outcome::OutcomeKind, limits};

/// How hyper is set up for every connection.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        // One `send` of a joined buffer costs less than `writev` of several.
        .writev(false)
        .max_header_size(limits::REPLY_HEAD_BYTES_MAX)
        .max_buf_size(limits::REPLY_HEAD_BYTES_MAX);
    // `max_headers` stays unset: hyper's own bound is ours, and setting it costs an allocation for
    // each reply. A test of the transport holds it at `limits::REPLY_HEADERS_MAX`.
    builder
}

/// hyper's side of a connection.
type Driver<S> = Connection<TokioIo<Watched<Wire<S>>>, DeliveryBody>;

/// An open connection.
pub(super) struct HttpConnection<S: AsyncRead + AsyncWrite + Unpin> {
    sender: SendRequest<DeliveryBody>,
    /// hyper's side; `None` once it has ended. In a box: it is large, and its task would hold it at each
    /// place that it passes through.
    driver: Option<Box<Driver<S>>>,
    watch: Rc<ReplyWatch>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> HttpConnection<S> {
    /// Speaks HTTP over a stream.
    pub(super) async fn open(builder: &Builder, wire: Wire<S>) -> Result<Self, OutcomeKind> {
        let watch = Rc::new(ReplyWatch::default());
        let stream = TokioIo::new(Watched::new(wire, Rc::clone(&watch)));
        match builder.handshake(stream).await {
            Ok((sender, driver)) => Ok(Self {
                sender,
                driver: Some(Box::new(driver)),
                watch,
            }),
            Err(error) => Err(exchange_failure(&error).kind),
        }
    }

    /// Takes a write of a part for one of all from now on.
    #[cfg(feature = "mutants")]
    pub(super) fn take_short_writes(&self) {
        self.watch.takes_short_writes.set(true);
    }

    /// The same connection as if nothing had been asked on it yet, whatever stands in it unread.
    #[cfg(feature = "mutants")]
    pub(super) async fn begun_anew(self, builder: &Builder) -> Option<Self> {
        let stream = self.driver?.into_parts().io;
        let (sender, driver) = builder.handshake(stream).await.ok()?;
        Some(Self {
            sender,
            driver: Some(Box::new(driver)),
            watch: self.watch,
        })
    }

    /// Drives the connection; ready once it has ended, which an idle one does when the receiver
    /// closes it or sends what nobody asked for.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(driver) = &mut self.driver {
            if Pin::new(driver).poll(context).is_pending() {
                return Poll::Pending;
            }
            // Gone at once: what still waits in it learns of its end by that.
            self.driver = None;
        }
        Poll::Ready(())
    }

    /// Sends a request and waits for the head of the final reply.
    pub(super) async fn send(
        &mut self,
        request: Request<DeliveryBody>,
    ) -> Result<Response<Incoming>, ExchangeFailure> {
        self.watch.begin();
        let mut reply = pin!(self.sender.send_request(request));
        let driver = &mut self.driver;
        poll_fn(|context| {
            let ended = driver
                .as_mut()
                .is_none_or(|driver| Pin::new(driver).poll(context).is_ready());
            if ended {
                *driver = None;
            }
            reply.as_mut().poll(context)
        })
        .await
        .map_err(|error| exchange_failure(&error))
    }

    /// Whether any byte of a reply came since the last request was sent.
    pub(super) fn saw_reply_bytes(&self) -> bool {
        self.watch.any_byte()
    }

    /// Reads a reply's body into `body`, as far as it may be read; true if that was all of it.
    ///
    /// What has been read stays in `body` if the wait is given up.
    pub(super) async fn read_body(
        &mut self,
        incoming: &mut Incoming,
        body: &mut ReplyBody,
    ) -> bool {
        let mut was_driven = false;
        poll_fn(|context| {
            loop {
                match Pin::new(&mut *incoming).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        was_driven = false;
                        if !body.take(frame) {
                            return Poll::Ready(false);
                        }
                    }
                    Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Pending if was_driven => {
                        was_driven = false;
                        return Poll::Pending;
                    }
                    Poll::Pending => {
                        was_driven = true;
                        let _ = self.poll_ended(context);
                    }
                }
            }
        })
        .await
    }

    /// Whether the connection stands ready for another request, now that a reply was read whole.
    pub(super) async fn is_reusable(&mut self) -> bool {
        if self.driver.is_some() && self.sender.is_ready() {
            return true;
        }
        poll_fn(|context| {
            Poll::Ready(self.poll_ended(context).is_pending() && self.sender.is_ready())
        })
        .await
    }
}

/// Whether a head says in two ways where its body ends (RFC 9112, section 6.3): such a connection
/// may have been tampered with and serves no second request.
pub(super) fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
}
