//! The circuit breaker: when attempts to a receiver that fails are held back, and how they come back.
//!
//! *Closed*: attempts flow. Once nearly all of the last minutes' attempts failed it is *open*: none
//! starts for a pause, which grows from opening to opening. Then it is *half-open*: one attempt at a
//! time, each a delivery that waits anyway. If one fails it is open again; if enough succeed it is
//! *recovering*: attempts flow at no more than a multiple of the rate that was usual before, so that what
//! has waited does not bring the receiver down again. Once nothing waits any more it is closed.
//!
//! Deliveries lose none of their attempts to it: what is held back stays due.

mod policy;

pub use self::policy::CircuitBreakerPolicy;
use super::rate_limit::RateLimit;
use crate::{
    domain::circuit::{Circuit, CircuitState},
    limits,
    time::{Span, Timestamp},
};

/// Whose circuit it is and what it is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'policy> {
    /// The policy; `None` if circuits never open.
    pub policy: Option<&'policy CircuitBreakerPolicy>,
    /// The endpoint's id.
    pub endpoint: u128,
    /// What fixes all draws.
    pub seed: u64,
}

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub struct AttemptEnd {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// When it began, in steady time.
    pub started_at: Timestamp,
}

/// Attempts that ended in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    succeeded: u32,
    failed: u32,
}

impl Counts {
    fn count(&mut self, succeeded: bool) {
        let count = if succeeded {
            &mut self.succeeded
        } else {
            &mut self.failed
        };
        *count = count.saturating_add(1);
    }

    /// Attempts, and those of them that failed.
    fn of_all(self) -> (u64, u64) {
        let failed = u64::from(self.failed);
        (u64::from(self.succeeded) + failed, failed)
    }

    const fn and(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded.saturating_add(other.succeeded),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

/// The circuit of one endpoint, with what is learned of it and not kept.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    circuit: Circuit,
    /// From when on attempts are about this receiver, in steady time.
    begun_at: Timestamp,
    /// This half of the window and the one before.
    halves: [Counts; 2],
    /// Which half this one is, counted from the epoch.
    half: i64,
    /// This minute; `None` until the first whole one begins.
    minute_counts: Option<Counts>,
    /// Which minute it is, counted from the epoch; `None` before the first attempt.
    minute: Option<i64>,
    /// How often attempts may start while it recovers.
    recovery: Option<RateLimit>,
}

impl CircuitBreaker {
    /// As it was kept: what was counted is gone, and a recovery goes on as if an attempt had gone out at
    /// `now`, in steady time.
    #[must_use]
    pub fn restored(circuit: Circuit, rule: Rule<'_>, now: Timestamp) -> Self {
        let mut breaker = Self {
            circuit,
            begun_at: Timestamp::ZERO,
            halves: [Counts::default(); 2],
            half: 0,
            minute_counts: None,
            minute: None,
            recovery: None,
        };
        match (circuit.state, rule.policy) {
            (CircuitState::Closed, _) => {}
            (CircuitState::Recovering, Some(_)) => breaker.recover(rule, now),
            // Attempts were held back under other settings.
            (_, None) => breaker.circuit.state = CircuitState::Closed,
            (CircuitState::Open { .. } | CircuitState::HalfOpen { .. }, Some(_)) => {}
        }
        breaker
    }

    /// How it stands.
    #[must_use]
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// The same, for mistakes that a simulation must find.
    #[cfg(feature = "mutants")]
    pub const fn circuit_mut(&mut self) -> &mut Circuit {
        &mut self.circuit
    }

    /// When another attempt may start, if not at `now`; in steady time.
    #[must_use]
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.circuit.state {
            CircuitState::Open { until, .. } => (until > now).then_some(until),
            CircuitState::Recovering => self.recovery.as_ref()?.opens_at(now),
            CircuitState::Closed | CircuitState::HalfOpen { .. } => None,
        }
    }

    /// Whether no more than one attempt may be in flight.
    #[must_use]
    pub fn is_half_open(&self, now: Timestamp) -> bool {
        match self.circuit.state {
            CircuitState::Open { until, .. } => until <= now,
            CircuitState::HalfOpen { .. } => true,
            CircuitState::Closed | CircuitState::Recovering => false,
        }
    }

    /// Whether attempts are held back or made one by one.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.circuit.state {
            CircuitState::Open { .. } | CircuitState::HalfOpen { .. } => true,
            CircuitState::Closed | CircuitState::Recovering => false,
        }
    }

    /// An attempt starts, at `now` in steady time; whether it may was asked before.
    pub fn started(&mut self, now: Timestamp) {
        if let Some(recovery) = &mut self.recovery {
            _ = recovery.take(now);
        }
    }

    /// An attempt ended, at `now` in steady time.
    pub fn ended(&mut self, end: AttemptEnd, rule: Rule<'_>, now: Timestamp) {
        if end.started_at < self.begun_at {
            return;
        }
        if end.succeeded {
            self.circuit.failing_since = None;
        } else {
            self.circuit.failing_since.get_or_insert(now);
        }
        self.count(end.succeeded, rule, now);
        let Some(policy) = rule.policy else {
            return;
        };
        match self.circuit.state {
            CircuitState::Closed | CircuitState::Recovering => {
                let [this, before] = self.halves;
                if !end.succeeded && policy.opens(this.and(before).of_all()) {
                    self.open(policy, rule, now);
                }
            }
            CircuitState::Open { since, until } => {
                // What began before tells of the past, and what was asked for since tells only good news.
                if end.started_at >= until || (end.succeeded && end.started_at >= since) {
                    self.probed(end.succeeded, 0, policy, rule, now);
                }
            }
            CircuitState::HalfOpen { since, succeeded } => {
                if end.started_at >= since {
                    self.probed(end.succeeded, succeeded, policy, rule, now);
                }
            }
        }
    }

    /// Whoever enables the endpoint wants it to be tried again: one attempt at a time, from `now` on, where circuits
    /// open at all.
    pub fn start_slowly(&mut self, rule: Rule<'_>, now: Timestamp) {
        let slowly = CircuitState::HalfOpen {
            since: now,
            succeeded: 0,
        };
        self.circuit = Circuit {
            state: rule.policy.map_or(CircuitState::Closed, |_| slowly),
            failing_since: None,
            openings: 0,
            ..self.circuit
        };
        self.forget_counts();
        self.recovery = None;
    }

    /// What was learned from attempts up to now tells nothing of those to come.
    pub const fn start_anew(&mut self) {
        self.circuit.failing_since = None;
        self.forget_counts();
    }

    /// The endpoint has another receiver from `now` on, of which nothing is known yet.
    pub fn moved(&mut self, rule: Rule<'_>, now: Timestamp) {
        *self = Self {
            begun_at: now,
            ..Self::restored(Circuit::default(), rule, now)
        };
    }

    /// Nothing waits for the endpoint any more: a recovery is over.
    pub fn caught_up(&mut self) {
        if self.circuit.state == CircuitState::Recovering {
            self.circuit.state = CircuitState::Closed;
            self.circuit.openings = 0;
            self.recovery = None;
        }
    }

    /// What is to be kept of it at `now`, in steady time; `None` if nothing, since it is as a new one. It
    /// is the same for as long as nothing of weight happens.
    #[must_use]
    pub fn kept(&self, now: Timestamp) -> Option<Circuit> {
        let long = Span::from_millis(limits::FAILING_KEPT_AFTER_MS);
        let kept = Circuit {
            failing_since: self
                .circuit
                .failing_since
                .filter(|since| now.since(*since) >= long || self.is_open()),
            state: match self.circuit.state {
                CircuitState::HalfOpen { since, .. } => CircuitState::HalfOpen {
                    since,
                    succeeded: 0,
                },
                state @ (CircuitState::Closed
                | CircuitState::Open { .. }
                | CircuitState::Recovering) => state,
            },
            ..self.circuit
        };
        let is_new = kept.state == CircuitState::Closed && kept.failing_since.is_none();
        (!is_new).then_some(kept)
    }

    /// An attempt that was made to find out ended, after `succeeded` that were well.
    fn probed(
        &mut self,
        is_well: bool,
        succeeded: u16,
        policy: &CircuitBreakerPolicy,
        rule: Rule<'_>,
        now: Timestamp,
    ) {
        if !is_well {
            self.open(policy, rule, now);
        } else if succeeded + 1 >= policy.probes {
            self.circuit.state = CircuitState::Recovering;
            self.recover(rule, now);
        } else {
            let since = match self.circuit.state {
                CircuitState::HalfOpen { since, .. } => since,
                CircuitState::Closed | CircuitState::Open { .. } | CircuitState::Recovering => now,
            };
            self.circuit.state = CircuitState::HalfOpen {
                since,
                succeeded: succeeded + 1,
            };
        }
    }

    fn open(&mut self, policy: &CircuitBreakerPolicy, rule: Rule<'_>, now: Timestamp) {
        self.circuit.openings = self.circuit.openings.saturating_add(1);
        let pause = policy.pause(rule.endpoint, self.circuit.openings, now, rule.seed);
        self.circuit.state = CircuitState::Open {
            since: now,
            until: now.plus(pause),
        };
        self.forget_counts();
        self.recovery = None;
    }

    fn recover(&mut self, rule: Rule<'_>, now: Timestamp) {
        self.forget_counts();
        let usual = self.circuit.usual_per_minute;
        let per_minute = rule.policy.map(|policy| policy.recovery_per_minute(usual));
        self.recovery = per_minute.map(|per_minute| RateLimit::paced_per_minute(per_minute, now));
    }

    const fn forget_counts(&mut self) {
        self.halves = [Counts {
            succeeded: 0,
            failed: 0,
        }; 2];
        self.minute_counts = None;
        self.minute = None;
    }

    /// Counts an attempt in its half and, while nothing is out of the usual, in its minute.
    fn count(&mut self, succeeded: bool, rule: Rule<'_>, now: Timestamp) {
        let half_us = rule
            .policy
            .map_or(0, |policy| policy.window.as_micros() / 2);
        let half = now.as_micros().div_euclid(half_us.max(1));
        if half != self.half {
            let [this, _] = self.halves;
            let before = if half == self.half + 1 {
                this
            } else {
                Counts::default()
            };
            self.halves = [Counts::default(), before];
            self.half = half;
        }
        let [this, _] = &mut self.halves;
        this.count(succeeded);
        if self.circuit.state != CircuitState::Closed {
            return;
        }
        let minute = now.as_seconds().div_euclid(60);
        if let Some(before) = self.minute.replace(minute)
            && before != minute
        {
            self.minute_ended();
            self.minute_counts = Some(Counts::default());
        }
        if let Some(counts) = &mut self.minute_counts {
            counts.count(succeeded);
        }
    }

    /// Learns from a minute in which most attempts succeeded what is usual: a quarter of it counts.
    fn minute_ended(&mut self) {
        let Some(counts) = self.minute_counts else {
            return;
        };
        if counts.succeeded == 0 || counts.succeeded < counts.failed {
            return;
        }
        let usual = self.circuit.usual_per_minute;
        self.circuit.usual_per_minute = if usual == 0 {
            counts.succeeded
        } else {
            let (usual, last) = (u64::from(usual), u64::from(counts.succeeded));
            u32::try_from((usual * 3 + last).div_ceil(4)).unwrap_or(u32::MAX)
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Ratio;

    const START: Timestamp = Timestamp::from_millis(1_764_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        START.plus(Span::from_seconds(seconds))
    }

    fn policy() -> CircuitBreakerPolicy {
        CircuitBreakerPolicy {
            jitter: Ratio::percent(0),
            ..CircuitBreakerPolicy::default()
        }
    }

    fn rule(policy: &CircuitBreakerPolicy) -> Rule<'_> {
        Rule {
            policy: Some(policy),
            endpoint: 7,
            seed: 1,
        }
    }

    /// One whose attempts take no time.
    fn ended(breaker: &mut CircuitBreaker, succeeded: bool, now: Timestamp) {
        let end = AttemptEnd {
            succeeded,
            started_at: now,
        };
        breaker.ended(end, rule(&policy()), now);
    }

    fn new() -> CircuitBreaker {
        CircuitBreaker::restored(Circuit::default(), rule(&policy()), START)
    }

    /// Open at `at(0)` by ten failures.
    fn opened() -> CircuitBreaker {
        let mut breaker = new();
        for _ in 0..10 {
            ended(&mut breaker, false, at(0));
        }
        breaker
    }

    #[test]
    fn ten_failures_open_it_and_nine_do_not() {
        let mut breaker = new();
        for _ in 0..9 {
            ended(&mut breaker, false, at(0));
        }
        assert_eq!(breaker.opens_at(at(0)), None);
        ended(&mut breaker, false, at(0));
        assert_eq!(breaker.opens_at(at(0)), Some(at(30)));
        assert!(!breaker.is_half_open(at(29)) && breaker.is_half_open(at(30)));
        assert_eq!(breaker.opens_at(at(30)), None);
    }

    #[test]
    fn a_receiver_that_flaps_stays_connected() {
        let mut breaker = new();
        for second in 0..2_000 {
            ended(&mut breaker, second % 2 == 0, at(second));
            assert!(!breaker.is_open());
        }
        assert_eq!(breaker.kept(at(2_000)), None);
    }

    #[test]
    fn failures_that_are_too_old_do_not_count() {
        let mut breaker = new();
        for attempt in 0..40 {
            ended(&mut breaker, false, at(attempt * 70));
        }
        assert!(!breaker.is_open(), "ten minutes have nine at most");
    }

    #[test]
    fn probes_that_succeed_close_it_and_one_that_fails_opens_it_for_twice_as_long() {
        let mut breaker = opened();
        ended(&mut breaker, false, at(30));
        assert_eq!(breaker.opens_at(at(30)), Some(at(90)));
        ended(&mut breaker, true, at(90));
        ended(&mut breaker, true, at(91));
        assert!(breaker.is_half_open(at(91)));
        ended(&mut breaker, false, at(92));
        assert_eq!(breaker.opens_at(at(92)), Some(at(92 + 120)));
        for second in 212..215 {
            ended(&mut breaker, true, at(second));
        }
        assert_eq!(breaker.circuit().state, CircuitState::Recovering);
        breaker.caught_up();
        assert_eq!(breaker.circuit().state, CircuitState::Closed);
        assert_eq!(breaker.kept(at(215)), None);
        assert_eq!(breaker.circuit().openings, 0);
    }

    #[test]
    fn pauses_grow_to_their_bound_and_no_further() {
        let policy = policy();
        let pauses = [1, 2, 3, 4, 5, 6, 60_000];
        let seconds =
            pauses.map(|openings| policy.pause(1, openings, START, 0).as_micros() / 1_000_000);
        assert_eq!(seconds, [30, 60, 120, 180, 180, 180, 180]);
        let spread = CircuitBreakerPolicy::default();
        let pauses = (0..200).map(|endpoint| spread.pause(endpoint, 1, START, 0));
        let (least, most) = (pauses.clone().min(), pauses.max());
        let between = |span: Option<Span>, from, to| {
            let seconds = span.map(|span| span.as_micros() / 1_000_000);
            seconds.is_some_and(|seconds| (from..=to).contains(&seconds))
        };
        assert!(between(least, 24, 25) && between(most, 35, 36));
    }

    #[test]
    fn attempts_that_began_before_it_opened_tell_nothing() {
        let mut breaker = opened();
        let before = breaker.circuit().state;
        for succeeded in [true, false] {
            let end = AttemptEnd {
                succeeded,
                started_at: at(-5),
            };
            breaker.ended(end, rule(&policy()), at(31));
        }
        assert_eq!(breaker.circuit().state, before);
        // One that somebody asked for tells good news, and no bad ones.
        ended(&mut breaker, false, at(5));
        assert_eq!(breaker.circuit().state, before);
        ended(&mut breaker, true, at(6));
        assert!(breaker.is_half_open(at(6)));
    }

    #[test]
    fn who_recovers_gets_twice_what_was_usual_and_one_a_second_at_least() {
        let gaps = |per_minute: i64| {
            let mut breaker = new();
            // A usual quarter of an hour.
            for attempt in 0..15 * per_minute {
                let micros = attempt * 60_000_000 / per_minute;
                ended(&mut breaker, true, START.plus(Span::from_micros(micros)));
            }
            let down = at(15 * 60);
            for _ in 0..500 * per_minute {
                ended(&mut breaker, false, down);
                if breaker.is_open() {
                    break;
                }
            }
            for _ in 0..3 {
                ended(&mut breaker, true, at(16 * 60));
            }
            let now = at(17 * 60);
            breaker.started(now);
            let next = breaker.opens_at(now).expect("it is paced");
            next.since(now).as_micros()
        };
        assert_eq!(gaps(120), 250_000);
        assert_eq!(gaps(6), 1_000_000);
    }

    #[test]
    fn a_restart_keeps_it_open_and_its_recovery_slow() {
        let kept = opened().kept(at(1)).expect("it is open");
        let again = CircuitBreaker::restored(kept, rule(&policy()), at(2));
        assert_eq!(again.opens_at(at(2)), Some(at(30)));
        let recovering = Circuit {
            state: CircuitState::Recovering,
            ..kept
        };
        let again = CircuitBreaker::restored(recovering, rule(&policy()), at(2));
        assert_eq!(again.opens_at(at(2)), Some(at(3)));
        // Who switches breakers off finds no circuit open.
        let off = Rule {
            policy: None,
            ..rule(&policy())
        };
        let again = CircuitBreaker::restored(kept, off, at(2));
        assert_eq!(again.opens_at(at(2)), None);
    }

    #[test]
    fn what_has_failed_for_long_is_kept_and_what_has_not_is_not() {
        let mut breaker = new();
        ended(&mut breaker, false, at(0));
        assert_eq!(breaker.kept(at(599)), None);
        let kept = breaker.kept(at(600)).expect("ten minutes are long");
        assert_eq!(kept.failing_since, Some(at(0)));
        ended(&mut breaker, true, at(700));
        assert_eq!(breaker.kept(at(700)), None);
    }

    #[test]
    fn who_is_enabled_again_is_tried_one_by_one() {
        let mut breaker = opened();
        breaker.start_slowly(rule(&policy()), at(5));
        assert!(breaker.is_half_open(at(5)) && breaker.opens_at(at(5)).is_none());
        assert_eq!(breaker.circuit().failing_since, None);
        ended(&mut breaker, false, at(6));
        assert_eq!(breaker.opens_at(at(6)), Some(at(36)), "the first pause");
    }

    proptest! {
        /// Against a plain list of what ended.
        #[test]
        fn it_opens_when_enough_of_what_the_list_has_failed(
            ends in prop::collection::vec((0_i64..120, any::<bool>(), any::<bool>()), 1..120),
        ) {
            let policy = policy();
            let mut breaker = new();
            let mut list: Vec<(i64, bool)> = Vec::new();
            let half = |second: i64| at(second).as_micros().div_euclid(300_000_000);
            let mut second = 0;
            for (gap, first, other) in ends {
                second += gap;
                let succeeded = first && other;
                ended(&mut breaker, succeeded, at(second));
                list.push((second, succeeded));
                let seen = list.iter().filter(|(of, _)| half(*of) + 1 >= half(second));
                let failed = seen.clone().filter(|(_, succeeded)| !succeeded).count();
                let count = |of: usize| u32::try_from(of).expect("few");
                let (failed, all) = (count(failed), count(seen.count()));
                let opens = !succeeded
                    && all >= policy.attempts_min
                    && failed * 100 >= all * policy.failed_percent;
                prop_assert_eq!(breaker.is_open(), opens);
                if opens {
                    return Ok(());
                }
            }
        }
    }
}
