//! I9: a delivery expires when its own time is over, and not before; after that nothing goes out for it. What a task
//! began anew has another one than its event.

use crate::{
    domain::id::{EndpointId, EventId},
    sim::{pace::Pace, seen::FlightFacts, violation::Violation},
    time::{Span, Timestamp},
};

/// Judges that a delivery expired whose time ends then, as it was decided at the other steady time.
pub(in crate::sim) fn judge(
    (event, endpoint): (EventId, EndpointId),
    expires_at: Timestamp,
    at: Timestamp,
) -> Option<Violation> {
    let early = expires_at.since(at);
    (early > Span::ZERO).then_some(Violation::ExpiredEarly {
        event,
        endpoint,
        early,
    })
}

/// Judges an attempt of the schedule that goes out, of a delivery that expires at this steady time.
pub(in crate::sim) fn judge_sent(flight: FlightFacts, expires_at: Timestamp) -> Option<Violation> {
    let late = flight.started_at.since(expires_at);
    let is_late = late >= Span::ZERO;
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
