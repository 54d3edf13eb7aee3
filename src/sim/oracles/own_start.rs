//! I13: each attempt bears the time of its own start, and not of an attempt before it; by what receivers
//! get, in the layer `full`.

use crate::{
    domain::id::{EndpointId, EventId},
    sim::violation::Violation,
    time::Timestamp,
};

/// How far it may be off: it is told in whole seconds.
const WITHIN_S: i64 = 1;

/// Judges the time that a request bears; `starts` is when those attempts of its delivery began that can
/// be on their way.
pub(in crate::sim) fn judge(
    (event, endpoint): (EventId, EndpointId),
    signed_at: Timestamp,
    starts: impl Iterator<Item = Timestamp>,
) -> Option<Violation> {
    let off = starts.map(|start| signed_at.since(start).as_millis() / 1_000);
    let off_s = off.min_by_key(|off| off.abs())?;
    (off_s.abs() > WITHIN_S).then_some(Violation::OtherTime {
        event,
        endpoint,
        off_s,
    })
}
