//! Keys as people pass them on (Standard Webhooks, "Secrets"): a prefix and base64.
//!
//! | prefix | what follows | who has it |
//! |---|---|---|
//! | `whsec_`, or none | a shared key, 24 to 64 bytes | sender and receiver |
//! | `whsk_` | an Ed25519 seed, alone or with its public key behind it | the sender |
//! | `whpk_` | an Ed25519 public key, 32 bytes | the receiver |

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use super::verify::VerificationKey;
use crate::domain::secret::{Secret, SecretError, SecretKind};

/// Why a text is no key; the fault of who wrote it. The text itself is never repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyTextError {
    /// It begins like no key that signs.
    #[error(
        "a signing secret begins with `whsec_` (or `whsk_` for an Ed25519 key), or is the base64 of 24 to \
         64 bytes"
    )]
    Prefix,
    /// It begins like no key that verifies.
    #[error("a key to verify with begins with `whsec_` or `whpk_`")]
    VerificationPrefix,
    /// What follows is no base64.
    #[error("after its prefix a key is base64, with padding")]
    Encoding,
    /// The bytes are too few or too many.
    #[error(transparent)]
    Bytes(#[from] SecretError),
    /// The bytes are no Ed25519 key.
    #[error(
        "after `whsk_` come the 32 bytes of an Ed25519 seed, or these and the public key of it"
    )]
    Seed,
    /// The bytes are no public key.
    #[error("after `whpk_` come the 32 bytes of an Ed25519 public key")]
    PublicKey,
}

/// The text of a secret. Handle it as the secret itself.
#[must_use]
pub fn encode_secret(secret: &Secret) -> String {
    match secret.kind() {
        SecretKind::Shared => text(SHARED, secret.expose()),
        SecretKind::Ed25519 => text(SEED, secret.expose()),
    }
}

/// The text of the key that verifies what a secret signs. Of a shared key it is that key itself.
#[must_use]
pub fn encode_verification_key(key: &VerificationKey) -> String {
    match key {
        VerificationKey::Shared(secret) => text(SHARED, secret.expose()),
        VerificationKey::Public(bytes) => text(PUBLIC, bytes),
    }
}

fn text(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::from(prefix);
    BASE64_STANDARD.encode_string(bytes, &mut text);
    text
}

/// Reads the text of a secret.
///
/// # Errors
/// [`KeyTextError`]
pub fn decode_secret(text: &str) -> Result<Secret, KeyTextError> {
    if let Some(encoded) = text.strip_prefix(SHARED) {
        return Ok(Secret::new(decoded(encoded)?)?);
    }
    if let Some(encoded) = text.strip_prefix(SEED) {
        return key_pair(&decoded(encoded)?).ok_or(KeyTextError::Seed);
    }
    // Others pass shared keys on without a prefix, too; no base64 has the `_` of one.
    let bytes = decoded(text).ok();
    let secret = bytes.and_then(|bytes| Secret::new(bytes).ok());
    secret.ok_or(KeyTextError::Prefix)
}

/// Reads the text of a key that a receiver verifies with.
///
/// # Errors
/// [`KeyTextError`]
pub fn decode_verification_key(text: &str) -> Result<VerificationKey, KeyTextError> {
    if let Some(encoded) = text.strip_prefix(PUBLIC) {
        let bytes = <[u8; 32]>::try_from(decoded(encoded)?);
        return bytes
            .map(VerificationKey::Public)
            .map_err(|_| KeyTextError::PublicKey);
    }
    match decode_secret(text) {
        Ok(secret) => Ok(VerificationKey::of(&secret)),
        Err(KeyTextError::Prefix) => Err(KeyTextError::VerificationPrefix),
        Err(error) => Err(error),
    }
}

fn decoded(encoded: &str) -> Result<Vec<u8>, KeyTextError> {
    let bytes = BASE64_STANDARD.decode(encoded);
    bytes.map_err(|_| KeyTextError::Encoding)
}

/// A seed, or a seed with its public key behind it.
fn key_pair(bytes: &[u8]) -> Option<Secret> {
    let (seed, public) = bytes.split_first_chunk::<32>()?;
    let secret = Secret::ed25519(*seed);
    let fits = match VerificationKey::of(&secret) {
        VerificationKey::Public(known) => public.is_empty() || *public == known,
        VerificationKey::Shared(_) => false,
    };
    fits.then_some(secret)
}

const SHARED: &str = "whsec_";
const SEED: &str = "whsk_";
const PUBLIC: &str = "whpk_";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_reads_back_from_its_text(
            shared in prop::collection::vec(any::<u8>(), 24..=64),
            seed in prop::array::uniform32(any::<u8>()),
        ) {
            for secret in [Secret::new(shared).expect("valid"), Secret::ed25519(seed)] {
                prop_assert_eq!(decode_secret(&encode_secret(&secret)), Ok(secret.clone()));
                let key = VerificationKey::of(&secret);
                let text = encode_verification_key(&key);
                prop_assert_eq!(decode_verification_key(&text), Ok(key.clone()));
                // Whoever has the secret can verify with it, too.
                prop_assert_eq!(decode_verification_key(&encode_secret(&secret)), Ok(key));
            }
        }
    }

    #[test]
    fn a_seed_may_have_its_own_public_key_behind_it_and_no_other() {
        let secret = Secret::ed25519([7; 32]);
        let VerificationKey::Public(public) = VerificationKey::of(&secret) else {
            panic!("another kind");
        };
        let both = [[7; 32], public].concat();
        assert_eq!(decode_secret(&text(SEED, &both)), Ok(secret));
        for wrong in [
            [[7; 32], [7; 32]].concat(),
            vec![7; 31],
            vec![7; 65],
            Vec::new(),
        ] {
            let read = decode_secret(&text(SEED, &wrong));
            assert_eq!(read, Err(KeyTextError::Seed), "{} bytes", wrong.len());
        }
    }

    #[test]
    fn a60_a_shared_key_may_come_without_its_prefix() {
        let secret = Secret::new(vec![7; 24]).expect("valid");
        let whole = encode_secret(&secret);
        let bare = whole.strip_prefix(SHARED).expect("it has one");
        assert_eq!(decode_secret(bare), Ok(secret));
    }

    #[test]
    fn a60_what_is_no_secret_says_why_and_does_not_repeat_it() {
        let length = |length| KeyTextError::Bytes(SecretError::Length { length });
        let (short, long) = (text(SHARED, &[1; 23]), text(SHARED, &[1; 65]));
        for (text, expected) in [
            ("", KeyTextError::Prefix),
            ("whpk_AAAA", KeyTextError::Prefix),
            ("whsec_not base64", KeyTextError::Encoding),
            ("whsec_", length(0)),
            ("whsec_AAAA", length(3)),
            (&short, length(23)),
            (&long, length(65)),
        ] {
            let error = decode_secret(text).expect_err(text);
            assert_eq!(error, expected);
            assert!(text.len() < 7 || !error.to_string().contains(&text[6..]));
        }
        let error = decode_verification_key("whpk_AAAA").expect_err("short");
        assert_eq!(error, KeyTextError::PublicKey);
        let error = decode_verification_key("AAAA").expect_err("bare");
        assert_eq!(error, KeyTextError::VerificationPrefix);
    }
}
