//! I6 and I4: an attempt is made again only if its result was lost: the process died, or the shard
//! was lost, before its outcome was told or within the time that recording takes. A process that ended in
//! order lost none that it was told of (I24).

use crate::sim::{
    seen::{FlightFacts, Seen},
    violation::Violation,
    witness::Witness,
};

impl Witness {
    /// Judges an attempt of the schedule that goes out; `seen` is what was seen of its delivery.
    pub(in crate::sim) fn judge_repeated(
        &self,
        flight: FlightFacts,
        seen: &Seen,
    ) -> Option<Violation> {
        let FlightFacts {
            event,
            endpoint,
            number,
            ..
        } = flight;
        if number > seen.sent {
            return None;
        }
        let Some(broken_at) = self.breaks.get(seen.period) else {
            return Some(Violation::Repeated {
                event,
                endpoint,
                number,
            });
        };
        let is_orderly = self.orderly.contains(&seen.period);
        let is_lost = seen
            .told_at
            .is_none_or(|told_at| !is_orderly && self.at_work(told_at, *broken_at) <= self.window);
        let is_kept = number <= seen.recorded || !is_lost;
        is_kept.then_some(Violation::Forgotten {
            event,
            endpoint,
            number,
        })
    }
}
