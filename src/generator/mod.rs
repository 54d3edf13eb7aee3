//! F2: the fake event source. stub

use crate::{random::Stream, time::Timestamp};

/// The payload of the next fake `OrderReceived` event: a JSON array of 1 to 10 orders.
#[must_use]
pub fn order_received(_random: &mut Stream, _wall: Timestamp) -> Vec<u8> {
    Vec::new()
}
