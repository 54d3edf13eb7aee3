//! Taking payloads and reply bodies away.

use std::sync::Arc;

use super::data::DataShard;
use crate::domain::{
    application::ApplicationKey, endpoint::EndpointKey, event::EventPosition, id::AttemptId,
};

impl DataShard {
    /// The payload of an event goes, and with it the rows of its open deliveries.
    pub(super) fn expunge(&mut self, application: ApplicationKey, position: EventPosition) {
        let Some(rows) = self.applications.get_mut(&application) else {
            return;
        };
        let Some(row) = rows.events.get_mut(position) else {
            return;
        };
        let volume = self.retention.volume_of(row.ended.is_some());
        volume.bytes -= row.event.payload.bytes.len();
        row.event = Arc::new(row.event.without_payload());
        row.expunged = true;
        let ordinals: Vec<u32> = rows.endpoints.keys().copied().collect();
        for ordinal in ordinals {
            let endpoint = EndpointKey {
                application,
                ordinal,
            };
            self.delete_open(endpoint, position);
        }
    }

    /// The body of a reply goes.
    pub(super) fn expunge_attempt(
        &mut self,
        application: ApplicationKey,
        position: EventPosition,
        attempt: AttemptId,
    ) {
        let rows = self.applications.get_mut(&application);
        let Some(row) = rows.and_then(|rows| rows.events.get_mut(position)) else {
            return;
        };
        let mut records = row.attempts.iter_mut();
        if let Some(record) = records.find(|record| record.id == attempt) {
            let bytes = record.body.len();
            record.body.clear();
            row.body_bytes -= bytes;
            self.retention.volume_of(row.ended.is_some()).bytes -= bytes;
        }
    }
}
