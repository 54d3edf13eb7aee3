//! Asks that must never become an event: their bodies bear a mark.

use std::sync::Arc;

use bytes::Bytes;

use super::workload::Workload;
use crate::domain::{
    application::ApplicationKey,
    command::{Command, NewEvent},
    event::{Besides, JSON, ORDER_RECEIVED, Payload},
    once::Once,
};

/// How the body of an ask begins that must never be an event.
pub(super) const REFUSED: &str = "{\"refused\":";

impl Workload {
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
