//! A message as the API shows it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    domain::{command::NewEvent, history::EventEntry, id::EventId},
    server::v1::wall_time,
    time::Timestamp,
};

/// A message as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::server::v1) struct MessageOut<'event> {
    id: String,
    event_id: Option<&'event str>,
    event_type: &'event str,
    payload: &'event RawValue,
    channels: Option<Vec<&'event str>>,
    timestamp: String,
}

/// A message of a list.
pub(in crate::server::v1) fn shown(entry: &EventEntry, with_content: bool) -> MessageOut<'_> {
    let event = &entry.event;
    let payload = if entry.has_payload || !with_content {
        content(&event.payload.bytes, with_content)
    } else {
        raw(br#"{"expired":true}"#)
    };
    MessageOut {
        id: event.id.to_string(),
        event_id: event.uid.as_deref(),
        event_type: &event.event_type,
        payload,
        channels: names(&event.channels),
        timestamp: wall_time::shown(event.accepted_wall),
    }
}

/// A message that was accepted just now.
pub(super) fn shown_new(
    event: &NewEvent,
    (id, accepted_wall): (EventId, Timestamp),
    with_content: bool,
) -> MessageOut<'_> {
    MessageOut {
        id: id.to_string(),
        event_id: event.uid.as_deref(),
        event_type: &event.event_type,
        payload: content(&event.payload.bytes, with_content),
        channels: names(&event.channels),
        timestamp: wall_time::shown(accepted_wall),
    }
}

/// A list of names, as it is shown: null where it is empty.
fn names(names: &[Arc<str>]) -> Option<Vec<&str>> {
    (!names.is_empty()).then(|| names.iter().map(|name| &**name).collect())
}

/// A payload byte for byte, or an empty object where it is not asked for.
fn content(payload: &[u8], with_content: bool) -> &RawValue {
    if with_content {
        raw(payload)
    } else {
        raw(b"{}")
    }
}

/// Bytes as the JSON that they are; what was accepted was read as JSON then.
fn raw(json: &[u8]) -> &RawValue {
    serde_json::from_slice(json).unwrap_or(RawValue::NULL)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::{
        application::ApplicationKey,
        event::{Event, EventPosition, JSON, Payload},
    };

    fn payload_of(has_payload: bool, with_content: bool) -> String {
        let event = Event {
            id: EventId::default(),
            application: ApplicationKey::default(),
            position: EventPosition::default(),
            uid: None,
            event_type: "t".into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: Bytes::from_static(if has_payload { b"{\"a\":1}" } else { b"" }),
            },
            accepted_at: Timestamp::ZERO,
            accepted_wall: Timestamp::ZERO,
            expires_at: Timestamp::ZERO,
            besides: None,
        };
        let entry = EventEntry {
            event: Arc::new(event),
            has_payload,
        };
        shown(&entry, with_content).payload.get().to_owned()
    }

    #[test]
    fn a_payload_that_is_no_longer_kept_shows_that_it_expired() {
        assert_eq!(payload_of(true, true), r#"{"a":1}"#);
        assert_eq!(payload_of(false, true), r#"{"expired":true}"#);
        for has_payload in [true, false] {
            assert_eq!(payload_of(has_payload, false), "{}");
        }
    }
}
