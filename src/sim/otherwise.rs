//! What is asked once more under the key of an event: the same, or something else that must never become an
//! event, for which its body bears a mark.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ask::Ask,
    workload::{Workload, is_among},
};
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

/// A repetition comes up to 2 to the power of one less than this many milliseconds later, which is
/// less than a key is kept.
const REPEAT_DOUBLINGS: u32 = 27;

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

    /// When an event that was accepted is asked for once more, under the same key.
    pub(super) fn repeat(&self, number: u32) -> Option<(Span, Ask)> {
        let is_repeated = is_among(number, 47, self.repeat_percent);
        let after = Span::from_millis(1_i64 << (number % REPEAT_DOUBLINGS));
        (is_repeated && self.key(number).is_some()).then_some((after, Ask::EventAgain(number)))
    }
}
