//! I9: a delivery expires when its event's own time is over, and not before; after that nothing goes out for it.

use crate::{
    domain::id::EndpointId,
    sim::{
        pace::Pace,
        seen::{FlightFacts, Seen, SeenEvent},
        violation::Violation,
    },
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

/// Judges an attempt of the schedule that goes out; one that a task made begin anew has a time of its own.
pub(in crate::sim) fn judge_sent(
    flight: FlightFacts,
    seen_event: &SeenEvent,
    seen: &Seen,
) -> Option<Violation> {
    let late = flight.started_at.since(seen_event.event.expires_at);
    let is_late = late >= Span::ZERO && seen.reopened_after.is_none();
    let (event, endpoint) = (flight.event, flight.endpoint);
    is_late.then(|| {
        Pace::AfterItsTime {
            event,
            endpoint,
            late,
        }
        .into()
    })
}
