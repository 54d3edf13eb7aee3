//! Whether a batch of a data shard can be applied as a whole: its rows are its shard's, its places
//! are free. What an engine that keeps the contract never sends is refused before anything is
//! written, by every store alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    application::ApplicationKey,
    change::{Batch, Change},
    endpoint::EndpointKey,
    event::EventPosition,
    id::ShardId,
};

/// Whether a change belongs to the directory.
pub(super) fn is_of_directory(change: &Change) -> bool {
    match change {
        Change::PutApplication(_)
        | Change::UpdateApplication(_)
        | Change::PutRecord(_)
        | Change::DeleteRecord { .. } => true,
        Change::Once(_, change) => change.done_once().is_some() && is_of_directory(change),
        Change::Refuse(shard) => *shard == ShardId::DIRECTORY,
        _ => false,
    }
}

/// What of a store decides it.
pub(super) trait Places {
    /// Why a look failed.
    type Error;

    /// Whether there is such an endpoint.
    fn has_endpoint(&mut self, endpoint: EndpointKey) -> Result<bool, Self::Error>;

    /// The first position of an application that no event ever had.
    fn next_position(&self, application: ApplicationKey) -> EventPosition;
}

/// Whether all of a batch can be applied.
pub(super) fn accepts<P: Places>(places: &mut P, batch: &Batch) -> Result<bool, P::Error> {
    let in_shard = |application: ApplicationKey| application.shard == batch.shard;
    let mut next_positions: BTreeMap<ApplicationKey, EventPosition> = BTreeMap::new();
    let mut new_endpoints = BTreeSet::new();
    for change in &batch.changes {
        if let Change::Once(_, change) = change
            && change.done_once().is_none()
        {
            return Ok(false);
        }
        if let Some(row) = change.told()
            && row.id.shard() != batch.shard
        {
            return Ok(false);
        }
        let fits = match change.bare() {
            Change::PutApplication(_)
            | Change::UpdateApplication(_)
            | Change::PutRecord(_)
            | Change::DeleteRecord { .. }
            | Change::Told(..)
            | Change::Once(..) => false,
            Change::PutOutbox(_) => true,
            Change::DeleteOutbox(id) => id.shard() == batch.shard,
            Change::PutEndpoint { endpoint, .. } => {
                let key = endpoint.key;
                in_shard(key.application)
                    && new_endpoints.insert(key)
                    && !places.has_endpoint(key)?
            }
            Change::PutEvent(event) => {
                let next = next_positions
                    .entry(event.application)
                    .or_insert_with(|| places.next_position(event.application));
                let free = in_shard(event.application) && event.position >= *next;
                *next = event.position.plus(1);
                free
            }
            Change::SetAside(entry) => in_shard(entry.endpoint.application),
            Change::PutTask(task) | Change::UpdateTask(task) => in_shard(task.endpoint.application),
            Change::UpdateEndpoint(endpoint) => in_shard(endpoint.key.application),
            Change::PutOpen(row) => in_shard(row.endpoint.application),
            Change::PutResend(row) => in_shard(row.endpoint.application),
            Change::SetEndpointState { endpoint, .. }
            | Change::DeleteEndpoint { endpoint, .. }
            | Change::DeleteOpen { endpoint, .. }
            | Change::DeleteResend { endpoint, .. }
            | Change::PutOrdered { endpoint, .. }
            | Change::Expire { endpoint, .. }
            | Change::PutLane { endpoint, .. }
            | Change::PutCircuit { endpoint, .. }
            | Change::DeleteLane { endpoint } => in_shard(endpoint.application),
            Change::Watermark { application, .. }
            | Change::Expunge { application, .. }
            | Change::ExpungeAttempt { application, .. } => in_shard(*application),
            Change::Refuse(shard) => *shard == batch.shard,
        };
        if !fits {
            return Ok(false);
        }
    }
    let mut attempts = batch.attempts.iter();
    Ok(attempts.all(|record| in_shard(record.endpoint.application)))
}
