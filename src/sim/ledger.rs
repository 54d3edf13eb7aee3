//! The ledger: what is durable, as the batches that were committed have it.

use std::sync::Arc;

use super::{
    oracle::End,
    oracles::{delivered, numbers, once_keys, one_end, own_time, present_target::SeenTarget},
    seen::{Ending, Moment, SeenEvent, SeenRecord},
    witness::Witness,
};
use crate::{
    domain::{
        attempt::{AttemptResult, Trigger},
        change::{Batch, Change, ChangeResult},
        endpoint::{DisabledReason, Endpoint, EndpointState, Target},
        event::{Event, EventPosition},
    },
    time::{Span, Timestamp},
};

/// What a batch holds that a witness keeps, taken before the store empties it.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchFacts {
    /// Changes with their place in the batch.
    pub(super) changes: Vec<(usize, Change)>,
    /// The key of each change that is made once, by its place.
    pub(super) keys: Vec<(usize, [u8; 32])>,
    pub(super) attempts: Vec<SeenRecord>,
    /// When it was submitted, in steady time.
    submitted_at: Timestamp,
}

impl BatchFacts {
    /// The facts of a batch, before it goes to the store.
    pub(super) fn of(batch: &Batch) -> Self {
        let mut facts = Self::default();
        facts.take(batch);
        facts
    }

    /// Takes the facts of a batch, before it goes to the store, in the place of those that it had.
    pub(super) fn take(&mut self, batch: &Batch) {
        let changes = batch.changes.iter().enumerate();
        let kept = changes.filter(|(_, change)| {
            matches!(
                change.bare(),
                Change::PutApplication(_)
                    | Change::UpdateApplication(_)
                    | Change::PutEndpoint { .. }
                    | Change::PutEvent(_)
                    | Change::Expire { .. }
                    | Change::SetAside(_)
                    | Change::SetEndpointState { .. }
                    | Change::PutCircuit { .. }
                    | Change::UpdateEndpoint(_)
                    | Change::DeleteEndpoint { .. }
                    | Change::Expunge { .. }
                    | Change::PutTask(_)
                    | Change::UpdateTask(_)
            ) || matches!(change.bare(), Change::PutOpen(row) if row.reopened_after.is_some())
        });
        self.changes.clear();
        let kept = kept.map(|(place, change)| (place, change.bare().clone()));
        self.changes.extend(kept);
        self.keys.clear();
        self.keys.extend(once_keys::of(batch));
        self.attempts.clear();
        let attempts = batch.attempts.iter().map(SeenRecord::of);
        self.attempts.extend(attempts);
        self.submitted_at = batch.now.steady;
    }
}

impl Witness {
    /// A batch is durable; the engine hears of it at `at`. Its facts are taken out of `facts`.
    pub(super) fn durable(&mut self, facts: &mut BatchFacts, results: &[ChangeResult], at: Moment) {
        if !self.is_watching {
            return;
        }
        self.news_durable(facts, results, at.steady);
        self.durable_besides_news(facts, results, at);
    }

    /// A batch is durable; what it tells of operational events was noted.
    pub(super) fn durable_besides_news(
        &mut self,
        facts: &mut BatchFacts,
        results: &[ChangeResult],
        at: Moment,
    ) {
        for application in facts.deletions(results) {
            self.neighbours.deleted(application, at.real);
        }
        facts.note_watched(&mut self.neighbours);
        self.neighbours_durable(facts, results);
        facts.only_watched(&self.neighbours);
        let submitted_at = facts.submitted_at;
        for (place, change) in facts.changes.drain(..) {
            if results.get(place) == Some(&ChangeResult::Fresh) {
                let key = facts.keys.iter().find(|(of, _)| *of == place);
                if let (Some((_, key)), Change::PutEvent(event)) = (key, &change) {
                    self.made_under_key(*key, event.id, submitted_at);
                }
                self.changed(change, submitted_at, at);
            }
        }
        for record in facts.attempts.drain(..) {
            self.recorded(record, submitted_at, at);
        }
    }

    /// A change is durable.
    fn changed(&mut self, change: Change, submitted_at: Timestamp, at: Moment) {
        self.order += 1;
        let order = self.order;
        match change {
            Change::PutEvent(event) => self.event_durable(event, at),
            Change::PutEndpoint { endpoint, .. } => {
                self.id_given(endpoint.id.id().value());
                self.endpoint_durable(&endpoint, at);
            }
            Change::UpdateEndpoint(endpoint) => self.endpoint_durable(&endpoint, at),
            Change::DeleteEndpoint { endpoint, .. } => {
                let seen = self.endpoints.entry(endpoint.ordinal).or_default();
                seen.takes_from(order, false);
                seen.deleted_at.get_or_insert(at.real);
                self.log_deleted(endpoint.ordinal, at);
            }
            Change::Expunge { position, .. } => {
                if let Some(seen) = self.events.get_mut(&position) {
                    seen.expunged_at.get_or_insert(at.real);
                }
                self.log_expunged(position, at);
            }
            Change::PutApplication(application) => {
                self.id_given(application.id.id().value());
                self.application = Some(application.id);
            }
            Change::Expire { endpoint, position } => {
                self.expired_early(endpoint.ordinal, position, submitted_at);
                self.touch(position, submitted_at);
                let delivery = (endpoint.ordinal, position);
                self.ended(delivery, End::Expired, 0, at);
            }
            Change::SetAside(entry) => {
                self.touch(entry.position, submitted_at);
                self.set_aside(&entry, at);
            }
            Change::SetEndpointState {
                endpoint, state, ..
            } => {
                let (period, window) = (self.breaks.len(), self.window);
                let seen = self.endpoints.entry(endpoint.ordinal).or_default();
                // Who disables it without being asked holds it back from before that is durable.
                let from = Moment {
                    real: at.real.plus(Span::from_micros(-1)),
                    ..at
                };
                seen.has_state(state == EndpointState::Enabled, (from, window), period);
                seen.takes_from(order, state == EndpointState::Enabled);
                seen.stands(state);
                match state {
                    EndpointState::Disabled(DisabledReason::Failing) => {
                        self.judge_disabled(endpoint.ordinal, at);
                    }
                    EndpointState::Disabled(DisabledReason::Gone) => {
                        self.judge_gone(endpoint.ordinal);
                    }
                    EndpointState::Disabled(DisabledReason::Requested)
                    | EndpointState::Enabled
                    | EndpointState::Deleted => {}
                }
            }
            Change::PutCircuit { endpoint, circuit } => {
                self.circuit_durable(endpoint.ordinal, circuit, at);
            }
            Change::PutTask(task) | Change::UpdateTask(task) => self.task_durable(&task, at),
            Change::PutOpen(row) => self.reopened(&row, submitted_at, at),
            _ => {}
        }
    }

    /// An endpoint is what it is from now on.
    fn endpoint_durable(&mut self, endpoint: &Arc<Endpoint>, at: Moment) {
        let is_enabled = endpoint.state == EndpointState::Enabled;
        let (order, filter) = (self.order, Arc::clone(&endpoint.filter));
        let (period, window) = (self.breaks.len(), self.window);
        let known = self.endpoints.get(&endpoint.key.ordinal);
        let is_new = known.is_none_or(|known| known.targets.is_empty());
        let reorders = self.keeps_order(endpoint, is_new, at);
        self.happened.reordered += u64::from(reorders);
        self.judge_as_owned(endpoint, is_new);
        let seen = self.endpoints.entry(endpoint.key.ordinal).or_default();
        seen.id = endpoint.id;
        seen.paced.changes(endpoint.throttle_rate, is_new, at.real);
        let before = seen.targets.last();
        let is_other = before.is_some_and(|before| before.endpoint.filter != filter);
        let url = |target: &Target| target.url.text().to_owned();
        let moves = before.is_some_and(|before| url(&before.target) != url(&endpoint.target));
        let rerates =
            before.is_some_and(|before| before.endpoint.throttle_rate != endpoint.throttle_rate);
        let reheads = before.is_some_and(|before| before.target.headers != endpoint.target.headers);
        self.happened.refiltered += u64::from(is_other);
        self.happened.rerated += u64::from(rerates);
        self.happened.reheaded += u64::from(reheads);
        seen.has_state(is_enabled, (at, window), period);
        if moves {
            seen.circuit.moves(at, period);
            seen.gone.begins(at);
            seen.earned.begins(period, at, window);
            seen.promptness.moves(period);
        }
        seen.wants_from(order, filter, is_enabled);
        seen.judged = None;
        seen.targets.push(SeenTarget {
            at: at.real,
            target: Arc::clone(&endpoint.target),
            endpoint: Arc::clone(endpoint),
        });
    }

    fn event_durable(&mut self, event: Arc<Event>, at: Moment) {
        self.id_given(event.id.id().value());
        self.name_given(&event);
        self.judge_refused(&event);
        self.judge_as_asked(&event);
        self.stands_in_line(&event);
        self.positions.insert(event.id, event.position);
        let seen = SeenEvent {
            order: self.order,
            touched_at: event.accepted_at,
            event,
            durable_at: at.real,
            expunged_at: None,
            deliveries: Vec::new(),
        };
        self.log_accepted(&seen, at);
        self.events.insert(seen.event.position, seen);
    }

    /// The result of an attempt is durable.
    fn recorded(&mut self, record: SeenRecord, submitted_at: Timestamp, at: Moment) {
        self.id_given(record.id.id().value());
        let (ordinal, position, number) = (record.endpoint.ordinal, record.position, record.number);
        let delivery = (ordinal, position);
        self.touch(position, submitted_at);
        // The first attempt that a task makes is told as one by hand, too, but moves the schedule on.
        let moves_on = matches!(
            record.result,
            AttemptResult::RetryAt(_) | AttemptResult::Exhausted
        );
        let is_by_hand = record.trigger == Trigger::Manual && !moves_on;
        if record.trigger == Trigger::Manual {
            self.recorded_by_hand(&record, at);
        }
        self.judge_trigger(&record);
        self.judge_timing(&record, at);
        if !is_by_hand && let Some(seen) = self.delivery(position, ordinal) {
            seen.recorded = seen.recorded.max(number);
            seen.recorded_at = at.real;
        }
        match record.result {
            AttemptResult::Succeeded if is_by_hand => self.ended_by_hand(delivery, at),
            AttemptResult::Succeeded => self.ended(delivery, End::Succeeded, number, at),
            AttemptResult::Exhausted => self.ended(delivery, End::Exhausted, number, at),
            AttemptResult::RetryAt(due) => self.planned(&record, due),
            AttemptResult::Failed => {}
        }
        if self.keeps_records {
            self.records.insert(record.id, (record, submitted_at));
        }
    }

    /// Something of the event was written.
    fn touch(&mut self, position: EventPosition, at: Timestamp) {
        if let Some(seen) = self.events.get_mut(&position) {
            seen.touched_at = seen.touched_at.max(at);
        }
    }

    fn expired_early(&mut self, ordinal: u32, position: EventPosition, at: Timestamp) {
        let endpoint = self.endpoint_id(ordinal);
        let judged = self.events.get(&position).and_then(|seen| {
            let expires_at = self.expires_at(seen, ordinal);
            own_time::judge((seen.event.id, endpoint), expires_at, at)
        });
        if let Some(violation) = judged {
            self.object(violation);
        }
    }

    /// What is known of the end of a delivery that is recorded, after the attempt with this number.
    fn ending(
        &mut self,
        (ordinal, position): (u32, EventPosition),
        end: End,
        number: u16,
        now: Moment,
    ) -> Option<Ending> {
        let event = self.events.get(&position)?.event.id;
        let endpoint = self.endpoint_id(ordinal);
        let is_asked_by_hand = self.is_asked_by_hand(position, ordinal);
        let seen_endpoint = self.endpoints.get(&ordinal);
        let is_deleted = seen_endpoint.is_some_and(|seen| seen.deleted_at.is_some());
        let seen = self.delivery(position, ordinal)?;
        if seen.end.is_none() {
            seen.ended_at = now.real;
        }
        let stands = match end {
            End::Expired => seen.end_again().unwrap_or(end),
            // What had succeeded has, though it was sent again.
            End::SetAside(_) => {
                let again = seen.end_again();
                again.filter(|end| *end == End::Succeeded).unwrap_or(end)
            }
            End::Succeeded | End::Exhausted | End::CalledOff => end,
        };
        let is_set_aside = seen.is_set_aside;
        seen.is_set_aside |= matches!(end, End::SetAside(_));
        let ending = Ending {
            step: seen.step(number),
            event,
            endpoint,
            number,
            before: seen.end.replace(stands),
            end,
            is_set_aside,
            was_planned: (seen.failed == number && number > 0).then(|| seen.is_planned()),
            is_delivered: seen.delivered_at.is_some(),
            is_asked_by_hand,
            is_deleted,
        };
        self.log_end((position, ordinal), stands, now);
        Some(ending)
    }

    /// A delivery succeeded by an attempt that somebody asked for, whatever became of it before.
    fn ended_by_hand(&mut self, delivery: (u32, EventPosition), at: Moment) {
        let ending = self.ending(delivery, End::Succeeded, 0, at);
        if let Some(violation) = ending.as_ref().and_then(delivered::judge) {
            self.object(violation);
        }
    }

    /// A delivery's end is recorded, after the attempt with this number.
    pub(super) fn ended(
        &mut self,
        delivery: (u32, EventPosition),
        end: End,
        number: u16,
        at: Moment,
    ) {
        let Some(ending) = self.ending(delivery, end, number, at) else {
            return;
        };
        let judged = [
            one_end::judge(&ending),
            delivered::judge(&ending),
            numbers::judge_given_up(&ending, &self.options.retry),
        ];
        for violation in judged.into_iter().flatten() {
            self.object(violation);
        }
    }
}
