//! Rows of endpoints and the names that lead to them.

use std::sync::Arc;

use super::{
    endpoint_row,
    fault::Fault,
    keys::{self, Reader},
    memory::{ALL, Memory},
    names, resends,
    tables::{Reading, TableName, Writing},
    vault::VaultError,
};
use crate::domain::{
    application::ApplicationKey,
    change::{ChangeResult, UniqueKey},
    endpoint::{Endpoint, EndpointKey, EndpointState},
    event::EventPosition,
    history::{HistoryQuery, Name, Order},
    id::Id,
};

/// Writes an endpoint unless its key is taken.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    endpoint: &Arc<Endpoint>,
    unique: Option<&UniqueKey>,
) -> Result<ChangeResult, Fault> {
    let (id, key) = (endpoint.id.id(), endpoint.key);
    let leads_to = names::to_endpoint(id, key);
    if let Some(unique) = unique {
        let name = names::unique(unique);
        if let Some(existing) = owner(writing, &name)? {
            return Ok(ChangeResult::Existing(existing));
        }
        writing.put(TableName::Names, &name, &leads_to)?;
    }
    writing.put(TableName::Names, &names::endpoint_id(id), &leads_to)?;
    let row = endpoint_row::endpoint_row(&writing.vault, endpoint)?;
    writing.put(TableName::Endpoints, &keys::endpoint(key), &row)?;
    memory.note_id(key.application.shard, id);
    // So that the application is found when its shard is acquired, though it has no event yet.
    memory.progress(key.application);
    memory.dirty.applications.insert(key.application);
    Ok(ChangeResult::Fresh)
}

/// The endpoint that a name leads to.
fn owner(writing: &mut Writing<'_>, name: &[u8]) -> Result<Option<Id>, Fault> {
    let found = writing.read(TableName::Names, name, |value| {
        names::endpoint(value).ok_or_else(|| Fault::damaged("a name"))
    })?;
    Ok(found.map(|(id, _)| id))
}

/// Puts an endpoint in the place of the revision before it, unless a name of it is taken.
pub(super) fn update(
    writing: &mut Writing<'_>,
    endpoint: &Arc<Endpoint>,
) -> Result<ChangeResult, Fault> {
    let known = endpoint_at(writing, endpoint.key)?;
    let is_next = |known: &Endpoint| known.revision().saturating_add(1) == endpoint.revision();
    let Some(known) = known.filter(|known| !known.is_deleted() && is_next(known)) else {
        return Ok(ChangeResult::Stale);
    };
    let id = endpoint.id.id();
    let names = UniqueKey::of_endpoint(endpoint);
    for name in &names {
        let existing = owner(writing, &names::unique(name))?;
        if let Some(existing) = existing.filter(|existing| *existing != id) {
            return Ok(ChangeResult::Existing(existing));
        }
    }
    for name in UniqueKey::of_endpoint(&known) {
        writing.remove(TableName::Names, &names::unique(&name))?;
    }
    let leads_to = names::to_endpoint(id, endpoint.key);
    for name in &names {
        writing.put(TableName::Names, &names::unique(name), &leads_to)?;
    }
    let row = endpoint_row::endpoint_row(&writing.vault, endpoint)?;
    writing.put(TableName::Endpoints, &keys::endpoint(endpoint.key), &row)?;
    Ok(ChangeResult::Fresh)
}

/// Ends an endpoint; its row stays for the history of what it got.
pub(super) fn delete(
    writing: &mut Writing<'_>,
    key: EndpointKey,
    from: EventPosition,
) -> Result<ChangeResult, Fault> {
    let known = endpoint_at(writing, key)?;
    let Some(known) = known.filter(|known| !known.is_deleted()) else {
        return Ok(ChangeResult::Stale);
    };
    for name in UniqueKey::of_endpoint(&known) {
        writing.remove(TableName::Names, &names::unique(&name))?;
    }
    resends::delete_all(writing, key)?;
    set_state(writing, key, EndpointState::Deleted, from)?;
    Ok(ChangeResult::Fresh)
}

pub(super) fn endpoint_at(
    writing: &mut Writing<'_>,
    key: EndpointKey,
) -> Result<Option<Endpoint>, Fault> {
    let vault = Arc::clone(&writing.vault);
    writing.read(TableName::Endpoints, &keys::endpoint(key), |row| {
        endpoint_row::endpoint(&vault, key, row)
    })
}

/// Puts an endpoint into a state.
pub(super) fn set_state(
    writing: &mut Writing<'_>,
    endpoint: EndpointKey,
    state: EndpointState,
    from: EventPosition,
) -> Result<(), Fault> {
    let key = keys::endpoint(endpoint);
    if let Some(mut known) = endpoint_at(writing, endpoint)? {
        known.set_state(state, from);
        let row = endpoint_row::endpoint_row(&writing.vault, &known)?;
        writing.put(TableName::Endpoints, &key, &row)?;
    }
    Ok(())
}

/// Whether the vault opens every secret that is sealed in the file; what it says of the first one
/// that it does not.
pub(super) fn unlock(reading: &mut Reading) -> Result<Result<(), VaultError>, Fault> {
    let vault = Arc::clone(&reading.vault);
    let mut unlocked = Ok(());
    reading.scan(TableName::Endpoints, ALL, false, |key, row| {
        let key = Reader(key).endpoint();
        let key = key.ok_or_else(|| Fault::damaged("the table of endpoints"))?;
        unlocked = endpoint_row::unlocks(&vault, key, row)?;
        Ok(unlocked.is_ok())
    })?;
    Ok(unlocked)
}

/// Endpoints of an application in the order of their ids, which is that of their ordinals.
pub(super) fn by_id(
    reading: &mut Reading,
    application: ApplicationKey,
    query: HistoryQuery,
) -> Result<Vec<Arc<Endpoint>>, Fault> {
    // Where an end of the query is an endpoint of this application its ordinal bounds the search.
    let mut bounds = [0, u32::MAX];
    for (bound, id) in bounds.iter_mut().zip([query.above, query.below]) {
        let Some(id) = id else {
            continue;
        };
        let name = names::endpoint_id(id);
        let found = reading.read(TableName::Names, &name, |row| Ok(names::endpoint(row)))?;
        let key = found.flatten().map(|(_, key)| key);
        if let Some(key) = key.filter(|key| key.application == application) {
            *bound = key.ordinal;
        }
    }
    let key = |ordinal| {
        keys::endpoint(EndpointKey {
            application,
            ordinal,
        })
    };
    let [first, last] = bounds.map(key);
    let is_backwards = query.order == Order::NewestFirst;
    let vault = Arc::clone(&reading.vault);
    let mut found = Vec::new();
    reading.scan(
        TableName::Endpoints,
        (&first, &last),
        is_backwards,
        |key, row| {
            let key = Reader(key).endpoint();
            let key = key.ok_or_else(|| Fault::damaged("the table of endpoints"))?;
            let endpoint = endpoint_row::endpoint(&vault, key, row)?;
            if query.contains(endpoint.id.id()) {
                found.push(Arc::new(endpoint));
            }
            Ok(found.len() < query.limit)
        },
    )?;
    Ok(found)
}

/// The endpoint of an application that has this name.
pub(super) fn named(
    reading: &mut Reading,
    application: ApplicationKey,
    name: &Name,
) -> Result<Option<Arc<Endpoint>>, Fault> {
    let key = match name {
        Name::Id(id) => names::endpoint_id(*id),
        Name::Uid(uid) => names::unique(&UniqueKey::EndpointUid {
            application,
            uid: Arc::clone(uid),
        }),
    };
    let found = reading.read(TableName::Names, &key, |row| Ok(names::endpoint(row)))?;
    let found = found.flatten().map(|(_, key)| key);
    let Some(key) = found.filter(|key| key.application == application) else {
        return Ok(None);
    };
    let vault = Arc::clone(&reading.vault);
    reading.read(TableName::Endpoints, &keys::endpoint(key), |row| {
        Ok(Arc::new(endpoint_row::endpoint(&vault, key, row)?))
    })
}
