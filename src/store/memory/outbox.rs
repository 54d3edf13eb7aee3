//! The outbox: what is told to other shards.

use std::sync::Arc;

use super::data::DataShard;
use crate::{
    domain::{
        change::{Change, ChangeResult},
        outbox::OutboxRow,
    },
    time::Now,
};

impl DataShard {
    /// Applies a change, and writes that another shard is told of it if it was written.
    pub(super) fn change_told(
        &mut self,
        change: Change,
        row: Arc<OutboxRow>,
        now: Now,
    ) -> ChangeResult {
        let result = self.change(change, now);
        if result == ChangeResult::Fresh {
            self.put_outbox(row);
        }
        result
    }

    /// Writes a row of the outbox.
    pub(super) fn put_outbox(&mut self, row: Arc<OutboxRow>) {
        self.last_id = self.last_id.max(row.id);
        self.outbox.insert(row.id, row);
    }
}
