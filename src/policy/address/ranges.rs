//! The networks to which nothing is sent unless the operator says so, as the IANA registries of
//! special-purpose addresses have them, and addresses of clouds that only look public.
//!
//! IPv4 has a list of what is denied, IPv6 one of what may be allowed at all: in IPv4 nearly everything is
//! somebody's public address, in IPv6 one eighth of the space is.
//!
//! Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), IANA IPv6 Global
//! Unicast Address Assignments; the documentation of the clouds that are named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// A network that is denied, and what it is.
pub(super) type Range<N> = (N, &'static str);

const fn four(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn six(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// What is denied of IPv4. The singles stand first, so that they are named as what they are.
pub(super) const DENIED_V4: [Range<Ipv4Net>; 24] = [
    (four(169, 254, 169, 254, 32), "a cloud's metadata service"),
    (four(169, 254, 170, 2, 32), "a cloud's credentials of tasks"),
    (four(169, 254, 170, 23, 32), "a cloud's credentials of pods"),
    (four(100, 100, 100, 200, 32), "a cloud's metadata service"),
    (four(192, 0, 0, 192, 32), "a cloud's metadata service"),
    (four(168, 63, 129, 16, 32), "a cloud's platform service"),
    (four(0, 0, 0, 0, 8), "this network (RFC 791)"),
    (four(10, 0, 0, 0, 8), "private (RFC 1918)"),
    (four(100, 64, 0, 0, 10), "shared by carriers (RFC 6598)"),
    (four(127, 0, 0, 0, 8), "loopback (RFC 1122)"),
    (four(169, 254, 0, 0, 16), "link-local (RFC 3927)"),
    (four(172, 16, 0, 0, 12), "private (RFC 1918)"),
    (four(192, 0, 0, 0, 24), "protocol assignments (RFC 6890)"),
    (four(192, 0, 2, 0, 24), "documentation (RFC 5737)"),
    (four(192, 31, 196, 0, 24), "AS112 (RFC 7535)"),
    (four(192, 52, 193, 0, 24), "AMT (RFC 7450)"),
    (four(192, 88, 99, 0, 24), "6to4 relays (RFC 7526)"),
    (four(192, 168, 0, 0, 16), "private (RFC 1918)"),
    (four(192, 175, 48, 0, 24), "AS112 (RFC 7534)"),
    (four(198, 18, 0, 0, 15), "benchmarks (RFC 2544)"),
    (four(198, 51, 100, 0, 24), "documentation (RFC 5737)"),
    (four(203, 0, 113, 0, 24), "documentation (RFC 5737)"),
    (four(224, 0, 0, 0, 4), "multicast (RFC 5771)"),
    (four(240, 0, 0, 0, 4), "reserved or broadcast (RFC 1112)"),
];

/// All of IPv6 that is anybody's public address.
pub(super) const GLOBAL_V6: Ipv6Net = six([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is denied within [`GLOBAL_V6`].
pub(super) const DENIED_V6: [Range<Ipv6Net>; 5] = [
    (
        six([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "protocol assignments, Teredo among them (RFC 2928)",
    ),
    (
        six([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
        "documentation (RFC 3849)",
    ),
    (six([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4 (RFC 3056)"),
    (
        six([0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0], 48),
        "AS112 (RFC 7534)",
    ),
    (
        six([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
        "documentation (RFC 9637)",
    ),
];

/// What is outside [`GLOBAL_V6`] and has a name; all else there is reserved.
pub(super) const NAMED_V6: [Range<Ipv6Net>; 14] = [
    (
        six([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], 128),
        "a cloud's metadata service",
    ),
    (
        six([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
        "a cloud's metadata service",
    ),
    (six([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified (RFC 4291)"),
    (six([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback (RFC 4291)"),
    (
        six([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
        "IPv4 mapped into IPv6 (RFC 4291)",
    ),
    (
        six([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
        "IPv4 translated (RFC 2765)",
    ),
    (
        six([0, 0, 0, 0, 0, 0, 0, 0], 96),
        "IPv4-compatible (RFC 4291)",
    ),
    (
        six([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
        "NAT64 (RFC 6052)",
    ),
    (
        six([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        "local NAT64 (RFC 8215)",
    ),
    (
        six([0x0100, 0, 0, 0, 0, 0, 0, 0], 64),
        "discarded (RFC 6666)",
    ),
    (six([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private (RFC 4193)"),
    (
        six([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        "link-local (RFC 4291)",
    ),
    (
        six([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
        "site-local (RFC 3879)",
    ),
    (
        six([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
        "multicast (RFC 4291)",
    ),
];

/// Singles that look like any other address of their surroundings.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// Whether only its own name lets an address pass: no wider network that is allowed means it. A
/// cloud's identity is behind these.
pub(super) fn is_allowed_by_itself_only(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_link_local || METADATA.contains(&address)
}
