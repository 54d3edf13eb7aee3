//! I15, for hosts: no more attempts are in flight to one host, over all endpoints on it, than its budget can
//! be. What that is is counted here anew, from what came back: an upper bound of what the engine may have
//! counted, which does not see whether work waited.
//!
//! That nothing is held back while its host has room is judged elsewhere: an attempt that could have gone
//! out long before is late ([`judge_lateness`](super::lateness)).

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{
        endpoint::Target,
        endpoint_url::EndpointHost,
        outcome::{Outcome, OutcomeKind},
    },
    sim::{
        oracle,
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::Timestamp,
};

/// What a budget begins with, what it has at least, and which part of its attempts must fail.
const BEGINNING: u16 = 16;
const LEAST: u16 = 8;
const FAILING_PART: u16 = 8;

/// All hosts that were sent to.
#[derive(Debug, Default)]
pub(in crate::sim) struct SeenHosts {
    numbers: BTreeMap<EndpointHost, usize>,
    hosts: Vec<SeenHost>,
}

/// What was seen of one host.
#[derive(Clone, Debug, Default)]
struct SeenHost {
    in_flight: usize,
    /// When as many were in flight as a budget has at least, in real time.
    crowded_at: Timestamp,
    /// The most that its budget can be, and in which period that was seen; `None` for what it begins with.
    most: Option<(usize, u16)>,
    /// Successes since that rose.
    successes: u16,
    /// Failures in a row of attempts that started since `quiet_at`, in steady time.
    failures: u16,
    quiet_at: Timestamp,
}

impl SeenHost {
    /// The most that may be in flight, of a budget that grows to `max`.
    fn most(&mut self, max: u16, period: usize, now: Timestamp) -> u16 {
        let beginning = BEGINNING.min(max);
        let (seen_in, most) = self.most.unwrap_or((period, beginning));
        if seen_in == period {
            return most.min(max);
        }
        // What was counted may have been forgotten.
        let most = most.clamp(beginning, max);
        self.most = Some((period, most));
        self.begin_anew(now);
        most
    }

    fn begin_anew(&mut self, now: Timestamp) {
        self.failures = 0;
        self.quiet_at = now;
    }

    /// Takes an attempt that ended into account; `least` is what a budget has at least.
    fn ended(
        &mut self,
        outcome: &Outcome,
        started_at: Timestamp,
        ((least, max), period): ((u16, u16), usize),
        now: Timestamp,
    ) {
        let most = self.most(max, period, now);
        let succeeded = oracle::is_success(outcome);
        if succeeded || !suffers(outcome.kind) {
            self.begin_anew(now);
            self.successes += u16::from(succeeded);
            if self.successes >= most {
                self.successes = 0;
                self.most = Some((period, (most + 1).min(max)));
            }
            return;
        }
        self.failures += u16::from(started_at > self.quiet_at);
        // A round may end between them, so twice as many are needed to be sure.
        if self.failures >= 2 * most.div_ceil(FAILING_PART) {
            self.most = Some((period, (most / 2).max(least)));
            self.successes = 0;
            self.begin_anew(now);
        }
    }
}

/// Whether an outcome says that a host has too much to do, or is down.
const fn suffers(kind: OutcomeKind) -> bool {
    matches!(
        kind,
        OutcomeKind::Status(429 | 500..=599)
            | OutcomeKind::Timeout { .. }
            | OutcomeKind::ConnectTimeout { .. }
            | OutcomeKind::Refused
            | OutcomeKind::Unreachable
            | OutcomeKind::Reset
            | OutcomeKind::Closed
    )
}

impl SeenHosts {
    /// The number of a host.
    pub(in crate::sim) fn number(&mut self, host: &EndpointHost) -> usize {
        if let Some(number) = self.numbers.get(host) {
            return *number;
        }
        let number = self.hosts.len();
        self.numbers.insert(host.clone(), number);
        self.hosts.push(SeenHost::default());
        number
    }

    /// The process is gone: whoever comes next has nothing in flight and knows nothing of any host.
    pub(in crate::sim) fn died(&mut self) {
        for host in &mut self.hosts {
            *host = SeenHost {
                crowded_at: host.crowded_at,
                ..SeenHost::default()
            };
        }
    }
}

impl Witness {
    /// The number of the host of a target. It is that of the last attempt to the same endpoint most times, and
    /// then no name is searched for.
    pub(in crate::sim) fn host_number(&mut self, target: &Arc<Target>) -> usize {
        let seen = self.endpoints.get_mut(&target.endpoint.ordinal);
        let known = seen.as_ref().and_then(|seen| seen.host.as_ref());
        if let Some((_, number)) = known.filter(|(known, _)| Arc::ptr_eq(known, target)) {
            return *number;
        }
        let number = self.hosts.number(target.url.host());
        if let Some(seen) = seen {
            seen.host = Some((Arc::clone(target), number));
        }
        number
    }

    /// The number of the host of a neighbour's target; none if no neighbour shares hosts with the application
    /// that is watched.
    pub(in crate::sim) fn host_of_neighbour(&mut self, target: &Target) -> usize {
        if self.neighbours.share_hosts() {
            self.hosts.number(target.url.host())
        } else {
            usize::MAX
        }
    }

    /// What a budget has at least. Where endpoints come and go it may be forgotten and begin anew.
    fn least_host_budget(&self) -> u16 {
        let least = if self.changes_by_hand || self.neighbours.leave_hosts() {
            BEGINNING
        } else {
            LEAST
        };
        least.min(self.options.host_window_max)
    }

    /// An attempt goes out: judges how many are in flight to its host.
    pub(in crate::sim) fn judge_host_sent(&mut self, flight: FlightFacts, now: Moment) {
        let (max, period) = (self.options.host_window_max, self.breaks.len());
        let Some(host) = self.hosts.hosts.get_mut(flight.host) else {
            return;
        };
        let most = usize::from(host.most(max, period, now.steady));
        host.in_flight += 1;
        if host.in_flight >= usize::from(LEAST.min(max)) {
            host.crowded_at = now.real;
        }
        let in_flight = host.in_flight;
        self.happened.hosts_full += u64::from(in_flight == most);
        if in_flight > most {
            let endpoint = flight.endpoint;
            self.object(
                Pace::OverHostBudget {
                    endpoint,
                    in_flight,
                    most,
                }
                .into(),
            );
        }
    }

    /// An attempt ended, and the process that made it heard of it.
    pub(in crate::sim) fn host_ended(
        &mut self,
        flight: FlightFacts,
        outcome: &Outcome,
        now: Moment,
    ) {
        let max = self.options.host_window_max;
        let bounds = ((self.least_host_budget(), max), self.breaks.len());
        let Some(host) = self.hosts.hosts.get_mut(flight.host) else {
            return;
        };
        if host.in_flight >= usize::from(LEAST.min(max)) {
            host.crowded_at = now.real;
        }
        host.in_flight = host.in_flight.saturating_sub(1);
        host.ended(outcome, flight.started_at, bounds, now.steady);
    }

    /// When the host of an attempt had no room for sure last, in real time; `None` if it has none now.
    pub(in crate::sim) fn host_crowded_at(&self, flight: FlightFacts) -> Option<Timestamp> {
        let host = self.hosts.hosts.get(flight.host)?;
        let least = usize::from(LEAST.min(self.options.host_window_max));
        (host.in_flight < least).then_some(host.crowded_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: OutcomeKind = OutcomeKind::Status(200);
    const DOWN: OutcomeKind = OutcomeKind::Refused;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// What may be in flight after all these ended, one a millisecond, each started a moment before.
    fn most_after(ends: impl IntoIterator<Item = OutcomeKind>) -> u16 {
        let mut seen = SeenHost::default();
        let mut now = 0;
        for kind in ends {
            now += 2;
            let outcome = Outcome::without_reply(kind, crate::time::Span::ZERO);
            seen.ended(&outcome, at(now - 1), ((LEAST, 512), 0), at(now));
        }
        seen.most(512, 0, at(now))
    }

    #[test]
    fn the_most_grows_by_one_for_as_many_successes_and_is_halved_by_failures_in_a_row() {
        assert_eq!(most_after([]), 16);
        assert_eq!(most_after([OK; 16]), 17);
        assert_eq!(most_after([OK; 33]), 18);
        assert_eq!(most_after([DOWN; 3]), 16);
        assert_eq!(most_after([DOWN; 4]), 8);
        assert_eq!(most_after([DOWN, DOWN, OK, DOWN, DOWN]), 16);
        assert_eq!(most_after([DOWN; 40]), 8);
        assert_eq!(most_after([OutcomeKind::Status(404); 40]), 16);
    }

    #[test]
    fn in_a_new_period_it_is_what_it_begins_with_or_what_it_was() {
        let mut seen = SeenHost {
            most: Some((0, 8)),
            ..SeenHost::default()
        };
        assert_eq!(seen.most(512, 0, at(1)), 8);
        assert_eq!(seen.most(512, 1, at(1)), 16);
        seen.most = Some((1, 40));
        assert_eq!(seen.most(512, 2, at(1)), 40);
        assert_eq!(seen.most(2, 2, at(1)), 2);
    }
}
