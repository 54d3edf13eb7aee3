//! F2: Standard Webhooks signatures: made for every delivery, checked by receivers.
//!
//! Two schemes of the specification, each over `id.timestamp.body` and in base64: `v1` is
//! HMAC-SHA256 with a key that sender and receiver share, `v1a` is Ed25519, for which the receiver
//! needs a public key alone. A header may carry several signatures, so that a secret can be changed
//! without a gap.

#![warn(clippy::wildcard_enum_match_arm)]

mod key_text;
mod sign;
mod verify;

pub use self::{
    key_text::{
        KeyTextError, decode_secret, decode_verification_key, encode_secret,
        encode_verification_key,
    },
    sign::Signer,
    verify::{VerificationKey, VerifyError, check_timestamp, verify},
};
