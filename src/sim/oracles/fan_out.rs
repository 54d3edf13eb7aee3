//! I3: an event goes to those that it matches, and to nobody else; and each delivery ends.

use crate::{
    domain::{delivery::DeliveryState, endpoint::Endpoint},
    sim::{
        oracle::End,
        seen::{Seen, SeenEvent},
        violation::Violation,
    },
};

/// Judges at the end what became of an event at an endpoint that it does not match.
pub(in crate::sim) fn judge_unmatched(
    seen_event: &SeenEvent,
    endpoint: &Endpoint,
    seen: Seen,
) -> Option<Violation> {
    let (event, endpoint) = (seen_event.event.id, endpoint.id);
    let is_nothing = seen.sent == 0 && seen.end.is_none();
    (!is_nothing).then_some(Violation::NoDelivery { event, endpoint })
}

/// Judges at the end that a delivery has ended; `state` is what the store says of it.
///
/// # Errors
/// The violation.
pub(in crate::sim) fn judge_ended(
    seen_event: &SeenEvent,
    endpoint: &Endpoint,
    seen: Seen,
    state: Option<DeliveryState>,
) -> Result<End, Violation> {
    seen.end.ok_or(Violation::NotEnded {
        event: seen_event.event.id,
        endpoint: endpoint.id,
        state,
    })
}
