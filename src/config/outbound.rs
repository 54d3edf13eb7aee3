//! What decides where things are sent: networks, ports, name servers, a proxy.

use core::{fmt, str::FromStr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};
use serde::Deserialize;
use thiserror::Error;

use super::{Mode, error::ConfigError, settings::Settings};
use crate::{
    limits,
    policy::address::{AddressPolicy, is_translator},
    transport::{
        proxy::{Proxy, ProxyError},
        resolver::ResolverOptions,
    },
};

/// The port of name servers (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

/// All that decides where things are sent, and how the way is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Which addresses may be dialled; without the addresses of this machine.
    pub policy: AddressPolicy,
    /// How names are resolved.
    pub resolver: ResolverOptions,
    /// The proxy that everything is sent through.
    pub proxy: Option<Proxy>,
    /// Whether endpoints with plain `http` URLs are refused.
    pub https_only: bool,
}

/// Who resolves names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ResolverKind {
    /// Name servers are asked without blocking
    Dns,
    /// The operating system is asked, as other programs do: hosts file and search list count
    System,
}

/// A network of a NAT64 translator, in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TranslatorNetwork(Ipv6Net);

/// The text is no network of a translator; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it must be an IPv6 network of 32, 40, 48, 56, 64 or 96 bits (RFC 6052), as 64:ff9b::/96")]
pub struct TranslatorNetworkError;

impl FromStr for TranslatorNetwork {
    type Err = TranslatorNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse::<Ipv6Net>().ok().filter(is_translator);
        network
            .map(|network| Self(network.trunc()))
            .ok_or(TranslatorNetworkError)
    }
}

impl TryFrom<String> for TranslatorNetwork {
    type Error = TranslatorNetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A name server: an address, and a port if it is not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NameServer(SocketAddr);

/// The text names no name server; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it must be an address, with a port if that is not 53: 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"
)]
pub struct NameServerError;

impl FromStr for NameServer {
    type Err = NameServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse::<IpAddr>().ok();
        let address = address.map(|address| SocketAddr::new(address, DNS_PORT));
        address
            .or_else(|| text.parse().ok())
            .filter(|address| address.port() != 0)
            .map(Self)
            .ok_or(NameServerError)
    }
}

impl TryFrom<String> for NameServer {
    type Error = NameServerError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The URL of a proxy; it may hold a password, which is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ProxyUrl(Proxy);

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for ProxyUrl {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Proxy::parse(text).map(Self)
    }
}

impl TryFrom<String> for ProxyUrl {
    type Error = ProxyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What the settings say of it.
pub(super) fn outbound(mode: Mode, settings: &Settings) -> Result<Outbound, ConfigError> {
    let mut allowed = networks(
        "allow_target",
        &settings.allow_target,
        limits::ALLOWED_TARGETS_MAX,
    )?;
    if mode == Mode::Dev {
        let loopback = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        allowed.push(loopback.into());
        allowed.push(IpAddr::V6(Ipv6Addr::LOCALHOST).into());
    }
    counted(
        "allow_port",
        settings.allow_port.len(),
        limits::ALLOWED_PORTS_MAX,
    )?;
    counted(
        "name_server",
        settings.name_server.len(),
        limits::NAME_SERVERS_MAX,
    )?;
    let translators = settings.nat64_prefix.len();
    counted("nat64_prefix", translators, limits::ALLOWED_TARGETS_MAX)?;
    let asks_system = settings.resolver == Some(ResolverKind::System);
    if asks_system && !settings.name_server.is_empty() {
        return Err(ConfigError::SystemAsksItsOwn);
    }
    let proxy = settings.outbound_proxy.clone().map(|url| {
        let mut proxy = url.0;
        proxy.resolves = settings.outbound_proxy_resolves;
        proxy
    });
    if proxy.is_none() && settings.outbound_proxy_resolves {
        return Err(ConfigError::NoProxy);
    }
    Ok(Outbound {
        policy: AddressPolicy {
            allowed,
            denied: networks(
                "deny_target",
                &settings.deny_target,
                limits::ALLOWED_TARGETS_MAX,
            )?,
            ports: settings.allow_port.clone(),
            translators: settings.nat64_prefix.iter().map(|it| it.0).collect(),
            own: Vec::new(),
        },
        resolver: ResolverOptions {
            asks_system,
            name_servers: settings.name_server.iter().map(|it| it.0).collect(),
            // Names of a machine's own file are for trying out.
            uses_hosts_file: mode == Mode::Dev,
        },
        proxy,
        https_only: settings.https_only,
    })
}

/// The networks of a list, unless they are too many.
pub(super) fn networks(
    key: &'static str,
    given: &[super::target::TargetNetwork],
    most: usize,
) -> Result<Vec<IpNet>, ConfigError> {
    counted(key, given.len(), most)?;
    Ok(given.iter().map(|target| target.network()).collect())
}

/// Refuses a list that is longer than what is looked through for each dial.
const fn counted(key: &'static str, count: usize, most: usize) -> Result<(), ConfigError> {
    if count > most {
        return Err(ConfigError::TooMany { key, count, most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_is_an_address_with_the_usual_port_or_another() {
        for (text, expected) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ] {
            let server: NameServer = text.parse().expect(text);
            assert_eq!(server.0.to_string(), expected);
        }
        for text in ["", "dns.example", "192.0.2.53:0", "192.0.2.53:x", "[::1]"] {
            assert_eq!(text.parse::<NameServer>(), Err(NameServerError), "{text}");
        }
    }

    #[test]
    fn a_translator_has_a_network_of_a_length_that_the_rfc_knows() {
        let network: TranslatorNetwork = "64:ff9b::1/96".parse().expect("valid");
        assert_eq!(network.0.to_string(), "64:ff9b::/96");
        for text in ["64:ff9b::/95", "10.0.0.0/32", "64:ff9b::", ""] {
            let parsed = text.parse::<TranslatorNetwork>();
            assert_eq!(parsed, Err(TranslatorNetworkError), "{text}");
        }
    }
}
