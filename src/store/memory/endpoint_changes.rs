//! Endpoints that change and go.

use std::sync::Arc;

use super::data::DataShard;
use crate::domain::{
    change::{Change, ChangeResult, UniqueKey},
    circuit::Circuit,
    delivery::Resend,
    endpoint::{Endpoint, EndpointKey, EndpointState},
    event::EventPosition,
};

impl DataShard {
    /// Puts an endpoint in the place of the revision before it, unless a name of it is taken.
    pub(super) fn update_endpoint(&mut self, endpoint: Arc<Endpoint>) -> ChangeResult {
        let Some(known) = self.endpoint(endpoint.key) else {
            return ChangeResult::Stale;
        };
        let known = Arc::clone(known.endpoint());
        if known.is_deleted() || known.revision().saturating_add(1) != endpoint.revision() {
            return ChangeResult::Stale;
        }
        let id = endpoint.id.id();
        let names = UniqueKey::of_endpoint(&endpoint);
        let owners = names.iter().filter_map(|name| self.unique.get(name));
        if let Some(owner) = owners.copied().find(|owner| *owner != id) {
            return ChangeResult::Existing(owner);
        }
        for name in UniqueKey::of_endpoint(&known) {
            self.unique.remove(&name);
        }
        self.unique.extend(names.into_iter().map(|name| (name, id)));
        if let Some(rows) = self.endpoint_mut(endpoint.key) {
            rows.replace(endpoint);
        }
        ChangeResult::Fresh
    }

    /// Writes that an attempt is owed, if there is such an endpoint, and something to send.
    pub(super) fn put_resend(&mut self, row: Resend) -> ChangeResult {
        let rows = self.applications.get(&row.endpoint.application);
        let event = rows.and_then(|rows| rows.events.get(row.position));
        if event.is_some_and(|event| event.expunged) {
            return ChangeResult::Stale;
        }
        let rows = self.endpoint_mut(row.endpoint);
        if let Some(rows) = rows.filter(|rows| !rows.endpoint().is_deleted()) {
            rows.resends.insert(row.position, row);
        }
        ChangeResult::Fresh
    }

    /// Applies a change of what is kept beside the deliveries of an endpoint.
    pub(super) fn change_beside(&mut self, change: &Change) {
        match change {
            Change::DeleteResend { endpoint, position } => {
                if let Some(rows) = self.endpoint_mut(*endpoint) {
                    rows.resends.remove(position);
                }
            }
            Change::PutOrdered {
                endpoint,
                position,
                order,
            } => {
                if let Some(rows) = self.endpoint_mut(*endpoint) {
                    rows.put_ordered(*position, *order);
                }
            }
            // No other is of this kind.
            _ => {}
        }
    }

    /// Writes what is kept of the circuit of an endpoint that there is.
    pub(super) fn put_circuit(&mut self, endpoint: EndpointKey, circuit: Option<Circuit>) {
        let rows = self.endpoint_mut(endpoint);
        if let Some(rows) = rows.filter(|rows| !rows.endpoint().is_deleted()) {
            rows.circuit = circuit;
        }
    }

    /// Ends an endpoint, unless it has ended; its row stays for the history of what it got.
    pub(super) fn delete_endpoint(
        &mut self,
        key: EndpointKey,
        from: EventPosition,
    ) -> ChangeResult {
        let known = self.endpoint(key);
        if known.is_none_or(|rows| rows.endpoint().is_deleted()) {
            return ChangeResult::Stale;
        }
        self.put_lane(key, None);
        let Some(rows) = self.endpoint_mut(key) else {
            return ChangeResult::Stale;
        };
        rows.set_state(EndpointState::Deleted, from);
        rows.resends.clear();
        for name in UniqueKey::of_endpoint(&Arc::clone(rows.endpoint())) {
            self.unique.remove(&name);
        }
        ChangeResult::Fresh
    }
}
