//! The policy against tables of addresses, and against every way to write an IPv4 address in IPv6.

use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn allowing(networks: &[&str]) -> AddressPolicy {
    let parse = |text: &&str| text.parse().unwrap_or_else(|_| IpNet::from(address(text)));
    AddressPolicy {
        allowed: networks.iter().map(parse).collect(),
        ..AddressPolicy::default()
    }
}

fn url(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text).expect(text)
}

/// First and last address of each network that is denied, and the addresses beside it, which are not
/// unless another network has them.
#[test]
fn each_special_network_is_denied_from_its_first_to_its_last_address_and_no_further() {
    let policy = AddressPolicy::default();
    let mut cases = 0;
    for (network, what) in ranges::DENIED_V4 {
        let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
        for bits in [first, first + (last - first) / 2, last] {
            let denied = IpAddr::V4(Ipv4Addr::from_bits(bits));
            assert!(policy.judge(denied).is_err(), "{denied}: {what}");
            cases += 1;
        }
        let beside = [first.checked_sub(1), last.checked_add(1)];
        for bits in beside.into_iter().flatten() {
            let four = Ipv4Addr::from_bits(bits);
            let is_other = ranges::DENIED_V4
                .iter()
                .any(|(other, _)| other.contains(&four));
            assert_eq!(policy.judge(four.into()).is_err(), is_other, "{four}");
            cases += 1;
        }
    }
    for (network, what) in ranges::DENIED_V6 {
        let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
        for bits in [first, first + (last - first) / 2, last] {
            let denied = IpAddr::V6(Ipv6Addr::from_bits(bits));
            assert!(policy.judge(denied).is_err(), "{denied}: {what}");
            cases += 1;
        }
        for bits in [first - 1, last + 1] {
            let six = Ipv6Addr::from_bits(bits);
            let is_other = !ranges::GLOBAL_V6.contains(&six)
                || ranges::DENIED_V6
                    .iter()
                    .any(|(other, _)| other.contains(&six));
            assert_eq!(policy.judge(six.into()).is_err(), is_other, "{six}");
            cases += 1;
        }
    }
    assert!(cases > 120, "{cases}");
}

#[test]
fn well_known_traps_are_denied_by_name() {
    for (text, what) in [
        ("127.0.0.1", "loopback"),
        ("0.0.0.0", "this network"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "carriers"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "credentials"),
        ("169.254.170.23", "credentials"),
        ("100.100.100.200", "metadata"),
        ("192.0.0.192", "metadata"),
        ("168.63.129.16", "platform"),
        ("198.18.0.1", "benchmarks"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("fd00:ec2::254", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("fc00::1", "private"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "mapped"),
        ("::ffff:8.8.8.8", "mapped"),
        ("::127.0.0.1", "compatible"),
        ("::ffff:0:10.0.0.1", "translated"),
        ("64:ff9b::10.0.0.1", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("100::1", "discarded"),
        ("100:0:0:1::1", "outside"),
        ("5f00::1", "outside"),
        ("4000::1", "outside"),
        ("2001::1", "Teredo"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::1", "6to4"),
        ("3fff::1", "documentation"),
        ("2620:4f:8000::1", "AS112"),
        ("2a00::5efe:127.0.0.1", "carries 127.0.0.1"),
        ("2a00::200:5efe:169.254.169.254", "carries 169.254.169.254"),
    ] {
        let refusal = AddressPolicy::default().judge(address(text));
        let refusal = refusal.expect_err(text).to_string();
        assert!(refusal.contains(what), "{text}: {refusal}");
    }
}

#[test]
fn public_addresses_pass() {
    for text in [
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001:80b::200e",
        "2001:4860:4860::8888",
        "2a00::5efe:8.8.8.8",
    ] {
        let judged = AddressPolicy::default().judge(address(text));
        assert_eq!(judged, Ok(Grounds::Public), "{text}");
    }
}

#[test]
fn a_named_network_is_allowed_and_no_more_than_it() {
    let policy = allowing(&["127.0.0.0/8", "10.1.2.3", "::1"]);
    for (text, allowed) in [
        ("127.0.0.1", true),
        ("10.1.2.3", true),
        ("::1", true),
        ("10.1.2.4", false),
        ("192.168.0.1", false),
        // Another way to write what is allowed is not what was allowed.
        ("::ffff:127.0.0.1", false),
        ("::127.0.0.1", false),
    ] {
        assert_eq!(policy.judge(address(text)).is_ok(), allowed, "{text}");
    }
}

#[test]
fn link_local_and_metadata_addresses_are_allowed_one_by_one() {
    let all = allowing(&["0.0.0.0/0", "::/0"]);
    for text in [
        "169.254.169.254",
        "169.254.1.1",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        assert!(all.judge(address(text)).is_err(), "{text}");
        assert!(allowing(&[text]).judge(address(text)).is_ok(), "{text}");
    }
    assert!(all.judge(address("10.0.0.1")).is_ok());
}

#[test]
fn what_the_operator_denied_stays_denied() {
    let policy = AddressPolicy {
        denied: vec!["1.1.1.0/24".parse().expect("valid")],
        ..allowing(&["1.1.1.1", "10.0.0.0/8"])
    };
    for (text, allowed) in [("1.1.1.1", false), ("1.1.2.1", true), ("10.0.0.1", true)] {
        assert_eq!(policy.judge(address(text)).is_ok(), allowed, "{text}");
    }
    let carried = AddressPolicy {
        denied: vec!["8.8.8.8/32".parse().expect("valid")],
        ..AddressPolicy::default()
    };
    assert!(carried.judge(address("2a00::5efe:8.8.8.8")).is_err());
}

#[test]
fn this_machine_is_not_sent_to_unless_it_is_allowed() {
    let own = vec![address("8.8.8.8"), address("2a00::1")];
    let policy = AddressPolicy {
        own: own.clone(),
        ..AddressPolicy::default()
    };
    for mine in &own {
        let refusal = policy.judge(*mine).expect_err("it is ours");
        assert_eq!(refusal, Refusal::Own { address: *mine });
    }
    assert!(policy.judge(address("8.8.4.4")).is_ok());
    let policy = AddressPolicy {
        own,
        ..allowing(&["8.8.8.8"])
    };
    assert!(policy.judge(address("8.8.8.8")).is_ok());
}

#[test]
fn addresses_of_a_translator_are_judged_by_what_they_carry() {
    let policy = AddressPolicy {
        translators: vec!["64:ff9b::/96".parse().expect("valid")],
        ..AddressPolicy::default()
    };
    let judged = |text| policy.judge(address(text)).is_ok();
    assert!(judged("64:ff9b::8.8.8.8"));
    assert!(!judged("64:ff9b::10.0.0.1"));
    assert!(!judged("64:ff9b::169.254.169.254"));
    assert!(!judged("64:ff9b:1::8.8.8.8"));
}

#[test]
fn only_a_vetted_address_can_be_had_and_its_port_counts() {
    let target: SocketAddr = "127.0.0.1:80".parse().expect("valid");
    assert!(AddressPolicy::default().vet(target).is_err());
    let vetted = allowing(&["127.0.0.1"]).vet(target).expect("named");
    assert_eq!(vetted.into_inner(), target);
    let database = "8.8.8.8:5432".parse().expect("valid");
    let refusal = AddressPolicy::default().vet(database);
    assert_eq!(refusal, Err(Refusal::Port { port: 5_432 }));
    let policy = AddressPolicy {
        ports: vec![5_432],
        ..AddressPolicy::default()
    };
    assert!(policy.vet(database).is_ok());
    assert!(policy.vet("8.8.8.8:443".parse().expect("valid")).is_err());
}

#[test]
fn a_url_is_refused_by_its_text_where_that_tells_enough() {
    let (public, here, inside) = (
        AddressPolicy::default(),
        allowing(&["127.0.0.1"]),
        allowing(&["10.0.0.0/8"]),
    );
    let judged = |policy: &AddressPolicy, host: &str| {
        let url = url(&format!("http://{host}/"));
        policy.judge_url(&url).is_ok()
    };
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "localhost",
        "a.LOCALHOST.",
    ] {
        assert!(!judged(&public, host), "{host}");
        assert!(judged(&here, host), "{host}");
        assert!(!judged(&inside, host), "{host}");
    }
    for host in [
        "backend",
        "db.internal",
        "a.svc.cluster.local",
        "nas.home.arpa",
    ] {
        assert!(!judged(&public, host), "{host}");
        assert!(judged(&inside, host), "{host}");
    }
    for host in [
        "10.0.0.1:6379",
        "[::1]",
        "169.254.169.254",
        "0.0.0.0",
        "example.com:22",
    ] {
        for policy in [&public, &here, &inside] {
            assert!(!judged(policy, host), "{host}");
        }
    }
    for host in [
        "example.com",
        "1.1.1.1",
        "localhost.example.com",
        "[2606:4700::1]",
    ] {
        assert!(judged(&public, host), "{host}");
    }
    assert!(!judged(&inside, "a..example.com"), "no name at all");
}

/// IPv4 addresses, of which special ones are as likely as public ones.
fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
    let special = (0..ranges::DENIED_V4.len(), any::<u32>()).prop_map(|(index, bits)| {
        let (network, _) = ranges::DENIED_V4.get(index).expect("in range");
        let host = !network.netmask().to_bits() & bits;
        Ipv4Addr::from_bits(network.network().to_bits() | host)
    });
    prop_oneof![special, any::<u32>().prop_map(Ipv4Addr::from_bits)]
}

/// Every way that is known to write an IPv4 address in IPv6.
fn embeddings(four: Ipv4Addr, subnet: u64) -> Vec<Ipv6Addr> {
    let bits = u128::from(four.to_bits());
    let [a, b, c, d] = four.octets().map(u128::from);
    let prefix = |segments: [u16; 8]| Ipv6Addr::from(segments).to_bits();
    let global = (0x2a00_u128 << 112) | (u128::from(subnet) << 48);
    let nat64 = prefix([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]);
    let local_nat64 = prefix([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]);
    let teredo = prefix([0x2001, 0, 0, 0, 0, 0, 0, 0]);
    [
        // Compatible, mapped, translated.
        bits,
        (0xffff << 32) | bits,
        (0xffff << 48) | bits,
        // NAT64, by the well-known network and by local ones of each length.
        nat64 | bits,
        local_nat64 | bits,
        local_nat64 | (a << 72) | (b << 64) | (c << 48) | (d << 40),
        local_nat64 | (a << 56) | (b << 48) | (c << 40) | (d << 32),
        // 6to4.
        (0x2002_u128 << 112) | (bits << 80),
        // Teredo: its server, and its client with all bits turned.
        teredo | (bits << 64),
        teredo | (!bits & 0xffff_ffff),
        // ISATAP, for both kinds of address, in a public network and in a link-local one.
        (global & !0xffff_ffff_ffff_ffff) | (0x5efe << 32) | bits,
        (global & !0xffff_ffff_ffff_ffff) | (0x0200_5efe << 32) | bits,
        prefix([0xfe80, 0, 0, 0, 0, 0x5efe, 0, 0]) | bits,
    ]
    .map(Ipv6Addr::from_bits)
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_way_to_write_a_denied_ipv4_address_in_ipv6_is_allowed(four in any_v4(), subnet: u64) {
        let mut policy = AddressPolicy::default();
        let is_denied = policy.judge(four.into()).is_err();
        for six in embeddings(four, subnet) {
            let judged = policy.judge(six.into());
            prop_assert!(!is_denied || judged.is_err(), "{six} carries {four}: {judged:?}");
        }
        for length in [96, 64, 48] {
            let network = Ipv6Net::new(Ipv6Addr::from_bits(0x2a00_u128 << 112), length);
            policy.translators = vec![network.expect("a length of the RFC")];
            let six = translated(&policy.translators[0], four);
            prop_assert_eq!(policy.judge(six.into()).is_err(), is_denied, "{} for {}", six, four);
        }
    }

    #[test]
    fn an_allowed_private_network_allows_exactly_its_members(bits: u32, prefix in 8_u8..=32) {
        let network = format!("10.0.0.0/{prefix}");
        let policy = allowing(&[&network]);
        let inside = Ipv4Addr::from_bits((10 << 24) | (bits & 0x00ff_ffff));
        let mask = u32::MAX << (32 - u32::from(prefix));
        let is_member = inside.to_bits() & mask == 10 << 24;
        prop_assert_eq!(policy.judge(IpAddr::V4(inside)).is_ok(), is_member);
    }

    #[test]
    fn ipv6_outside_its_public_part_is_never_allowed(bits: u128) {
        let six = Ipv6Addr::from_bits(bits);
        let is_allowed = AddressPolicy::default().judge(six.into()).is_ok();
        prop_assert!(!is_allowed || ranges::GLOBAL_V6.contains(&six), "{six}");
    }
}

/// The address that a translator of this network has for an IPv4 address (RFC 6052, 2.2), written by
/// the table there and not by what reads it.
fn translated(network: &Ipv6Net, four: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = four.octets().map(u128::from);
    let base = network.network().to_bits();
    let carried = match network.prefix_len() {
        96 => u128::from(four.to_bits()),
        64 => (a << 48) | (b << 40) | (c << 32) | (d << 24),
        48 => (a << 72) | (b << 64) | (c << 48) | (d << 40),
        length => unreachable!("{length} is not tried"),
    };
    Ipv6Addr::from_bits(base | carried)
}
