//! I11: an attempt goes to the URL that is durable and told when it starts, with the header fields of that time, and
//! is signed with the secrets of that time (I12): the new one and, until its grace ends, the one of before.

use std::sync::Arc;

use crate::{
    domain::{
        attempt::AttemptRequest,
        endpoint::{Endpoint, Target},
        secret::Secret,
    },
    sim::{
        seen::{FlightFacts, Moment},
        violation::Violation,
        witness::Witness,
    },
    time::Timestamp,
};

/// What an endpoint's target is from some time on.
#[derive(Clone, Debug)]
pub(in crate::sim) struct SeenTarget {
    /// From when on it is told, in real time.
    pub(in crate::sim) at: Timestamp,
    pub(in crate::sim) target: Arc<Target>,
    pub(in crate::sim) endpoint: Arc<Endpoint>,
}

impl Witness {
    /// Judges where an attempt goes, and with what it is signed.
    pub(in crate::sim) fn judge_target(
        &mut self,
        request: &AttemptRequest,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let seen = self.endpoints.get_mut(&flight.ordinal)?;
        if seen
            .judged
            .as_ref()
            .is_some_and(|judged| Arc::ptr_eq(judged, &request.target))
        {
            return None;
        }
        let told = seen
            .targets
            .iter()
            .rev()
            .find(|target| target.at <= now.real)?;
        let at = told.at;
        // What happens at the very time comes before it or after it.
        let mut fitting = seen.targets.iter().filter(|target| target.at <= now.real);
        let is_same = |known: &Target| {
            let target = &request.target;
            known.url == target.url
                && known.headers == target.headers
                && known.body_format == target.body_format
                && secrets(known, now).eq(secrets(target, now))
        };
        let fits = if at == now.real {
            fitting.any(|target| is_same(&target.target))
        } else {
            is_same(&told.target)
        };
        let is_last = seen.targets.last().is_some_and(|last| last.at < now.real);
        if fits && is_last && request.target.older_secrets.is_empty() {
            seen.judged = Some(Arc::clone(&request.target));
        }
        let (event, endpoint) = (flight.event, flight.endpoint);
        (!fits).then_some(Violation::OldTarget { event, endpoint })
    }
}

/// The secrets that sign at this time.
fn secrets(target: &Target, now: Moment) -> impl Iterator<Item = &Secret> + '_ {
    target.secrets(now.steady)
}
