//! The admin key: what a caller shows to be let in.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroize as _;

use crate::limits;

/// A key that was found fit; wiped from memory when it goes, and never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminKey(String);

impl AdminKey {
    /// Takes a key.
    ///
    /// # Errors
    /// [`AdminKeyError`] unless it has `limits::ADMIN_KEY_BYTES_MIN` to `ADMIN_KEY_BYTES_MAX`
    /// visible ASCII characters, so that it fits a header and can't be guessed by length.
    pub fn new(key: String) -> Result<Self, AdminKeyError> {
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(AdminKeyError::Characters)
        } else if key.len() < limits::ADMIN_KEY_BYTES_MIN {
            Err(AdminKeyError::TooShort)
        } else if key.len() > limits::ADMIN_KEY_BYTES_MAX {
            Err(AdminKeyError::TooLong)
        } else {
            Ok(Self(key))
        }
    }

    /// The key itself: to compare with, and to show once where it was generated.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for AdminKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Prints that there is a key, never what it is.
impl fmt::Debug for AdminKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AdminKey(redacted)")
    }
}

/// What a key lacks; the fault of who chose it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AdminKeyError {
    /// Too easy to guess.
    #[error(
        "it needs at least {} characters; `openssl rand -hex 32` makes a good one",
        limits::ADMIN_KEY_BYTES_MIN
    )]
    TooShort,
    /// Too long for a header.
    #[error("it may have at most {} characters", limits::ADMIN_KEY_BYTES_MAX)]
    TooLong,
    /// Can't stand in a header.
    #[error("it may hold visible ASCII characters only: no spaces, accents or line breaks")]
    Characters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_32_to_1024_visible_ascii_characters() {
        for (key, expected) in [
            ("k".repeat(31), Err(AdminKeyError::TooShort)),
            ("k".repeat(32), Ok(())),
            ("~!".repeat(512), Ok(())),
            ("k".repeat(1_025), Err(AdminKeyError::TooLong)),
            (
                format!("{} ", "k".repeat(40)),
                Err(AdminKeyError::Characters),
            ),
            (
                format!("{}\n", "k".repeat(40)),
                Err(AdminKeyError::Characters),
            ),
            ("é".repeat(40), Err(AdminKeyError::Characters)),
            (String::new(), Err(AdminKeyError::TooShort)),
        ] {
            assert_eq!(AdminKey::new(key.clone()).map(|_| ()), expected, "{key}");
        }
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let key = AdminKey::new("planted-canary-planted-canary-planted".into()).expect("fit");
        assert_eq!(format!("{key:?}"), "AdminKey(redacted)");
    }
}
