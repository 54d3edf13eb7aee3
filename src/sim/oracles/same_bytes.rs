//! I14: what is sent has the bytes that were accepted, and a producer is told of an event that has
//! its own.

use std::sync::Arc;

use crate::{
    domain::{
        attempt::AttemptRequest,
        event::{EventPosition, Payload},
        id::EventId,
    },
    sim::{seen::SeenEvent, violation::Violation, witness::Witness},
};

impl Witness {
    /// Judges the payload of an attempt that goes out.
    pub(in crate::sim) fn judge_bytes_sent(
        &self,
        position: EventPosition,
        request: &AttemptRequest,
    ) -> Option<Violation> {
        let seen = self.events.get(&position)?;
        let is_same =
            Arc::ptr_eq(&seen.event, &request.event) || seen.event.payload == request.event.payload;
        let event = request.event.id;
        (!is_same).then_some(Violation::OtherBytes { event })
    }
}

/// Judges the event that a producer is told of, who asked with this payload.
pub(in crate::sim) fn judge_told(seen: &SeenEvent, payload: &Payload) -> Option<Violation> {
    let event = seen.event.id;
    (seen.event.payload != *payload).then_some(Violation::OtherBytes { event })
}

/// Judges a body that a receiver got: that of an event which was accepted.
pub(in crate::sim) fn judge_received(
    event: EventId,
    accepted: &[u8],
    body: &[u8],
) -> Option<Violation> {
    (accepted != body).then_some(Violation::OtherBytes { event })
}
