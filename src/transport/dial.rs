//! From a target to a stream: resolve, vet every address, dial only a vetted one, check who
//! answered, then TLS.
//!
//! The check of addresses is made here, where every dial passes, and its type makes it hard to go
//! around: a [`Dialer`] takes nothing but a vetted address and can't resolve.

use core::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    classify_error::{connect_failure, is_out_of_descriptors, tls_failure},
    names::Names,
    resolver::Resolver,
    target::DerivedTarget,
};
use crate::{
    domain::{endpoint_url::EndpointHost, outcome::OutcomeKind},
    limits,
    policy::address::{AddressPolicy, Vetted},
};

/// Connects to vetted addresses.
pub trait Dialer: 'static {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Connects to exactly this address.
    ///
    /// # Errors
    /// The system's.
    fn dial(
        &self,
        address: Vetted<SocketAddr>,
    ) -> impl Future<Output = io::Result<Dialed<Self::Stream>>>;
}

/// A connection, and who is at its other end.
#[derive(Debug)]
pub struct Dialed<S> {
    /// The connection.
    pub stream: S,
    /// The address of the other end, as the connection itself tells it.
    pub peer: SocketAddr,
}

/// Dials TCP, without Nagle's delay.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDialer;

impl Dialer for TcpDialer {
    type Stream = TcpStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<TcpStream>> {
        let stream = TcpStream::connect(address.into_inner()).await?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        Ok(Dialed { stream, peer })
    }
}

/// The way from a target to a stream.
pub(super) struct Route<R, D> {
    pub(super) names: Names<R>,
    pub(super) dialer: D,
    pub(super) policy: AddressPolicy,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) connect_timeout_ms: u32,
}

impl<R: Resolver, D: Dialer> Route<R, D> {
    /// Opens a stream to a target.
    pub(super) async fn open(
        &self,
        derived: &DerivedTarget,
    ) -> Result<Wire<D::Stream>, OutcomeKind> {
        let url = &derived.target.url;
        let addresses = match url.host() {
            EndpointHost::Address(address) => Rc::from([*address]),
            EndpointHost::Name(name) => self.names.addresses(name).await?,
        };
        let vetted = vet(&self.policy, &addresses, url.port())?;
        let stream = self.dial_first(&vetted).await?;
        let Some(name) = &derived.tls_name else {
            return Ok(Wire::Plain(stream));
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        match connector.connect(name.clone(), stream).await {
            Ok(stream) => Ok(Wire::Tls(Box::new(stream))),
            Err(error) => Err(tls_failure(&error)),
        }
    }

    /// Connects to the first address that answers; each has an equal share of the time that is
    /// left, so that a dead one does not use up the time of the others.
    async fn dial_first(&self, addresses: &[Vetted<SocketAddr>]) -> Result<D::Stream, OutcomeKind> {
        let after_ms = self.connect_timeout_ms;
        let deadline = Instant::now() + Duration::from_millis(after_ms.into());
        let mut failure = OutcomeKind::DnsNotFound;
        let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left.checked_div(untried).unwrap_or(left);
            untried = untried.saturating_sub(1);
            failure = match timeout(share, self.dialer.dial(*address)).await {
                Ok(Ok(dialed)) if is_same(dialed.peer, address.into_inner()) => {
                    return Ok(dialed.stream);
                }
                // Somebody else answered than was vetted.
                Ok(Ok(_)) => OutcomeKind::AddressBlocked,
                Ok(Err(error)) => {
                    if is_out_of_descriptors(&error) {
                        tracing::warn!(
                            "no file descriptor left for a connection: raise the limit (ulimit -n)"
                        );
                    }
                    connect_failure(&error, after_ms)
                }
                Err(_late) => OutcomeKind::ConnectTimeout { after_ms },
            };
        }
        Err(failure)
    }
}

/// Judges all addresses: one that is refused refuses them all, since an answer that mixes allowed
/// and refused ones is the mark of DNS rebinding. At most `limits::DIAL_ADDRESSES_MAX` pass.
fn vet(
    policy: &AddressPolicy,
    addresses: &[IpAddr],
    port: u16,
) -> Result<Vec<Vetted<SocketAddr>>, OutcomeKind> {
    let vetted: Option<Vec<_>> = addresses
        .iter()
        .map(|address| policy.vet(SocketAddr::new(*address, port)))
        .collect();
    let mut vetted = vetted.ok_or(OutcomeKind::AddressBlocked)?;
    vetted.truncate(limits::DIAL_ADDRESSES_MAX);
    Ok(vetted)
}

/// Whether the other end is the one that was dialled; scopes and flow labels don't matter.
fn is_same(peer: SocketAddr, dialled: SocketAddr) -> bool {
    peer.ip() == dialled.ip() && peer.port() == dialled.port()
}

/// A stream to a receiver, with or without TLS.
pub(super) enum Wire<S> {
    /// Plain text.
    Plain(S),
    /// TLS; boxed, since its state is large.
    Tls(Box<TlsStream<S>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
