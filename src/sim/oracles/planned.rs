//! I8: what a receiver asked for in `Retry-After` is taken in as it came, and the next attempt is planned
//! no later than the schedule or that, within its bound, has it.

use crate::{
    domain::{
        id::{EndpointId, EventId},
        outcome::{Outcome, OutcomeKind},
    },
    sim::{seen::SeenRecord, violation::Violation, witness::Witness},
    time::{Span, Timestamp},
};

/// Judges an outcome that the engine is told of; `has_asked` is whether its receiver ever asked so.
pub(in crate::sim) fn judge_told(
    (event, endpoint): (EventId, EndpointId),
    outcome: &Outcome,
    has_asked: bool,
) -> Option<Violation> {
    let is_failure = matches!(outcome.kind, OutcomeKind::Status(300..));
    (is_failure && !has_asked).then(|| Violation::OtherWait {
        event,
        endpoint,
        told: outcome.retry_after.clone(),
    })
}

impl Witness {
    /// The next attempt is planned, by what is durable.
    pub(in crate::sim) fn planned(&mut self, record: &SeenRecord, due: Timestamp) {
        let (ordinal, position, number) = (record.endpoint.ordinal, record.position, record.number);
        let Some(seen) = self.delivery(position, ordinal) else {
            return;
        };
        seen.due = due;
        let seen = *seen;
        // Of another attempt it is not known what its receiver asked for.
        if seen.failed != number {
            return;
        }
        self.wait_spread(&seen, due);
        let late = due.since(seen.not_after);
        if late > Span::ZERO {
            let event = self.events.get(&position).map(|seen| seen.event.id);
            let endpoint = self.endpoint_id(ordinal);
            self.object(Violation::PlannedLate {
                event: event.unwrap_or_default(),
                endpoint,
                number,
                late,
            });
        }
    }
}
