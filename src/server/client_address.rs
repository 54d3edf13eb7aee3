//! Which address a request comes from: that of its connection, or the one that a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::client_network::ClientNetwork;

/// What proxies name their clients in.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who a request comes from, as limits count clients; an extension of each request that came by a
/// socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(pub(super) ClientNetwork);

impl Client {
    /// That of a request that came from `peer` with these fields.
    ///
    /// `X-Forwarded-For` counts only from a trusted proxy, and of it the last address that is none of a
    /// trusted proxy: what stands before it anybody may have written.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> Self {
        let mut client = peer;
        if is_proxy(peer) {
            let lines = headers.get_all(FORWARDED_FOR).iter().rev();
            let named = lines.flat_map(|line| addresses(line).rev());
            for address in named {
                // Beyond what is no address nobody can be believed.
                let Some(address) = address else {
                    break;
                };
                client = address;
                if !is_proxy(address) {
                    break;
                }
            }
        }
        Self(ClientNetwork::of(client))
    }
}

/// What a line names, with ports or without.
fn addresses(line: &HeaderValue) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    let text = line.to_str().unwrap_or_default();
    text.split(',').map(|part| {
        let part = part.trim();
        let bare = part
            .strip_prefix('[')
            .and_then(|part| part.strip_suffix(']'))
            .unwrap_or(part);
        let address = bare.parse().ok();
        address.or_else(|| part.parse::<SocketAddr>().ok().map(|it| it.ip()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> ClientNetwork {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let is_proxy = |address: IpAddr| address.to_string().starts_with("10.");
        Client::of(peer.parse().expect("an address"), &headers, is_proxy).0
    }

    fn network(text: &str) -> ClientNetwork {
        ClientNetwork::of(text.parse().expect("an address"))
    }

    #[test]
    fn a77_what_a_stranger_forwards_counts_for_nothing() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), network("192.0.2.1"));
        assert_eq!(client("192.0.2.1", &["10.0.0.1"]), network("192.0.2.1"));
    }

    #[test]
    fn a77_a_trusted_proxy_names_its_client_and_what_that_wrote_before_does_not_count() {
        for (forwarded, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (&["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            // Proxies behind one another.
            (&["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (&["203.0.113.9, 198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            // Other spellings.
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            // What is no address hides all that stands before it.
            (&["198.51.100.7, unknown"], "10.0.0.1"),
            (&["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", forwarded),
                network(expected),
                "{forwarded:?}"
            );
        }
    }
}
