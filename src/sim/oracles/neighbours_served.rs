//! I3, I4 and I5 for neighbours: each durable event of one ends at each of its endpoints that were there and enabled
//! when it came, once, and is told as delivered only if the receiver said so, and as failed only if it ever failed.
//!
//! An engine does the same for each application, and one is watched closely; so of an event of another there are
//! two sets of endpoints, as bits, and nothing else.

use std::collections::BTreeMap;

use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        change::{Change, ChangeResult},
        endpoint::{Endpoint, EndpointKey, EndpointState},
        event::{Event, EventPosition},
        history::Name,
        id::{EndpointId, EventId},
    },
    sim::{
        apart::Apart, ledger::BatchFacts, numbered::Numbered, oracles::apart::application_of,
        seen::Moment, witness::Witness,
    },
    store::Reads,
    time::Timestamp,
};

/// What the neighbours are owed.
#[derive(Debug, Default)]
pub(in crate::sim) struct SeenServed {
    of: BTreeMap<ApplicationKey, Served>,
}

/// What was seen of one of them. Endpoints are bits by their ordinals; those beyond are not looked at.
#[derive(Debug, Default)]
struct Served {
    names: Vec<(u32, EndpointId)>,
    /// Those that take what comes, and those that ever failed.
    enabled: u64,
    failed: u64,
    events: Numbered<EventPosition, ServedEvent>,
}

/// What was seen of one event.
#[derive(Debug)]
struct ServedEvent {
    id: EventId,
    /// Where it has not ended, and who said to have it.
    owed: u64,
    got: u64,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Succeeded,
    Exhausted,
    Expired,
}

/// The bit of an endpoint; none of those beyond.
const fn bit(ordinal: u32) -> u64 {
    match 1_u64.checked_shl(ordinal) {
        Some(bit) => bit,
        None => 0,
    }
}

impl Served {
    fn endpoint(&mut self, endpoint: &Endpoint) {
        self.names.push((endpoint.key.ordinal, endpoint.id));
        self.state(endpoint.key.ordinal, endpoint.state);
    }

    fn state(&mut self, ordinal: u32, state: EndpointState) {
        match state {
            EndpointState::Enabled => self.enabled |= bit(ordinal),
            EndpointState::Disabled(_) | EndpointState::Deleted => self.enabled &= !bit(ordinal),
        }
    }

    fn event(&mut self, event: &Event, owed: u64) {
        let seen = ServedEvent {
            id: event.id,
            owed,
            got: 0,
        };
        self.events.insert(event.position, seen);
    }

    /// The name of an endpoint.
    fn name(&self, ordinal: u32) -> EndpointId {
        let mut names = self.names.iter();
        let found = names.find(|(of, _)| *of == ordinal);
        found.map(|(_, id)| *id).unwrap_or_default()
    }

    /// A delivery has ended; what is wrong with that.
    fn ends(&mut self, ordinal: u32, position: EventPosition, how: Ended) -> Option<Apart> {
        let endpoint = self.name(ordinal);
        let seen = self.events.get_mut(&position)?;
        let (event, of) = (seen.id, bit(ordinal));
        let was_owed = seen.owed & of != 0 || of == 0;
        seen.owed &= !of;
        let is_known = match how {
            Ended::Succeeded => seen.got & of != 0,
            Ended::Exhausted => self.failed & of != 0,
            Ended::Expired => true,
        };
        if !was_owed {
            Some(Apart::EndedTwice { event, endpoint })
        } else if !is_known && of != 0 {
            Some(Apart::MadeUp { event, endpoint })
        } else {
            None
        }
    }
}

impl SeenServed {
    /// An attempt ended, and the process that made it heard of it.
    pub(in crate::sim) fn heard(
        &mut self,
        endpoint: EndpointKey,
        position: EventPosition,
        is_success: bool,
    ) {
        let served = self.of.entry(endpoint.application).or_default();
        let of = bit(endpoint.ordinal);
        if !is_success {
            served.failed |= of;
        } else if let Some(seen) = served.events.get_mut(&position) {
            seen.got |= of;
        }
    }
}

impl Witness {
    /// What is durable of neighbours, by what the store said to each change.
    pub(in crate::sim) fn neighbours_durable(
        &mut self,
        facts: &BatchFacts,
        results: &[ChangeResult],
    ) {
        if !self.neighbours.are_there() {
            return;
        }
        let mut found = Vec::new();
        for (place, change) in &facts.changes {
            let is_fresh = results.get(*place) == Some(&ChangeResult::Fresh);
            let of = application_of(change).filter(|of| !self.neighbours.is_watched(*of));
            let (true, Some(of)) = (is_fresh, of) else {
                continue;
            };
            let served = self.neighbours.served.of.entry(of).or_default();
            match change {
                Change::PutEndpoint { endpoint, .. } => served.endpoint(endpoint),
                Change::SetEndpointState {
                    endpoint, state, ..
                } => served.state(endpoint.ordinal, *state),
                Change::DeleteEndpoint { endpoint, .. } => {
                    served.state(endpoint.ordinal, EndpointState::Deleted);
                }
                Change::PutEvent(event) => served.event(event, served.enabled),
                Change::Expire { endpoint, position } => {
                    found.extend(served.ends(endpoint.ordinal, *position, Ended::Expired));
                }
                _ => {}
            }
        }
        for record in &facts.attempts {
            let of = record.endpoint.application;
            let how = match record.result {
                AttemptResult::Succeeded => Ended::Succeeded,
                AttemptResult::Exhausted => Ended::Exhausted,
                AttemptResult::RetryAt(_) | AttemptResult::Failed => continue,
            };
            if !self.neighbours.is_watched(of) {
                let served = self.neighbours.served.of.entry(of).or_default();
                found.extend(served.ends(record.endpoint.ordinal, record.position, how));
            }
        }
        for violation in found {
            self.object(violation.into());
        }
    }

    /// Of a group that nobody knows about the store tells what is durable of neighbours.
    pub(in crate::sim) fn neighbours_reconciled(
        &mut self,
        store: &dyn Reads,
        facts: &BatchFacts,
        now: Moment,
    ) {
        if !self.neighbours.are_there() {
            return;
        }
        for (_, change) in &facts.changes {
            let of = application_of(change).filter(|of| !self.neighbours.is_watched(*of));
            if let Some(of) = of {
                self.neighbour_reconciled(store, of, change, now.real);
            }
        }
        for record in &facts.attempts {
            let (endpoint, position) = (record.endpoint, record.position);
            if !self.neighbours.is_watched(endpoint.application) {
                self.end_reconciled(store, endpoint, position);
            }
        }
    }

    fn neighbour_reconciled(
        &mut self,
        store: &dyn Reads,
        of: ApplicationKey,
        change: &Change,
        at: Timestamp,
    ) {
        let served = self.neighbours.served.of.entry(of).or_default();
        match change {
            Change::PutEndpoint { endpoint, .. } => {
                let known = store.endpoint(of, &Name::Id(endpoint.id.id()));
                if let Ok(Some(known)) = known {
                    served.endpoint(&known);
                }
            }
            Change::SetEndpointState { endpoint, .. } | Change::DeleteEndpoint { endpoint, .. } => {
                let known = store.endpoints(of, endpoint.ordinal, 1).unwrap_or_default();
                if let Some(known) = known.first() {
                    served.state(endpoint.ordinal, known.state);
                }
            }
            Change::PutEvent(event) => {
                let known = store.event(of, &Name::Id(event.id.id()));
                let is_there = known.is_ok_and(|known| known.is_some());
                if is_there && served.events.get(&event.position).is_none() {
                    let owed = served.names.iter().filter(|(ordinal, _)| {
                        let ordinal = *ordinal;
                        let endpoint = EndpointKey {
                            application: of,
                            ordinal,
                        };
                        let state = store.delivery_state(endpoint, event.position);
                        state.is_ok_and(|state| state.is_some_and(|state| !state.is_terminal()))
                    });
                    let owed = owed.fold(0, |owed, (ordinal, _)| owed | bit(*ordinal));
                    served.event(event, owed);
                }
            }
            Change::Expire { endpoint, position } => {
                self.end_reconciled(store, *endpoint, *position);
            }
            Change::UpdateApplication(application) => {
                let known = store.application(&Name::Id(application.id.id()));
                let known = known.ok().flatten();
                if known.is_some_and(|known| known.is_deleted) {
                    self.neighbours.deleted(of, at);
                }
            }
            _ => {}
        }
    }

    /// Whether a delivery has ended is asked of the store.
    fn end_reconciled(
        &mut self,
        store: &dyn Reads,
        endpoint: EndpointKey,
        position: EventPosition,
    ) {
        let state = store.delivery_state(endpoint, position);
        let has_ended = state.is_ok_and(|state| state.is_some_and(|state| state.is_terminal()));
        let served = self.neighbours.served.of.get_mut(&endpoint.application);
        let seen = served.and_then(|served| served.events.get_mut(&position));
        if let Some(seen) = seen.filter(|_| has_ended) {
            seen.owed &= !bit(endpoint.ordinal);
        }
    }

    /// At the end each event of a neighbour has ended everywhere, unless its application was deleted.
    pub(in crate::sim) fn judge_neighbours_served(&mut self) {
        let deleted = &self.neighbours.deleted;
        let all = self.neighbours.served.of.iter();
        let left = all.filter(|(application, _)| !deleted.contains_key(application));
        let missing = left.flat_map(|(_, served)| {
            let open = served.events.values().filter(|seen| seen.owed != 0);
            open.map(|seen| Apart::NotEnded {
                event: seen.id,
                endpoint: served.name(seen.owed.trailing_zeros()),
            })
        });
        let missing: Vec<Apart> = missing.collect();
        for violation in missing {
            self.object(violation.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_counts_once_and_only_if_somebody_said_so() {
        let position = EventPosition::default();
        let mut served = Served::default();
        served.events.insert(
            position,
            ServedEvent {
                id: EventId::default(),
                owed: 0b111,
                got: 0b001,
            },
        );
        let (event, endpoint) = (EventId::default(), EndpointId::default());
        let made_up = Some(Apart::MadeUp { event, endpoint });
        assert_eq!(served.ends(0, position, Ended::Succeeded), None);
        let twice = Some(Apart::EndedTwice { event, endpoint });
        assert_eq!(served.ends(0, position, Ended::Expired), twice);
        assert_eq!(served.ends(1, position, Ended::Succeeded), made_up);
        assert_eq!(served.ends(2, position, Ended::Exhausted), made_up);
        let left = served.events.get(&position).map(|seen| seen.owed);
        assert_eq!(left, Some(0));
        // Nothing is said of those beyond.
        assert_eq!(served.ends(64, position, Ended::Succeeded), None);
    }
}
