//! Checking signatures, as a receiver does.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::Mac as _;
use thiserror::Error;

use ring::signature::{ED25519, KeyPair as _, UnparsedPublicKey};

use super::sign::{ASYMMETRIC_SCHEME, SCHEME, code, content, key_pair, keyed};
use crate::{
    domain::secret::Secret,
    time::{Span, Timestamp},
};

/// Why a delivery can't be trusted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    /// The header has no signature of the schemes that the keys are for.
    #[error("there is no v1 or v1a signature in the webhook-signature header for this key")]
    NoSignature,
    /// None of the signatures fits: another secret, or a changed id, timestamp or body.
    #[error("no signature fits: is it the right secret, and are these the exact bytes received?")]
    Mismatch,
    /// Signed too long ago: perhaps a replay.
    #[error("the delivery was signed more than the tolerance ago")]
    TooOld,
    /// Signed in the future: a clock is wrong.
    #[error("the delivery was signed in the future: check the clock")]
    TooNew,
}

/// What a receiver knows of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationKey {
    /// The key that both have; verifies `v1`.
    Shared(Secret),
    /// The Ed25519 public key (RFC 8032, 5.1.5); verifies `v1a`.
    Public([u8; 32]),
}

impl VerificationKey {
    /// The key that verifies what a secret signs.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        let public = key_pair(secret).and_then(|pair| pair.public_key().as_ref().try_into().ok());
        public.map_or_else(|| Self::Shared(secret.clone()), Self::Public)
    }
}

/// Checks that one of the signatures in a `webhook-signature` header was made by the holder of one
/// of `keys`. Compares in constant time. Whether the timestamp is fresh is checked apart.
///
/// # Errors
/// [`VerifyError::NoSignature`] or [`VerifyError::Mismatch`], the sender's fault.
pub fn verify(
    keys: &[VerificationKey],
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
    header: &str,
) -> Result<(), VerifyError> {
    let mut is_of_a_scheme = false;
    for key in keys {
        let (scheme, fits) = match key {
            VerificationKey::Shared(secret) => {
                let expected = code(&keyed(secret.expose()), id, timestamp_seconds, &[body]);
                let fits = move |code: &[u8]| expected.clone().verify_slice(code).is_ok();
                (SCHEME, Box::new(fits) as Box<dyn Fn(&[u8]) -> bool>)
            }
            VerificationKey::Public(public) => {
                let content = content(id, timestamp_seconds, &[body]);
                let public = UnparsedPublicKey::new(&ED25519, *public);
                let fits = move |code: &[u8]| public.verify(&content, code).is_ok();
                (
                    ASYMMETRIC_SCHEME,
                    Box::new(fits) as Box<dyn Fn(&[u8]) -> bool>,
                )
            }
        };
        let signatures = header
            .split(' ')
            .filter_map(|text| text.strip_prefix(scheme));
        for text in signatures {
            let Ok(signature) = BASE64_STANDARD.decode(text) else {
                continue;
            };
            is_of_a_scheme = true;
            if fits(&signature) {
                return Ok(());
            }
        }
    }
    Err(if is_of_a_scheme {
        VerifyError::Mismatch
    } else {
        VerifyError::NoSignature
    })
}

/// Checks that a delivery was signed within `tolerance` of `wall`, before or after.
///
/// # Errors
/// [`VerifyError::TooOld`] or [`VerifyError::TooNew`].
pub fn check_timestamp(
    timestamp_seconds: i64,
    tolerance: Span,
    wall: Timestamp,
) -> Result<(), VerifyError> {
    let signed_at = Timestamp::from_millis(timestamp_seconds.saturating_mul(1_000));
    if wall.since(signed_at) > tolerance {
        return Err(VerifyError::TooOld);
    }
    if signed_at.since(wall) > tolerance {
        return Err(VerifyError::TooNew);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::Signer;

    fn secret(byte: u8) -> Secret {
        Secret::new(vec![byte; 32]).expect("valid")
    }

    fn key(byte: u8) -> VerificationKey {
        VerificationKey::of(&secret(byte))
    }

    #[test]
    fn a_signature_of_either_secret_is_taken_during_a_rotation() {
        let (old, new) = (secret(1), secret(2));
        let both = format!(
            "{} v1a,AAAA {}",
            Signer::new(&old).sign("msg_1", 7, &[b"{}"]),
            Signer::new(&new).sign("msg_1", 7, &[b"{}"])
        );
        for known in [&old, &new] {
            let known = VerificationKey::of(known);
            assert_eq!(verify(&[known], "msg_1", 7, b"{}", &both), Ok(()));
        }
        assert_eq!(
            verify(&[key(3)], "msg_1", 7, b"{}", &both),
            Err(VerifyError::Mismatch)
        );
    }

    #[test]
    fn a_change_of_id_timestamp_or_body_is_noticed() {
        let header = Signer::new(&secret(1)).sign("msg_1", 7, &[b"{}"]);
        let secrets = [key(1)];
        assert_eq!(verify(&secrets, "msg_1", 7, b"{}", &header), Ok(()));
        for (id, timestamp, body) in [
            ("msg_2", 7, &b"{}"[..]),
            ("msg_1", 8, b"{}"),
            ("msg_1", 7, b"{ }"),
        ] {
            assert_eq!(
                verify(&secrets, id, timestamp, body, &header),
                Err(VerifyError::Mismatch)
            );
        }
    }

    #[test]
    fn a_header_without_a_v1_signature_is_told_from_a_wrong_one() {
        for header in ["", "v1", "v1a,AAAA", "v1,not base64!", "v2,AAAA"] {
            assert_eq!(
                verify(&[key(1)], "msg_1", 7, b"{}", header),
                Err(VerifyError::NoSignature),
                "{header}"
            );
        }
        let cut = "v1,AAAA";
        assert_eq!(
            verify(&[key(1)], "m", 7, b"", cut),
            Err(VerifyError::Mismatch)
        );
    }

    #[test]
    fn an_ed25519_signature_is_checked_with_the_public_key_alone() {
        let pair = Secret::ed25519([5; 32]);
        let header = Signer::new(&pair).sign("msg_1", 7, &[b"{", b"}"]);
        let public = VerificationKey::of(&pair);
        assert!(matches!(public, VerificationKey::Public(_)));
        let keys = [key(1), public];
        assert_eq!(verify(&keys, "msg_1", 7, b"{}", &header), Ok(()));
        for (id, timestamp, body) in [
            ("msg_2", 7, &b"{}"[..]),
            ("msg_1", 8, b"{}"),
            ("msg_1", 7, b"{ }"),
        ] {
            let judged = verify(&keys, id, timestamp, body, &header);
            assert_eq!(judged, Err(VerifyError::Mismatch));
        }
        let other = [VerificationKey::of(&Secret::ed25519([6; 32]))];
        let judged = verify(&other, "msg_1", 7, b"{}", &header);
        assert_eq!(judged, Err(VerifyError::Mismatch));
        // A shared key can't judge it, and it is no signature of a shared key.
        let judged = verify(&[key(5)], "msg_1", 7, b"{}", &header);
        assert_eq!(judged, Err(VerifyError::NoSignature));
    }

    #[test]
    fn a_timestamp_must_lie_within_the_tolerance() {
        let wall = Timestamp::from_millis(1_000_000);
        let tolerance = Span::from_seconds(300);
        for (seconds, expected) in [
            (1_000, Ok(())),
            (700, Ok(())),
            (699, Err(VerifyError::TooOld)),
            (1_300, Ok(())),
            (1_301, Err(VerifyError::TooNew)),
            (i64::MAX, Err(VerifyError::TooNew)),
            (i64::MIN, Err(VerifyError::TooOld)),
        ] {
            assert_eq!(
                check_timestamp(seconds, tolerance, wall),
                expected,
                "{seconds}"
            );
        }
    }
}
