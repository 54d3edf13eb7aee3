//! The transport of production: own pool, hyper's HTTP/1.1 connections, rustls.

use core::{
    cell::RefCell,
    task::{Context, Poll},
    time::Duration,
};
use std::{rc::Rc, sync::Arc};

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::{task::spawn_local, time::Instant};

use super::{
    Transport,
    connection::{Occupied, Shared, run},
    dial::{Dialer, Route, TcpDialer},
    exchange,
    interfaces::{CurrentPolicy, ListInterfaces},
    names::Names,
    out_of_files::OutOfFiles,
    outcomes::{Outcomes, Slot},
    pool::{Job, Placement, Pool},
    proxy::Proxy,
    request::RequestBuilder,
    resolver::Resolver,
    tls,
};
use crate::policy::header::HeaderPrefix;
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        endpoint_url::Scheme,
        outcome::{Outcome, OutcomeKind},
    },
    limits,
    policy::address::AddressPolicy,
};

/// How a [`HyperTransport`] sends.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// Which addresses may be dialled.
    pub address_policy: AddressPolicy,
    /// What lists the addresses of this machine, to which nothing is sent; those of the policy are all
    /// without it.
    pub interfaces: Option<ListInterfaces>,
    /// The proxy that everything is sent through.
    pub proxy: Option<Proxy>,
    /// Whether plain http targets are refused.
    pub https_only: bool,
    /// A prefix under which the signature headers are sent a second time.
    pub header_prefix: Option<HeaderPrefix>,
    /// Whether certificates must be valid; switch it off for development only.
    pub verify_certificates: bool,
    /// Who is trusted beside those whom the system trusts.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Deadline of one whole attempt, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// Time to connect to a receiver, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Time to resolve a name, in milliseconds.
    pub dns_timeout_ms: u64,
    /// Most connections, idle ones included, as long as no more attempts are in flight.
    pub connections_max: usize,
    /// How long an idle connection is kept, in milliseconds.
    pub idle_ms: u64,
    /// How long a connection may be used again, in milliseconds.
    pub life_ms: u64,
    /// What it calls itself in `user-agent`.
    pub user_agent: String,
    /// The mistake that it makes.
    #[cfg(feature = "mutants")]
    pub mutant: Option<super::mutant::Mutant>,
}

/// The bounds of [`limits`], http allowed, certificates verified.
impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            address_policy: AddressPolicy::default(),
            interfaces: None,
            proxy: None,
            https_only: false,
            header_prefix: None,
            verify_certificates: true,
            authorities: Vec::new(),
            attempt_timeout_ms: limits::ATTEMPT_TIMEOUT_MS,
            connect_timeout_ms: limits::CONNECT_TIMEOUT_MS,
            dns_timeout_ms: limits::DNS_TIMEOUT_MS,
            connections_max: limits::CONNECTIONS_KEPT_MAX,
            idle_ms: limits::CONNECTION_IDLE_MS,
            life_ms: limits::CONNECTION_LIFE_MS,
            user_agent: concat!(
                "Fanfare/",
                env!("CARGO_PKG_VERSION_MAJOR"),
                ".",
                env!("CARGO_PKG_VERSION_MINOR")
            )
            .to_owned(),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

/// Why a transport can't be made.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The `user-agent` has characters that no header can carry; the operator's fault.
    #[error("the user agent `{0}` can't be sent: use visible ASCII characters")]
    UserAgent(String),
    /// The header prefix makes no header names; a bug of ours, since it was judged.
    #[error("no header can begin with `{0}`")]
    HeaderPrefix(String),
    /// TLS can't be set up; a bug of ours.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Sends attempts over HTTP/1.1, with and without TLS.
///
/// It belongs to one thread: [`Transport::start`] spawns tasks of the `LocalSet` (or local
/// runtime) that it is called in, and its sockets and timers are those of that runtime.
pub struct HyperTransport<R: Resolver, D: Dialer = TcpDialer> {
    shared: Rc<Shared<R, D>>,
    https_only: bool,
}

impl<R: Resolver> HyperTransport<R> {
    /// A transport that dials TCP.
    ///
    /// # Errors
    /// [`TransportError`]
    pub fn new(options: TransportOptions, resolver: R) -> Result<Self, TransportError> {
        Self::with_dialer(options, resolver, TcpDialer)
    }
}

impl<R: Resolver, D: Dialer> HyperTransport<R, D> {
    /// A transport that connects by `dialer`.
    ///
    /// # Errors
    /// [`TransportError`]
    pub fn with_dialer(
        options: TransportOptions,
        resolver: R,
        dialer: D,
    ) -> Result<Self, TransportError> {
        let Ok(user_agent) = HeaderValue::from_str(&options.user_agent) else {
            return Err(TransportError::UserAgent(options.user_agent));
        };
        let prefix = options.header_prefix.as_ref();
        let requests = RequestBuilder::new(user_agent, prefix).ok_or_else(|| {
            let prefix = prefix.map_or("", |prefix| prefix.text());
            TransportError::HeaderPrefix(prefix.to_owned())
        })?;
        #[cfg(feature = "mutants")]
        let mutant = options.mutant;
        #[cfg(feature = "mutants")]
        let requests = requests.making(mutant);
        #[cfg(feature = "mutants")]
        let options = TransportOptions {
            address_policy: super::mutant::policy(options.address_policy, mutant),
            life_ms: super::mutant::life_ms(options.life_ms, mutant),
            ..options
        };
        let files = Rc::new(OutOfFiles::new(options.attempt_timeout_ms));
        let lookup_timeout = Duration::from_millis(options.dns_timeout_ms);
        let route = Route {
            names: Names::new(resolver, lookup_timeout, Rc::clone(&files)),
            dialer,
            policy: CurrentPolicy::new(options.address_policy, options.interfaces),
            proxy: options.proxy,
            life: Duration::from_millis(options.life_ms),
            tls: if options.verify_certificates {
                tls::client_config(&options.authorities)?
            } else {
                tls::client_config_trusting_all()?
            },
            connect_timeout_ms: saturated(options.connect_timeout_ms),
            files,
        };
        let pool = Pool::new(options.connections_max);
        #[cfg(feature = "mutants")]
        let pool = pool.making(mutant);
        let shared = Shared {
            route,
            requests,
            http: exchange::builder(),
            pool: RefCell::new(pool),
            outcomes: Rc::new(Outcomes::default()),
            keeping: Arc::default(),
            attempt_timeout_ms: saturated(options.attempt_timeout_ms),
            idle_ms: options.idle_ms,
            #[cfg(feature = "mutants")]
            mutant,
        };
        Ok(Self {
            shared: Rc::new(shared),
            https_only: options.https_only,
        })
    }

    /// How many connections there are, idle ones and those being dialled included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.pool.borrow().len()
    }
}

impl<R: Resolver, D: Dialer> Transport for HyperTransport<R, D> {
    fn start(&mut self, request: AttemptRequest) {
        let outcomes = Rc::clone(&self.shared.outcomes);
        let slot = Slot::new(request.attempt, Instant::now(), outcomes);
        if self.https_only && request.target.url.scheme() == Scheme::Http {
            slot.settle_without_reply(OutcomeKind::HttpsRequired, false);
            return;
        }
        let placed = self.shared.pool.borrow_mut().place(&request.target);
        let Placement {
            seat,
            is_new,
            derived,
        } = match placed {
            Ok(placement) => placement,
            Err(error) => {
                tracing::error!(endpoint = %request.target.id, %error, "no request can be made");
                slot.settle_without_reply(OutcomeKind::Internal, false);
                return;
            }
        };
        seat.hand_over(Job {
            slot,
            request,
            derived,
        });
        if is_new {
            spawn_local(run(Occupied::new(Rc::clone(&self.shared), seat)));
        }
    }

    fn cancel(&mut self, attempt: AttemptHandle) {
        self.shared.pool.borrow().cancel(attempt);
    }

    fn poll_outcomes(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<(AttemptHandle, Outcome)>,
    ) -> Poll<()> {
        self.shared.outcomes.poll_take(context, done)
    }
}

impl<R: Resolver, D: Dialer> Drop for HyperTransport<R, D> {
    fn drop(&mut self) {
        self.shared.pool.borrow_mut().close();
    }
}

/// A number of milliseconds as outcomes tell it.
fn saturated(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::resolver::SystemResolver;

    #[test]
    fn the_user_agent_names_the_version_without_its_patch() {
        let agent = TransportOptions::default().user_agent;
        let version = agent
            .strip_prefix("Fanfare/")
            .expect("the name comes first");
        assert_eq!(version.split('.').count(), 2);
    }

    #[test]
    fn a_user_agent_that_can_not_be_sent_is_refused_at_the_start() {
        let options = TransportOptions {
            user_agent: "a\nb".to_owned(),
            ..TransportOptions::default()
        };
        let error = HyperTransport::new(options, SystemResolver).err();
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("visible ASCII"), "{text}");
    }
}
