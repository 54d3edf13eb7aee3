//! Signing secrets: opaque bytes that are never printed.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroize as _;

use crate::limits;

/// The key an endpoint's deliveries are signed with; wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kind: SecretKind,
    bytes: Vec<u8>,
}

/// What a secret signs with (Standard Webhooks, "Signature scheme").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretKind {
    /// HMAC-SHA256, scheme `v1`: the receiver knows the same bytes.
    #[default]
    Shared,
    /// Ed25519, scheme `v1a`: the receiver knows the public key alone.
    Ed25519,
}

impl Secret {
    /// Takes the raw bytes of a secret.
    ///
    /// # Errors
    /// [`SecretError::Length`] outside 24 to 64 bytes (Standard Webhooks, "Signature scheme").
    pub fn new(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if (limits::SECRET_BYTES_MIN..=limits::SECRET_BYTES_MAX).contains(&bytes.len()) {
            Ok(Self {
                kind: SecretKind::Shared,
                bytes,
            })
        } else {
            Err(SecretError::Length {
                length: bytes.len(),
            })
        }
    }

    /// Takes the seed of an Ed25519 key pair (RFC 8032, 5.1.5).
    #[must_use]
    pub fn ed25519(seed: [u8; 32]) -> Self {
        Self {
            kind: SecretKind::Ed25519,
            bytes: seed.to_vec(),
        }
    }

    /// What it signs with.
    #[must_use]
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The raw bytes: the shared key or the seed; for signing and for the store only.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Prints that there is a secret, never what it is.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(redacted)")
    }
}

/// Why bytes are no secret; the fault of who chose them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// Too short to be safe or too long to be kept.
    #[error("a signing secret has 24 to 64 bytes, not {length}")]
    Length {
        /// How many there were.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let secret = Secret::new(b"planted-canary-planted-canary".to_vec()).expect("valid");
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }

    #[test]
    fn only_24_to_64_bytes_make_a_secret() {
        for (length, valid) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(Secret::new(vec![1; length]).is_ok(), valid, "{length}");
        }
    }
}
