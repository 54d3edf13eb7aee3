//! I22: an endpoint is disabled for a 410 only where one came from the URL that it has, and since it was enabled;
//! and after such a one nothing goes to it.

use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    sim::{
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How long a change of an endpoint may be on its way until it counts or is refused. As long as it is, a 410 of the
/// URL of now may be of one that is about to be that of before.
const CHANGE_MAX: Span = Span::from_seconds(3_600);

/// Whether an endpoint's receiver said that it is gone.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct SeenGone {
    /// Since when its receiver is the one it is.
    since: Moment,
    /// When somebody last asked for a change of it, in real time.
    changing_at: Option<Timestamp>,
    /// When its receiver said so first.
    told: Option<Moment>,
    /// In which period and when, in real time, it said so for sure, so that nothing more may go to it.
    sure: Option<(usize, Timestamp)>,
}

impl SeenGone {
    /// It has another URL, or is enabled, from now on.
    pub(in crate::sim) const fn begins(&mut self, at: Moment) {
        self.since = at;
        self.told = None;
        self.sure = None;
    }
}

impl Witness {
    /// Somebody asks for a change of an endpoint.
    pub(in crate::sim) fn asks_for_change(&mut self, ordinal: u32, now: Moment) {
        let seen = self.endpoints.entry(ordinal).or_default();
        seen.gone.changing_at = Some(now.real);
    }

    /// The outcome of an attempt is heard.
    pub(in crate::sim) fn gone_heard(
        &mut self,
        flight: FlightFacts,
        outcome: &Outcome,
        now: Moment,
    ) {
        let (period, window) = (self.breaks.len(), self.window);
        let seen = &mut self.endpoints.entry(flight.ordinal).or_default().gone;
        // Of an attempt whose shard was lost nothing is known but its slot.
        let is_of_period = flight.period == period && outcome.kind == OutcomeKind::Status(410);
        if !is_of_period || flight.started_at < seen.since.steady {
            return;
        }
        seen.told.get_or_insert(now);
        // Who is told that a change is durable hears of it a little later.
        let is_of_now = flight.started_at > seen.since.steady.plus(window);
        let changes = seen.changing_at;
        let changes = changes.is_some_and(|at| now.real.since(at) <= CHANGE_MAX);
        if is_of_now && !changes {
            seen.sure.get_or_insert((period, now.real));
        }
    }

    /// An endpoint was disabled since it is gone.
    pub(in crate::sim) fn judge_gone(&mut self, ordinal: u32) {
        self.happened.disabled_gone += 1;
        self.circuit_disabled(ordinal);
        let seen = self.endpoints.entry(ordinal).or_default();
        if seen.gone.told.is_none() {
            let endpoint = seen.id;
            self.object(Pace::NotGone { endpoint }.into());
        }
    }

    /// Judges an attempt that goes out by what its receiver said before.
    pub(in crate::sim) fn judge_sent_to_gone(&mut self, flight: FlightFacts, now: Moment) {
        let seen = self.endpoints.get(&flight.ordinal);
        let told = seen.and_then(|seen| seen.gone.sure);
        let is_late = told.is_some_and(|(period, at)| {
            period == self.breaks.len() && now.real.since(at) > self.window
        });
        if is_late {
            let (event, endpoint) = (flight.event, flight.endpoint);
            self.object(Pace::SentToGone { event, endpoint }.into());
        }
    }
}
