//! The master key: what the store seals signing secrets with.

use core::fmt;

use zeroize::Zeroize as _;

/// 32 bytes that only the operator knows; wiped from memory when they go, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes the raw bytes of a key.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, for the store only.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Prints that there is a key, never what it is.
impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let key = MasterKey::new(*b"planted-canary-planted-canary-32");
        assert_eq!(format!("{key:?}"), "MasterKey(redacted)");
    }
}
