//! Small makers of values for the engine's unit tests.

use std::sync::Arc;

use bytes::Bytes;

use super::open_rows::OpenRow;
use crate::{
    domain::{
        delivery::OpenDelivery,
        endpoint::EndpointKey,
        event::{Event, EventPosition, JSON, ORDER_RECEIVED, Payload},
        id::EventId,
    },
    time::Timestamp,
};

/// An event at `position`.
pub(super) fn event_at(position: u64) -> Arc<Event> {
    Arc::new(Event {
        id: EventId::default(),
        application: Default::default(),
        position: EventPosition::new(position),
        uid: None,
        event_type: ORDER_RECEIVED.into(),
        channels: Vec::new(),
        payload: Payload {
            content_type: JSON.into(),
            bytes: Bytes::from_static(b"[]"),
        },
        accepted_at: Timestamp::ZERO,
        accepted_wall: Timestamp::ZERO,
        expires_at: Timestamp::MAX,
        besides: None,
    })
}

/// The row of the event at `position`, due at `due_ms`.
pub(super) fn open_row(position: u64, due_ms: i64) -> OpenRow {
    let delivery = OpenDelivery {
        endpoint: EndpointKey::default(),
        due: Timestamp::from_millis(due_ms),
        position: EventPosition::new(position),
        attempts: 1,
        event: EventId::default(),
        expires_at: Timestamp::MAX,
        reopened_after: None,
    };
    OpenRow {
        delivery,
        event: event_at(position),
    }
}
