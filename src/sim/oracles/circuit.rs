//! I22, L7 and L8: circuits open only on their rule, and then nothing goes out until they are half-open;
//! then one attempt at a time; a receiver that recovers gets no more than it may; and an endpoint is
//! disabled once it failed for long enough, and not before.
//!
//! That a circuit opens no more often than it must is seen elsewhere: an attempt that could have gone out
//! long before is late ([`judge_lateness`](super::lateness)), and a core that never comes through is told (L7).

use std::collections::VecDeque;

use crate::{
    domain::{
        circuit::{Circuit, CircuitState},
        id::EndpointId,
    },
    policy::circuit_breaker::CircuitBreakerPolicy,
    sim::{
        oracles::pause::is_pause,
        pace::Pace,
        seen::{FlightFacts, Moment},
        seen_ends::SeenEnds,
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// Attempts of one hundredth of a second may go out together.
const AHEAD_US: i64 = 10_000;
const MINUTE_US: i64 = 60_000_000;

/// Whether attempts may go out, as far as that is seen from outside. Times are steady.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SeenState {
    #[default]
    Closed,
    Open {
        since: Timestamp,
    },
    HalfOpen {
        since: Timestamp,
        well: u16,
    },
    Recovering,
}

/// What was seen of the circuit of one endpoint.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenCircuit {
    /// The period that this is of: in the next one, it is what was durable.
    period: usize,
    state: SeenState,
    /// Attempts that ended since it last changed.
    ends: SeenEnds,
    failing_since: Option<Timestamp>,
    /// Whether an attempt failed when it had failed for long enough to be disabled.
    is_overdue: bool,
    /// When its endpoint gets another URL, if it does, in which period, and from when on attempts are about
    /// that, in steady time.
    moves_at: Option<(Moment, usize)>,
    begun_at: Timestamp,
    /// What is durable.
    row: Option<Circuit>,
    /// When attempts went out while it recovered, in real time.
    sends: VecDeque<Timestamp>,
    /// What came too fast, and when, unless it is told that the recovery was over.
    too_fast: Option<(Timestamp, Pace)>,
}

impl SeenCircuit {
    /// Its endpoint is enabled again in this period: what is durable counts, and was written over before.
    pub(in crate::sim) fn begins_anew(&mut self, period: usize, now: Timestamp) {
        self.enter(period, now);
        self.is_overdue = false;
        self.failing_since = None;
        let slowly = |row: Circuit| match row.state {
            CircuitState::HalfOpen { since, .. } => SeenState::HalfOpen { since, well: 0 },
            _ => SeenState::Closed,
        };
        self.change(self.row.map(slowly).unwrap_or_default());
    }

    /// Its endpoint has another URL from then on, if that period lasts: what was learned is of another receiver.
    pub(in crate::sim) const fn moves(&mut self, at: Moment, period: usize) {
        self.moves_at = Some((at, period));
    }

    /// In a new period nothing is known but what was durable; nor of a new receiver.
    fn enter(&mut self, period: usize, now: Timestamp) {
        if core::mem::replace(&mut self.period, period) != period {
            self.begin();
        }
        if let Some((at, moved)) = self.moves_at.take_if(|(at, _)| at.real <= now)
            && moved == period
        {
            self.change(SeenState::Closed);
            self.failing_since = None;
            self.is_overdue = false;
            self.begun_at = at.steady;
        }
    }

    /// A period begins with what was durable.
    fn begin(&mut self) {
        self.is_overdue = false;
        // That a recovery was over may have been on its way to the disk.
        self.too_fast = None;
        self.failing_since = self.row.and_then(|row| row.failing_since);
        self.change(self.durable());
    }

    /// What it is by what is durable.
    fn durable(&self) -> SeenState {
        match self.row.map(|row| row.state) {
            None | Some(CircuitState::Closed) => SeenState::Closed,
            Some(CircuitState::Open { since, .. }) => SeenState::Open { since },
            Some(CircuitState::HalfOpen { since, .. }) => SeenState::HalfOpen { since, well: 0 },
            Some(CircuitState::Recovering) => SeenState::Recovering,
        }
    }

    /// From when on an attempt may go out, at the earliest and at the latest.
    fn half_open_from(
        &self,
        since: Timestamp,
        policy: &CircuitBreakerPolicy,
    ) -> (Timestamp, Timestamp) {
        match self.row.map(|row| row.state) {
            Some(CircuitState::Open {
                since: written,
                until,
            }) if written == since => (until, until),
            _ => {
                let spread = |span: Span, above: i64| {
                    let jitter = policy.jitter;
                    let part = span.as_micros() / i64::from(jitter.denominator())
                        * i64::from(jitter.numerator());
                    since.plus(Span::from_micros(span.as_micros() + part * above))
                };
                let first = policy.pause.min(policy.pause_max);
                (spread(first, -1), spread(policy.pause_max, 1))
            }
        }
    }

    /// Takes an attempt that ended at `now` into account, by the rule.
    fn ended(
        &mut self,
        succeeded: bool,
        started_at: Timestamp,
        policy: &CircuitBreakerPolicy,
        now: Timestamp,
    ) {
        match self.state {
            SeenState::Closed | SeenState::Recovering => {
                let half_us = policy.window.as_micros() / 2;
                let half = now.as_micros().div_euclid(half_us);
                let (attempts, failed) = self.ends.count(half, !succeeded);
                let is_open = attempts >= policy.attempts_min.into()
                    && failed * 100 >= attempts * u64::from(policy.failed_percent);
                if is_open && !succeeded {
                    self.change(SeenState::Open { since: now });
                }
            }
            SeenState::Open { since } => {
                let (_, until) = self.half_open_from(since, policy);
                if started_at >= until || (succeeded && started_at >= since) {
                    self.probed(succeeded, (now, 0), policy, now);
                }
            }
            SeenState::HalfOpen { since, well } => {
                if started_at >= since {
                    self.probed(succeeded, (since, well), policy, now);
                }
            }
        }
    }

    fn probed(
        &mut self,
        succeeded: bool,
        (since, well): (Timestamp, u16),
        policy: &CircuitBreakerPolicy,
        now: Timestamp,
    ) {
        self.change(if !succeeded {
            SeenState::Open { since: now }
        } else if well + 1 >= policy.probes {
            SeenState::Recovering
        } else {
            SeenState::HalfOpen {
                since,
                well: well + 1,
            }
        });
    }

    fn change(&mut self, state: SeenState) {
        self.ends = SeenEnds::default();
        self.sends.clear();
        self.state = state;
    }

    /// What is wrong with an attempt that goes out, of which there are `in_flight` others.
    fn judge_sent(
        &mut self,
        endpoint: EndpointId,
        in_flight: usize,
        policy: &CircuitBreakerPolicy,
        now: Moment,
    ) -> Option<Pace> {
        if self.is_overdue {
            return Some(Pace::NotDisabled { endpoint });
        }
        let too_many = || {
            let in_flight = in_flight + 1;
            (in_flight > 1).then_some(Pace::TooManyProbes {
                endpoint,
                in_flight,
            })
        };
        match self.state {
            SeenState::Closed => None,
            SeenState::Open { since } => {
                let (from, _) = self.half_open_from(since, policy);
                let early = from.since(now.steady);
                if early > Span::ZERO {
                    return Some(Pace::WhileOpen { endpoint, early });
                }
                too_many()
            }
            SeenState::HalfOpen { .. } => too_many(),
            SeenState::Recovering => {
                let found = self.judge_recovery(endpoint, policy, now.real);
                if let Some(found) = found {
                    self.too_fast.get_or_insert((now.real, found));
                }
                None
            }
        }
    }

    /// What of the attempts to a receiver that recovers comes too fast, if one goes out now.
    fn judge_recovery(
        &mut self,
        endpoint: EndpointId,
        policy: &CircuitBreakerPolicy,
        now: Timestamp,
    ) -> Option<Pace> {
        const SENDS_LOOKED_AT: usize = 64;
        const PER_MINUTE_MIN: u32 = 60;
        let usual = self.row.map_or(0, |row| row.usual_per_minute);
        let most = u64::from(usual) * u64::from(policy.recovery_percent) / 100;
        let most = u32::try_from(most).unwrap_or(u32::MAX).max(PER_MINUTE_MIN);
        self.sends.push_back(now);
        if self.sends.len() > SENDS_LOOKED_AT {
            self.sends.pop_front();
        }
        let later = self.sends.iter().rev().enumerate().skip(1);
        let mut found = later.map(|(gaps, at)| (gaps, now.since(*at)));
        let (gaps, within) = found.find(|(gaps, within)| {
            let gaps = i64::try_from(*gaps).unwrap_or(i64::MAX);
            let evenly = gaps.saturating_mul(MINUTE_US) / i64::from(most);
            within.as_micros() < evenly - AHEAD_US
        })?;
        Some(Pace::RecoversTooFast {
            endpoint,
            sends: gaps + 1,
            within,
            most,
        })
    }
}

impl Witness {
    /// Judges an attempt that goes out by the circuit of its endpoint. What somebody asked for is not held
    /// back.
    pub(in crate::sim) fn judge_circuit_sent(&mut self, flight: FlightFacts, now: Moment) {
        let (period, window) = (self.breaks.len(), self.window);
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        let (id, in_flight) = (endpoint.id, endpoint.in_flight);
        let seen = &mut endpoint.circuit;
        seen.enter(period, now.real);
        let confirmed = seen
            .too_fast
            .take_if(|(at, _)| now.real.since(*at) > window)
            .map(|(_, pace)| pace);
        let judged = match &self.options.circuit_breaker {
            Some(policy) if !flight.is_by_hand => seen.judge_sent(id, in_flight, policy, now),
            _ => None,
        };
        self.happened.probes += u64::from(matches!(
            seen.state,
            SeenState::Open { .. } | SeenState::HalfOpen { .. }
        ));
        for pace in confirmed.into_iter().chain(judged) {
            self.object(pace.into());
        }
    }

    /// An attempt ended, and the engine that made it heard of it.
    pub(in crate::sim) fn circuit_ended(
        &mut self,
        flight: FlightFacts,
        succeeded: bool,
        now: Moment,
    ) {
        let period = self.breaks.len();
        if flight.period != period {
            return;
        }
        let disable_after = self.options.disable_after;
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        let is_held = endpoint.disabled_at.is_some() || endpoint.deleted_at.is_some();
        let seen = &mut endpoint.circuit;
        seen.enter(period, now.real);
        if is_held || flight.started_at < seen.begun_at {
            return;
        }
        if succeeded {
            seen.failing_since = None;
        } else {
            let since = *seen.failing_since.get_or_insert(now.steady);
            let failing = now.steady.since(since);
            seen.is_overdue = disable_after.is_some_and(|most| failing >= most);
        }
        let before = seen.state;
        if let Some(policy) = &self.options.circuit_breaker {
            seen.ended(succeeded, flight.started_at, policy, now.steady);
        }
        if seen.state != before {
            self.happened.circuits_opened +=
                u64::from(matches!(seen.state, SeenState::Open { .. }));
            self.happened.recoveries += u64::from(seen.state == SeenState::Recovering);
        }
    }

    /// What is kept of a circuit is durable.
    pub(in crate::sim) fn circuit_durable(
        &mut self,
        ordinal: u32,
        circuit: Option<Circuit>,
        at: Moment,
    ) {
        let (period, window) = (self.breaks.len(), self.window);
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let id = endpoint.id;
        let seen = &mut endpoint.circuit;
        seen.row = circuit;
        if seen.period != period || endpoint.disabled_at.is_some() {
            return;
        }
        if circuit.is_none_or(|row| row.state == CircuitState::Closed)
            && seen.state == SeenState::Recovering
        {
            // All was delivered that had waited, which shows only now.
            seen.too_fast
                .take_if(|(then, _)| at.real.since(*then) <= window);
            seen.sends.clear();
            seen.state = SeenState::Closed;
        }
        let Some((policy, written)) = self.options.circuit_breaker.as_ref().zip(circuit) else {
            return;
        };
        if let CircuitState::Open { since, until } = written.state
            && !is_pause(policy, written.openings, until.since(since))
        {
            let what = "open for another time than its pause";
            self.object(Pace::AgainstTheRule { endpoint: id, what }.into());
        }
    }

    /// An endpoint was disabled since it failed for too long.
    pub(in crate::sim) fn judge_disabled(&mut self, ordinal: u32, at: Moment) {
        self.happened.disabled_failing += 1;
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let (id, since) = (endpoint.id, endpoint.circuit.failing_since);
        let failing = since.map_or(Span::ZERO, |since| at.steady.since(since));
        if self.options.disable_after.is_none_or(|most| failing < most) {
            let endpoint = id;
            self.object(Pace::DisabledEarly { endpoint, failing }.into());
        }
    }

    /// Until when, in steady time, attempts to an endpoint are held back at the latest.
    pub(in crate::sim) fn held_back_until(&self, ordinal: u32) -> Option<Timestamp> {
        let policy = self.options.circuit_breaker.as_ref()?;
        let (seen, period) = (&self.endpoints.get(&ordinal)?.circuit, self.breaks.len());
        // Since its endpoint has another URL nothing is held back, whatever was until then.
        let moved = seen.moves_at.filter(|(_, moved)| *moved == period);
        let of_now = (seen.period == period).then_some(seen.state);
        let held = match of_now.unwrap_or_else(|| seen.durable()) {
            SeenState::Open { since } => Some(seen.half_open_from(since, policy).1),
            SeenState::Closed | SeenState::HalfOpen { .. } | SeenState::Recovering => None,
        };
        moved.map(|(at, _)| at.steady).or(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: EndpointId = EndpointId::new(crate::domain::id::Id::from_value(1));

    fn moment(seconds: i64) -> Moment {
        let at = Timestamp::from_millis(seconds * 1_000);
        Moment {
            real: at,
            steady: at,
        }
    }

    /// One that met ten failures at `moment(0)`.
    fn opened(policy: &CircuitBreakerPolicy) -> SeenCircuit {
        let mut seen = SeenCircuit::default();
        for _ in 0..10 {
            seen.ended(false, moment(0).steady, policy, moment(0).steady);
        }
        seen
    }

    #[test]
    fn what_goes_out_while_it_is_open_is_found_and_so_is_a_second_probe() {
        let policy = CircuitBreakerPolicy::default();
        let mut seen = opened(&policy);
        let mut judged =
            |seconds, in_flight| seen.judge_sent(ENDPOINT, in_flight, &policy, moment(seconds));
        assert!(matches!(judged(10, 0), Some(Pace::WhileOpen { .. })));
        assert_eq!(judged(36, 0), None);
        assert!(matches!(judged(36, 1), Some(Pace::TooManyProbes { .. })));
    }

    #[test]
    fn nine_failures_hold_nothing_back() {
        let policy = CircuitBreakerPolicy::default();
        let mut seen = SeenCircuit::default();
        for _ in 0..9 {
            seen.ended(false, moment(0).steady, &policy, moment(0).steady);
        }
        assert_eq!(seen.judge_sent(ENDPOINT, 7, &policy, moment(0)), None);
    }

    #[test]
    fn who_recovers_and_gets_two_at_once_is_found() {
        let policy = CircuitBreakerPolicy::default();
        let mut seen = opened(&policy);
        for seconds in 400..403 {
            seen.ended(
                true,
                moment(seconds).steady,
                &policy,
                moment(seconds).steady,
            );
        }
        assert_eq!(seen.state, SeenState::Recovering);
        let mut judged = |seconds| seen.judge_recovery(ENDPOINT, &policy, moment(seconds).real);
        assert_eq!(judged(403), None);
        assert_eq!(judged(404), None);
        assert!(judged(404).is_some());
    }

    #[test]
    fn in_a_new_period_what_was_durable_counts() {
        let policy = CircuitBreakerPolicy::default();
        let mut seen = opened(&policy);
        seen.enter(1, moment(1).real);
        assert_eq!(seen.judge_sent(ENDPOINT, 3, &policy, moment(1)), None);
        seen.row = Some(Circuit {
            state: CircuitState::Open {
                since: moment(0).steady,
                until: moment(40).steady,
            },
            ..Circuit::default()
        });
        seen.enter(2, moment(1).real);
        let early = seen.judge_sent(ENDPOINT, 0, &policy, moment(39));
        assert!(matches!(early, Some(Pace::WhileOpen { .. })));
        assert_eq!(seen.judge_sent(ENDPOINT, 0, &policy, moment(40)), None);
    }
}
