//! IPv4 addresses that IPv6 addresses carry.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// Octets of an address that the bits of RFC 6052 leave out: the ninth is always zero.
const RESERVED_OCTET: usize = 8;

/// The IPv4 address that a host on an ISATAP link stands for (RFC 5214, 6.1): its interface
/// identifier is `0000:5efe` or `0200:5efe` and the address.
pub(super) fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., high, low, c, d] = address.segments();
    let is_isatap = matches!(high, 0x0000 | 0x0200) && low == 0x5efe;
    is_isatap.then(|| Ipv4Addr::from_bits((u32::from(c) << 16) | u32::from(d)))
}

/// The IPv4 address that a translator of this network sends to (RFC 6052, 2.2); `None` if the address is
/// outside it or the network's length is none of those that the RFC has.
pub(super) fn nat64(network: &Ipv6Net, address: Ipv6Addr) -> Option<Ipv4Addr> {
    if !is_translator(network) || !network.contains(&address) {
        return None;
    }
    let octets = address.octets();
    let prefix = usize::from(network.prefix_len() / 8);
    let carried = octets.iter().enumerate();
    let carried = carried.filter(|(place, _)| *place >= prefix && *place != RESERVED_OCTET);
    let mut four = [0_u8; 4];
    for (to, (_, octet)) in four.iter_mut().zip(carried) {
        *to = *octet;
    }
    Some(Ipv4Addr::from(four))
}

/// Whether a translator can have this network: its length is one of RFC 6052, 2.2.
pub(super) const fn is_translator(network: &Ipv6Net) -> bool {
    matches!(network.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn six(text: &str) -> Ipv6Addr {
        text.parse().expect(text)
    }

    #[test]
    fn translated_addresses_are_those_of_the_table_in_rfc_6052() {
        let meant: Ipv4Addr = "192.0.2.33".parse().expect("valid");
        for (network, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            let network: Ipv6Net = network.parse().expect(network);
            assert_eq!(nat64(&network, six(address)), Some(meant), "{address}");
        }
        let network = "64:ff9b::/96".parse().expect("valid");
        assert_eq!(nat64(&network, six("64:ff9c::1")), None);
        let odd = "64:ff9b::/95".parse().expect("valid");
        assert_eq!(nat64(&odd, six("64:ff9b::1")), None);
    }

    #[test]
    fn an_isatap_address_stands_for_its_last_four_octets() {
        let meant = Some(Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(isatap(six("2a00::5efe:a00:1")), meant);
        assert_eq!(isatap(six("2a00::200:5efe:10.0.0.1")), meant);
        assert_eq!(isatap(six("2a00::300:5efe:a00:1")), None);
    }
}
