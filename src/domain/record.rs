//! Records: small named objects of the directory that concern all applications. What one says is
//! opaque here; who uses it gives it a meaning.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::id::Id;
use crate::{limits, time::Now};

/// What a record is of. Names are unique within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// An entry of the catalogue of event types; its name is the event type.
    EventType,
    /// A key of the API; its name is the SHA-256 of the key in hexadecimal digits.
    ApiKey,
}

impl RecordKind {
    /// How many records of this kind there may be.
    #[must_use]
    pub const fn count_max(self) -> usize {
        match self {
            Self::EventType => limits::EVENT_TYPES_MAX,
            Self::ApiKey => limits::API_KEYS_MAX,
        }
    }
}

/// A record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub kind: RecordKind,
    /// Its name; `limits::NAME_BYTES_MAX` at most.
    pub name: Arc<str>,
    /// Its id, which grows with the time it was made.
    pub id: Id,
    /// What it says; `limits::RECORD_BYTES_MAX` at most.
    pub body: Bytes,
    /// Grows with each change, from 1.
    pub revision: u32,
    /// When it was made.
    pub created_at: Now,
    /// When it was changed last.
    pub updated_at: Now,
}

/// Tells that there is a body, not what it says: it may be about a key, as the name may be.
impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Record")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_neither_name_nor_body() {
        let record = Record {
            kind: RecordKind::ApiKey,
            name: "planted-canary".into(),
            id: Id::default(),
            body: Bytes::from_static(b"planted-canary"),
            revision: 1,
            created_at: Now::default(),
            updated_at: Now::default(),
        };
        let shown = format!("{record:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
