//! The witness: what the world saw of every event and delivery. It feeds the oracle's judgements
//! and the report; it knows nothing of the engine's state.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    oracle::{self, End, Violation},
    report::Happened,
    scenario::Scenario,
};
use crate::{
    domain::{
        attempt::{AttemptRequest, AttemptResult},
        change::{Batch, Change, ChangeResult},
        endpoint::EndpointState,
        event::{Event, EventPosition},
        id::{EndpointId, EventId},
        outcome::Outcome,
    },
    engine::options::Options,
    time::Timestamp,
};

/// Violations that are kept; the first ones tell the most.
const VIOLATIONS_KEPT: usize = 8;

/// An attempt in flight, as the world names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlightFacts {
    event: EventId,
    endpoint: EndpointId,
    position: EventPosition,
    ordinal: u32,
    number: u16,
}

/// What was seen of one delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The greatest attempt number that was sent.
    pub(super) sent: u16,
    /// The last attempt that failed, and when the next one may come.
    failed: u16,
    not_before: Timestamp,
    /// When the first 2xx came.
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) end: Option<End>,
}

/// What was seen of one event.
#[derive(Debug)]
pub(super) struct SeenEvent {
    pub(super) event: Arc<Event>,
    /// From when on it may be acted on.
    durable_at: Timestamp,
    /// By endpoint ordinal.
    pub(super) deliveries: Vec<Seen>,
}

/// What was seen of one endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct SeenEndpoint {
    id: EndpointId,
    in_flight: usize,
    disabled_at: Option<Timestamp>,
}

/// What a batch holds that a witness keeps, taken before the store empties it.
#[derive(Debug, Default)]
pub(super) struct BatchFacts {
    /// Changes with their place in the batch.
    changes: Vec<(usize, Change)>,
    attempts: Vec<(u32, EventPosition, u16, AttemptResult)>,
}

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Witness {
    options: Options,
    pub(super) asked: u64,
    pub(super) events: BTreeMap<EventPosition, SeenEvent>,
    positions: BTreeMap<EventId, EventPosition>,
    endpoints: BTreeMap<u32, SeenEndpoint>,
    pub(super) in_flight: usize,
    pub(super) attempts: u64,
    pub(super) accepted: u64,
    violations: Vec<Violation>,
    pub(super) happened: Happened,
}

impl Witness {
    /// Of a scenario that has not begun.
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            options: scenario.engine_options(),
            asked: scenario.events.into(),
            events: BTreeMap::new(),
            positions: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            in_flight: 0,
            attempts: 0,
            accepted: 0,
            violations: Vec::new(),
            happened: Happened::default(),
        }
    }

    /// What did not hold so far.
    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Keeps a violation, if it is among the first.
    pub(super) fn object(&mut self, violation: Violation) {
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(violation);
        }
    }

    /// An attempt goes out.
    pub(super) fn sent(&mut self, request: &AttemptRequest, now: Timestamp) -> FlightFacts {
        let flight = FlightFacts {
            event: request.event.id,
            endpoint: request.target.id,
            position: request.event.position,
            ordinal: request.target.endpoint.ordinal,
            number: request.number,
        };
        self.attempts += 1;
        self.in_flight += 1;
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        endpoint.in_flight += 1;
        let endpoint = *endpoint;
        let to_endpoint = (endpoint.in_flight, usize::from(self.options.window_max));
        for (in_flight, cap) in [to_endpoint, (self.in_flight, self.options.send_slots)] {
            if in_flight > cap {
                self.object(Violation::OverCap { in_flight, cap });
            }
        }
        let (event, endpoint_id) = (flight.event, flight.endpoint);
        if endpoint.disabled_at.is_some_and(|at| at <= now) {
            self.object(Violation::Disabled {
                event,
                endpoint: endpoint_id,
            });
        }
        if let Some(violation) = self.judge_send(flight, now) {
            self.object(violation);
        }
        if let Some(seen) = self.delivery(flight.position, flight.ordinal) {
            let repeated = flight.number <= seen.sent;
            seen.sent = seen.sent.max(flight.number);
            self.happened.repeated += u64::from(repeated);
        }
        flight
    }

    /// Whether an attempt may go out now.
    fn judge_send(&self, flight: FlightFacts, now: Timestamp) -> Option<Violation> {
        let FlightFacts {
            event,
            endpoint,
            number,
            ..
        } = flight;
        let seen_event = self.events.get(&flight.position);
        let Some(seen_event) = seen_event.filter(|seen| seen.durable_at <= now) else {
            return Some(Violation::NotDurable { event });
        };
        let accepted = seen_event.event.id;
        if accepted != event {
            return Some(Violation::IdChanged { event, accepted });
        }
        let ordinal = usize::try_from(flight.ordinal).ok()?;
        let seen = seen_event.deliveries.get(ordinal).copied();
        let seen = seen.unwrap_or_default();
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
        if number <= seen.sent && self.happened.shards_lost == 0 {
            return Some(Violation::Repeated {
                event,
                endpoint,
                number,
            });
        }
        let early = seen.not_before.since(now);
        (seen.failed + 1 == number && number > 1 && seen.not_before > now).then_some(
            Violation::TooEarly {
                event,
                endpoint,
                number,
                early,
            },
        )
    }

    /// The network answers an attempt.
    pub(super) fn answered(&mut self, flight: FlightFacts, outcome: &Outcome, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let endpoint = self.endpoints.entry(flight.ordinal).or_default();
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        let next = oracle::earliest_next(&self.options.retry, flight.number, outcome, now);
        let Some(seen) = self.delivery(flight.position, flight.ordinal) else {
            return;
        };
        if oracle::is_success(outcome) {
            seen.delivered_at.get_or_insert(now);
        } else {
            seen.failed = flight.number;
            seen.not_before = next;
        }
    }

    /// The facts of a batch, before it goes to the store.
    pub(super) fn read(batch: &Batch) -> BatchFacts {
        let changes = batch.changes.iter().enumerate();
        let kept = changes.filter(|(_, change)| {
            matches!(
                change,
                Change::PutEndpoint { .. }
                    | Change::PutEvent(_)
                    | Change::Expire { .. }
                    | Change::SetEndpointState { .. }
            )
        });
        let attempts = batch.attempts.iter();
        BatchFacts {
            changes: kept
                .map(|(place, change)| (place, change.clone()))
                .collect(),
            attempts: attempts
                .map(|record| {
                    (
                        record.endpoint.ordinal,
                        record.position,
                        record.number,
                        record.result,
                    )
                })
                .collect(),
        }
    }

    /// A batch is durable; the engine hears of it at `at`.
    pub(super) fn durable(&mut self, facts: BatchFacts, results: &[ChangeResult], at: Timestamp) {
        for (place, change) in facts.changes {
            if results.get(place) == Some(&ChangeResult::Fresh) {
                self.changed(change, at);
            }
        }
        for (ordinal, position, number, result) in facts.attempts {
            match result {
                AttemptResult::Succeeded => self.ended(ordinal, position, End::Succeeded, number),
                AttemptResult::Exhausted => self.ended(ordinal, position, End::Exhausted, number),
                AttemptResult::RetryAt(_) => {}
            }
        }
    }

    /// A change is durable.
    fn changed(&mut self, change: Change, at: Timestamp) {
        if let Change::PutEvent(event) = change {
            self.positions.insert(event.id, event.position);
            let seen = SeenEvent {
                event,
                durable_at: at,
                deliveries: Vec::new(),
            };
            self.events.insert(seen.event.position, seen);
        } else if let Change::PutEndpoint { endpoint, .. } = change {
            let seen = self.endpoints.entry(endpoint.key.ordinal).or_default();
            seen.id = endpoint.id;
        } else if let Change::Expire { endpoint, position } = change {
            self.ended(endpoint.ordinal, position, End::Expired, 0);
        } else if let Change::SetEndpointState {
            endpoint, state, ..
        } = change
        {
            let seen = self.endpoints.entry(endpoint.ordinal).or_default();
            seen.disabled_at = (state != EndpointState::Enabled).then_some(at);
        }
    }

    /// A delivery's end is recorded, after the attempt with this number.
    fn ended(&mut self, ordinal: u32, position: EventPosition, end: End, number: u16) {
        let Some(event) = self.events.get(&position).map(|seen| seen.event.id) else {
            return;
        };
        let endpoint = self.endpoints.get(&ordinal).map(|seen| seen.id);
        let endpoint = endpoint.unwrap_or_default();
        let Some(seen) = self.delivery(position, ordinal) else {
            return;
        };
        let ended_already = seen.end.replace(end).is_some();
        let not_delivered = end == End::Succeeded && seen.delivered_at.is_none();
        let max = oracle::attempts_max(&self.options.retry);
        if ended_already {
            self.object(Violation::EndedAlready { event, endpoint });
        }
        if not_delivered {
            self.object(Violation::NotDelivered { event, endpoint });
        }
        if end == End::Exhausted && usize::from(number) != max {
            self.object(Violation::WrongCount {
                event,
                endpoint,
                number,
                max,
            });
        }
    }

    /// A producer is told that its event is accepted.
    pub(super) fn accepted(&mut self, event: EventId, now: Timestamp) {
        self.accepted += 1;
        let position = self.positions.get(&event);
        let seen = position.and_then(|position| self.events.get(position));
        if seen.is_none_or(|seen| seen.durable_at > now) {
            self.object(Violation::NotDurable { event });
        }
    }

    /// The engine gave a shard up; results that were not durable are lost.
    pub(super) fn lost_shard(&mut self) {
        self.happened.shards_lost += 1;
        self.happened.orphans += u64::try_from(self.in_flight).unwrap_or(u64::MAX);
    }

    fn delivery(&mut self, position: EventPosition, ordinal: u32) -> Option<&mut Seen> {
        let deliveries = &mut self.events.get_mut(&position)?.deliveries;
        let index = usize::try_from(ordinal).ok()?;
        if deliveries.len() <= index {
            deliveries.resize(index + 1, Seen::default());
        }
        deliveries.get_mut(index)
    }
}
