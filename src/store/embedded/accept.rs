//! Whether a batch can be applied as a whole: its rows are its shard's, its places are free. What an
//! engine that keeps the contract never sends is refused before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fault::Fault,
    keys,
    memory::Memory,
    tables::{TableName, Writing},
};
use crate::domain::{
    application::ApplicationKey,
    change::{Batch, Change},
    event::EventPosition,
    id::ShardId,
};

/// Whether all of a batch can be applied.
pub(super) fn accepts(
    writing: &mut Writing<'_>,
    memory: &Memory,
    batch: &Batch,
) -> Result<bool, Fault> {
    if batch.shard == ShardId::DIRECTORY {
        let foreign = |change: &Change| !matches!(change, Change::PutApplication(_));
        return Ok(batch.attempts.is_empty() && !batch.changes.iter().any(foreign));
    }
    let in_shard = |application: ApplicationKey| application.shard == batch.shard;
    let mut next_positions: BTreeMap<ApplicationKey, EventPosition> = BTreeMap::new();
    let mut new_endpoints = BTreeSet::new();
    for change in &batch.changes {
        let fits = match change {
            Change::PutApplication(_) => false,
            Change::PutEndpoint { endpoint, .. } => {
                let key = endpoint.key;
                in_shard(key.application)
                    && new_endpoints.insert(key)
                    && !writing.has(TableName::Endpoints, &keys::endpoint(key))?
            }
            Change::PutEvent(event) => {
                let next = next_positions.entry(event.application).or_insert_with(|| {
                    let progress = memory.progress_of(event.application);
                    progress.map_or_else(EventPosition::default, |known| known.next_position)
                });
                let free = in_shard(event.application) && event.position >= *next;
                *next = event.position.plus(1);
                free
            }
            Change::PutOpen(row) => in_shard(row.endpoint.application),
            Change::SetEndpointState { endpoint, .. }
            | Change::DeleteOpen { endpoint, .. }
            | Change::Expire { endpoint, .. }
            | Change::PutLane { endpoint, .. }
            | Change::DeleteLane { endpoint } => in_shard(endpoint.application),
            Change::Watermark { application, .. } => in_shard(*application),
        };
        if !fits {
            return Ok(false);
        }
    }
    let mut attempts = batch.attempts.iter();
    Ok(attempts.all(|record| in_shard(record.endpoint.application)))
}
