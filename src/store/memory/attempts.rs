//! Writing attempt records: the busiest path of the store.

use bytes::Bytes;

use super::{data::DataShard, event_log::Chunk};
use crate::domain::attempt::AttemptRecord;

impl DataShard {
    /// Hangs each record on its event; records of forgotten events go.
    ///
    /// One search serves a run of neighbours. Where the bytes of open events already fill the
    /// store, the reply's body is left out: it is the one part of a record that nothing needs.
    pub(super) fn record(&mut self, attempts: &mut Vec<AttemptRecord>) {
        let mut records = attempts.drain(..);
        while let Some(first) = records.as_slice().first() {
            let (application, position) = (first.endpoint.application, first.position);
            let of_run = |record: &&AttemptRecord| {
                record.endpoint.application == application
                    && Chunk::is_shared(record.position, position)
            };
            let run = records.as_slice().iter().take_while(of_run).count();
            let rows = self.applications.get_mut(&application);
            let room = rows.as_ref().map_or(0, |rows| rows.events.room());
            let mut chunk = rows.and_then(|rows| rows.events.chunk_mut(position));
            for mut record in records.by_ref().take(run) {
                self.last_id = self.last_id.max(record.id.id());
                let chunk = chunk.as_mut();
                let Some(row) = chunk.and_then(|chunk| chunk.get_mut(record.position)) else {
                    continue;
                };
                if !self.retention.has_room_for_body(record.body.len()) {
                    record.body.clear();
                }
                // A copy: what is kept here for long is no longer part of what waits to be written.
                if !record.body.is_empty() {
                    record.body = Bytes::copy_from_slice(&record.body);
                }
                let volume = self.retention.volume_of(row.ended.is_some());
                volume.attempts += 1;
                volume.bytes += record.body.len();
                row.body_bytes += record.body.len();
                if row.attempts.capacity() == 0 {
                    row.attempts.reserve_exact(room);
                }
                row.attempts.push(record);
            }
        }
    }
}
