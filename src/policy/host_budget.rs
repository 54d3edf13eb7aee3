//! The budget of a host: how many attempts may be in flight to it at once, over all endpoints on it.
//!
//! It begins at [`limits::HOST_WINDOW`]. After as many successes as it is wide, each of which ended while more work
//! waited for the host, it grows by one. Once an eighth of the attempts of a round (as many as it is wide)
//! say that the host suffers, it is halved; what was in flight by then is not counted again. So a large
//! healthy receiver earns what it needs, one bad endpoint among many costs it nothing, and a host that
//! fails gets few at once, however many endpoints there are on it.

use crate::{domain::outcome::OutcomeKind, limits, time::Timestamp};

/// Which part of a round must say that the host suffers: one in so many.
const SUFFERING_PART: u16 = 8;

/// What an attempt says of the host that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHealth {
    /// It took the attempt.
    Well,
    /// It gave no reply in time, took no connection, asked for fewer attempts or failed.
    Suffers,
    /// Neither: the endpoint wants something else, or the attempt never reached the host.
    Unknown,
}

impl HostHealth {
    /// What this outcome says.
    #[must_use]
    pub const fn of(outcome: OutcomeKind) -> Self {
        match outcome {
            OutcomeKind::Status(200..=299) => Self::Well,
            OutcomeKind::Status(429 | 500..=599)
            | OutcomeKind::Timeout { .. }
            | OutcomeKind::ConnectTimeout { .. }
            | OutcomeKind::Refused
            | OutcomeKind::Unreachable
            | OutcomeKind::Reset
            | OutcomeKind::Closed => Self::Suffers,
            OutcomeKind::Status(_)
            | OutcomeKind::ProtocolError
            | OutcomeKind::HeadTooLarge
            | OutcomeKind::TlsCertificate
            | OutcomeKind::TlsHandshake
            | OutcomeKind::DnsNotFound
            | OutcomeKind::DnsFailed
            | OutcomeKind::AddressBlocked
            | OutcomeKind::HttpsRequired
            | OutcomeKind::ProxyFailed
            | OutcomeKind::Cancelled
            | OutcomeKind::Internal => Self::Unknown,
        }
    }
}

/// What a budget is told about an attempt that ended.
#[derive(Clone, Copy, Debug)]
pub struct HostAttemptEnd {
    /// What it says of the host.
    pub health: HostHealth,
    /// When it started, in steady time.
    pub started_at: Timestamp,
    /// Whether more work waited for the host.
    pub work_waited: bool,
}

/// The budget of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBudget {
    size: u16,
    max: u16,
    /// Successes that count towards the next attempt more.
    earned: u16,
    /// Attempts until the round is over, and those of it that say that the host suffers.
    round_left: u16,
    suffered: u16,
    /// When it was halved last, in steady time.
    halved_at: Timestamp,
}

impl HostBudget {
    /// The budget of a host of which nothing is known, that can grow to `max`, at least one. Of a smaller
    /// maximum what it begins with and what it has at least are that.
    #[must_use]
    pub fn new(max: u16) -> Self {
        let max = max.max(1);
        let size = limits::HOST_WINDOW.min(max);
        Self {
            size,
            max,
            earned: 0,
            round_left: size,
            suffered: 0,
            halved_at: Timestamp::ZERO,
        }
    }

    /// How many attempts may be in flight.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.size
    }

    /// Takes an ended attempt into account; `now` is steady time.
    pub fn ended(&mut self, end: HostAttemptEnd, now: Timestamp) {
        // What it tells was told by those for which the budget was halved.
        if end.started_at < self.halved_at {
            return;
        }
        self.round_left = self.round_left.saturating_sub(1);
        match end.health {
            HostHealth::Well => self.earned += u16::from(end.work_waited),
            HostHealth::Suffers => self.suffered += 1,
            HostHealth::Unknown => {}
        }
        if self.suffered >= self.size.div_ceil(SUFFERING_PART) {
            self.size = (self.size / 2).max(limits::HOST_WINDOW_MIN.min(self.max));
            self.halved_at = now;
            self.earned = 0;
            self.start_round();
        } else if self.earned >= self.size {
            self.size = self.size.saturating_add(1).min(self.max);
            self.earned = 0;
            self.start_round();
        } else if self.round_left == 0 {
            self.start_round();
        }
    }

    const fn start_round(&mut self) {
        self.round_left = self.size;
        self.suffered = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: u16 = 512;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Ends an attempt that started `age` milliseconds ago while work waited.
    fn end(budget: &mut HostBudget, health: HostHealth, now: i64, age: i64) {
        let end = HostAttemptEnd {
            health,
            started_at: at(now - age),
            work_waited: true,
        };
        budget.ended(end, at(now));
    }

    fn grown_to(size: u16) -> HostBudget {
        let mut budget = HostBudget::new(MAX);
        while budget.size() < size {
            end(&mut budget, HostHealth::Well, 0, 0);
        }
        budget
    }

    #[test]
    fn a_whole_budget_of_successes_while_work_waits_earns_one_up_to_the_most() {
        let mut budget = HostBudget::new(18);
        for (successes, size) in [(15, 16), (1, 17), (16, 17), (1, 18), (100, 18)] {
            for _ in 0..successes {
                end(&mut budget, HostHealth::Well, 1, 1);
            }
            assert_eq!(budget.size(), size);
        }
        let mut idle = HostBudget::new(MAX);
        for _ in 0..1_000 {
            let end = HostAttemptEnd {
                health: HostHealth::Well,
                started_at: at(0),
                work_waited: false,
            };
            idle.ended(end, at(1));
        }
        assert_eq!(idle.size(), limits::HOST_WINDOW);
    }

    #[test]
    fn one_burst_of_failures_halves_it_once() {
        let mut budget = grown_to(500);
        for _ in 0..500 {
            end(&mut budget, HostHealth::Suffers, 1_000, 900);
        }
        assert_eq!(budget.size(), 250);
        for now in 2_000..4_000 {
            end(&mut budget, HostHealth::Suffers, now, 1);
        }
        assert_eq!(budget.size(), limits::HOST_WINDOW_MIN);
    }

    #[test]
    fn one_bad_endpoint_among_many_costs_nothing() {
        let mut budget = grown_to(100);
        for now in 0..10_000 {
            let is_bad = now % 20 == 0;
            let health = if is_bad {
                HostHealth::Suffers
            } else {
                HostHealth::Well
            };
            end(&mut budget, health, now, 1);
        }
        assert!(budget.size() > 100, "{}", budget.size());
    }

    #[test]
    fn what_the_endpoint_alone_is_to_blame_for_changes_nothing() {
        let mut budget = grown_to(20);
        for kind in [
            OutcomeKind::Status(404),
            OutcomeKind::Status(301),
            OutcomeKind::Cancelled,
            OutcomeKind::AddressBlocked,
        ] {
            for _ in 0..100 {
                end(&mut budget, HostHealth::of(kind), 5, 1);
            }
        }
        assert_eq!(budget.size(), 20);
        for kind in [
            OutcomeKind::Status(429),
            OutcomeKind::Status(503),
            OutcomeKind::Refused,
            OutcomeKind::Timeout { after_ms: 1 },
        ] {
            assert_eq!(HostHealth::of(kind), HostHealth::Suffers);
        }
    }

    /// The same rule as plain as can be: over the list of all that ended.
    #[derive(Default)]
    struct Model {
        size: u16,
        /// What ended in this round, and all successes that earn since the size last changed.
        round: Vec<HostHealth>,
        earned: usize,
        halved_at: i64,
    }

    impl Model {
        fn ended(&mut self, health: HostHealth, started_at: i64, waited: bool, now: i64, max: u16) {
            if started_at < self.halved_at {
                return;
            }
            self.round.push(health);
            self.earned += usize::from(health == HostHealth::Well && waited);
            let is_bad = |one: &&HostHealth| **one == HostHealth::Suffers;
            let bad = self.round.iter().filter(is_bad).count();
            let size = usize::from(self.size);
            if bad > 0 && bad * 8 >= size {
                self.halved_at = now;
                self.size = (self.size / 2).clamp(8.min(max), max);
            } else if self.earned == size {
                self.size = (self.size + 1).min(max);
            } else if self.round.len() < size {
                return;
            } else {
                self.round.clear();
                return;
            }
            self.round.clear();
            self.earned = 0;
        }
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_model_says_and_within_its_bounds(
            max in 1_u16..64,
            ends in prop::collection::vec((0_u8..12, 0_i64..40, any::<bool>(), 0_i64..20), 1..1_500),
        ) {
            let mut budget = HostBudget::new(max);
            let mut model = Model { size: 16.min(max), ..Model::default() };
            let mut now = 1_000;
            for (kind, age, work_waited, gap) in ends {
                now += gap;
                let health = match kind {
                    0 => HostHealth::Suffers,
                    1 => HostHealth::Unknown,
                    _ => HostHealth::Well,
                };
                let end = HostAttemptEnd { health, started_at: at(now - age), work_waited };
                budget.ended(end, at(now));
                model.ended(health, now - age, work_waited, now, max);
                prop_assert_eq!(budget.size(), model.size);
                prop_assert!((limits::HOST_WINDOW_MIN.min(max)..=max).contains(&budget.size()));
            }
        }
    }
}
