//! Turns a name into addresses.

use core::time::Duration;
use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
        ResolverOpts,
    },
    net::{NetError, runtime::TokioRuntimeProvider},
    system_conf::read_system_conf,
};
use thiserror::Error;

use super::classify_error::is_out_of_descriptors;
use crate::limits;

/// Asks for the addresses of a name.
///
/// The transport bounds how many questions are open at once and how long it waits for one
/// (`limits::RESOLUTIONS_MAX`, `limits::DNS_TIMEOUT_MS`), keeps answers for `limits::DNS_CACHE_MS`
/// and judges every address; a resolver only resolves.
pub trait Resolver: 'static {
    /// All addresses of `name`, in the order in which they should be tried.
    ///
    /// # Errors
    /// [`ResolveError`]
    fn resolve(&self, name: &str) -> impl Future<Output = Result<Vec<IpAddr>, ResolveError>>;
}

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ResolveError {
    /// The name does not exist or has no address; the fault of who registered it.
    #[error("the name does not exist")]
    NotFound,
    /// There was no file descriptor to ask with.
    #[error("no file descriptor left")]
    OutOfFiles,
    /// The resolver could not find out.
    #[error("the resolver failed")]
    Failed,
}

/// How a [`NameResolver`] resolves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverOptions {
    /// Whether the operating system is asked (`getaddrinfo`) instead of name servers.
    pub asks_system: bool,
    /// The name servers that are asked; those of the system if there are none.
    pub name_servers: Vec<SocketAddr>,
    /// Whether the file of hosts is looked at first.
    pub uses_hosts_file: bool,
}

/// Why there is no resolver.
#[derive(Debug, Error)]
pub enum ResolverError {
    /// The system's name servers are not known; the operator's fault.
    #[error("the name servers of the system can't be read ({0}): name one with --name-server")]
    NoServers(NetError),
    /// The resolver could not be made.
    #[error("the resolver can't be made: {0}")]
    Failed(NetError),
}

/// The resolver of production: asks name servers without blocking, or the operating system.
pub enum NameResolver {
    /// Asks name servers itself. A slow one holds no thread: there are only questions that wait.
    Servers(Box<TokioResolver>),
    /// Asks the operating system.
    System(SystemResolver),
}

impl NameResolver {
    /// A resolver by these options. No list of search domains is used: a name is what it says.
    ///
    /// # Errors
    /// [`ResolverError`]
    pub fn new(options: &ResolverOptions) -> Result<Self, ResolverError> {
        if options.asks_system {
            return Ok(Self::System(SystemResolver));
        }
        let servers = if options.name_servers.is_empty() {
            let (system, _) = read_system_conf().map_err(ResolverError::NoServers)?;
            system.name_servers().to_vec()
        } else {
            options.name_servers.iter().map(server).collect()
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = resolver_options(options.uses_hosts_file);
        let resolver = builder.build().map_err(ResolverError::Failed)?;
        Ok(Self::Servers(Box::new(resolver)))
    }
}

/// A name server that is asked by UDP and, for long answers, by TCP.
fn server(address: &SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    NameServerConfig::new(address.ip(), true, connections.map(at_port).into())
}

fn resolver_options(uses_hosts_file: bool) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // One question again within the time that the transport waits.
    options.timeout = Duration::from_millis(limits::DNS_TIMEOUT_MS / 2);
    options.attempts = 1;
    // Answers are kept by the transport, for a shorter time.
    options.cache_size = 0;
    options.use_hosts_file = if uses_hosts_file {
        ResolveHosts::Always
    } else {
        ResolveHosts::Never
    };
    options
}

impl Resolver for NameResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let resolver = match self {
            Self::System(system) => return system.resolve(name).await,
            Self::Servers(resolver) => resolver,
        };
        // With its last dot, so that nothing is put behind it.
        let answer = resolver.lookup_ip(format!("{name}.")).await;
        answer.map(|found| distinct(found.iter())).map_err(|error| {
            let of_system = match &error {
                NetError::Io(error) => Some(error.as_ref()),
                _ => None,
            };
            if error.is_nx_domain() || error.is_no_records_found() {
                ResolveError::NotFound
            } else if of_system.is_some_and(is_out_of_descriptors) {
                ResolveError::OutOfFiles
            } else {
                tracing::debug!(%error, "a name could not be resolved");
                ResolveError::Failed
            }
        })
    }
}

/// Addresses in their order, each once.
fn distinct(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut distinct = Vec::new();
    for address in addresses {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct
}

/// Asks the operating system (`getaddrinfo`), on the runtime's threads for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match tokio::net::lookup_host((name, 0)).await {
            Ok(addresses) => Ok(distinct(addresses.map(|address: SocketAddr| address.ip()))),
            Err(error) => Err(lookup_failure(&error)),
        }
    }
}

/// What `getaddrinfo` meant. The standard library tells its codes only as their text, which stays
/// English since nothing here sets a locale.
fn lookup_failure(error: &io::Error) -> ResolveError {
    if is_out_of_descriptors(error) {
        return ResolveError::OutOfFiles;
    }
    let text = error.to_string();
    let unknown = [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided",
    ];
    if unknown.iter().any(|known| text.contains(known)) {
        ResolveError::NotFound
    } else {
        ResolveError::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_from_a_failed_resolver() {
        let failure = |text: &str| lookup_failure(&io::Error::other(text.to_owned()));
        for text in [
            "failed to lookup address information: Name or service not known",
            "failed to lookup address information: No address associated with hostname",
        ] {
            assert_eq!(failure(text), ResolveError::NotFound);
        }
        let full = io::Error::from_raw_os_error(24);
        assert_eq!(lookup_failure(&full), ResolveError::OutOfFiles);
        assert_eq!(
            failure("failed to lookup address information: Temporary failure in name resolution"),
            ResolveError::Failed
        );
    }

    #[tokio::test]
    async fn the_system_knows_localhost() {
        let addresses = SystemResolver.resolve("localhost").await.expect("known");
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }
}
