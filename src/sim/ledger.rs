//! The ledger: what is durable, as the batches that were committed have it. Of a group that failed
//! or died nobody knows whether it is durable: the store is asked, and all of it must be there or
//! nothing.

use std::sync::Arc;

use super::{
    once_keys,
    oracle::{self, End, Violation},
    witness::{Moment, SeenEvent, Witness},
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::{AttemptRecord, AttemptResult},
        change::{Batch, Change, ChangeResult},
        delivery::DeliveryState,
        endpoint::EndpointState,
        event::{Event, EventPosition},
        history::{AttemptEntry, HistoryQuery, Name, Order},
        id::EventId,
    },
    store::Reads,
    time::Timestamp,
};

/// What a batch holds that a witness keeps, taken before the store empties it.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchFacts {
    /// Changes with their place in the batch.
    pub(super) changes: Vec<(usize, Change)>,
    /// The key of each change that is made once, by its place.
    pub(super) keys: Vec<(usize, [u8; 32])>,
    attempts: Vec<AttemptRecord>,
    /// When it was submitted, in steady time.
    submitted_at: Timestamp,
}

impl BatchFacts {
    /// The facts of a batch, before it goes to the store.
    pub(super) fn of(batch: &Batch) -> Self {
        let changes = batch.changes.iter().enumerate();
        let kept = changes.filter(|(_, change)| {
            matches!(
                change.bare(),
                Change::PutApplication(_)
                    | Change::PutEndpoint { .. }
                    | Change::PutEvent(_)
                    | Change::Expire { .. }
                    | Change::SetEndpointState { .. }
            )
        });
        Self {
            changes: kept
                .map(|(place, change)| (place, change.bare().clone()))
                .collect(),
            keys: once_keys::of(batch),
            attempts: batch.attempts.clone(),
            submitted_at: batch.now.steady,
        }
    }
}

/// What a store shows of something that may be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    There,
    NotThere,
    /// It would look the same either way.
    None,
}

impl Witness {
    /// A batch is durable; the engine hears of it at `at`.
    pub(super) fn durable(&mut self, facts: BatchFacts, results: &[ChangeResult], at: Moment) {
        let submitted_at = facts.submitted_at;
        for (place, change) in facts.changes {
            if results.get(place) == Some(&ChangeResult::Fresh) {
                let key = facts.keys.iter().find(|(of, _)| *of == place);
                if let (Some((_, key)), Change::PutEvent(event)) = (key, &change) {
                    self.made_under_key(*key, event.id, submitted_at);
                }
                self.changed(change, submitted_at, at);
            }
        }
        for record in facts.attempts {
            self.log_end(&record, at);
            self.recorded(record, submitted_at);
        }
    }

    /// Nobody knows whether these batches, which were written together, are durable.
    pub(super) fn unsure(&mut self, group: Vec<BatchFacts>) {
        self.unsure = group;
    }

    /// Looks in the store whether the group that nobody knew about is durable.
    pub(super) fn reconcile(&mut self, store: &dyn Reads, now: Moment) {
        let group = core::mem::take(&mut self.unsure);
        let mut found = Vec::new();
        for facts in &group {
            self.evidence(store, facts, &group, &mut found);
        }
        let there = |wanted| found.iter().find(|(_, evidence)| *evidence == wanted);
        match (there(Evidence::There), there(Evidence::NotThere)) {
            (Some((event, _)), Some(_)) => {
                let event = *event;
                self.object(Violation::HalfThere { event });
            }
            (Some(_), None) => {
                self.happened.unsure_there += 1;
                for facts in group {
                    let results = results(store, &facts);
                    self.durable(facts, &results, now);
                }
            }
            (None, _) => self.happened.unsure_gone += u64::from(!group.is_empty()),
        }
    }

    /// What the store shows of a batch.
    fn evidence(
        &self,
        store: &dyn Reads,
        facts: &BatchFacts,
        group: &[BatchFacts],
        out: &mut Vec<(EventId, Evidence)>,
    ) {
        for (place, change) in &facts.changes {
            match change {
                Change::PutEvent(event) => {
                    let mut evidence = event_evidence(store, event);
                    // Its key may have made another one.
                    if evidence == Evidence::NotThere
                        && self.is_made_elsewhere(*place, facts, group)
                    {
                        evidence = Evidence::None;
                    }
                    out.push((event.id, evidence));
                }
                Change::PutEndpoint { endpoint, .. } => {
                    let name = Name::Id(endpoint.id.id());
                    let known = store.endpoint(endpoint.key.application, &name);
                    // One with the same key may have been there before.
                    if known.is_ok_and(|known| known.is_some()) {
                        out.push((EventId::default(), Evidence::There));
                    }
                }
                Change::PutApplication(application) => {
                    let known = store.application(&Name::Id(application.id.id()));
                    if known.is_ok_and(|known| known.is_some()) {
                        out.push((EventId::default(), Evidence::There));
                    }
                }
                Change::Expire { endpoint, position } => {
                    let event = self.events.get(position).map(|seen| seen.event.id);
                    let evidence = match store.delivery_state(*endpoint, *position) {
                        Ok(Some(DeliveryState::Expired)) => Evidence::There,
                        Ok(Some(_)) => Evidence::NotThere,
                        Ok(None) | Err(_) => Evidence::None,
                    };
                    out.push((event.unwrap_or_default(), evidence));
                }
                Change::SetEndpointState {
                    endpoint, state, ..
                } => {
                    let found = store.endpoints(endpoint.application, endpoint.ordinal, 1);
                    let found = found.unwrap_or_default();
                    let evidence = match found.first() {
                        Some(known) if known.state == *state => Evidence::There,
                        Some(_) => Evidence::NotThere,
                        None => Evidence::None,
                    };
                    out.push((EventId::default(), evidence));
                }
                _ => {}
            }
        }
        for record in &facts.attempts {
            let event = self.events.get(&record.position);
            let id = event.map(|seen| seen.event.id).unwrap_or_default();
            let listed = attempts_of_event(store, record.endpoint.application, record.position);
            let is_there = listed.iter().any(|entry| entry.record.id == record.id);
            let is_kept = store
                .event(record.endpoint.application, &Name::Id(id.id()))
                .is_ok_and(|event| event.is_some());
            let evidence = match (is_there, is_kept) {
                (true, _) => Evidence::There,
                (false, true) => Evidence::NotThere,
                (false, false) => Evidence::None,
            };
            out.push((id, evidence));
        }
    }

    /// A change is durable.
    fn changed(&mut self, change: Change, submitted_at: Timestamp, at: Moment) {
        match change {
            Change::PutEvent(event) => self.event_durable(event, at),
            Change::PutEndpoint { endpoint, .. } => {
                self.id_given(endpoint.id.id().value());
                self.log_endpoint(&endpoint);
                let seen = self.endpoints.entry(endpoint.key.ordinal).or_default();
                seen.id = endpoint.id;
            }
            Change::PutApplication(application) => {
                self.id_given(application.id.id().value());
                self.application = Some(application.id);
            }
            Change::Expire { endpoint, position } => {
                self.expired_early(endpoint.ordinal, position, submitted_at);
                self.touch(position, submitted_at);
                self.log_expired(endpoint.ordinal, position, at);
                self.ended(endpoint.ordinal, position, End::Expired, 0);
            }
            Change::SetEndpointState {
                endpoint, state, ..
            } => {
                let seen = self.endpoints.entry(endpoint.ordinal).or_default();
                seen.disabled_at = (state != EndpointState::Enabled).then_some(at.real);
            }
            _ => {}
        }
    }

    fn event_durable(&mut self, event: Arc<Event>, at: Moment) {
        self.id_given(event.id.id().value());
        if let Some(uid) = &event.uid
            && let Some(other) = self.names.insert(Arc::clone(uid), event.id)
        {
            let event = event.id;
            self.object(Violation::NameTwice { event, other });
        }
        self.positions.insert(event.id, event.position);
        self.log_accepted(&event, at);
        let seen = SeenEvent {
            touched_at: event.accepted_at,
            event,
            durable_at: at.real,
            deliveries: Vec::new(),
        };
        self.events.insert(seen.event.position, seen);
    }

    /// The result of an attempt is durable.
    fn recorded(&mut self, record: AttemptRecord, submitted_at: Timestamp) {
        self.id_given(record.id.id().value());
        let (ordinal, position, number) = (record.endpoint.ordinal, record.position, record.number);
        self.touch(position, submitted_at);
        if let Some(seen) = self.delivery(position, ordinal) {
            seen.recorded = seen.recorded.max(number);
        }
        match record.result {
            AttemptResult::Succeeded => self.ended(ordinal, position, End::Succeeded, number),
            AttemptResult::Exhausted => self.ended(ordinal, position, End::Exhausted, number),
            AttemptResult::RetryAt(due) => {
                if let Some(seen) = self.delivery(position, ordinal) {
                    seen.due = due;
                }
            }
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

    /// Ids never repeat, not even over restarts.
    fn id_given(&mut self, id: u128) {
        if self.keeps_records && !self.ids.insert(id) {
            self.object(Violation::IdTwice { id });
        }
    }

    fn expired_early(&mut self, ordinal: u32, position: EventPosition, at: Timestamp) {
        let Some(seen) = self.events.get(&position) else {
            return;
        };
        let early = seen.event.expires_at.since(at);
        let event = seen.event.id;
        if early.as_micros() > 0 {
            let endpoint = self.endpoint_id(ordinal);
            self.object(Violation::ExpiredEarly {
                event,
                endpoint,
                early,
            });
        }
    }

    /// A delivery's end is recorded, after the attempt with this number.
    fn ended(&mut self, ordinal: u32, position: EventPosition, end: End, number: u16) {
        let Some(event) = self.events.get(&position).map(|seen| seen.event.id) else {
            return;
        };
        let endpoint = self.endpoint_id(ordinal);
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
}

/// All attempts for an event.
fn attempts_of_event(
    store: &dyn Reads,
    application: ApplicationKey,
    position: EventPosition,
) -> Vec<AttemptEntry> {
    let all = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: usize::MAX,
    };
    let found = store.attempts_of_event(application, position, all);
    found.unwrap_or_default()
}

/// What the store shows of an event: by its id, and by its name.
fn event_evidence(store: &dyn Reads, event: &Event) -> Evidence {
    let by = |name: Name| {
        let found = store.event(event.application, &name).ok().flatten();
        found.map(|entry| entry.event.id)
    };
    let by_id = by(Name::Id(event.id.id())) == Some(event.id);
    let Some(uid) = &event.uid else {
        return if by_id {
            Evidence::There
        } else {
            Evidence::NotThere
        };
    };
    match by(Name::Uid(Arc::clone(uid))) {
        Some(id) if id == event.id && by_id => Evidence::There,
        None if !by_id => Evidence::NotThere,
        // The name belonged to another event before.
        Some(id) if id != event.id && !by_id => Evidence::None,
        // The one without the other: told where names are looked at.
        Some(_) | None => Evidence::There,
    }
}

/// What a store that took a batch must have said to its changes.
fn results(store: &dyn Reads, facts: &BatchFacts) -> Vec<ChangeResult> {
    let mut results = Vec::new();
    for (place, change) in &facts.changes {
        let is_fresh = match change {
            Change::PutEvent(event) => event_evidence(store, event) == Evidence::There,
            Change::PutEndpoint { endpoint, .. } => {
                let name = Name::Id(endpoint.id.id());
                let found = store.endpoint(endpoint.key.application, &name);
                found.is_ok_and(|found| found.is_some())
            }
            Change::PutApplication(application) => {
                let name = Name::Id(application.id.id());
                let found = store.application(&name);
                found.is_ok_and(|found| found.is_some())
            }
            _ => true,
        };
        results.resize(*place, ChangeResult::Full);
        results.push(if is_fresh {
            ChangeResult::Fresh
        } else {
            ChangeResult::Full
        });
    }
    results
}
