//! The circuit of one endpoint as it must be: reckoned from the results that were heard, by the rule, and from what
//! was durable when its process or its shard was lost.

use super::{
    MOVE_MAX,
    recovery::SeenRecovery,
    rows::{Expected, Found, LONG, SINCE_SOME_TIME, SeenRows},
    usual::SeenUsual,
};
use crate::{
    domain::{
        circuit::{Circuit, CircuitState},
        id::EndpointId,
    },
    policy::circuit_breaker::CircuitBreakerPolicy,
    sim::{pace::Pace, seen::Moment, seen_ends::SeenEnds},
    time::{Span, Timestamp},
};

/// Whether attempts may go out, as far as that is seen from outside. Times are steady.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SeenState {
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

impl SeenState {
    /// What of it is kept.
    pub(super) const fn kept(self) -> Self {
        match self {
            Self::HalfOpen { since, .. } => Self::HalfOpen { since, well: 0 },
            _ => self,
        }
    }

    /// What it is by what is durable.
    const fn durable(row: Option<Circuit>) -> Self {
        let Some(row) = row else {
            return Self::Closed;
        };
        match row.state {
            CircuitState::Closed => Self::Closed,
            CircuitState::Open { since, .. } => Self::Open { since },
            CircuitState::HalfOpen { since, .. } => Self::HalfOpen { since, well: 0 },
            CircuitState::Recovering => Self::Recovering,
        }
    }
}

/// What was seen of the circuit of one endpoint.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenCircuit {
    /// The period that this is of: in the next one, it is what was durable.
    pub(super) period: usize,
    pub(super) state: SeenState,
    /// Whether circuits open at all.
    pub(super) has_breaker: bool,
    /// Attempts that ended since it last changed.
    ends: SeenEnds,
    pub(super) failing_since: Option<Timestamp>,
    /// How often it opened since all that waited was last delivered.
    openings: u16,
    pub(super) usual: SeenUsual,
    /// Whether an attempt failed when it had failed for long enough to be disabled.
    is_overdue: bool,
    /// When somebody last asked that its endpoint gets another URL and was not answered, in real time: what is kept
    /// goes with that, before anybody knows whether it comes about.
    pub(super) moving_at: Option<Timestamp>,
    /// When its endpoint gets another URL, if it does, and in which period.
    pub(super) moves_at: Option<(Moment, usize)>,
    pub(super) begun_at: Timestamp,
    /// Whether something was written after its period, by that or the next: with which usual rate that began is unsure.
    pub(super) is_written_since: bool,
    /// What is durable, and what is to become so.
    pub(super) rows: SeenRows,
    /// Whether it can't be told which of two things came first, so that what is written is not judged.
    pub(super) is_unsure: bool,
    pub(super) recovery: SeenRecovery,
    /// Whether its endpoint was disabled since it failed or is gone, so that it begins slowly.
    pub(super) begins_slowly: bool,
    /// In which period its endpoint was disabled.
    pub(in crate::sim) held_in: usize,
    /// As what it was written down when it was enabled again, against the rule.
    pub(super) began_wrongly: Option<&'static str>,
}

impl SeenCircuit {
    /// Its endpoint is enabled again in this period: what is durable counts, and was written over before.
    pub(in crate::sim) fn begins_anew(&mut self, period: usize, now: Moment) {
        self.enter(period, now);
        self.is_overdue = false;
        self.failing_since = None;
        self.openings = 0;
        let begins_slowly = core::mem::take(&mut self.begins_slowly);
        let row = self.rows.row;
        self.began_wrongly = match row.map(|row| row.state) {
            None if begins_slowly && self.has_breaker => {
                Some("closed though it was disabled since it failed")
            }
            Some(CircuitState::HalfOpen { .. }) if begins_slowly && !self.has_breaker => {
                Some("half-open though circuits never are")
            }
            _ => None,
        };
        let Some(row) = row.filter(|_| self.has_breaker) else {
            self.usual.forget_counts();
            self.change(SeenState::Closed);
            return self.begin_rows(now);
        };
        self.usual.known(row.usual_per_minute);
        // Who acquired its shard while it was disabled let it begin slowly from then on, and wrote nothing.
        let since = match row.state {
            CircuitState::HalfOpen { since, .. } if self.held_in == period => since,
            _ => SINCE_SOME_TIME,
        };
        self.is_unsure = false;
        self.change(SeenState::HalfOpen { since, well: 0 });
        self.begin_rows(now);
    }

    /// Its endpoint has another URL from then on, if that period lasts: what was learned is of another receiver.
    pub(in crate::sim) fn moves(&mut self, at: Moment, period: usize) {
        // The one before was told when its group was done, and the group of this one began after that.
        if self.moves_at.is_some() {
            self.enter(period, at);
        }
        self.moves_at = Some((at, period));
    }

    /// Whether its endpoint may be about to get another URL at this time, in real time.
    pub(super) fn may_move(&self, at: Timestamp) -> bool {
        let asked = self.moving_at;
        self.moves_at.is_some() || asked.is_some_and(|asked| at.since(asked) <= MOVE_MAX)
    }

    /// In a new period nothing is known but what was durable; nor of a new receiver.
    pub(super) fn enter(&mut self, period: usize, now: Moment) {
        if core::mem::replace(&mut self.period, period) != period {
            self.begin(now);
        }
        if let Some((at, moved)) = self.moves_at.take_if(|(at, _)| at.real <= now.real)
            && moved == period
        {
            // What comes at the very time comes before it or after it.
            self.is_unsure |= at.real == now.real;
            self.failing_since = None;
            self.is_overdue = false;
            self.begins_slowly = false;
            self.openings = 0;
            self.usual.known(0);
            self.begun_at = at.steady;
            self.change(SeenState::Closed);
            self.expect(at);
        }
    }

    /// A period begins with what was durable.
    fn begin(&mut self, now: Moment) {
        let row = self.rows.row;
        self.is_overdue = false;
        // What is durable of a circuit that never is stays so until an attempt ends.
        self.is_unsure = !self.has_breaker && SeenState::durable(row) != SeenState::Closed;
        self.begins_slowly = false;
        self.recovery.forget();
        self.failing_since = row.and_then(|row| row.failing_since);
        self.usual.known(row.map_or(0, |row| row.usual_per_minute));
        if core::mem::take(&mut self.is_written_since) {
            self.usual.doubt();
        }
        // What was held back under other settings is not any more.
        let state = SeenState::durable(row.filter(|_| self.has_breaker));
        self.change(state);
        self.openings = row.map_or(0, |row| row.openings);
        self.begin_rows(now);
    }

    fn begin_rows(&mut self, now: Moment) {
        let first = self.expected(now);
        self.rows.begin(first);
    }

    /// From when on an attempt may go out, at the earliest and at the latest.
    pub(super) fn half_open_from(
        &self,
        since: Timestamp,
        policy: &CircuitBreakerPolicy,
    ) -> (Timestamp, Timestamp) {
        match self.rows.row.map(|row| row.state) {
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

    /// Until when, in steady time, attempts are held back at the latest in this period.
    pub(super) fn held_back_until(
        &self,
        period: usize,
        policy: &CircuitBreakerPolicy,
    ) -> Option<Timestamp> {
        let of_now = (self.period == period).then_some(self.state);
        match of_now.unwrap_or_else(|| SeenState::durable(self.rows.row)) {
            SeenState::Open { since } => Some(self.half_open_from(since, policy).1),
            SeenState::Closed | SeenState::HalfOpen { .. } | SeenState::Recovering => None,
        }
    }

    /// Takes an attempt that ended at `now` into account, by the rule.
    pub(super) fn ended(
        &mut self,
        (succeeded, started_at): (bool, Timestamp),
        policy: Option<&CircuitBreakerPolicy>,
        disable_after: Option<Span>,
        now: Moment,
    ) {
        if succeeded {
            self.failing_since = None;
        } else {
            let since = *self.failing_since.get_or_insert(now.steady);
            let failing = now.steady.since(since);
            self.is_overdue = disable_after.is_some_and(|most| failing >= most);
        }
        match self.state {
            SeenState::Closed => self.usual.ended(succeeded, now.steady),
            SeenState::Recovering => self.usual.ended_in_recovery(succeeded, now.steady),
            SeenState::Open { .. } | SeenState::HalfOpen { .. } => {}
        }
        if let Some(policy) = policy {
            self.judged_by((succeeded, started_at), policy, now);
        }
        self.expect(now);
    }

    fn judged_by(
        &mut self,
        (succeeded, started_at): (bool, Timestamp),
        policy: &CircuitBreakerPolicy,
        now: Moment,
    ) {
        match self.state {
            SeenState::Closed | SeenState::Recovering => {
                let half_us = policy.window.as_micros() / 2;
                let half = now.steady.as_micros().div_euclid(half_us.max(1));
                let (attempts, failed) = self.ends.count(half, !succeeded);
                let is_open = attempts >= policy.attempts_min.into()
                    && failed * 100 >= attempts * u64::from(policy.failed_percent);
                if is_open && !succeeded {
                    self.open(now);
                }
            }
            SeenState::Open { since } => {
                let (from, until) = self.half_open_from(since, policy);
                if started_at >= until || (succeeded && started_at >= since) {
                    self.probed(succeeded, (now.steady, 0), policy, now);
                } else if started_at >= from {
                    // How long the pause is, is not durable: it may be one that found out, or not.
                    self.is_unsure = true;
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
        now: Moment,
    ) {
        if !succeeded {
            self.open(now);
        } else if well + 1 >= policy.probes {
            self.change(SeenState::Recovering);
        } else {
            let well = well + 1;
            self.change(SeenState::HalfOpen { since, well });
        }
    }

    fn open(&mut self, now: Moment) {
        self.openings = self.openings.saturating_add(1);
        self.usual.forget_counts();
        self.change(SeenState::Open { since: now.steady });
    }

    fn change(&mut self, state: SeenState) {
        self.ends = SeenEnds::default();
        self.recovery.begin();
        self.state = state;
    }

    /// What is to be kept now.
    fn expected(&self, now: Moment) -> Expected {
        let is_open = !matches!(self.state, SeenState::Closed | SeenState::Recovering);
        let is_long = |since| now.steady.since(since) >= LONG;
        Expected {
            state: self.state,
            openings: self.openings,
            failing_since: self.failing_since,
            keeps_failing: is_open || self.failing_since.is_some_and(is_long),
            usual: self.usual.bounds(),
            from: now.real,
        }
    }

    fn expect(&mut self, now: Moment) {
        let expected = self.expected(now);
        self.rows.expect(expected);
    }

    /// A row is durable; as what it was written down against the rule, if it was.
    pub(super) fn written(
        &mut self,
        row: Option<Circuit>,
        policies: &[CircuitBreakerPolicy],
        at: Moment,
    ) -> Found {
        let found = self.rows.durable(row, policies, at);
        let is_over = match found {
            Found::Kept => false,
            Found::Closed { went_on, .. } => {
                self.is_unsure |= went_on;
                true
            }
            Found::Other(_) => row.is_none_or(|row| row.state == CircuitState::Closed),
        };
        if is_over && self.state == SeenState::Recovering {
            self.state = SeenState::Closed;
            self.openings = 0;
        }
        found
    }

    /// What is wrong with an attempt that goes out, of which there are `in_flight` others.
    pub(super) fn judge_sent(
        &mut self,
        endpoint: EndpointId,
        in_flight: usize,
        policy: &CircuitBreakerPolicy,
        now: Moment,
    ) -> Option<Pace> {
        if self.is_overdue {
            return Some(Pace::NotDisabled { endpoint });
        }
        match self.state {
            SeenState::Closed => None,
            SeenState::Open { since } => {
                let (from, _) = self.half_open_from(since, policy);
                let early = from.since(now.steady);
                if early > Span::ZERO {
                    return Some(Pace::WhileOpen { endpoint, early });
                }
                too_many(endpoint, in_flight)
            }
            SeenState::HalfOpen { .. } => too_many(endpoint, in_flight),
            SeenState::Recovering if self.is_unsure => None,
            SeenState::Recovering => {
                let (_, most) = self.usual.bounds();
                let durable = self.rows.row.map_or(0, |row| row.usual_per_minute);
                let usual = if most == u32::MAX { durable } else { most };
                self.recovery.sent(endpoint, usual, policy, now.real);
                None
            }
        }
    }
}

fn too_many(endpoint: EndpointId, in_flight: usize) -> Option<Pace> {
    let in_flight = in_flight + 1;
    (in_flight > 1).then_some(Pace::TooManyProbes {
        endpoint,
        in_flight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Moment {
        let at = Timestamp::from_millis(seconds * 1_000);
        Moment {
            real: at,
            steady: at,
        }
    }

    fn fails(seen: &mut SeenCircuit, seconds: i64) {
        let (policy, now) = (CircuitBreakerPolicy::default(), moment(seconds));
        seen.ended((false, now.steady), Some(&policy), None, now);
    }

    /// One that met so many failures at `moment(0)`.
    fn failed(times: usize) -> SeenCircuit {
        let mut seen = SeenCircuit {
            has_breaker: true,
            ..SeenCircuit::default()
        };
        for _ in 0..times {
            fails(&mut seen, 0);
        }
        seen
    }

    fn judged(seen: &mut SeenCircuit, seconds: i64, in_flight: usize) -> Option<Pace> {
        let policy = CircuitBreakerPolicy::default();
        let endpoint = EndpointId::default();
        seen.judge_sent(endpoint, in_flight, &policy, moment(seconds))
    }

    /// The row of a circuit that opened at `moment(0)`.
    fn open(openings: u16, until: i64) -> Circuit {
        Circuit {
            state: CircuitState::Open {
                since: moment(0).steady,
                until: moment(until).steady,
            },
            failing_since: Some(moment(0).steady),
            openings,
            ..Circuit::default()
        }
    }

    fn written(seen: &mut SeenCircuit, row: Option<Circuit>, seconds: i64) -> Found {
        let policy = CircuitBreakerPolicy::default();
        seen.written(row, &[policy], moment(seconds))
    }

    #[test]
    fn what_goes_out_while_it_is_open_is_found_and_so_is_a_second_probe() {
        let mut seen = failed(10);
        assert!(matches!(
            judged(&mut seen, 10, 0),
            Some(Pace::WhileOpen { .. })
        ));
        assert_eq!(judged(&mut seen, 36, 0), None);
        assert!(matches!(
            judged(&mut seen, 36, 1),
            Some(Pace::TooManyProbes { .. })
        ));
    }

    #[test]
    fn nine_failures_hold_nothing_back_and_must_not_be_written_down_as_open() {
        let mut seen = failed(9);
        assert_eq!(judged(&mut seen, 0, 7), None);
        assert_eq!(
            written(&mut seen, Some(open(1, 30)), 1),
            Found::Other("open")
        );
    }

    #[test]
    fn a_row_must_be_the_one_that_was_to_be_kept() {
        let row = open(1, 30);
        let others = [
            (open(2, 60), "open for another time than its pause"),
            (open(2, 30), "opened another number of times"),
            (
                Circuit {
                    failing_since: None,
                    ..row
                },
                "failing since another time",
            ),
            (
                Circuit {
                    usual_per_minute: 9,
                    ..row
                },
                "one with another usual rate",
            ),
        ];
        for (other, what) in others {
            assert_eq!(written(&mut failed(10), Some(other), 1), Found::Other(what));
        }
        let mut seen = failed(10);
        assert_eq!(written(&mut seen, Some(row), 1), Found::Kept);
        assert_eq!(written(&mut seen, None, 2), Found::Other("a new one"));
    }

    #[test]
    fn a_recovery_may_be_over_at_any_time_and_nothing_else_closes() {
        let (policy, mut seen) = (CircuitBreakerPolicy::default(), failed(10));
        for seconds in 400..403 {
            let now = moment(seconds);
            seen.ended((true, now.steady), Some(&policy), None, now);
        }
        assert_eq!(seen.state, SeenState::Recovering);
        assert_eq!(
            written(&mut seen, None, 404),
            Found::Closed {
                since: moment(402).real,
                went_on: false
            }
        );
        assert_eq!(seen.state, SeenState::Closed);
    }

    #[test]
    fn a_second_move_does_not_undo_the_first_one() {
        let mut seen = failed(10);
        seen.moves(moment(1), 0);
        seen.moves(moment(3), 0);
        assert_eq!(judged(&mut seen, 2, 0), None);
    }

    #[test]
    fn in_a_new_period_what_was_durable_counts() {
        let mut seen = failed(10);
        let late = |from: Timestamp| from < moment(1).real;
        seen.enter(1, moment(1));
        assert_eq!(judged(&mut seen, 1, 3), None);
        let mut seen = failed(10);
        let policy = CircuitBreakerPolicy::default();
        assert!(
            !seen
                .rows
                .is_kept(std::slice::from_ref(&policy), moment(9).steady, late)
        );
        assert_eq!(written(&mut seen, Some(open(1, 33)), 1), Found::Kept);
        assert!(
            seen.rows
                .is_kept(std::slice::from_ref(&policy), moment(9).steady, late)
        );
        seen.enter(2, moment(1));
        assert!(matches!(
            judged(&mut seen, 32, 0),
            Some(Pace::WhileOpen { .. })
        ));
        assert_eq!(judged(&mut seen, 33, 0), None);
    }
}
