//! Judging a send: whether an attempt may go out now, and whether it should have long before.

use super::{
    oracle::{self, Violation},
    scenario::Scenario,
    seen::{FlightFacts, Moment},
    witness::Witness,
};
use crate::time::Span;

/// How often as long as that an attempt may be late, and how long in any case: pages are loaded
/// before it, each behind what was to be written.
const PATIENCE: i64 = 50;
const PATIENCE_MIN: Span = Span::from_millis(5_000);
/// How much longer where loads come late or fail, for each event that may be looked at before it.
const PATIENCE_FOR_LOAD_MS: i64 = 1_500;

/// How late an attempt may be, where a result is durable after `window` at most.
pub(super) fn patience(scenario: &Scenario, window: Span) -> Span {
    let usual = Span::from_micros(window.as_micros().saturating_mul(PATIENCE));
    let faults = &scenario.faults;
    let loads = if faults.late_loads || faults.failing_loads {
        PATIENCE_FOR_LOAD_MS.saturating_mul(scenario.events.into())
    } else {
        0
    };
    let longest = usual.max(PATIENCE_MIN).as_micros();
    Span::from_micros(longest.saturating_add(Span::from_millis(loads).as_micros()))
}

impl Witness {
    /// Whether what goes out is durable, under its own name.
    pub(super) fn judge_durable(&self, flight: FlightFacts, now: Moment) -> Option<Violation> {
        let event = flight.event;
        let seen_event = self.events.get(&flight.position);
        let Some(seen_event) = seen_event.filter(|seen| seen.durable_at <= now.real) else {
            return Some(Violation::NotDurable { event });
        };
        let accepted = seen_event.event.id;
        (accepted != event).then_some(Violation::IdChanged { event, accepted })
    }

    /// Whether an attempt may go out now.
    pub(super) fn judge_send(&self, flight: FlightFacts, now: Moment) -> Option<Violation> {
        let FlightFacts {
            event,
            endpoint,
            number,
            ..
        } = flight;
        let seen_event = self.events.get(&flight.position)?;
        let seen = seen_event.seen(flight.ordinal);
        let max = oracle::attempts_max(&self.options.retry);
        if usize::from(number) > max || number == 0 || number > seen.sent + 1 {
            return Some(Violation::WrongCount {
                event,
                endpoint,
                number,
                max,
            });
        }
        if seen.end.is_some() {
            return Some(Violation::EndedAlready { event, endpoint });
        }
        if number <= seen.sent {
            let Some(broken_at) = self.breaks.get(seen.period) else {
                return Some(Violation::Repeated {
                    event,
                    endpoint,
                    number,
                });
            };
            let is_lost = seen
                .told_at
                .is_none_or(|told_at| broken_at.since(told_at) <= self.window);
            if number <= seen.recorded || !is_lost {
                return Some(Violation::Forgotten {
                    event,
                    endpoint,
                    number,
                });
            }
        }
        let is_first = flight.number == 1 && seen.failed == 0;
        let waits = seen_event.event.not_before().since(now.steady);
        if is_first && waits > Span::ZERO {
            return Some(Violation::TooEarly {
                event,
                endpoint,
                number,
                early: waits,
            });
        }
        let early = seen.not_before.since(now.steady);
        (seen.failed + 1 == number && number > 1 && early > Span::ZERO).then_some(
            Violation::TooEarly {
                event,
                endpoint,
                number,
                early,
            },
        )
    }

    /// Whether an attempt could have gone out long before: nothing was in flight to its endpoint,
    /// there were slots, it was due, and the process was up.
    pub(super) fn judge_lateness(&self, flight: FlightFacts, now: Moment) -> Option<Violation> {
        let endpoint = self.endpoints.get(&flight.ordinal)?;
        let seen_event = self.events.get(&flight.position)?;
        let seen = seen_event.seen(flight.ordinal);
        if endpoint.in_flight > 0 {
            return None;
        }
        let mut late = match (seen.recorded, flight.number) {
            (0, 1) => {
                let due = seen_event.event.not_before();
                now.real
                    .since(seen_event.durable_at)
                    .min(now.steady.since(due))
            }
            (recorded, number) if recorded + 1 == number => now.steady.since(seen.due),
            // Its due time is not durable yet.
            _ => return None,
        };
        let enabled_at = endpoint.enabled_at;
        for at in [
            self.ready_at,
            endpoint.idle_since,
            self.crowded_at,
            enabled_at,
        ] {
            late = late.min(now.real.since(at));
        }
        (late > self.patience).then_some(Violation::Late {
            event: flight.event,
            endpoint: flight.endpoint,
            number: flight.number,
            late,
        })
    }
}
