//! Bounds on what is held in memory at once over all that go on beside each other.

/// What is kept of a reply's body however much is held of others, in bytes.
pub const REPLY_BODY_KEPT_BYTES_MIN: usize = 1_024;
/// Bytes of kept replies' bodies beyond that in memory over all attempts of a cell, until their results are
/// written. Over it: of those that come meanwhile only [`REPLY_BODY_KEPT_BYTES_MIN`] are kept.
pub const REPLY_BODIES_HELD_BYTES_MAX: usize = 1024 * 1024;
