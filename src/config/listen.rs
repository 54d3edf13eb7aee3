//! Where to listen, as people write it: an address and port, or a port alone.

use core::{fmt, str::FromStr};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserialize;
use thiserror::Error;

/// An address to listen on, or only its port: then the address stays what a lower layer of the
/// configuration said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub struct ListenAddress {
    host: Option<IpAddr>,
    port: u16,
}

/// What a file may hold: `"127.0.0.1:9876"`, `":9876"` or `9876`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Port(u16),
    Address(String),
}

impl ListenAddress {
    /// Only a port, as in `PORT`.
    #[must_use]
    pub const fn port(port: u16) -> Self {
        Self { host: None, port }
    }

    /// This address, with what it leaves open taken from `below`.
    #[must_use]
    pub fn over(self, below: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.host.unwrap_or_else(|| below.ip()), self.port)
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(':').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return digits
                .parse()
                .map(Self::port)
                .map_err(|_| ListenAddressError);
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().map_err(|_| ListenAddressError)?;
            return Ok(Self {
                host: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                port,
            });
        }
        let address: SocketAddr = text.parse().map_err(|_| ListenAddressError)?;
        Ok(Self {
            host: Some(address.ip()),
            port: address.port(),
        })
    }
}

impl TryFrom<Text> for ListenAddress {
    type Error = ListenAddressError;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        match text {
            Text::Port(port) => Ok(Self::port(port)),
            Text::Address(text) => text.parse(),
        }
    }
}

/// As it would be written.
impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Some(host) => SocketAddr::new(host, self.port).fmt(out),
            None => write!(out, ":{}", self.port),
        }
    }
}

/// The text is no address to listen on; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it must be an address with a port, as 127.0.0.1:9876 or [::1]:9876, or a port from 0 to 65535"
)]
pub struct ListenAddressError;

#[cfg(test)]
mod tests {
    use super::*;

    const BELOW: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 80);

    #[test]
    fn an_address_or_a_port_alone_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:9876", "127.0.0.1:9876"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:9876", "[::1]:9876"),
            ("localhost:5", "127.0.0.1:5"),
            ("9876", "10.1.2.3:9876"),
            (":9876", "10.1.2.3:9876"),
            ("0", "10.1.2.3:0"),
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.over(BELOW).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":",
            "abc",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "65536",
            "-1",
            "1.5",
            "::1:80:",
            "example.com:80",
            "localhost",
            "localhost:",
            " 9876",
            "http://127.0.0.1:80",
        ] {
            assert_eq!(
                text.parse::<ListenAddress>(),
                Err(ListenAddressError),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_reads_as_it_was_written() {
        for text in [":80", "127.0.0.1:80", "[::1]:80"] {
            assert_eq!(text.parse::<ListenAddress>().expect(text).to_string(), text);
        }
    }
}
