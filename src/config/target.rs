//! A network that may be sent to though it is not the public internet, or that may not though it is.

use core::{fmt, str::FromStr};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

/// A network in CIDR form, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TargetNetwork(IpNet);

impl TargetNetwork {
    /// The network, without host bits.
    #[must_use]
    pub const fn network(self) -> IpNet {
        self.0
    }
}

impl FromStr for TargetNetwork {
    type Err = TargetNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse::<IpNet>().ok();
        network
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
            .map(|network| Self(network.trunc()))
            .ok_or(TargetNetworkError)
    }
}

impl TryFrom<String> for TargetNetwork {
    type Error = TargetNetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for TargetNetwork {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The text is no network; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it must be a network in CIDR form, as 10.0.0.0/8 or fd00::/8, or one address")]
pub struct TargetNetworkError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_or_one_address_is_understood() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.9.8.7/8", "10.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("fd00::/8", "fd00::/8"),
        ] {
            let network: TargetNetwork = text.parse().expect(text);
            assert_eq!(network.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "localhost",
            "10.0.0.0/",
            "::1/129",
            "*",
        ] {
            assert_eq!(
                text.parse::<TargetNetwork>(),
                Err(TargetNetworkError),
                "{text}"
            );
        }
    }
}
