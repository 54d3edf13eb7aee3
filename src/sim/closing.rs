//! The end of a run: what must hold then is judged, and all is summed up.

use std::sync::Arc;

use super::{
    oracle::{End, Violation},
    oracles::{fan_out, told_states},
    report::{Percentiles, Report},
    seen::{Moment, SeenEvent},
    standing::Standing,
    stretch,
    witness::Witness,
};
use crate::{
    domain::{application::ApplicationKey, endpoint::Endpoint},
    store::{ReadError, Reads},
};

/// Events that are compared with the store's lists at a time: so few that what is stored of them is near from
/// one endpoint to the next.
const EVENTS_AT_A_TIME: usize = 256;

impl Witness {
    /// Judges the end of the run and sums it up.
    pub(super) fn close(
        &mut self,
        application: ApplicationKey,
        store: &dyn Reads,
        now: Moment,
        report: Report,
    ) -> Report {
        self.judge_in_flight();
        let accepted = self.judge_accepted();
        let endpoints = store.endpoints(application, 0, usize::MAX);
        let endpoints = endpoints.unwrap_or_default();
        let mut sum = Report {
            events: accepted,
            endpoints: u64::try_from(endpoints.len()).unwrap_or(u64::MAX),
            ..report
        };
        let mut latencies = Vec::new();
        let mut objections = Vec::new();
        let events: Vec<&SeenEvent> = self.events.values().collect();
        for part in events.chunks(EVENTS_AT_A_TIME) {
            let read = standing(store, &endpoints, part);
            let mut lists = read.unwrap_or_else(|ReadError { reason }| {
                objections.push(Violation::StoreFails { reason });
                Vec::new()
            });
            lists.resize_with(endpoints.len(), Standing::default);
            for seen in part {
                for (endpoint, standing) in endpoints.iter().zip(&mut lists) {
                    let is_wanted = self.is_wanted(seen, endpoint.key.ordinal);
                    let end = self.judge_end((seen, is_wanted), endpoint, standing);
                    let end = end.unwrap_or_else(|violation| {
                        objections.push(violation);
                        None
                    });
                    // What has none by now was called off.
                    let end = end.or_else(|| is_wanted.then_some(End::CalledOff));
                    count_end(&mut sum, end, is_wanted);
                    latencies.extend(seen.latency_us(endpoint));
                }
            }
        }
        for violation in objections {
            self.object(violation);
        }
        self.judge_owed_by_hand(now);
        self.judge_tasks_ended();
        self.judge_news();
        self.judge_spread();
        self.judge_neighbours_served();
        self.judge_liveness(&endpoints);
        sum.latency_ms = Some(Percentiles::of(&mut latencies));
        sum
    }

    /// How far a run had come in which something did not hold, by what is durable.
    pub(super) fn so_far(&self, report: Report) -> Report {
        let mut sum = Report {
            endpoints: u64::try_from(self.endpoints.len()).unwrap_or(u64::MAX),
            ..report
        };
        for seen in self.events.values() {
            for ordinal in self.endpoints.keys() {
                let is_wanted = self.is_wanted(seen, *ordinal);
                let is_called_off = is_wanted && self.is_called_off(seen, *ordinal);
                let end = seen.seen(*ordinal).end;
                let end = end.or_else(|| is_called_off.then_some(End::CalledOff));
                count_end(&mut sum, end, is_wanted);
            }
        }
        sum
    }

    /// How the delivery of an event to an endpoint ended, if there is one, and whether the store agrees.
    fn judge_end(
        &self,
        (seen, is_wanted): (&SeenEvent, bool),
        endpoint: &Endpoint,
        standing: &mut Standing,
    ) -> Result<Option<End>, Violation> {
        let is_asked = self.is_asked_by_hand(seen.event.position, endpoint.key.ordinal);
        seen.judge_end(endpoint, standing, (is_wanted, is_asked))
    }
}

/// Counts how a delivery ended, if it did, that was or was not to be made.
fn count_end(sum: &mut Report, end: Option<End>, is_wanted: bool) {
    sum.deliveries += u64::from(is_wanted);
    match end {
        Some(End::Succeeded) => sum.succeeded += 1,
        Some(End::Exhausted) => sum.exhausted += 1,
        Some(End::Expired) => sum.expired += 1,
        Some(End::SetAside(_)) => sum.set_aside += 1,
        Some(End::CalledOff) => sum.cancelled += 1,
        None => {}
    }
}

impl SeenEvent {
    /// From acceptance to the first 2xx, of a delivery that succeeded.
    fn latency_us(&self, endpoint: &Endpoint) -> Option<u64> {
        let seen = self.seen(endpoint.key.ordinal);
        let at = seen
            .delivered_at
            .filter(|_| seen.end == Some(End::Succeeded))?;
        u64::try_from(at.since(self.event.accepted_at).as_micros()).ok()
    }

    /// How the delivery to an endpoint ended, if there is one, and whether the store agrees.
    fn judge_end(
        &self,
        endpoint: &Endpoint,
        standing: &mut Standing,
        (is_wanted, is_asked_by_hand): (bool, bool),
    ) -> Result<Option<End>, Violation> {
        let seen = self.seen(endpoint.key.ordinal);
        if endpoint.is_deleted() {
            // What was still to come was called off, and of the rest nobody reads any more.
            return Ok(seen.end);
        }
        if !is_wanted {
            return fan_out::judge_unwanted(self, endpoint, seen).map_or(Ok(None), Err);
        }
        if seen.end.is_none() && self.expunged_at.is_some() {
            // What was still to come of it was called off.
            return Ok(None);
        }
        // What retention let go stands nowhere.
        let listed = standing.of(self.event.id);
        let state = listed.flatten();
        let recorded = fan_out::judge_ended(self, endpoint, seen, state)?;
        let differs =
            told_states::judge_at_the_end((self, endpoint), recorded, state, is_asked_by_hand);
        match differs.filter(|_| listed.is_some()) {
            Some(violation) => Err(violation),
            None => Ok(Some(recorded)),
        }
    }
}

/// How the deliveries of some events to each endpoint stand. What else the store lists between them is
/// read, too.
fn standing(
    store: &dyn Reads,
    endpoints: &[Arc<Endpoint>],
    events: &[&SeenEvent],
) -> Result<Vec<Standing>, ReadError> {
    let Some(ends) = stretch::around(events) else {
        return Ok(Vec::new());
    };
    let mut lists = Ok(Vec::new());
    store.as_of_one_moment(&mut |store| {
        let read = |endpoint: &Arc<Endpoint>| Standing::read(store, endpoint.key, ends);
        lists = endpoints.iter().map(read).collect();
    })?;
    lists
}
