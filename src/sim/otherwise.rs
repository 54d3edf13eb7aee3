//! Asks that must never become an event: their bodies bear a mark.

use std::sync::Arc;

use bytes::Bytes;

use super::workload::{Ask, REPEAT_DOUBLINGS, Workload, is_among};
use crate::{
    domain::{
        application::ApplicationKey,
        command::{Command, NewEvent},
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        once::Once,
    },
    time::Span,
};

/// How the body of an ask begins that must never be an event.
pub(super) const REFUSED: &str = "{\"refused\":";

impl Workload {
    /// When something else is asked for under the key of an event that was accepted.
    pub(super) fn other_body(&self, number: u32) -> Option<(Span, Ask)> {
        let is_asked = is_among(number, 59, self.other_body_percent);
        let after = Span::from_millis(1_i64 << (number.wrapping_mul(7) % REPEAT_DOUBLINGS));
        (is_asked && self.key(number).is_some()).then_some((after, Ask::OtherBody(number)))
    }

    /// Something else under the key of the event with this number, if it has one.
    pub(super) fn otherwise(&self, number: u32, application: ApplicationKey) -> Option<Command> {
        let once = Once {
            key_sha256: self.key(number)?,
            body_sha256: [b'o'; 32],
        };
        let event = NewEvent {
            uid: None,
            application,
            event_type: ORDER_RECEIVED.into(),
            channels: self.channels(number),
            besides: Besides::default(),
            payload: Payload {
                content_type: Arc::from(JSON),
                bytes: Bytes::from(format!("{REFUSED}{number}}}")),
            },
        };
        let accept = Command::AcceptEvent(Box::new(event));
        Some(Command::Once(once, Box::new(accept)))
    }
}
