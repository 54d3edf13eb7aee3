//! I20: no address is dialled but those that the endpoints' names lead to; in the layer `full`.

use std::net::IpAddr;

use crate::sim::{violation::Violation, whole::Whole};

/// Judges an address that is dialled; `is_known` tells whether the name of an endpoint leads to it.
pub(in crate::sim) fn judge(address: IpAddr, is_known: bool) -> Option<Violation> {
    (!is_known).then_some(Whole::Private { address }.into())
}
