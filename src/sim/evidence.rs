//! Evidence: of a group that failed or died nobody knows whether it is durable. The store is asked.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    ledger::BatchFacts,
    oracles::{
        apart::{SeenNeighbours, application_of},
        whole_groups,
    },
    seen::Moment,
    witness::Witness,
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::{Change, ChangeResult},
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey},
        event::{Event, EventPosition},
        history::{AttemptEntry, HistoryQuery, Name, Order},
        id::EventId,
        task::Task,
    },
    store::Reads,
};

/// What a store shows of something that may be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    There,
    NotThere,
    /// It would look the same either way.
    None,
}

impl Witness {
    /// Nobody knows whether these batches, which were written together, are durable.
    pub(super) fn unsure(&mut self, group: Vec<BatchFacts>) {
        self.unsure = group;
    }

    /// Looks in the store whether the group that nobody knew about is durable.
    pub(super) fn reconcile(&mut self, store: &dyn Reads, now: Moment) {
        let mut group = core::mem::take(&mut self.unsure);
        let mut found = Vec::new();
        // Operational events tell what happens to neighbours, too, and are theirs.
        let whole = if self.hears_news() {
            group.clone()
        } else {
            Vec::new()
        };
        for facts in &mut group {
            facts.note_watched(&mut self.neighbours);
            self.neighbours_reconciled(store, facts, now);
            evidence_of_neighbours(store, facts, &self.neighbours, &mut found);
            facts.only_watched(&self.neighbours);
        }
        for facts in &group {
            self.evidence(store, facts, &group, &mut found);
        }
        match whole_groups::judge(&found) {
            Err(violation) => self.object(violation),
            Ok(Evidence::There) => {
                self.happened.unsure_there += 1;
                for facts in &whole {
                    let results = self.results(store, facts);
                    self.news_durable(facts, &results, now.steady);
                }
                for mut facts in group {
                    let results = self.results(store, &facts);
                    self.durable_besides_news(&mut facts, &results, now);
                }
            }
            Ok(Evidence::NotThere | Evidence::None) => {
                self.happened.unsure_gone += u64::from(!group.is_empty());
                self.note_payloads_gone(store, &group, now);
            }
        }
    }

    /// A group that shows nothing else may have taken payloads away all the same.
    fn note_payloads_gone(&mut self, store: &dyn Reads, group: &[BatchFacts], now: Moment) {
        for (_, change) in group.iter().flat_map(|facts| &facts.changes) {
            if let Change::Expunge {
                application,
                position,
            } = change
                && let Some(seen) = self.events.get_mut(position)
            {
                let found = store.event(*application, &Name::Id(seen.event.id.id()));
                if found.is_ok_and(|found| found.is_some_and(|entry| !entry.has_payload)) {
                    seen.expunged_at.get_or_insert(now.real);
                }
            }
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
            let mut found = self.of_change(store, change);
            // Its key may have made another one.
            if let Some((_, Evidence::NotThere)) = found
                && matches!(change, Change::PutEvent(_))
                && self.is_made_elsewhere(*place, facts, group)
            {
                found = None;
            }
            out.extend(found);
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

    /// What the store shows of a change, with an event that it is about; nothing if that is nothing.
    fn of_change(&self, store: &dyn Reads, change: &Change) -> Option<(EventId, Evidence)> {
        let of_none = |evidence| Some((EventId::default(), evidence));
        match change {
            Change::PutEvent(event) => Some((event.id, event_evidence(store, event))),
            Change::PutEndpoint { endpoint, .. } => {
                let name = Name::Id(endpoint.id.id());
                let known = store.endpoint(endpoint.key.application, &name);
                // One with the same key may have been there before.
                let is_there = known.is_ok_and(|known| known.is_some());
                is_there.then_some((EventId::default(), Evidence::There))
            }
            Change::PutApplication(application) => {
                let known = store.application(&Name::Id(application.id.id()));
                let is_there = known.is_ok_and(|known| known.is_some());
                is_there.then_some((EventId::default(), Evidence::There))
            }
            Change::Expire { endpoint, position } => {
                let event = self.events.get(position).map(|seen| seen.event.id);
                let evidence = match store.delivery_state(*endpoint, *position) {
                    Ok(Some(DeliveryState::Expired)) => Evidence::There,
                    Ok(Some(_)) => Evidence::NotThere,
                    Ok(None) | Err(_) => Evidence::None,
                };
                Some((event.unwrap_or_default(), evidence))
            }
            // One that had ended before is not noted.
            Change::SetAside(entry) => {
                let is_noted = Self::is_noted(store, entry);
                is_noted.then_some((entry.event, Evidence::There))
            }
            Change::UpdateEndpoint(endpoint) => of_none(endpoint_evidence(store, endpoint)),
            Change::DeleteEndpoint { endpoint, .. } => of_none(self.of_deletion(store, *endpoint)),
            Change::PutTask(task) | Change::UpdateTask(task) => of_none(task_evidence(store, task)),
            Change::Expunge {
                application,
                position,
            } => {
                let seen = self.events.get(position)?;
                let entry = store.event(*application, &Name::Id(seen.event.id.id()));
                // Retention takes payloads away, too.
                let has_payload = entry.ok().flatten().is_some_and(|entry| entry.has_payload);
                has_payload.then_some((seen.event.id, Evidence::NotThere))
            }
            // Somebody may have changed it by hand in the same group, or before.
            Change::SetEndpointState {
                endpoint, state, ..
            } if !self.changes_by_hand => {
                let found = store.endpoints(endpoint.application, endpoint.ordinal, 1);
                let known = found.ok()?.first().map(|known| known.state == *state)?;
                of_none(if known {
                    Evidence::There
                } else {
                    Evidence::NotThere
                })
            }
            _ => None,
        }
    }

    /// What the store shows of an endpoint that was to be deleted.
    fn of_deletion(&self, store: &dyn Reads, endpoint: EndpointKey) -> Evidence {
        let found = store.endpoints(endpoint.application, endpoint.ordinal, 1);
        let found = found.unwrap_or_default();
        let mut known = found.iter().filter(|known| known.key == endpoint);
        let was = self.endpoints.get(&endpoint.ordinal);
        if known.any(|known| !known.is_deleted()) {
            Evidence::NotThere
        } else if was.is_some_and(|seen| seen.deleted_at.is_some()) {
            Evidence::None
        } else {
            Evidence::There
        }
    }
}

/// What the store shows of changes and attempts of neighbours: only that they are there, since an event may
/// have been made under its key before, and an attempt may have gone with its event.
fn evidence_of_neighbours(
    store: &dyn Reads,
    facts: &BatchFacts,
    neighbours: &SeenNeighbours,
    out: &mut Vec<(EventId, Evidence)>,
) {
    let theirs = facts.changes.iter().filter(|(_, change)| {
        application_of(change).is_some_and(|application| neighbours.is_one(application))
    });
    for (_, change) in theirs {
        let (event, is_there) = match change {
            Change::PutEvent(event) => {
                let is_there = event_evidence(store, event) == Evidence::There;
                (event.id, is_there)
            }
            Change::PutEndpoint { endpoint, .. } => {
                let name = Name::Id(endpoint.id.id());
                let known = store.endpoint(endpoint.key.application, &name);
                let is_there = known.is_ok_and(|known| known.is_some());
                (EventId::default(), is_there)
            }
            Change::SetEndpointState {
                endpoint, state, ..
            } => {
                let known = store.endpoints(endpoint.application, endpoint.ordinal, 1);
                let known = known.unwrap_or_default();
                let is_there = known.first().is_some_and(|known| known.state == *state);
                (EventId::default(), is_there)
            }
            _ => continue,
        };
        if is_there {
            out.push((event, Evidence::There));
        }
    }
    let theirs = facts.attempts.iter();
    for record in theirs.filter(|record| neighbours.is_one(record.endpoint.application)) {
        let listed = attempts_of_event(store, record.endpoint.application, record.position);
        if listed.iter().any(|entry| entry.record.id == record.id) {
            out.push((EventId::default(), Evidence::There));
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

/// What the store shows of an endpoint that was to be changed.
fn endpoint_evidence(store: &dyn Reads, endpoint: &Endpoint) -> Evidence {
    let name = Name::Id(endpoint.id.id());
    let known = store.endpoint(endpoint.key.application, &name);
    match known.ok().flatten() {
        Some(known) if known.revision() < endpoint.revision() => Evidence::NotThere,
        Some(known)
            if known.revision() == endpoint.revision()
                && known.updated_at == endpoint.updated_at
                && known.target.url == endpoint.target.url
                && known.target.secret == endpoint.target.secret =>
        {
            Evidence::There
        }
        // Another change came first, or later.
        _ => Evidence::None,
    }
}

/// What the store shows of a task as it was to be: it goes on only ever further.
fn task_evidence(store: &dyn Reads, task: &Task) -> Evidence {
    let known = store.task(task.id.id()).ok().flatten();
    let place = |task: &Task| (task.state.has_ended(), task.next, task.done, task.total);
    match known {
        Some(known) if known.updated_at.steady > task.updated_at.steady => Evidence::There,
        Some(known) if known.updated_at.steady < task.updated_at.steady => Evidence::NotThere,
        Some(known) if known.state == task.state && place(&known) == place(task) => Evidence::There,
        Some(_) => Evidence::None,
        None => Evidence::NotThere,
    }
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

impl Witness {
    /// What a store that took a batch must have said to its changes.
    fn results(&self, store: &dyn Reads, facts: &BatchFacts) -> Vec<ChangeResult> {
        let mut results = Vec::new();
        let mut taken = BTreeSet::new();
        for (place, change) in &facts.changes {
            let is_fresh = match change {
                Change::PutEvent(event) => event_evidence(store, event) == Evidence::There,
                Change::PutEndpoint { endpoint, .. } => {
                    let name = Name::Id(endpoint.id.id());
                    let found = store.endpoint(endpoint.key.application, &name);
                    found.is_ok_and(|found| found.is_some())
                }
                Change::UpdateEndpoint(endpoint) => {
                    let change = (endpoint.key, endpoint.revision());
                    self.was_taken(store, endpoint) && taken.insert(change)
                }
                Change::SetAside(entry) => Self::is_noted(store, entry),
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

    /// Whether the store took a change of an endpoint. Another one that came behind it hides it: then it
    /// was taken if it was the first of its revision.
    fn was_taken(&self, store: &dyn Reads, endpoint: &Endpoint) -> bool {
        let name = Name::Id(endpoint.id.id());
        let known = store.endpoint(endpoint.key.application, &name);
        let is_hidden = known
            .ok()
            .flatten()
            .is_some_and(|known| known.revision() > endpoint.revision());
        let seen = self.endpoints.get(&endpoint.key.ordinal);
        let last = seen.and_then(|seen| seen.targets.last());
        let is_first = last.is_none_or(|last| last.target.revision < endpoint.revision());
        endpoint_evidence(store, endpoint) == Evidence::There || (is_hidden && is_first)
    }
}
