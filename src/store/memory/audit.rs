//! What was done by hand with deliveries, and who did it.

use std::sync::Arc;

use super::{data::DataShard, history::part};
use crate::domain::{
    audit::AuditEntry, change::ChangeResult, delivery::OtherEnd, endpoint::EndpointKey,
    event::EventPosition, history::HistoryQuery,
};

impl DataShard {
    /// Ends a delivery that has a row, and notes who did it.
    pub(super) fn set_aside(&mut self, entry: Arc<AuditEntry>) -> ChangeResult {
        let (endpoint, position) = (entry.endpoint, entry.position);
        self.last_id = self.last_id.max(entry.id.id());
        let rows = self.endpoint(endpoint);
        if rows.is_none_or(|rows| rows.due_of(position).is_none()) {
            return ChangeResult::Stale;
        }
        self.delete_open(endpoint, position);
        let rows = self.applications.get_mut(&endpoint.application);
        let Some(row) = rows.and_then(|rows| rows.events.get_mut(position)) else {
            return ChangeResult::Stale;
        };
        row.ends_so(endpoint.ordinal, OtherEnd::SetAside(entry.act));
        row.audit.push(entry);
        ChangeResult::Fresh
    }

    /// A part of what was done by hand with deliveries of an endpoint.
    pub(super) fn audit(&self, endpoint: EndpointKey, query: HistoryQuery) -> Vec<AuditEntry> {
        let rows = self.applications.get(&endpoint.application);
        let events = rows.map(|rows| rows.events.from(EventPosition::default()));
        let entries = events.into_iter().flatten().flat_map(|row| &row.audit);
        let of_endpoint = entries.filter(|entry| entry.endpoint == endpoint);
        let asked = of_endpoint.filter(|entry| query.contains(entry.id.id()));
        let mut asked: Vec<_> = asked.map(|entry| AuditEntry::clone(entry)).collect();
        asked.sort_unstable_by_key(|entry| entry.id);
        part(asked, query)
    }
}
