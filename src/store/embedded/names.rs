//! Where names lead: the keys of the table `names`, a letter and what the name is made of.
//!
//! | letter | then | leads to |
//! |---|---|---|
//! | `a` | an application's `uid` | its id and key |
//! | `A` | an application's id | its key |
//! | `o` | application, SHA-256 of a URL | the endpoint's id and ordinal |
//! | `e` | application, an endpoint's `uid` | its id and ordinal |
//! | `E` | an endpoint's id | its key |
//! | `m` | application, an event's `uid` | its id, position and bucket |

use super::keys::{self, Reader};
use crate::domain::{
    application::ApplicationKey, change::UniqueKey, endpoint::EndpointKey, event::EventPosition,
    id::Id,
};

fn key(letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![letter];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// The key of an application's `uid`.
pub(super) fn application_uid(uid: &str) -> Vec<u8> {
    key(b'a', &[uid.as_bytes()])
}

/// The key of an application's id.
pub(super) fn application_id(id: Id) -> Vec<u8> {
    key(b'A', &[&id.value().to_be_bytes()])
}

/// The key of an endpoint's id.
pub(super) fn endpoint_id(id: Id) -> Vec<u8> {
    key(b'E', &[&id.value().to_be_bytes()])
}

/// The key of what must exist only once.
pub(super) fn unique(unique: &UniqueKey) -> Vec<u8> {
    match unique {
        UniqueKey::OriginalUrl {
            application,
            url_sha256,
        } => key(b'o', &[&keys::application(*application), url_sha256]),
        UniqueKey::EndpointUid { application, uid } => {
            key(b'e', &[&keys::application(*application), uid.as_bytes()])
        }
        UniqueKey::EventUid { application, uid } => {
            key(b'm', &[&keys::application(*application), uid.as_bytes()])
        }
    }
}

/// Where the keys of events' names begin.
pub(super) fn first_event() -> Vec<u8> {
    vec![b'm']
}

/// What is behind the keys of events' names and no name itself.
pub(super) fn behind_events() -> Vec<u8> {
    vec![b'n']
}

/// What a name of an application leads to.
pub(super) fn to_application(id: Id, key: ApplicationKey) -> Vec<u8> {
    [&id.value().to_be_bytes()[..], &keys::application(key)].concat()
}

/// What a name of an endpoint leads to.
pub(super) fn to_endpoint(id: Id, key: EndpointKey) -> Vec<u8> {
    [&id.value().to_be_bytes()[..], &keys::endpoint(key)].concat()
}

/// What a name of an event leads to.
pub(super) fn to_event(id: Id, position: EventPosition, bucket: u32) -> Vec<u8> {
    [
        &id.value().to_be_bytes()[..],
        &position.number().to_be_bytes(),
        &bucket.to_be_bytes(),
    ]
    .concat()
}

/// Reads what [`to_application`] wrote.
pub(super) fn application(value: &[u8]) -> Option<(Id, ApplicationKey)> {
    let mut reader = Reader(value);
    Some((reader.id()?, reader.application()?))
}

/// Reads what [`to_endpoint`] wrote.
pub(super) fn endpoint(value: &[u8]) -> Option<(Id, EndpointKey)> {
    let mut reader = Reader(value);
    Some((reader.id()?, reader.endpoint()?))
}

/// Reads what [`to_event`] wrote.
pub(super) fn event(value: &[u8]) -> Option<(Id, EventPosition, u32)> {
    let mut reader = Reader(value);
    Some((reader.id()?, reader.position()?, reader.u32()?))
}
