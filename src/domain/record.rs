//! Records: small named objects of the directory that concern all applications. What one says is
//! opaque here; who uses it gives it a meaning.

use std::sync::Arc;

use bytes::Bytes;

use super::id::Id;
use crate::time::Now;

/// What a record is of. Names are unique within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// An entry of the catalogue of event types; its name is the event type.
    EventType,
    /// A key of the API; its name is the SHA-256 of the key in hexadecimal digits.
    ApiKey,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
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
