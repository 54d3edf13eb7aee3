//! Bounds on what is held in memory at once over all that go on beside each other.

use super::{BATCH_BYTES_MAX, PAGE_BYTES, REPLY_BODY_KEPT_BYTES_MAX, REQUEST_BODY_BYTES_MAX};

/// What is kept of a reply's body however much is held of others, in bytes.
pub const REPLY_BODY_KEPT_BYTES_MIN: usize = 1_024;
/// Bytes of kept replies' bodies beyond that in memory over all attempts of a cell, until their results are
/// written. Over it: of those that come meanwhile only [`REPLY_BODY_KEPT_BYTES_MIN`] are kept.
pub const REPLY_BODIES_HELD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of requests' bodies that are held until they are answered, over all connections, by default, and the
/// same of answers that wait for clients. Over it: 503.
pub const BODIES_HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The least that an option may set it to, in bytes.
pub const BODIES_HELD_BYTES_MIN: usize = 1024 * 1024;
/// The most that an option may set it to, in bytes.
pub const BODIES_HELD_BYTES_OVERRIDE_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Longest answer that is not counted, in bytes, and the longest piece that one that is counted is given out in.
pub const ANSWER_UNCOUNTED_BYTES_MAX: usize = 16 * 1024;

const _: () = {
    // What is kept of a reply whatever else is, is less than may be, and room for one is room for all of it.
    assert!(REPLY_BODY_KEPT_BYTES_MIN < REPLY_BODY_KEPT_BYTES_MAX);
    assert!(REPLY_BODY_KEPT_BYTES_MAX < REPLY_BODIES_HELD_BYTES_MAX);
    // Replies that wait to be written don't make the server refuse events.
    assert!(REPLY_BODIES_HELD_BYTES_MAX <= BATCH_BYTES_MAX / 4);
    // However little may be held, it is a few of the largest bodies, and by default the largest answers.
    assert!(4 * REQUEST_BODY_BYTES_MAX <= BODIES_HELD_BYTES_MIN);
    assert!(BODIES_HELD_BYTES_MIN <= BODIES_HELD_BYTES_MAX);
    assert!(BODIES_HELD_BYTES_MAX as u64 <= BODIES_HELD_BYTES_OVERRIDE_MAX);
    assert!(4 * PAGE_BYTES <= BODIES_HELD_BYTES_MAX);
};
