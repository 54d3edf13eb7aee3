//! How many attempts succeed in a usual minute, reckoned from the results that were heard.
//!
//! A minute counts as a whole one if an attempt ended before it since counting began. Counting begins when a circuit
//! closes, of which nobody hears before that is durable: until then each moment at which it may have closed is a way
//! in which the reckoning may stand.

use crate::time::Timestamp;

/// Ways that are told apart; beyond that what is durable is believed.
const WAYS_MAX: usize = 8;

/// One way in which the reckoning may stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Way {
    /// The minute of the last attempt that ended, counted from the epoch.
    minute: Option<i64>,
    /// Attempts that succeeded and that failed in it, if it is a whole one.
    whole: Option<(u32, u32)>,
    /// What is usual; 0 if that is not known.
    usual: u32,
}

impl Way {
    /// Nothing was counted since that was usual.
    const fn of(usual: u32) -> Self {
        Self {
            minute: None,
            whole: None,
            usual,
        }
    }

    /// An attempt ended in this minute.
    fn count(&mut self, succeeded: bool, minute: i64) {
        if self.minute.is_some_and(|before| before != minute) {
            if let Some((well, failed)) = self.whole
                && well > 0
                && well >= failed
            {
                self.usual = averaged(self.usual, well);
            }
            self.whole = Some((0, 0));
        }
        self.minute = Some(minute);
        if let Some((well, failed)) = &mut self.whole {
            *well += u32::from(succeeded);
            *failed += u32::from(!succeeded);
        }
    }
}

/// A quarter of what is usual is what the last minute had, rounded up.
fn averaged(usual: u32, last: u32) -> u32 {
    if usual == 0 {
        return last;
    }
    let sum = u64::from(usual) * 3 + u64::from(last);
    u32::try_from(sum.div_ceil(4)).unwrap_or(u32::MAX)
}

/// What is usual for one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenUsual {
    first: Way,
    /// Other ways in which it may stand.
    others: Vec<Way>,
    /// There were too many of them.
    is_unsure: bool,
}

impl SeenUsual {
    /// This is usual, and nothing was counted since.
    pub(super) fn known(&mut self, usual: u32) {
        self.first = Way::of(usual);
        self.others.clear();
        self.is_unsure = false;
    }

    /// Nobody can tell what was counted.
    pub(super) const fn doubt(&mut self) {
        self.is_unsure = true;
    }

    /// What was counted in this minute does not count; what is usual stays.
    pub(super) fn forget_counts(&mut self) {
        self.first = Way::of(self.first.usual);
        for way in &mut self.others {
            *way = Way::of(way.usual);
        }
        self.tell_apart();
    }

    /// An attempt ended while the circuit was closed.
    pub(super) fn ended(&mut self, succeeded: bool, now: Timestamp) {
        let minute = minute(now);
        self.first.count(succeeded, minute);
        if !self.others.is_empty() {
            for way in &mut self.others {
                way.count(succeeded, minute);
            }
            self.tell_apart();
        }
    }

    /// An attempt ended while the circuit was recovering, or had closed before that.
    pub(super) fn ended_in_recovery(&mut self, succeeded: bool, now: Timestamp) {
        let minute = minute(now);
        self.others.push(self.first);
        for way in &mut self.others {
            way.count(succeeded, minute);
        }
        self.tell_apart();
    }

    /// The least and the most that may be usual.
    pub(super) fn bounds(&self) -> (u32, u32) {
        if self.is_unsure {
            return (0, u32::MAX);
        }
        let all = self.others.iter().map(|way| way.usual);
        let first = self.first.usual;
        all.fold((first, first), |(least, most), usual| {
            (least.min(usual), most.max(usual))
        })
    }

    fn tell_apart(&mut self) {
        let first = self.first;
        self.others.retain(|way| *way != first);
        self.others.dedup();
        if self.others.len() > WAYS_MAX {
            self.is_unsure = true;
            self.others.truncate(WAYS_MAX);
        }
    }
}

/// The minute of this time, counted from the epoch.
const fn minute(now: Timestamp) -> i64 {
    now.as_seconds().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    /// Attempts that succeed every so many seconds.
    fn busy(usual: &mut SeenUsual, from: i64, until: i64, every: usize) {
        for second in (from..until).step_by(every) {
            usual.ended(true, at(second));
        }
    }

    #[test]
    fn whole_minutes_in_which_most_succeeded_count_by_a_quarter() {
        let mut usual = SeenUsual::default();
        busy(&mut usual, 30, 121, 1);
        assert_eq!(usual.bounds(), (60, 60), "the half minute does not count");
        busy(&mut usual, 121, 181, 3);
        for second in 181..300 {
            usual.ended(false, at(second));
        }
        assert_eq!(usual.bounds(), (51, 51), "of failures nothing is learned");
    }

    #[test]
    fn until_it_is_known_when_a_circuit_closed_each_moment_counts() {
        let mut usual = SeenUsual::default();
        usual.known(10);
        for second in [10, 50, 70, 80, 90, 130] {
            usual.ended_in_recovery(true, at(second));
        }
        assert_eq!(usual.bounds(), (9, 10));
        usual.known(10);
        assert_eq!(usual.bounds(), (10, 10));
    }
}
