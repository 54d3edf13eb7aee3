//! I28: an attempt fails only over something that its receiver did, and has a status only if that was
//! answered; in the layer `full`, where receivers know what they did.

use crate::{
    domain::{
        id::{EndpointId, EventId},
        outcome::OutcomeKind,
    },
    sim::violation::Violation,
};

/// What a receiver did.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Deeds {
    /// It answered with the status that the attempt has.
    pub(in crate::sim) has_answered_so: bool,
    /// It did what an attempt may fail over, since this one began.
    pub(in crate::sim) has_spoilt: bool,
    /// The process stood still since this one began, so that its deadline may be over all the same.
    pub(in crate::sim) was_still: bool,
}

/// Judges how an attempt ended.
pub(in crate::sim) const fn judge(
    (event, endpoint): (EventId, EndpointId),
    met: OutcomeKind,
    deeds: Deeds,
) -> Option<Violation> {
    let is_explained = match met {
        OutcomeKind::Status(_) => deeds.has_answered_so,
        OutcomeKind::Cancelled => true,
        _ => deeds.has_spoilt || deeds.was_still,
    };
    if is_explained {
        return None;
    }
    Some(Violation::NoCause {
        event,
        endpoint,
        met,
    })
}
