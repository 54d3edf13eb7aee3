//! Whom a limit by address counts as one: the client's network.

use std::net::{IpAddr, Ipv6Addr};

/// How many bits of an IPv6 address say whose network it is; who has one has all addresses in it.
const IPV6_BITS: u32 = 64;

/// A client as limits count it: an IPv4 address, or all of an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// That of an address; an IPv4 address counts the same in its IPv6 form.
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> IPV6_BITS << IPV6_BITS;
                Ipv6Addr::from_bits(network).into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> ClientNetwork {
        ClientNetwork::of(text.parse().expect("an address"))
    }

    #[test]
    fn an_ipv4_address_is_a_client_also_in_its_ipv6_form() {
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
    }

    #[test]
    fn all_of_an_ipv6_64_is_one_client() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }
}
