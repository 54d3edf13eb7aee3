//! Once: what is asked again under the same key is done one time.

/// What a caller asks to be done once: which request it is, and what it asks. Both are hashes, since
/// a stranger chooses what they are made of; nothing of the key or the body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// The SHA-256 of the caller's scope, the route and the key.
    pub key_sha256: [u8; 32],
    /// The SHA-256 of the body.
    pub body_sha256: [u8; 32],
}
