//! F2: Standard Webhooks signatures: made for every delivery, checked by receivers.
//!
//! Scheme `v1` of the specification: HMAC-SHA256 with the endpoint's secret over
//! `id.timestamp.body`, in base64. A header may carry several signatures, so that a secret can be
//! changed without a gap.

#![warn(clippy::wildcard_enum_match_arm)]

mod key_text;
mod sign;
mod verify;

pub use self::{
    key_text::{SecretTextError, decode_secret, encode_secret},
    sign::Signer,
    verify::{VerifyError, check_timestamp, verify},
};
