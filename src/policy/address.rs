//! Which addresses may be dialled.
//!
//! The boundary is where an address is dialled, and every dial passes it: only a [`Vetted`] address
//! can be dialled, and only this policy makes one. What is said of a URL when it is registered is a
//! courtesy by the same rules. An operator's word goes first: what is denied stays denied, then what is
//! allowed is; else the tables of special networks count, and the addresses of this machine. An IPv6
//! address that carries an IPv4 one is never better off than that.

mod carried;
mod names;
mod ports;
mod ranges;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};
use thiserror::Error;

pub use self::names::NameFault;
use crate::domain::endpoint_url::{EndpointHost, EndpointUrl};

/// A value that the address policy let pass; only such an address can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vetted<T>(T);

impl<T> Vetted<T> {
    /// What was let pass.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Vetted<SocketAddr> {
    /// The address of something that the operator named for our own use, as a proxy: it is nobody
    /// else's word.
    #[must_use]
    pub const fn by_operator(address: SocketAddr) -> Self {
        Self(address)
    }
}

/// Which targets are allowed beyond the public internet, and which of it are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks that are allowed though they are special. A wider network does not mean link-local
    /// addresses and those of metadata services in it: each of these is allowed by itself.
    pub allowed: Vec<IpNet>,
    /// Networks that are denied, whatever else is said.
    pub denied: Vec<IpNet>,
    /// The only ports that are allowed; if there are none, those of the web and from 1024 on without
    /// those of other services.
    pub ports: Vec<u16>,
    /// Networks of translators, whose addresses are judged by the IPv4 address that they carry (RFC 6052).
    pub translators: Vec<Ipv6Net>,
    /// Addresses of this machine.
    pub own: Vec<IpAddr>,
}

/// Why something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// It is a public address.
    Public,
    /// The operator allowed this network.
    Allowed(IpNet),
}

/// Why nothing is sent there.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// It belongs to a special network.
    #[error("{address} belongs to {network}: {what}")]
    Special {
        /// The address.
        address: IpAddr,
        /// The network.
        network: IpNet,
        /// What the network is.
        what: &'static str,
    },
    /// It is of no network that is public.
    #[error("{address} is outside the public part of IPv6, {}", ranges::GLOBAL_V6)]
    NotPublic {
        /// The address.
        address: Ipv6Addr,
    },
    /// It carries an address of a special network.
    #[error("{address} carries {carried}, to which nothing is sent")]
    Carries {
        /// The address.
        address: Ipv6Addr,
        /// What it carries.
        carried: Ipv4Addr,
    },
    /// It is an address of this machine.
    #[error("{address} is an address of this machine")]
    Own {
        /// The address.
        address: IpAddr,
    },
    /// The operator denied it.
    #[error("{address} belongs to {network}, which the operator denied")]
    Denied {
        /// The address.
        address: IpAddr,
        /// What was denied.
        network: IpNet,
    },
    /// The port is not one of those that are sent to.
    #[error("port {port} is not sent to")]
    Port {
        /// The port.
        port: u16,
    },
    /// The name is refused as it is.
    #[error("the name {fault}")]
    Name {
        /// What is wrong with it.
        fault: NameFault,
    },
}

impl AddressPolicy {
    /// Lets an address pass, or tells why not.
    ///
    /// # Errors
    /// [`Refusal`]; the fault of who registered the URL, or meant so by the operator.
    pub fn vet(&self, address: SocketAddr) -> Result<Vetted<SocketAddr>, Refusal> {
        self.judge_port(address.port())?;
        self.judge(address.ip())?;
        Ok(Vetted(address))
    }

    /// Whether a URL may lead to where anything is sent, as far as its text tells: a name may still
    /// be resolved to an address that is refused. Names of local networks are taken where the operator
    /// allowed any network, `localhost` where that is loopback.
    ///
    /// # Errors
    /// [`Refusal`]; the fault of who registers it.
    pub fn judge_url(&self, url: &EndpointUrl) -> Result<(), Refusal> {
        self.judge_port(url.port())?;
        let name = match url.host() {
            EndpointHost::Address(address) => return self.judge(*address).map(|_| ()),
            EndpointHost::Name(name) => name,
        };
        let is_taken = |fault: NameFault| {
            let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let mut loopback = loopback.into_iter();
            let is_this_machine = fault == NameFault::Localhost;
            (fault.is_local() && !self.allowed.is_empty())
                || (is_this_machine && loopback.any(|address| self.judge(address).is_ok()))
        };
        match names::fault(name) {
            Some(fault) if !is_taken(fault) => Err(Refusal::Name { fault }),
            _ => Ok(()),
        }
    }

    /// Whether a port is sent to.
    ///
    /// # Errors
    /// [`Refusal::Port`]
    pub fn judge_port(&self, port: u16) -> Result<(), Refusal> {
        let is_allowed = if self.ports.is_empty() {
            ports::is_usual(port)
        } else {
            self.ports.contains(&port)
        };
        is_allowed.then_some(()).ok_or(Refusal::Port { port })
    }

    /// Whether an address may be dialled, and why.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn judge(&self, address: IpAddr) -> Result<Grounds, Refusal> {
        if let Some(network) = containing(&self.denied, address) {
            return Err(Refusal::Denied { address, network });
        }
        let needs_itself = ranges::is_allowed_by_itself_only(address);
        let is_meant = |network: &&IpNet| {
            network.contains(&address)
                && (!needs_itself || network.prefix_len() == network.max_prefix_len())
        };
        // What carries another address is judged by that, too.
        if let IpAddr::V6(six) = address
            && let Some((carried, is_translated)) = self.carried(six)
        {
            let grounds = self.judge(carried.into());
            let grounds = grounds.map_err(|_| Refusal::Carries {
                address: six,
                carried,
            })?;
            if is_translated {
                return Ok(grounds);
            }
        }
        if let Some(network) = self.allowed.iter().find(is_meant) {
            return Ok(Grounds::Allowed(*network));
        }
        if self.own.contains(&address) {
            return Err(Refusal::Own { address });
        }
        match address {
            IpAddr::V4(four) => judge_v4(four),
            IpAddr::V6(six) => judge_v6(six),
        }
    }

    /// The IPv4 address that an IPv6 address carries where the tables would let it pass, and whether
    /// a translator stands for all of it.
    fn carried(&self, address: Ipv6Addr) -> Option<(Ipv4Addr, bool)> {
        let mut translators = self.translators.iter();
        let translated = translators.find_map(|network| carried::nat64(network, address));
        let translated = translated.map(|carried| (carried, true));
        translated.or_else(|| carried::isatap(address).map(|carried| (carried, false)))
    }
}

/// The first of these networks that an address belongs to.
fn containing(networks: &[IpNet], address: IpAddr) -> Option<IpNet> {
    let mut networks = networks.iter();
    networks.find(|network| network.contains(&address)).copied()
}

/// Whether an IPv4 address is public.
fn judge_v4(address: Ipv4Addr) -> Result<Grounds, Refusal> {
    let mut denied = ranges::DENIED_V4.iter();
    match denied.find(|(network, _)| network.contains(&address)) {
        Some((network, what)) => Err(Refusal::Special {
            address: address.into(),
            network: (*network).into(),
            what,
        }),
        None => Ok(Grounds::Public),
    }
}

/// Whether an IPv6 address is public.
fn judge_v6(address: Ipv6Addr) -> Result<Grounds, Refusal> {
    let is_global = ranges::GLOBAL_V6.contains(&address);
    let special: &[ranges::Range<Ipv6Net>] = if is_global {
        &ranges::DENIED_V6
    } else {
        &ranges::NAMED_V6
    };
    let found = special
        .iter()
        .find(|(network, _)| network.contains(&address));
    match found {
        Some((network, what)) => Err(Refusal::Special {
            address: address.into(),
            network: (*network).into(),
            what,
        }),
        None if is_global => Ok(Grounds::Public),
        None => Err(Refusal::NotPublic { address }),
    }
}

/// Whether a network can be one of a translator (RFC 6052, 2.2).
#[must_use]
pub const fn is_translator(network: &Ipv6Net) -> bool {
    carried::is_translator(network)
}

#[cfg(test)]
mod tests;
