//! Which addresses may be dialled.
//!
//! Judged on the resolved address, where every dial passes, never on the text of a URL. What is
//! judged here so far: loopback, private, link-local, unspecified, multicast and broadcast
//! addresses are refused unless the operator names their network. An IPv6 address that carries an
//! IPv4 one is judged by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::domain::endpoint_url::EndpointHost;
/// A value that the address policy let pass; only such an address can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vetted<T>(T);

impl<T> Vetted<T> {
    /// What was let pass.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Which targets are allowed beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks that are allowed though they are loopback, private or link-local.
    pub allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Lets an address pass, or not.
    #[must_use]
    pub fn vet(&self, address: SocketAddr) -> Option<Vetted<SocketAddr>> {
        self.allows(address.ip()).then_some(Vetted(address))
    }

    /// Whether a URL with this host may lead to where anything is sent, as far as its text tells: a name
    /// may still be resolved to an address that is refused. `localhost` and names below it are this
    /// machine (RFC 6761).
    #[must_use]
    pub fn allows_host(&self, host: &EndpointHost) -> bool {
        match host {
            EndpointHost::Address(address) => self.allows(*address),
            EndpointHost::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let is_local = name == "localhost" || name.ends_with(".localhost");
                let loopback = [
                    IpAddr::V4(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(Ipv6Addr::LOCALHOST),
                ];
                !is_local || loopback.into_iter().any(|address| self.allows(address))
            }
        }
    }

    /// Whether an address may be dialled.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let meant = meant(address);
        let named = |network: &IpNet| network.contains(&address) || network.contains(&meant);
        self.allowed.iter().any(named)
            || match meant {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// The address that is meant: an IPv4 address carried in IPv6 is what the kernel would dial.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let carried = six.to_ipv4_mapped().or_else(|| {
        // IPv4-compatible (::a.b.c.d), long deprecated; `::` and `::1` are IPv6's own.
        let low = u32::try_from(six.to_bits()).ok();
        low.filter(|low| *low > 1).map(Ipv4Addr::from_bits)
    });
    carried.map_or(address, IpAddr::V4)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        // "This network": connecting to 0.0.0.0 reaches loopback on Linux.
        || first == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::endpoint_url::EndpointUrl;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn allowing(networks: &[&str]) -> AddressPolicy {
        let parse = |text: &&str| text.parse().unwrap_or_else(|_| IpNet::from(address(text)));
        AddressPolicy {
            allowed: networks.iter().map(parse).collect(),
        }
    }

    #[test]
    fn a_host_is_refused_by_its_text_where_that_is_an_address_or_this_machine() {
        let host = |text: &str| {
            let url = EndpointUrl::parse(&format!("http://{text}/")).expect(text);
            url.host().clone()
        };
        let (public, here) = (AddressPolicy::default(), allowing(&["127.0.0.1"]));
        for text in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "localhost",
            "a.LOCALHOST.",
            "[::1]",
        ] {
            assert!(!public.allows_host(&host(text)), "{text}");
            assert_eq!(here.allows_host(&host(text)), text != "[::1]", "{text}");
        }
        for text in [
            "10.0.0.1",
            "[::ffff:10.0.0.1]",
            "169.254.169.254",
            "0.0.0.0",
        ] {
            assert!(!here.allows_host(&host(text)), "{text}");
        }
        for text in [
            "example.com",
            "1.1.1.1",
            "localhost.example.com",
            "h",
            "[2606:4700::1]",
        ] {
            assert!(public.allows_host(&host(text)), "{text}");
        }
    }

    #[test]
    fn the_loopback_address_of_ipv6_carries_no_other() {
        assert!(allowing(&["::1"]).allows(address("::1")));
        // That is not 0.0.0.1, as `::2` is 0.0.0.2.
        let this_network = allowing(&["0.0.0.0/8"]);
        assert!(!this_network.allows(address("::1")));
        assert!(this_network.allows(address("::2")));
    }

    #[test]
    fn loopback_private_and_link_local_addresses_are_refused() {
        for text in [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "::10.0.0.1",
        ] {
            assert!(!AddressPolicy::default().allows(address(text)), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(AddressPolicy::default().allows(address(text)), "{text}");
        }
    }

    #[test]
    fn a_named_network_is_allowed_and_no_more_than_it() {
        let policy = allowing(&["127.0.0.0/8", "10.1.2.3"]);
        for (text, allowed) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("::1", false),
            ("192.168.0.1", false),
        ] {
            assert_eq!(policy.allows(address(text)), allowed, "{text}");
        }
    }

    #[test]
    fn only_a_vetted_address_can_be_had() {
        let target: SocketAddr = "127.0.0.1:80".parse().expect("valid");
        assert_eq!(AddressPolicy::default().vet(target), None);
        let vetted = allowing(&["127.0.0.1"]).vet(target).expect("named");
        assert_eq!(vetted.into_inner(), target);
    }

    proptest! {
        #[test]
        fn an_ipv4_address_in_ipv6_is_judged_as_itself(bits: u32) {
            let four = Ipv4Addr::from_bits(bits);
            let policy = AddressPolicy::default();
            let expected = policy.allows(IpAddr::V4(four));
            prop_assert_eq!(policy.allows(IpAddr::V6(four.to_ipv6_mapped())), expected);
            if bits > 1 {
                prop_assert_eq!(policy.allows(IpAddr::V6(four.to_ipv6_compatible())), expected);
            }
        }

        #[test]
        fn an_allowed_private_network_allows_exactly_its_members(bits: u32, prefix in 8_u8..=32) {
            let network = format!("10.0.0.0/{prefix}");
            let policy = allowing(&[&network]);
            let inside = Ipv4Addr::from_bits((10 << 24) | (bits & 0x00ff_ffff));
            let mask = u32::MAX << (32 - u32::from(prefix));
            let is_member = inside.to_bits() & mask == 10 << 24;
            prop_assert_eq!(policy.allows(IpAddr::V4(inside)), is_member);
        }
    }
}
