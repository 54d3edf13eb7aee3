//! A message as the API shows it.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::said::Details;
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
    tags: Option<Vec<&'event str>>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_retention_period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_retention_hours: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    transformations_params: BTreeMap<String, Parameter<'event>>,
}

/// A parameter of transformations: as it came, or the payload that came as a text.
#[derive(Serialize)]
#[serde(untagged)]
enum Parameter<'event> {
    Said(&'event RawValue),
    Payload(Box<RawValue>),
}

/// What all messages have that are shown.
struct Parts<'event> {
    id: EventId,
    accepted_wall: Timestamp,
    uid: Option<&'event str>,
    event_type: &'event str,
    channels: &'event [Arc<str>],
    tags: &'event [Arc<str>],
    details: &'event [u8],
    /// `None` if it is no longer kept.
    payload: Option<&'event [u8]>,
}

/// A message of a list.
pub(in crate::server::v1) fn shown(entry: &EventEntry, with_content: bool) -> MessageOut<'_> {
    let event = &entry.event;
    let parts = Parts {
        id: event.id,
        accepted_wall: event.accepted_wall,
        uid: event.uid.as_deref(),
        event_type: &event.event_type,
        channels: &event.channels,
        tags: event.tags(),
        details: event.details(),
        payload: entry.has_payload.then_some(&event.payload.bytes),
    };
    parts.shown(with_content)
}

/// A message that was accepted just now.
pub(super) fn shown_new(
    event: &NewEvent,
    (id, accepted_wall): (EventId, Timestamp),
    with_content: bool,
) -> MessageOut<'_> {
    let parts = Parts {
        id,
        accepted_wall,
        uid: event.uid.as_deref(),
        event_type: &event.event_type,
        channels: &event.channels,
        tags: &event.besides.tags,
        details: &event.besides.details,
        payload: Some(&event.payload.bytes),
    };
    parts.shown(with_content)
}

impl<'event> Parts<'event> {
    fn shown(self, with_content: bool) -> MessageOut<'event> {
        // What was kept was written here.
        let details: Details<'event> = serde_json::from_slice(self.details).unwrap_or_default();
        let said = details.transformations_params.into_iter();
        let mut parameters: BTreeMap<_, _> = said
            .map(|(name, value)| (name, Parameter::Said(value)))
            .collect();
        let payload = match self.payload {
            None if with_content => raw(br#"{"expired":true}"#),
            Some(text) if with_content && details.is_raw => {
                let text = to_raw_value(&String::from_utf8_lossy(text)).unwrap_or_default();
                parameters.insert("rawPayload".into(), Parameter::Payload(text));
                raw(b"{}")
            }
            Some(json) if with_content => raw(json),
            _ => raw(b"{}"),
        };
        MessageOut {
            id: self.id.to_string(),
            event_id: self.uid,
            event_type: self.event_type,
            payload,
            channels: names(self.channels),
            tags: names(self.tags),
            timestamp: wall_time::shown(self.accepted_wall),
            payload_retention_period: details.payload_retention_period,
            payload_retention_hours: details.payload_retention_hours,
            deliver_at: details.deliver_at,
            ordering_key: details.ordering_key,
            transformations_params: parameters,
        }
    }
}

/// A list of names, as it is shown: null where it is empty.
fn names(names: &[Arc<str>]) -> Option<Vec<&str>> {
    (!names.is_empty()).then(|| names.iter().map(|name| &**name).collect())
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
