//! Checking `v1` signatures, as a receiver does.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::Mac as _;
use thiserror::Error;

use super::sign::{SCHEME, Signer};
use crate::{
    domain::secret::Secret,
    time::{Span, Timestamp},
};

/// Why a delivery can't be trusted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    /// The header has no signature of scheme `v1`.
    #[error("there is no v1 signature in the webhook-signature header")]
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

/// Checks that one of the signatures in a `webhook-signature` header was made with one of
/// `secrets`. Compares in constant time. Whether the timestamp is fresh is checked apart.
///
/// # Errors
/// [`VerifyError::NoSignature`] or [`VerifyError::Mismatch`], the sender's fault.
pub fn verify(
    secrets: &[Secret],
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
    header: &str,
) -> Result<(), VerifyError> {
    let codes: Vec<Vec<u8>> = header
        .split(' ')
        .filter_map(|signature| signature.strip_prefix(SCHEME))
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .collect();
    if codes.is_empty() {
        return Err(VerifyError::NoSignature);
    }
    for secret in secrets {
        let expected = Signer::new(secret).code(id, timestamp_seconds, &[body]);
        if codes
            .iter()
            .any(|code| expected.clone().verify_slice(code).is_ok())
        {
            return Ok(());
        }
    }
    Err(VerifyError::Mismatch)
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

    fn secret(byte: u8) -> Secret {
        Secret::new(vec![byte; 32]).expect("valid")
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
            assert_eq!(
                verify(core::slice::from_ref(known), "msg_1", 7, b"{}", &both),
                Ok(())
            );
        }
        assert_eq!(
            verify(&[secret(3)], "msg_1", 7, b"{}", &both),
            Err(VerifyError::Mismatch)
        );
    }

    #[test]
    fn a_change_of_id_timestamp_or_body_is_noticed() {
        let header = Signer::new(&secret(1)).sign("msg_1", 7, &[b"{}"]);
        let secrets = [secret(1)];
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
                verify(&[secret(1)], "msg_1", 7, b"{}", header),
                Err(VerifyError::NoSignature),
                "{header}"
            );
        }
        let cut = "v1,AAAA";
        assert_eq!(
            verify(&[secret(1)], "m", 7, b"", cut),
            Err(VerifyError::Mismatch)
        );
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
