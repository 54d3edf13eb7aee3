//! I9: a delivery expires when its event's own time is over, and not before.

use crate::{
    domain::id::EndpointId,
    sim::{seen::SeenEvent, violation::Violation},
    time::{Span, Timestamp},
};

/// Judges that a delivery of an event expired, as it was decided at this steady time.
pub(in crate::sim) fn judge(
    seen: &SeenEvent,
    endpoint: EndpointId,
    at: Timestamp,
) -> Option<Violation> {
    let early = seen.event.expires_at.since(at);
    let event = seen.event.id;
    (early > Span::ZERO).then_some(Violation::ExpiredEarly {
        event,
        endpoint,
        early,
    })
}
