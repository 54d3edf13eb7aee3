//! L8: how fast attempts go out to a receiver that recovers, by what was usual before.

use std::collections::VecDeque;

use crate::{
    domain::id::EndpointId,
    policy::circuit_breaker::CircuitBreakerPolicy,
    sim::pace::Pace,
    time::{Span, Timestamp},
};

/// Attempts of one hundredth of a second may go out together.
const AHEAD_US: i64 = 10_000;
const MINUTE_US: i64 = 60_000_000;
const PER_MINUTE_MIN: u32 = 60;
const SENDS_LOOKED_AT: usize = 64;

/// Attempts that went out while a circuit recovered.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenRecovery {
    /// When, in real time.
    sends: VecDeque<Timestamp>,
    /// What came too fast, and when, unless it is told that the recovery was over.
    too_fast: Option<(Timestamp, Pace)>,
}

impl SeenRecovery {
    /// Another one begins, or none.
    pub(super) fn begin(&mut self) {
        self.sends.clear();
    }

    /// That a recovery was over may have been on its way to the disk.
    pub(super) fn forget(&mut self) {
        self.sends.clear();
        self.too_fast = None;
    }

    /// It is durable that it is over.
    pub(super) fn is_over(&mut self, at: Timestamp, window: Span) {
        self.too_fast.take_if(|(then, _)| at.since(*then) <= window);
        self.sends.clear();
    }

    /// What came too fast so long ago that the recovery was not over then.
    pub(super) fn confirmed(&mut self, now: Timestamp, window: Span) -> Option<Pace> {
        let confirmed = self.too_fast.take_if(|(at, _)| now.since(*at) > window);
        confirmed.map(|(_, pace)| pace)
    }

    /// An attempt goes out to a receiver that recovers, for which so much was usual.
    pub(super) fn sent(
        &mut self,
        endpoint: EndpointId,
        usual: u32,
        policy: &CircuitBreakerPolicy,
        now: Timestamp,
    ) {
        if let Some(found) = self.judge(endpoint, usual, policy, now) {
            self.too_fast.get_or_insert((now, found));
        }
    }

    /// What of the attempts to a receiver that recovers comes too fast, if one goes out now.
    fn judge(
        &mut self,
        endpoint: EndpointId,
        usual: u32,
        policy: &CircuitBreakerPolicy,
        now: Timestamp,
    ) -> Option<Pace> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_recovers_and_gets_two_at_once_is_found() {
        let (policy, mut seen) = (CircuitBreakerPolicy::default(), SeenRecovery::default());
        let endpoint = EndpointId::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let mut judged = |seconds, usual| seen.judge(endpoint, usual, &policy, at(seconds));
        assert_eq!(judged(403, 0), None);
        assert_eq!(judged(404, 0), None);
        assert!(judged(404, 0).is_some());
    }
}
