//! Making signatures of the schemes `v1` and `v1a`.

use core::fmt;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::Ed25519KeyPair;
use sha2::Sha256;

use crate::domain::secret::{Secret, SecretKind};

/// A keyed signer, made once per endpoint and used for every attempt.
#[derive(Clone)]
pub struct Signer(Keyed);

#[derive(Clone)]
enum Keyed {
    Shared(Hmac<Sha256>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl Signer {
    /// Keys a signer with an endpoint's secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(match (secret.kind(), key_pair(secret)) {
            (SecretKind::Ed25519, Some(pair)) => Keyed::Ed25519(Arc::new(pair)),
            (SecretKind::Ed25519, None) | (SecretKind::Shared, _) => {
                Keyed::Shared(keyed(secret.expose()))
            }
        })
    }

    /// The `webhook-signature` of a message: the scheme and the base64 of the signature over
    /// `id.timestamp.body` (Standard Webhooks, "Signature scheme"). The body may come in slices,
    /// which for a shared key are read one after the other and never joined.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[&[u8]]) -> String {
        let mut signature = String::with_capacity(SIGNATURE_BYTES);
        match &self.0 {
            Keyed::Shared(keyed) => {
                let code = code(keyed, id, timestamp_seconds, body).finalize();
                signature.push_str(SCHEME);
                BASE64_STANDARD.encode_string(code.into_bytes(), &mut signature);
            }
            Keyed::Ed25519(pair) => {
                let code = pair.sign(&content(id, timestamp_seconds, body));
                signature.push_str(ASYMMETRIC_SCHEME);
                BASE64_STANDARD.encode_string(code, &mut signature);
            }
        }
        signature
    }
}

/// HMAC takes keys of any length, so there is nothing that could fail here; the fallback keeps the
/// type honest and can't be reached with a `Secret`.
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

/// The key pair that grows from a secret's seed; `None` for a shared key.
pub(super) fn key_pair(secret: &Secret) -> Option<Ed25519KeyPair> {
    match secret.kind() {
        SecretKind::Shared => None,
        // A seed is any 32 bytes.
        SecretKind::Ed25519 => Ed25519KeyPair::from_seed_unchecked(secret.expose()).ok(),
    }
}

/// The authentication code, unfinished, so that it can be compared in constant time.
pub(super) fn code(
    keyed: &Hmac<Sha256>,
    id: &str,
    timestamp_seconds: i64,
    body: &[&[u8]],
) -> Hmac<Sha256> {
    let mut code = keyed.clone();
    parts(id, timestamp_seconds, body, |part| code.update(part));
    code
}

/// What is signed, in one piece: Ed25519 reads it twice.
pub(super) fn content(id: &str, timestamp_seconds: i64, body: &[&[u8]]) -> Vec<u8> {
    let length: usize = body.iter().map(|slice| slice.len()).sum();
    let mut content = Vec::with_capacity(id.len() + DIGITS + 2 + length);
    parts(id, timestamp_seconds, body, |part| {
        content.extend_from_slice(part)
    });
    content
}

/// What is signed, in parts.
fn parts(id: &str, timestamp_seconds: i64, body: &[&[u8]], mut take: impl FnMut(&[u8])) {
    take(id.as_bytes());
    take(b".");
    let mut digits = [0; DIGITS];
    take(decimal(timestamp_seconds, &mut digits));
    take(b".");
    for slice in body {
        take(slice);
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
/// What a signature with a shared key begins with.
pub(super) const SCHEME: &str = "v1,";
/// What an Ed25519 signature begins with.
pub(super) const ASYMMETRIC_SCHEME: &str = "v1a,";
/// Length of the longer signature: its scheme and 64 bytes in base64.
const SIGNATURE_BYTES: usize = ASYMMETRIC_SCHEME.len() + 88;

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
        let shared = include_str!("../../fixtures/signing/v1.json");
        let asymmetric = include_str!("../../fixtures/signing/v1a.json");
        let read = |text| -> Vec<Vector> { serde_json::from_str(text).expect("JSON") };
        let (shared, asymmetric) = (read(shared), read(asymmetric));
        assert!(shared.len() >= 5 && asymmetric.len() >= 3);
        for vector in shared.into_iter().chain(asymmetric) {
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
