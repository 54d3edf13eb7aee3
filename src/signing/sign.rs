//! Making `v1` signatures.

use core::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::secret::Secret;

/// A keyed signer, made once per endpoint and used for every attempt.
#[derive(Clone)]
pub struct Signer {
    keyed: Hmac<Sha256>,
}

impl Signer {
    /// Keys a signer with an endpoint's secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        // HMAC takes keys of any length, so there is nothing that could fail here; the fallback
        // keeps the type honest and can't be reached with a `Secret`.
        let keyed = Hmac::new_from_slice(secret.expose())
            .unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { keyed }
    }

    /// The `webhook-signature` of a message: `v1,` and the base64 of HMAC-SHA256 over
    /// `id.timestamp.body` (Standard Webhooks, "Signature scheme"). The body may come in slices,
    /// which are read one after the other and never joined.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[&[u8]]) -> String {
        let code = self
            .code(id, timestamp_seconds, body)
            .finalize()
            .into_bytes();
        let mut signature = String::with_capacity(SIGNATURE_BYTES);
        signature.push_str(SCHEME);
        BASE64_STANDARD.encode_string(code, &mut signature);
        signature
    }

    /// The authentication code, unfinished, so that it can be compared in constant time.
    pub(super) fn code(&self, id: &str, timestamp_seconds: i64, body: &[&[u8]]) -> Hmac<Sha256> {
        let mut code = self.keyed.clone();
        code.update(id.as_bytes());
        code.update(b".");
        let mut digits = [0; DIGITS];
        code.update(decimal(timestamp_seconds, &mut digits));
        code.update(b".");
        for slice in body {
            code.update(slice);
        }
        code
    }
}

/// Prints that there is a signer, never its key.
impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Signer(redacted)")
    }
}

/// Writes a number in decimal into `digits` and gives the part that was used.
fn decimal(number: i64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut start = DIGITS;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start = place;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start = start.saturating_sub(1);
        if let Some(sign) = digits.get_mut(start) {
            *sign = b'-';
        }
    }
    digits.get(start..).unwrap_or_default()
}

/// The longest `i64` in decimal, its sign included.
const DIGITS: usize = 20;
/// What a signature of this scheme begins with.
pub(super) const SCHEME: &str = "v1,";
/// Length of a signature: its scheme and 32 bytes in base64.
const SIGNATURE_BYTES: usize = SCHEME.len() + 44;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// A vector of `fixtures/signing/v1.json`.
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        secret: String,
        id: String,
        timestamp: i64,
        body_base64: String,
        signature: String,
    }

    #[test]
    fn the_published_vectors_hold() {
        let text = include_str!("../../fixtures/signing/v1.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).expect("JSON");
        assert!(vectors.len() >= 5);
        for vector in vectors {
            let secret = crate::signing::decode_secret(&vector.secret).expect("valid");
            let body = BASE64_STANDARD.decode(&vector.body_base64).expect("base64");
            let signature = Signer::new(&secret).sign(&vector.id, vector.timestamp, &[&body]);
            assert_eq!(signature, vector.signature, "{}", vector.name);
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let signer = Signer::new(&Secret::new(vec![b'k'; 32]).expect("valid"));
        assert_eq!(format!("{signer:?}"), "Signer(redacted)");
    }

    proptest! {
        #[test]
        fn the_reference_library_agrees(
            key in prop::collection::vec(any::<u8>(), 24..=64),
            id in "[a-zA-Z0-9_]{1,40}",
            timestamp in 0_i64..4_000_000_000,
            body in "\\PC{0,200}",
            cut in 0_usize..200,
        ) {
            let secret = Secret::new(key.clone()).expect("valid");
            let reference = standardwebhooks::Webhook::from_bytes(key).expect("a key");
            let expected = reference.sign(&id, timestamp, body.as_bytes()).expect("signed");
            let cut = cut.min(body.len());
            let (head, tail) = body.as_bytes().split_at(cut);
            prop_assert_eq!(Signer::new(&secret).sign(&id, timestamp, &[head, tail]), expected);
        }

        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: i64) {
            let mut digits = [0; DIGITS];
            let text = number.to_string();
            prop_assert_eq!(decimal(number, &mut digits), text.as_bytes());
        }
    }
}
