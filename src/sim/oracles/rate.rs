//! I16: attempts to an endpoint, and those over all endpoints of an application, come no faster than its rate: evenly, of fast rates those of a hundredth of a
//! second together. Over restarts and lost shards, too.

use std::collections::VecDeque;

use crate::{
    sim::{pace::Pace, witness::Witness},
    time::{Span, Timestamp},
};

const SECOND_US: i64 = 1_000_000;
/// How far ahead of the even rhythm attempts may be, in microseconds.
const AHEAD_US: i64 = 10_000;

/// What was seen of the rate of an endpoint, or of an application.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenRate {
    /// How many attempts may come in a second, if that is bounded.
    rate: Option<u16>,
    /// Whether it ever was.
    was_bounded: bool,
    /// Rates that it gets at their times, in real time.
    later: VecDeque<(Timestamp, Option<u16>)>,
    /// When the last ones went out, in real time, oldest first, each with the fastest rate since.
    sends: VecDeque<(Timestamp, u16)>,
}

impl Witness {
    /// Judges the rate of the attempts to an endpoint, of which one goes out now.
    pub(in crate::sim) fn judge_rate(&mut self, ordinal: u32, now: Timestamp) {
        if let Some((_, within, rate)) = self.application_pace.judge(now) {
            self.object(Pace::ApplicationTooFast { within, rate }.into());
        }
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let id = endpoint.id;
        if let Some((_, within, rate)) = endpoint.paced.judge(now) {
            let endpoint = id;
            self.object(
                Pace::TooFast {
                    endpoint,
                    within,
                    rate,
                }
                .into(),
            );
        }
    }
}

impl SeenRate {
    /// Of one that has this rate, of which nothing was seen.
    pub(in crate::sim) fn of(rate: Option<u16>) -> Self {
        Self {
            rate,
            was_bounded: rate.is_some(),
            ..Self::default()
        }
    }

    /// Whether attempts may have been held back by it at some time.
    pub(in crate::sim) const fn was_bounded(&self) -> bool {
        self.was_bounded
    }

    /// When the last one went out, in real time; `None` where there is no rate.
    pub(in crate::sim) fn last(&self) -> Option<Timestamp> {
        self.sends.back().map(|(at, _)| *at)
    }

    /// It has this rate from a time on, in real time, or from the beginning.
    pub(in crate::sim) fn changes(&mut self, rate: Option<u16>, is_new: bool, at: Timestamp) {
        self.was_bounded |= rate.is_some();
        let last = self.later.back().map_or(self.rate, |(_, rate)| *rate);
        if is_new {
            self.rate = rate;
        } else if rate != last {
            self.later.push_back((at, rate));
        }
    }

    /// It has the rate of before this time.
    fn keep_up(&mut self, now: Timestamp) {
        while let Some((_, rate)) = self.later.pop_front_if(|(at, _)| *at < now) {
            match rate {
                Some(rate) => self
                    .sends
                    .iter_mut()
                    .for_each(|(_, fastest)| *fastest = rate.max(*fastest)),
                None => self.sends.clear(),
            }
            self.rate = rate;
        }
    }

    /// Takes a send; tells how many came within which time, if that is too fast for the rate.
    fn judge(&mut self, now: Timestamp) -> Option<(usize, Span, u16)> {
        self.keep_up(now);
        // What happens at the very time of a change comes before it or after it.
        let at_this_time = self.later.iter().take_while(|(at, _)| *at <= now);
        let rates = at_this_time.map(|(_, rate)| *rate);
        let rate = rates
            .chain([self.rate])
            .try_fold(0, |fastest: u16, rate| Some(fastest.max(rate?)))?;
        self.sends.push_back((now, rate));
        if self.sends.len() > usize::from(rate) + 2 {
            self.sends.pop_front();
        }
        let later = self.sends.iter().rev().enumerate().skip(1);
        let found = later.map(|(gaps, (at, rate))| (gaps, now.since(*at), *rate));
        let mut too_fast = found.filter(|(gaps, within, rate)| {
            let (rate, gaps) = (*rate, gaps);
            let gaps = i64::try_from(*gaps).unwrap_or(i64::MAX);
            let evenly = gaps.saturating_mul(SECOND_US) / i64::from(rate);
            // Of slow rates no two come together.
            let ahead = if i64::from(rate) * AHEAD_US < SECOND_US {
                0
            } else {
                AHEAD_US
            };
            within.as_micros() < evenly - ahead
        });
        let (gaps, within, rate) = too_fast.next()?;
        Some((gaps + 1, within, rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_come_evenly_are_fine_and_others_are_not() {
        let at = Timestamp::from_millis;
        let mut seen = SeenRate::default();
        assert_eq!(seen.judge(at(0)), None);
        seen.rate = Some(4);
        for millis in [0, 250, 500, 9_000, 9_250] {
            assert_eq!(seen.judge(at(millis)), None);
        }
        let within = Span::from_millis(249);
        assert_eq!(seen.judge(at(9_499)), Some((2, within, 4)));
        // Of a fast rate some come together, but not all at once.
        let mut fast = SeenRate {
            rate: Some(1_000),
            ..SeenRate::default()
        };
        let judged: Vec<_> = (0..20).map(|_| fast.judge(at(0))).collect();
        assert_eq!(judged.iter().filter(|judged| judged.is_none()).count(), 11);
    }
}
