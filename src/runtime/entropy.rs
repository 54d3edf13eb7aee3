//! The one file that asks the operating system for randomness: seeds, secrets and keys.

#![expect(
    clippy::disallowed_methods,
    reason = "the one source of system randomness"
)]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use thiserror::Error;

use crate::{domain::secret::Secret, limits};

/// The operating system has no randomness to give; nothing can be signed or guarded without it.
#[derive(Debug, Error)]
#[error("the operating system gave no randomness: {0}")]
pub struct EntropyError(String);

/// `N` random bytes.
fn bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| EntropyError(error.to_string()))?;
    Ok(bytes)
}

/// A seed for the engine, where none was given.
///
/// # Errors
/// [`EntropyError`]
pub fn seed() -> Result<u64, EntropyError> {
    bytes().map(u64::from_le_bytes)
}

/// A fresh signing secret of `limits::SECRET_BYTES`.
///
/// # Errors
/// [`EntropyError`]
pub fn secret() -> Result<Secret, EntropyError> {
    let raw = bytes::<{ limits::SECRET_BYTES }>()?;
    Secret::new(raw.to_vec()).map_err(|error| EntropyError(error.to_string()))
}

/// What a fresh key of the API is made of.
///
/// # Errors
/// [`EntropyError`]
pub fn api_key() -> Result<[u8; 32], EntropyError> {
    bytes()
}

/// A fresh admin key: `key_` and 43 URL-safe characters that carry 256 bits.
///
/// # Errors
/// [`EntropyError`]
pub fn admin_key() -> Result<String, EntropyError> {
    Ok(format!(
        "key_{}",
        BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>()?)
    ))
}
