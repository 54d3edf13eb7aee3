//! Turns a name into addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use thiserror::Error;

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
    /// The resolver could not find out.
    #[error("the resolver failed")]
    Failed,
}

/// Asks the operating system (`getaddrinfo`), on the runtime's threads for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match tokio::net::lookup_host((name, 0)).await {
            Ok(addresses) => {
                let mut distinct = Vec::new();
                for address in addresses.map(|address: SocketAddr| address.ip()) {
                    if !distinct.contains(&address) {
                        distinct.push(address);
                    }
                }
                Ok(distinct)
            }
            Err(error) => Err(lookup_failure(&error)),
        }
    }
}

/// What `getaddrinfo` meant. The standard library tells its codes only as their text, which stays
/// English since nothing here sets a locale.
fn lookup_failure(error: &io::Error) -> ResolveError {
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
