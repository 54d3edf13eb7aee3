//! The outbox: what one shard has to tell another. A row is written in the batch of what it tells of,
//! and goes once the other shard has it; so nothing is lost between the two, and no batch is over both.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::id::Id;

/// An operational event on its way to the application that such events are for.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id, of the shard that tells; the other shard takes it once by it.
    pub id: Id,
    /// The type of the event over there, such as `endpoint.created`.
    pub event_type: Arc<str>,
    /// The payload of the event over there: JSON, a few hundred bytes.
    pub payload: Bytes,
}

impl OutboxRow {
    /// Under which key it is taken once. Keys of callers are hashes, which never look like this.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        let (word, id) = key.split_at_mut(16);
        word.copy_from_slice(b"fanfare outbox: ");
        id.copy_from_slice(&self.id.value().to_be_bytes());
        key
    }
}

/// Tells how long its payload is, not what it says.
impl fmt::Debug for OutboxRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OutboxRow")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_keys_of_their_own_and_debug_output_shows_no_payload() {
        let row = |id| OutboxRow {
            id: Id::from_value(id),
            event_type: "endpoint.created".into(),
            payload: Bytes::from_static(b"planted-canary"),
        };
        assert_eq!(row(1).key(), row(1).key());
        assert_ne!(row(1).key(), row(1 << 100).key());
        let shown = format!("{:?}", row(1));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
