//! I10, I15, I19 and I33: what applications may not do to each other. No event goes to an endpoint of another
//! one; one application does not have all slots; while one waits for its turn, each of the others has one; and
//! nothing goes out for one that was deleted.
//!
//! One application is watched closely. Of its neighbours it is seen what goes out and how it ends, which is
//! enough to know what they take from it.

use std::collections::BTreeMap;

use super::{
    neighbours_served::SeenServed,
    slow::{ALL, SeenPromptness, Sure, share},
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptRequest,
        change::{Change, ChangeResult},
        endpoint::EndpointKey,
        id::ShardId,
        outcome::{Outcome, OutcomeKind},
    },
    sim::{
        apart::Apart,
        ledger::BatchFacts,
        oracle,
        scenario::Scenario,
        seen::{FlightFacts, Moment},
        violation::Violation,
        witness::Witness,
        workload::WATCHED,
    },
    time::{Span, Timestamp},
};

/// How many attempts one turn of an application may start.
const TURN: usize = 4;
/// How many turns others may have for each of its own: those in which nothing goes out, since what was looked
/// at has ended or is not wanted, are not seen.
const TURNS: usize = 4;

/// From when on it is told that one waited for slots that others had.
const NOTICED: Span = Span::from_millis(10);

/// What was seen of the neighbours.
#[derive(Debug, Default)]
pub(in crate::sim) struct SeenNeighbours {
    /// How many there are.
    count: usize,
    /// How many endpoints they have together.
    endpoints: usize,
    /// The application that is watched, once it is durable and if there are others.
    watched: Option<ApplicationKey>,
    promptness: BTreeMap<EndpointKey, SeenPromptness>,
    /// Whether some of them have endpoints on the hosts of the application that is watched.
    share_hosts: bool,
    /// Whether such are deleted.
    leave_hosts: bool,
    /// Those that were deleted, and from when on that is durable and told, in real time.
    pub(in crate::sim) deleted: BTreeMap<ApplicationKey, Timestamp>,
    /// What they are owed.
    pub(in crate::sim) served: SeenServed,
    /// When attempts of theirs went out, and when those of the application that is watched did, in real time.
    sent: Vec<Timestamp>,
    own: Vec<Timestamp>,
    /// Attempts of the application that is watched in flight, of this period.
    own_in_flight: usize,
    period: usize,
    /// Those of periods before, which may take room of their application until they end.
    own_before: usize,
    /// When these had half of what an application may have, in real time.
    own_crowded_at: Timestamp,
}

impl SeenNeighbours {
    /// Of a scenario that has not begun.
    pub(in crate::sim) fn of(scenario: &Scenario) -> Self {
        let sharing = scenario.neighbours.iter();
        let mut sharing = sharing
            .filter(|neighbour| neighbour.shares_hosts)
            .peekable();
        let share_hosts = sharing.peek().is_some();
        let leave_hosts = sharing.any(|neighbour| neighbour.deleted_after.is_some());
        let endpoints = scenario.neighbours.iter();
        let endpoints = endpoints.map(|neighbour| neighbour.endpoints());
        let endpoints = endpoints.fold(0, u32::saturating_add);
        Self {
            count: scenario.neighbours.len(),
            endpoints: usize::try_from(endpoints).unwrap_or(usize::MAX),
            share_hosts,
            leave_hosts,
            ..Self::default()
        }
    }

    /// How many endpoints they have together.
    pub(in crate::sim) const fn endpoints(&self) -> usize {
        self.endpoints
    }

    /// How many applications there are, with the one that is watched.
    pub(in crate::sim) const fn applications(&self) -> usize {
        self.count + 1
    }

    /// Whether some of them have endpoints on the hosts of the application that is watched.
    pub(in crate::sim) const fn share_hosts(&self) -> bool {
        self.share_hosts
    }

    /// Whether endpoints of theirs on these hosts come to an end before the run does.
    pub(in crate::sim) const fn leave_hosts(&self) -> bool {
        self.leave_hosts
    }

    /// Whether there are any.
    pub(in crate::sim) const fn are_there(&self) -> bool {
        self.count > 0
    }

    /// Whether this is one of them.
    pub(in crate::sim) fn is_one(&self, application: ApplicationKey) -> bool {
        self.are_there() && !self.is_watched(application)
    }

    /// Whether this is the application that is watched.
    pub(in crate::sim) fn is_watched(&self, application: ApplicationKey) -> bool {
        !self.are_there() || self.watched == Some(application)
    }

    /// One of them was deleted.
    pub(in crate::sim) fn deleted(&mut self, application: ApplicationKey, at: Timestamp) {
        self.deleted.entry(application).or_insert(at);
    }

    /// The process is gone, and with it what it knew.
    pub(in crate::sim) fn died(&mut self) {
        self.promptness.clear();
        self.own_in_flight = 0;
        self.own_before = 0;
    }

    /// Whether a shard is not that of the application that is watched, for sure.
    pub(in crate::sim) fn is_elsewhere(&self, shard: ShardId) -> bool {
        self.watched.is_some_and(|watched| watched.shard != shard)
    }

    /// A shard was lost: whether it was theirs is not seen, so nothing is sure of them any more.
    pub(in crate::sim) fn lost_shard(&mut self, period: usize) {
        for promptness in self.promptness.values_mut() {
            promptness.moves(period);
        }
    }

    /// How many attempts of the application that is watched are in flight, of those that went out in this
    /// period: older ones to an endpoint that was deleted count for none.
    fn own_in(&mut self, period: usize) -> &mut usize {
        if core::mem::replace(&mut self.period, period) != period {
            self.own_before += core::mem::take(&mut self.own_in_flight);
        }
        &mut self.own_in_flight
    }
}

/// How many of these are later than `at`; they rise.
fn since(times: &[Timestamp], at: Timestamp) -> usize {
    times.len() - times.partition_point(|time| *time <= at)
}

impl BatchFacts {
    /// The applications that it has deleted where it is durable, by what the store said to each change.
    pub(in crate::sim) fn deletions(
        &self,
        results: &[ChangeResult],
    ) -> impl Iterator<Item = ApplicationKey> + '_ {
        let fresh = results.iter().map(|result| *result == ChangeResult::Fresh);
        let fresh: Vec<bool> = fresh.collect();
        self.changes
            .iter()
            .filter_map(move |(place, change)| match change.bare() {
                Change::UpdateApplication(application) => {
                    let is_gone = application.is_deleted && fresh.get(*place) == Some(&true);
                    is_gone.then_some(application.key)
                }
                _ => None,
            })
    }

    /// Notes which application is watched, if this makes it.
    pub(in crate::sim) fn note_watched(&self, neighbours: &mut SeenNeighbours) {
        let unknown = neighbours.are_there() && neighbours.watched.is_none();
        for (_, change) in self.changes.iter().filter(|_| unknown) {
            if let Change::PutApplication(application) = change
                && application.uid.as_deref() == Some(WATCHED)
            {
                neighbours.watched.get_or_insert(application.key);
            }
        }
    }

    /// Leaves out what is of neighbours.
    pub(in crate::sim) fn only_watched(&mut self, neighbours: &SeenNeighbours) {
        if !neighbours.are_there() {
            return;
        }
        self.changes.retain(|(_, change)| {
            application_of(change).is_none_or(|application| neighbours.is_watched(application))
        });
        self.attempts
            .retain(|record| neighbours.is_watched(record.endpoint.application));
    }
}

/// The application that a change is about.
pub(in crate::sim) fn application_of(change: &Change) -> Option<ApplicationKey> {
    match change.bare() {
        Change::PutApplication(application) | Change::UpdateApplication(application) => {
            Some(application.key)
        }
        Change::PutEvent(event) => Some(event.application),
        Change::PutEndpoint { endpoint, .. } | Change::UpdateEndpoint(endpoint) => {
            Some(endpoint.key.application)
        }
        Change::Expire { endpoint, .. }
        | Change::SetEndpointState { endpoint, .. }
        | Change::PutCircuit { endpoint, .. }
        | Change::DeleteEndpoint { endpoint, .. } => Some(endpoint.application),
        Change::SetAside(entry) => Some(entry.endpoint.application),
        Change::Expunge { application, .. } => Some(*application),
        Change::PutTask(task) | Change::UpdateTask(task) => Some(task.endpoint.application),
        Change::PutOpen(row) => Some(row.endpoint.application),
        _ => None,
    }
}

impl Witness {
    /// What is sure of the receiver of a neighbour's endpoint.
    pub(in crate::sim) fn surely_of_neighbour(&mut self, endpoint: EndpointKey) -> Sure {
        let period = self.breaks.len();
        let seen = self.neighbours.promptness.entry(endpoint).or_default();
        seen.sure(period)
    }

    /// An attempt of a neighbour goes out.
    pub(in crate::sim) fn neighbour_sent(&mut self, flight: FlightFacts, now: Moment) {
        self.happened.neighbours_sent += 1;
        let deleted = flight.neighbour.map(|endpoint| endpoint.application);
        let deleted = deleted.and_then(|application| self.neighbours.deleted.get(&application));
        // What happens at the very time comes before it or after it.
        if deleted.is_some_and(|at| *at < now.real) {
            let (event, endpoint) = (flight.event, flight.endpoint);
            self.object(Apart::SentForDeleted { event, endpoint }.into());
        }
        self.neighbours.sent.push(now.real);
        self.in_flight += 1;
        self.judge_slow_sent(flight);
        self.judge_host_sent(flight, now);
        let (in_flight, cap) = (self.in_flight, self.options.send_slots);
        if in_flight > cap {
            self.object(Violation::OverCap { in_flight, cap });
        }
        self.note_crowd(now);
    }

    /// An attempt of a neighbour ended, and the process that made it heard of it.
    pub(in crate::sim) fn neighbour_ended(
        &mut self,
        endpoint: EndpointKey,
        flight: FlightFacts,
        outcome: &Outcome,
        now: Moment,
    ) {
        self.note_crowd(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.slow_left(flight);
        self.host_ended(flight, outcome, now);
        let period = self.breaks.len();
        if outcome.kind != OutcomeKind::Cancelled {
            let is_success = oracle::is_success(outcome);
            let served = &mut self.neighbours.served;
            served.heard(endpoint, flight.position, is_success);
        }
        if !matches!(outcome.kind, OutcomeKind::Internal | OutcomeKind::Cancelled) {
            let took = now.steady.since(flight.started_at);
            let seen = self.neighbours.promptness.entry(endpoint).or_default();
            seen.ended(took, flight.period, period);
        }
    }

    /// Judges whether an attempt goes to an endpoint of the application that its event is of.
    pub(in crate::sim) fn judge_crossing(&mut self, request: &AttemptRequest) {
        if request.event.application != request.target.endpoint.application {
            let (event, endpoint) = (request.event.id, request.target.id);
            self.object(Apart::Crossed { event, endpoint }.into());
        }
    }

    /// An attempt of the application that is watched goes out: judges how many it has, and whether it had its
    /// turns.
    pub(in crate::sim) fn judge_share(&mut self, flight: FlightFacts, now: Moment) {
        if self.neighbours.count > 0 {
            let judged = (!flight.is_by_hand).then(|| self.judge_turns(flight, now));
            if let Some(violation) = judged.flatten() {
                self.object(violation.into());
            }
            self.neighbours.own.push(now.real);
        }
        let period = self.breaks.len();
        let in_flight = self.neighbours.own_in(period);
        *in_flight += 1;
        let (in_flight, most) = (*in_flight, share(self.options.send_slots, ALL));
        if in_flight > most {
            let endpoint = flight.endpoint;
            let over = Apart::OverShareOfApplication {
                endpoint,
                in_flight,
                most,
            };
            self.object(over.into());
        }
        self.note_own_crowd(now);
    }

    /// One of those ended.
    pub(in crate::sim) fn share_left(&mut self, flight: FlightFacts, now: Moment) {
        self.note_own_crowd(now);
        let period = self.breaks.len();
        let is_before = flight.period != period;
        let in_flight = self.neighbours.own_in(period);
        *in_flight = in_flight.saturating_sub(usize::from(!is_before));
        let before = &mut self.neighbours.own_before;
        *before = before.saturating_sub(usize::from(is_before));
    }

    fn note_own_crowd(&mut self, now: Moment) {
        let (own, most) = (
            self.neighbours.own_in_flight + self.neighbours.own_before,
            share(self.options.send_slots, ALL),
        );
        if own.saturating_mul(2) >= most.saturating_sub(1) {
            self.neighbours.own_crowded_at = now.real;
        }
    }

    /// Whether a first attempt, to a receiver that surely answers soon, could have gone out long before as far
    /// as its own application is concerned, while others went on sending: each of their attempts had a slot
    /// that could have been its own.
    fn judge_turns(&mut self, flight: FlightFacts, now: Moment) -> Option<Apart> {
        if flight.number != 1 || flight.sure != Sure::Prompt {
            return None;
        }
        let waited = self.late_but_for_slots(flight, now)?;
        let waited = waited.min(now.real.since(self.neighbours.own_crowded_at));
        self.happened.turns_waited_for += u64::from(waited > NOTICED);
        let over = waited.as_micros() - self.patience.as_micros();
        if over <= 0 {
            return None;
        }
        let from = now.real.plus(Span::from_micros(-over));
        let others = since(&self.neighbours.sent, from);
        let own = since(&self.neighbours.own, from) + 1;
        let most = own * self.neighbours.count * TURN * TURNS;
        (others > most).then_some(Apart::PassedOver {
            event: flight.event,
            endpoint: flight.endpoint,
            waited,
            others,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_later_than_a_time_is_counted() {
        let times = [1, 2, 2, 5].map(Timestamp::from_micros);
        let later = |at| since(&times, Timestamp::from_micros(at));
        assert_eq!([0, 1, 2, 4, 5].map(later), [4, 3, 1, 1, 0]);
    }
}
