//! I12: what a receiver gets verifies with a secret of its, over the exact bytes that it got.

use http::HeaderMap;

use crate::{
    domain::{id::EventId, secret::Secret},
    signing::{VerificationKey, verify},
    sim::violation::Violation,
};

/// What a request says of itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Signed<'request> {
    pub(in crate::sim) id: &'request str,
    /// In seconds.
    pub(in crate::sim) timestamp: i64,
    pub(in crate::sim) signature: &'request str,
}

impl<'request> Signed<'request> {
    /// Of a request with these headers; what is missing is empty.
    pub(in crate::sim) fn of(headers: &'request HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        Self {
            id: text("webhook-id"),
            timestamp: text("webhook-timestamp").parse().unwrap_or_default(),
            signature: text("webhook-signature"),
        }
    }
}

/// Judges a request that a receiver with these secrets got.
pub(in crate::sim) fn judge(
    event: EventId,
    secrets: Vec<Secret>,
    signed: &Signed<'_>,
    body: &[u8],
) -> Option<Violation> {
    let keys: Vec<VerificationKey> = secrets.into_iter().map(VerificationKey::Shared).collect();
    let verified = verify(&keys, signed.id, signed.timestamp, body, signed.signature);
    let why = verified.err()?.to_string();
    Some(Violation::NotGenuine { event, why })
}
