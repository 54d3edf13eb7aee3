//! Names that are refused by their text, before anybody resolves them.
//!
//! A courtesy to who registers an endpoint: what is dialled is judged by its address. A name that is
//! allowed here unlocks nothing.

use thiserror::Error;

use crate::limits;

/// Names of this machine (RFC 6761, 6.3).
const LOCALHOST: &str = "localhost";
/// What local networks keep for themselves (RFC 6762, RFC 8375, RFC 7686; `internal` is reserved by ICANN), and
/// the usual one of Kubernetes.
const LOCAL: [&str; 5] = ["local", "internal", "home.arpa", "onion", "cluster.local"];

/// What is wrong with a name as the host of an endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NameFault {
    /// It is no name that DNS could hold.
    #[error("has a label that is empty or longer than 63 bytes, or more than 253 bytes in all")]
    NoName,
    /// It has one label.
    #[error("is a single label, which only a search list of this network could complete")]
    SingleLabel,
    /// It is a name of this machine.
    #[error("is this machine")]
    Localhost,
    /// It is a name of a local network.
    #[error("is a name of local networks only")]
    Local,
}

impl NameFault {
    /// Whether an operator who lets things be sent within a local network means such names, too.
    pub(super) const fn is_local(self) -> bool {
        matches!(self, Self::SingleLabel | Self::Local)
    }
}

/// What is wrong with a name, in lower-case ASCII and with or without its last dot.
pub(super) fn fault(name: &str) -> Option<NameFault> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| (1..=limits::DNS_LABEL_BYTES_MAX).contains(&label.len());
    let is_below = |zone: &str| {
        let above = name.strip_suffix(zone);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    if name.len() > limits::DNS_NAME_BYTES_MAX || !name.split('.').all(is_label) {
        Some(NameFault::NoName)
    } else if is_below(LOCALHOST) {
        Some(NameFault::Localhost)
    } else if LOCAL.into_iter().any(is_below) {
        Some(NameFault::Local)
    } else if !name.contains('.') {
        Some(NameFault::SingleLabel)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_and_of_local_networks_are_told_apart_from_public_ones() {
        for (name, expected) in [
            ("example.com", None),
            ("example.com.", None),
            ("localhost.example.com", None),
            ("notlocalhost.com", None),
            ("mylocal.com", None),
            ("localhost", Some(NameFault::Localhost)),
            ("a.localhost.", Some(NameFault::Localhost)),
            ("printer.local", Some(NameFault::Local)),
            ("metadata.google.internal", Some(NameFault::Local)),
            ("a.svc.cluster.local", Some(NameFault::Local)),
            ("nas.home.arpa", Some(NameFault::Local)),
            ("x.onion", Some(NameFault::Local)),
            ("backend", Some(NameFault::SingleLabel)),
            ("a..example.com", Some(NameFault::NoName)),
            ("example.com..", Some(NameFault::NoName)),
            (".example.com", Some(NameFault::NoName)),
        ] {
            assert_eq!(fault(name), expected, "{name}");
        }
    }

    #[test]
    fn labels_and_names_are_as_long_as_dns_can_hold_and_no_longer() {
        let label = "a".repeat(63);
        assert_eq!(fault(&format!("{label}.com")), None);
        assert_eq!(fault(&format!("a{label}.com")), Some(NameFault::NoName));
        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!((name.len(), fault(&name)), (253, None));
        assert_eq!(fault(&format!("{name}a")), Some(NameFault::NoName));
    }
}
