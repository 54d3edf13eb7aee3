//! I7 and I8: no attempt comes before its event is to be sent, nor before the schedule, or what the
//! receiver asked for, allows it.

use crate::{
    sim::{
        seen::{FlightFacts, Moment, Seen, SeenEvent},
        violation::Violation,
    },
    time::Span,
};

/// Judges an attempt of the schedule that goes out.
pub(in crate::sim) fn judge(
    flight: FlightFacts,
    seen_event: &SeenEvent,
    seen: &Seen,
    now: Moment,
) -> Option<Violation> {
    let FlightFacts {
        event,
        endpoint,
        number,
        ..
    } = flight;
    let too_early = |early: Span| {
        (early > Span::ZERO).then_some(Violation::TooEarly {
            event,
            endpoint,
            number,
            early,
        })
    };
    if number == 1 && seen.failed == 0 {
        return too_early(seen_event.event.not_before().since(now.steady));
    }
    if number > 1 && seen.failed + 1 == number {
        return too_early(seen.not_before.since(now.steady));
    }
    None
}
