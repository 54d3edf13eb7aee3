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
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    classify_error::{connect_failure, tls_failure},
    interfaces::CurrentPolicy,
    names::Names,
    out_of_files::OutOfFiles,
    proxy::{Proxy, tunnel_target},
    resolver::Resolver,
    target::DerivedTarget,
};
use crate::{
    domain::{
        endpoint_url::{EndpointHost, EndpointUrl},
        outcome::OutcomeKind,
    },
    limits,
    policy::address::{AddressPolicy, Refusal, Vetted},
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
    pub(super) policy: CurrentPolicy,
    pub(super) proxy: Option<Proxy>,
    pub(super) life: Duration,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) connect_timeout_ms: u32,
    pub(super) files: Rc<OutOfFiles>,
}

/// How a stream was come by, for as long as it is kept.
pub(super) struct Passage {
    /// What it was judged by.
    policy: Rc<AddressPolicy>,
    /// Where it leads; `None` if a proxy resolved the name.
    address: Option<SocketAddr>,
    opened_at: Instant,
}

impl<R: Resolver, D: Dialer> Route<R, D> {
    /// Opens a stream to a target.
    pub(super) async fn open(
        &self,
        derived: &DerivedTarget,
    ) -> Result<(Wire<D::Stream>, Passage), OutcomeKind> {
        let (stream, passage) = self.reach(&derived.target.url).await?;
        let Some(name) = &derived.tls_name else {
            return Ok((Wire::Plain(stream), passage));
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        match connector.connect(name.clone(), stream).await {
            Ok(stream) => Ok((Wire::Tls(Box::new(stream)), passage)),
            Err(error) => Err(tls_failure(&error)),
        }
    }

    /// Whether a kept stream may be used again: it is young, and its address would still pass.
    pub(super) fn still_leads(&self, passage: &Passage) -> bool {
        let policy = self.policy.get();
        let is_same_policy = Rc::ptr_eq(&policy, &passage.policy);
        let passes = |address| policy.vet(address).is_ok();
        passage.opened_at.elapsed() < self.life
            && (is_same_policy || passage.address.is_none_or(passes))
    }

    /// Connects to where a URL leads.
    async fn reach(&self, url: &EndpointUrl) -> Result<(D::Stream, Passage), OutcomeKind> {
        let policy = self.policy.get();
        let (host, port) = (url.host(), url.port());
        let by_name = |proxy: &&Proxy| proxy.resolves && matches!(host, EndpointHost::Name(_));
        let (stream, address) = if let Some(proxy) = self.proxy.as_ref().filter(by_name) {
            policy
                .judge_port(port)
                .map_err(|refusal| blocked(&refusal))?;
            let target = tunnel_target(host, port);
            (self.in_time(self.through(proxy, &target)).await?, None)
        } else {
            let addresses = match host {
                EndpointHost::Address(address) => Rc::from([*address]),
                EndpointHost::Name(name) => self.names.addresses(name).await?,
            };
            let vetted = vet(&policy, &addresses, port)?;
            let (stream, address) = match &self.proxy {
                None => self.dial_first(&vetted).await?,
                Some(proxy) => self.in_time(self.first_through(proxy, &vetted)).await?,
            };
            (stream, Some(address))
        };
        let passage = Passage {
            policy,
            address,
            opened_at: Instant::now(),
        };
        Ok((stream, passage))
    }

    /// A tunnel to the first vetted address to which the proxy makes one.
    async fn first_through(
        &self,
        proxy: &Proxy,
        addresses: &[Vetted<SocketAddr>],
    ) -> Result<(D::Stream, SocketAddr), OutcomeKind> {
        let mut failure = OutcomeKind::DnsNotFound;
        for address in addresses {
            let address = address.into_inner();
            match self.through(proxy, &address.to_string()).await {
                Ok(stream) => return Ok((stream, address)),
                Err(kind) => failure = kind,
            }
        }
        Err(failure)
    }

    /// A tunnel by the proxy to `target`.
    async fn through(&self, proxy: &Proxy, target: &str) -> Result<D::Stream, OutcomeKind> {
        let addresses = match &proxy.host {
            EndpointHost::Address(address) => Rc::from([*address]),
            EndpointHost::Name(name) => self.names.addresses(name).await?,
        };
        let addresses = addresses.iter().take(limits::DIAL_ADDRESSES_MAX);
        let addresses = addresses.map(|ip| SocketAddr::new(*ip, proxy.port));
        let addresses: Vec<_> = addresses.map(Vetted::by_operator).collect();
        let (mut stream, _) = self.dial_first(&addresses).await?;
        proxy.tunnel(&mut stream, target).await?;
        Ok(stream)
    }

    /// What comes of a way by the proxy within the time to connect; whatever goes wrong is the proxy's.
    async fn in_time<T>(
        &self,
        way: impl Future<Output = Result<T, OutcomeKind>>,
    ) -> Result<T, OutcomeKind> {
        let after_ms = self.connect_timeout_ms;
        let made = timeout(Duration::from_millis(after_ms.into()), way).await;
        let made = made.unwrap_or(Err(OutcomeKind::ConnectTimeout { after_ms }));
        made.map_err(|kind| {
            tracing::debug!("no tunnel by the proxy: {kind}");
            OutcomeKind::ProxyFailed
        })
    }

    /// Connects to the first address that answers; each has an equal share of the time that is
    /// left, so that a dead one does not use up the time of the others.
    async fn dial_first(
        &self,
        addresses: &[Vetted<SocketAddr>],
    ) -> Result<(D::Stream, SocketAddr), OutcomeKind> {
        let after_ms = self.connect_timeout_ms;
        let deadline = Instant::now() + Duration::from_millis(after_ms.into());
        let mut failure = OutcomeKind::DnsNotFound;
        let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left.checked_div(untried).unwrap_or(left);
            untried = untried.saturating_sub(1);
            let Ok(dialed) = timeout(share, self.dialer.dial(*address)).await else {
                failure = OutcomeKind::ConnectTimeout { after_ms };
                continue;
            };
            match reached(dialed, *address, after_ms) {
                Ok(stream) => return Ok((stream, address.into_inner())),
                Err(kind) => failure = kind,
            }
            // Boxed, since it is rare and its room would be part of every attempt.
            if failure == OutcomeKind::Internal {
                let again = timeout(share, Box::pin(self.dial_again(*address)));
                match again.await {
                    Ok(Ok(stream)) => return Ok((stream, address.into_inner())),
                    Ok(Err(kind)) => failure = kind,
                    Err(_) => failure = OutcomeKind::ConnectTimeout { after_ms },
                }
            }
        }
        Err(failure)
    }

    /// Connects to an address for which there was no file descriptor, as soon as there is one, or not at all.
    async fn dial_again(&self, address: Vetted<SocketAddr>) -> Result<D::Stream, OutcomeKind> {
        let deadline = self.files.deadline();
        loop {
            self.files.note();
            sleep(Duration::from_millis(limits::OPEN_FILE_PAUSE_MS)).await;
            let dialed = self.dialer.dial(address).await;
            let reached = reached(dialed, address, self.connect_timeout_ms);
            if deadline <= Instant::now() || !matches!(reached, Err(OutcomeKind::Internal)) {
                return reached;
            }
        }
    }
}

/// The stream of a dial, if it leads to where it should.
fn reached<S>(
    dialed: io::Result<Dialed<S>>,
    address: Vetted<SocketAddr>,
    after_ms: u32,
) -> Result<S, OutcomeKind> {
    match dialed {
        Ok(dialed) if is_same(dialed.peer, address.into_inner()) => Ok(dialed.stream),
        // Somebody else answered than was vetted.
        Ok(_) => Err(OutcomeKind::AddressBlocked),
        Err(error) => Err(connect_failure(&error, after_ms)),
    }
}

/// Judges all addresses: one that is refused refuses them all, since an answer that mixes allowed
/// and refused ones is the mark of DNS rebinding. At most `limits::DIAL_ADDRESSES_MAX` pass.
fn vet(
    policy: &AddressPolicy,
    addresses: &[IpAddr],
    port: u16,
) -> Result<Vec<Vetted<SocketAddr>>, OutcomeKind> {
    let vetted: Result<Vec<_>, _> = addresses
        .iter()
        .map(|address| policy.vet(SocketAddr::new(*address, port)))
        .collect();
    let mut vetted = vetted.map_err(|refusal| blocked(&refusal))?;
    vetted.truncate(limits::DIAL_ADDRESSES_MAX);
    Ok(vetted)
}

/// What an attempt meets that is refused. Why is for the operator alone: it may tell of addresses
/// within.
fn blocked(refusal: &Refusal) -> OutcomeKind {
    tracing::debug!("nothing is dialled: {refusal}");
    OutcomeKind::AddressBlocked
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
