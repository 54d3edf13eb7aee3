//! L1, L2 and L8: once everything that hurt them is well, the endpoints of a core get all that they are
//! owed, whatever goes on for ever elsewhere; and what goes to dead endpoints is given up in time.
//!
//! A scenario says when that is ([`Healing`](crate::sim::scenario::Healing)): from then on nothing goes wrong with process, disk and
//! clocks any more, the receivers of the core are well, and all others are dead for good. What waits
//! for a retry may wait as long as the schedule or the receiver said before; after that each delivery
//! of the core must come through.

use std::sync::Arc;

use crate::{
    domain::{endpoint::Endpoint, event::EventPosition, id::EventId},
    policy::retry::RetryPolicy,
    sim::{
        oracle::{self, End},
        scenario::Scenario,
        seen::{Moment, Seen, SeenEvent},
        violation::Violation,
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How long a backlog of the core may take after all waits are over: pages of it are loaded behind
/// attempts to dead receivers that take their whole time.
const DRAINED_WITHIN: Span = Span::from_seconds(6 * 3_600);

/// The longest time that a delivery may wait for its next attempt.
pub(in crate::sim) fn longest_wait(policy: &RetryPolicy) -> Span {
    let waits = policy.waits.iter().copied().max().unwrap_or_default();
    let jitter = policy.jitter;
    let spread = waits.as_micros().saturating_mul(jitter.numerator().into());
    let spread = spread.div_euclid(i64::from(jitter.denominator()).max(1));
    let longest = Span::from_micros(waits.as_micros().saturating_add(spread));
    longest.max(policy.retry_after_max)
}

/// The longest wait in any life of a scenario, and the fewest attempts that a schedule has in one.
pub(in crate::sim) fn schedules(scenario: &Scenario) -> (Span, usize) {
    let lives = scenario.faults.lives.iter().map(|life| &life.engine.retry);
    let policies = lives.chain([&scenario.engine.retry]);
    policies.fold((Span::ZERO, usize::MAX), |(longest, fewest), policy| {
        let attempts = oracle::attempts_max(policy);
        (longest.max(longest_wait(policy)), fewest.min(attempts))
    })
}

/// Until when a delivery of the core must have come through.
fn due_by(begins_at: Timestamp, wait: Span) -> Timestamp {
    begins_at.plus(wait).plus(DRAINED_WITHIN)
}

/// What is wrong with a delivery of the core: it was open when all was well, and did not come through
/// in time. `begins_at` is when it could begin, in real time, and `expires_at` when its own time ends.
fn judge(
    seen: Seen,
    begins_at: Timestamp,
    expires_at: Timestamp,
    wait: Span,
) -> Option<Option<Span>> {
    let by = due_by(begins_at, wait);
    match (seen.end, seen.delivered_at) {
        // Somebody had it so.
        (Some(End::SetAside(_)), None) => None,
        (_, Some(at)) => (at > by).then(|| Some(at.since(by))),
        // Its own time was over first.
        (Some(End::Expired), None) if expires_at <= by => None,
        (_, None) => Some(None),
    }
}

impl Witness {
    /// All is well from now on: what has ended by then is none of the judgement's.
    pub(in crate::sim) fn healed(&mut self, now: Moment) {
        self.healed_at = Some(now);
        self.happened.healed += 1;
        let (_, attempts_max) = self.schedules;
        let ended = self.events.values().flat_map(|seen| {
            let deliveries = (0_u32..).zip(&seen.deliveries);
            let over = deliveries.filter(|(_, delivery)| {
                // The last attempt may be on its way, or its result.
                let is_last = usize::from(delivery.sent) >= attempts_max;
                delivery.end.is_some() || is_last
            });
            over.map(|(ordinal, _)| (seen.event.position, ordinal))
        });
        self.ended_before_healing = ended.collect();
    }

    /// Judges at the end whether the core came through.
    pub(in crate::sim) fn judge_liveness(&mut self, endpoints: &[Arc<Endpoint>]) {
        let (Some(healed), Some(healing)) = (self.healed_at, self.healing) else {
            return;
        };
        let (wait, _) = self.schedules;
        let wait = Span::from_micros(wait.as_micros() + self.clock_lost.as_micros());
        let mut found = Vec::new();
        for seen in self.events.values() {
            for endpoint in endpoints {
                let is_of_core = endpoint.key.ordinal < healing.core;
                if is_of_core && self.is_owed_since(seen, endpoint) {
                    let delivery = *seen.seen(endpoint.key.ordinal);
                    let later = seen.event.not_before().since(healed.steady).max(Span::ZERO);
                    let begins_at = healed.real.plus(later).max(seen.durable_at);
                    let left = seen.event.expires_at.since(healed.steady);
                    let expires_at = healed.real.plus(left);
                    let judged = judge(delivery, begins_at, expires_at, wait);
                    found.extend(judged.map(|late| (seen.event.id, endpoint.id, late)));
                }
            }
        }
        for (event, endpoint, late) in found {
            let event: EventId = event;
            self.object(Violation::NotThrough {
                event,
                endpoint,
                late,
            });
        }
    }

    /// Whether a delivery was open when all was well, or came later, and nobody called it off.
    fn is_owed_since(&self, seen: &SeenEvent, endpoint: &Endpoint) -> bool {
        let ordinal = endpoint.key.ordinal;
        let known = self.endpoints.get(&ordinal);
        let is_held = known.is_some_and(|known| {
            known.disabled_at.is_some()
                || self.healed_at.is_some_and(|at| known.enabled_at > at.real)
        });
        self.is_wanted(seen, ordinal)
            && !is_held
            && !self.is_called_off(seen, ordinal)
            && !self.has_ended_before(seen.event.position, ordinal)
    }

    fn has_ended_before(&self, position: EventPosition, ordinal: u32) -> bool {
        self.ended_before_healing.contains(&(position, ordinal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_of_the_core_comes_through_in_time_or_its_own_time_is_over() {
        let at = Timestamp::from_millis;
        let hour = Span::from_seconds(3_600);
        let seen = |end, delivered_at| Seen {
            end,
            delivered_at,
            ..Seen::default()
        };
        let judged = |seen| judge(seen, at(0), at(10 * 3_600_000), hour);
        let by = due_by(at(0), hour);
        assert_eq!(judged(seen(Some(End::Succeeded), Some(by))), None);
        let late = by.plus(Span::from_millis(5));
        let told = Some(Some(Span::from_millis(5)));
        assert_eq!(judged(seen(Some(End::Succeeded), Some(late))), told);
        assert_eq!(judged(seen(Some(End::Exhausted), None)), Some(None));
        assert_eq!(judged(seen(None, None)), Some(None));
        // Its time ended behind the one by which it must have come through.
        assert_eq!(judged(seen(Some(End::Expired), None)), Some(None));
        let soon = judge(seen(Some(End::Expired), None), at(0), at(1), hour);
        assert_eq!(soon, None);
    }

    #[test]
    fn the_longest_wait_is_that_of_the_schedule_or_what_a_receiver_may_ask_for() {
        let mut policy = RetryPolicy {
            waits: vec![Span::from_seconds(10)],
            ..RetryPolicy::default()
        };
        assert_eq!(longest_wait(&policy), policy.retry_after_max);
        policy.retry_after_max = Span::ZERO;
        let longest = longest_wait(&policy);
        assert!(longest > Span::from_seconds(10) && longest < Span::from_seconds(20));
    }
}
