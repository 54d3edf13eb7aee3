//! I15: no more attempts are in flight to one endpoint than its receiver has earned. Its window begins at one,
//! grows by one after as many successes in a row as it is wide, none of which took more than twice the least time,
//! and is halved by a failure.
//!
//! Reckoned is what it can be at most: that work waited and slots were free, without which it does not grow, is
//! taken for granted, and where a round of its begins is not asked. Of attempts that may have gone to the URL of
//! before only the successes count.

use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    sim::{
        oracle,
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// What a window can be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Most {
    size: u16,
    /// Successes in a row since it grew.
    run: u16,
    /// The least time that one took, of this minute and of the one before.
    least: [Option<Span>; 2],
    minute: i64,
}

impl Most {
    const FIRST: Self = Self {
        size: 1,
        run: 0,
        least: [None; 2],
        minute: 0,
    };

    /// An attempt succeeded; `took` is how long that took, if it surely counts.
    fn succeeded(&mut self, took: Option<Span>, max: u16, now: Timestamp) {
        let is_quick = took.is_none_or(|took| {
            let least = self.least_with(took, now);
            took.as_micros() <= least.as_micros().saturating_mul(2)
        });
        self.run = if is_quick {
            self.run.saturating_add(1)
        } else {
            0
        };
        if self.run >= self.size && self.size < max {
            self.size += 1;
            self.run = 0;
        }
    }

    const fn failed(&mut self) {
        self.size = if self.size > 1 { self.size / 2 } else { 1 };
        self.run = 0;
    }

    fn least_with(&mut self, took: Span, now: Timestamp) -> Span {
        let minute = now.as_seconds().div_euclid(60);
        if minute != self.minute {
            let of_last = self.least[0].filter(|_| minute == self.minute + 1);
            self.least = [None, of_last];
            self.minute = minute;
        }
        let of_this = self.least[0].map_or(took, |least| least.min(took));
        self.least[0] = Some(of_this);
        self.least[1].map_or(of_this, |least| least.min(of_this))
    }
}

/// What was seen of the window of one endpoint.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct SeenEarned {
    /// The period that this is of: in the next one, it begins anew.
    period: usize,
    most: Most,
    /// What it is instead once whoever sends has heard that its receiver is another one, and by when that is.
    next: Option<(Timestamp, Most)>,
    /// Since when its receiver is the one it is, in steady time.
    since: Option<Timestamp>,
}

impl Default for SeenEarned {
    fn default() -> Self {
        Self {
            period: 0,
            most: Most::FIRST,
            next: None,
            since: None,
        }
    }
}

impl SeenEarned {
    /// It has another URL, or is enabled, from then on, which is heard a little later: within `window`.
    pub(in crate::sim) fn begins(&mut self, period: usize, at: Moment, window: Span) {
        self.enter(period, at);
        self.next = Some((at.real.plus(window), Most::FIRST));
        self.since = Some(at.steady.plus(window));
    }

    fn enter(&mut self, period: usize, now: Moment) {
        if self.period != period {
            *self = Self {
                period,
                since: self.since,
                ..Self::default()
            };
        }
        if let Some((_, next)) = self.next.take_if(|(by, _)| *by < now.real) {
            self.most = next;
        }
    }

    /// An attempt of this period ended.
    fn ended(
        &mut self,
        (is_success, started_at): (bool, Timestamp),
        max: u16,
        (period, now): (usize, Moment),
    ) {
        self.enter(period, now);
        let is_sure = self.since.is_none_or(|since| started_at > since);
        let took = is_sure.then(|| now.steady.since(started_at));
        let next = self.next.iter_mut().map(|(_, most)| most);
        for most in next.chain([&mut self.most]) {
            if is_success {
                most.succeeded(took, max, now.steady);
            } else if is_sure {
                most.failed();
            }
        }
    }

    /// How many may be in flight at most.
    fn size(&mut self, period: usize, now: Moment) -> u16 {
        self.enter(period, now);
        let next = self.next.map_or(0, |(_, next)| next.size);
        self.most.size.max(next)
    }
}

impl Witness {
    /// The outcome of an attempt is heard.
    pub(in crate::sim) fn earned_heard(
        &mut self,
        flight: FlightFacts,
        outcome: &Outcome,
        now: Moment,
    ) {
        let period = self.breaks.len();
        if flight.period != period || outcome.kind == OutcomeKind::Cancelled {
            return;
        }
        let max = self.options.window_max.max(1);
        let ended = (oracle::is_success(outcome), flight.started_at);
        let seen = self.endpoints.entry(flight.ordinal).or_default();
        seen.earned.ended(ended, max, (period, now));
    }

    /// Judges how many attempts are in flight to an endpoint, with one that goes out now.
    pub(in crate::sim) fn judge_earned(&mut self, flight: FlightFacts, now: Moment) {
        let period = self.breaks.len();
        let seen = self.endpoints.entry(flight.ordinal).or_default();
        let (in_flight, earned) = (seen.in_flight, usize::from(seen.earned.size(period, now)));
        self.happened.windows_used_up += u64::from(in_flight == earned && earned > 1);
        if in_flight > earned {
            let endpoint = flight.endpoint;
            let over = Pace::NotEarned {
                endpoint,
                in_flight,
                earned,
            };
            self.object(over.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(ends: &[Option<i64>]) -> Vec<u16> {
        let mut most = Most::FIRST;
        let sizes = ends.iter().map(|took| {
            match took {
                Some(ms) => most.succeeded(Some(Span::from_millis(*ms)), 4, Timestamp::ZERO),
                None => most.failed(),
            }
            most.size
        });
        sizes.collect()
    }

    #[test]
    fn it_grows_by_as_many_successes_as_it_is_wide_and_a_failure_halves_it() {
        let quick = Some(10);
        assert_eq!(sizes(&[quick; 7]), [2, 2, 3, 3, 3, 4, 4]);
        assert_eq!(sizes(&[quick, quick, quick, None, None]), [2, 2, 3, 1, 1]);
        assert_eq!(
            sizes(&[quick, quick, Some(21), quick, quick]),
            [2, 2, 2, 2, 3]
        );
        assert_eq!(sizes(&[quick, quick, Some(20)]), [2, 2, 3]);
    }

    #[test]
    fn a_new_receiver_begins_anew_once_that_is_heard() {
        let at = |ms| Moment {
            real: Timestamp::from_millis(ms),
            steady: Timestamp::from_millis(ms),
        };
        let window = Span::from_millis(10);
        let mut seen = SeenEarned::default();
        let well = |started| (true, Timestamp::from_millis(started));
        seen.ended(well(1), 8, (0, at(5)));
        seen.ended(well(2), 8, (0, at(6)));
        seen.ended(well(3), 8, (0, at(7)));
        assert_eq!(seen.size(0, at(8)), 3);
        seen.begins(0, at(8), window);
        assert_eq!(seen.size(0, at(18)), 3, "perhaps nobody has heard yet");
        // Of what went out before, failures say nothing.
        seen.ended((false, Timestamp::from_millis(8)), 8, (0, at(18)));
        assert_eq!(seen.size(0, at(18)), 3);
        assert_eq!(seen.size(0, at(19)), 1);
        seen.ended(well(19), 8, (0, at(20)));
        assert_eq!(seen.size(0, at(20)), 2);
        assert_eq!(seen.size(1, at(20)), 1, "another period");
    }
}
