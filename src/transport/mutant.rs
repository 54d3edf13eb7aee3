//! Mutants: the transport with one mistake in it, each of which a simulation must find. They exist
//! only in builds with the feature `mutants`, which no release has.

use std::sync::Arc;

use http::{HeaderMap, header::LOCATION};

use super::target::DerivedTarget;
use crate::{
    domain::{attempt::AttemptRequest, endpoint::Target, endpoint_url::EndpointUrl},
    policy::address::AddressPolicy,
};

/// A mistake that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// What is signed is the payload as it would be written anew, and not as it came.
    SignsPayloadsAnew,
    /// A write of a part counts as a write of all.
    TakesShortWritesForWhole,
    /// A redirect is followed, to wherever it leads.
    FollowsRedirects,
    /// A connection is kept although the body of a reply was not read to its end.
    KeepsUnreadConnections,
    /// What was derived of an endpoint stays as it is, whatever is changed.
    KeepsDerivedTargets,
    /// A connection is used again however old it is.
    KeepsConnectionsForEver,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SignsPayloadsAnew,
        Self::TakesShortWritesForWhole,
        Self::FollowsRedirects,
        Self::KeepsUnreadConnections,
        Self::KeepsDerivedTargets,
        Self::KeepsConnectionsForEver,
    ];
}

/// The policy of addresses, which lets every address pass where redirects are followed unseen.
pub(super) fn policy(policy: AddressPolicy, mutant: Option<Mutant>) -> AddressPolicy {
    if mutant != Some(Mutant::FollowsRedirects) {
        return policy;
    }
    let all = ["0.0.0.0/0", "::/0"].iter();
    AddressPolicy {
        allowed: all.filter_map(|network| network.parse().ok()).collect(),
        ..policy
    }
}

/// How long a connection may be used again, in milliseconds.
pub(super) fn life_ms(life_ms: u64, mutant: Option<Mutant>) -> u64 {
    if mutant == Some(Mutant::KeepsConnectionsForEver) {
        return u64::MAX;
    }
    life_ms
}

/// A payload as it would be written anew; as it is if it is no JSON.
pub(super) fn written_anew(payload: &[u8]) -> Vec<u8> {
    let document = serde_json::from_slice::<serde_json::Value>(payload);
    let written = document.and_then(|document| serde_json::to_vec(&document));
    written.unwrap_or_else(|_| payload.to_vec())
}

/// Where a redirect leads, as the target of another attempt.
pub(super) fn redirected(attempt: &AttemptRequest, headers: &HeaderMap) -> Option<DerivedTarget> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let url = EndpointUrl::parse(location).ok()?;
    let target = Target {
        url,
        ..Target::clone(&attempt.target)
    };
    DerivedTarget::derive(Arc::new(target)).ok()
}
