//! L1 and L4: an attempt goes out when it can: nothing that is due waits longer than its endpoint, the
//! slots and the store make it, whatever else there is to do.

use crate::{
    domain::ordering::Ordering,
    sim::{
        scenario::Scenario,
        seen::{FlightFacts, Moment},
        violation::Violation,
        witness::{GROUPS_MAX, Witness},
    },
    time::Span,
};

/// How often as long as that an attempt may be late, and how long in any case: pages are loaded
/// before it, each behind what was to be written.
const PATIENCE: i64 = 50;
const PATIENCE_MIN: Span = Span::from_millis(5_000);
/// Bytes of a batch that a row needs, with what is noted beside it.
const ROW_BYTES: usize = 200;
/// How much longer where loads come late or fail, for each event that may be looked at before it.
const PATIENCE_FOR_LOAD_MS: i64 = 1_500;

/// How late an attempt may be, where a result is durable after `window` at most.
pub(in crate::sim) fn patience(scenario: &Scenario, window: Span) -> Span {
    let usual = Span::from_micros(window.as_micros().saturating_mul(PATIENCE));
    let faults = &scenario.faults;
    let loads = if faults.late_loads || faults.failing_loads {
        PATIENCE_FOR_LOAD_MS.saturating_mul(scenario.events.into())
    } else {
        0
    };
    let longest = usual.max(PATIENCE_MIN).as_micros();
    let loads = Span::from_millis(loads).as_micros();
    let rows = rows_written_within(scenario, window).as_micros();
    Span::from_micros(longest.saturating_add(loads).saturating_add(rows))
}

/// How long it takes to write a row for every delivery that waits for its time or in a line, where batches
/// have room for few: nothing else goes out meanwhile.
fn rows_written_within(scenario: &Scenario, window: Span) -> Span {
    let is_put_off = scenario.later_percent > 0
        || scenario.ordering_keys > 0
        || (0..scenario.endpoints).any(|number| scenario.ordering(number) == Ordering::Whole);
    if !is_put_off {
        return Span::ZERO;
    }
    let endpoints =
        i64::from(scenario.endpoints) + i64::try_from(scenario.added().count()).unwrap_or(0);
    let rows = i64::from(scenario.events) * endpoints;
    let in_a_batch = i64::try_from(scenario.engine.batch_bytes_max / ROW_BYTES);
    let batches = rows / in_a_batch.unwrap_or(i64::MAX).max(1);
    Span::from_micros(batches.saturating_mul(window.as_micros() / GROUPS_MAX))
}

impl Witness {
    /// Whether an attempt could have gone out long before: nothing was in flight to its endpoint,
    /// its host had room, there were slots, it was due, and the process was up.
    pub(in crate::sim) fn judge_lateness(
        &self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Violation> {
        let late = self.late_but_for_slots(flight, now)?;
        let late = late.min(now.real.since(self.crowded_at(flight)));
        (late > self.patience).then_some(Violation::Late {
            event: flight.event,
            endpoint: flight.endpoint,
            number: flight.number,
            late,
        })
    }

    /// Whether so few deliveries may wait in rows that what was not begun may wait for these.
    fn rows_are_few(&self) -> bool {
        let deliveries = self.events.len().saturating_mul(self.endpoints.len());
        u64::try_from(deliveries).is_ok_and(|all| all >= self.options.open_rows_max)
    }

    /// For how long an attempt could have gone out, had there been slots.
    pub(in crate::sim) fn late_but_for_slots(
        &self,
        flight: FlightFacts,
        now: Moment,
    ) -> Option<Span> {
        if self.rows_are_few() {
            return None;
        }
        let endpoint = self.endpoints.get(&flight.ordinal)?;
        let seen_event = self.events.get(&flight.position)?;
        let seen = seen_event.seen(flight.ordinal);
        if endpoint.in_flight > 0 {
            return None;
        }
        let mut late = match (seen.recorded, flight.number) {
            (0, 1) if seen.reopened_after.is_none() => {
                let due = seen_event.event.not_before();
                let open = self.line_open_since(flight.position, flight.ordinal, now)?;
                now.real
                    .since(seen_event.durable_at.max(open))
                    .min(now.steady.since(due))
            }
            (recorded, number) if recorded + 1 == number => now.steady.since(seen.due),
            // Its due time is not durable yet.
            _ => return None,
        };
        let enabled_at = endpoint.enabled_at;
        let host_crowded_at = self.host_crowded_at(flight)?;
        for at in [
            host_crowded_at,
            self.ready_at,
            endpoint.idle_since,
            enabled_at,
        ] {
            late = late.min(now.real.since(at));
        }
        // Others had what the rate of the application lets go.
        if let Some(at) = self.application_pace.last() {
            late = late.min(now.real.since(at));
        }
        if let Some(until) = self.held_back_until(flight.ordinal) {
            late = late.min(now.steady.since(until));
        }
        Some(late)
    }
}
