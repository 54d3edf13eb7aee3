//! The directory's rows: applications, found by id and by `uid`, and listed by id.

use std::sync::Arc;

use super::{
    fault::Fault,
    keys,
    memory::Memory,
    names, rows,
    tables::{Reading, TableName, Writing},
};
use crate::domain::{
    application::Application,
    change::ChangeResult,
    history::{HistoryQuery, Name, Order},
    id::{Id, ShardId},
};

/// Writes an application unless its `uid` is taken.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    application: &Arc<Application>,
) -> Result<ChangeResult, Fault> {
    let id = application.id.id();
    let leads_to = names::to_application(id, application.key);
    if let Some(uid) = &application.uid {
        let name = names::application_uid(uid);
        let existing = writing.read(TableName::Names, &name, |value| {
            names::application(value).ok_or_else(|| Fault::damaged("a name"))
        })?;
        if let Some((existing, _)) = existing {
            return Ok(ChangeResult::Existing(existing));
        }
        writing.put(TableName::Names, &name, &leads_to)?;
    }
    writing.put(TableName::Names, &names::application_id(id), &leads_to)?;
    let key = keys::application(application.key);
    let row = rows::application_row(application)?;
    writing.put(TableName::Applications, &key, &row)?;
    memory.note_id(ShardId::DIRECTORY, id);
    Ok(ChangeResult::Fresh)
}

/// Puts an application in the place of the revision before it, unless its `uid` is taken.
pub(super) fn update(
    writing: &mut Writing<'_>,
    application: &Arc<Application>,
) -> Result<ChangeResult, Fault> {
    let id = application.id.id();
    let key = keys::application(application.key);
    let known = writing.read(TableName::Applications, &key, |row| {
        rows::application(application.key, row)
    })?;
    let known = known.filter(|known| known.revision.saturating_add(1) == application.revision);
    let Some(known) = known else {
        return Ok(ChangeResult::Stale);
    };
    if known.uid != application.uid {
        if let Some(uid) = &application.uid {
            let name = names::application_uid(uid);
            let existing = writing.read(TableName::Names, &name, |value| {
                names::application(value).ok_or_else(|| Fault::damaged("a name"))
            })?;
            if let Some((existing, _)) = existing {
                return Ok(ChangeResult::Existing(existing));
            }
            let leads_to = names::to_application(id, application.key);
            writing.put(TableName::Names, &name, &leads_to)?;
        }
        if let Some(uid) = &known.uid {
            writing.remove(TableName::Names, &names::application_uid(uid))?;
        }
    }
    let row = rows::application_row(application)?;
    writing.put(TableName::Applications, &key, &row)?;
    Ok(ChangeResult::Fresh)
}

/// The application of this name.
pub(super) fn application(
    reading: &mut Reading,
    name: &Name,
) -> Result<Option<Arc<Application>>, Fault> {
    let key = match name {
        Name::Id(id) => names::application_id(*id),
        Name::Uid(uid) => names::application_uid(uid),
    };
    let found = reading.read(TableName::Names, &key, |row| Ok(names::application(row)))?;
    let Some((_, key)) = found.flatten() else {
        return Ok(None);
    };
    let row = keys::application(key);
    reading.read(TableName::Applications, &row, |row| {
        Ok(Arc::new(rows::application(key, row)?))
    })
}

/// The applications that a query asks for, in its order.
pub(super) fn applications(
    reading: &mut Reading,
    query: HistoryQuery,
) -> Result<Vec<Arc<Application>>, Fault> {
    let above = query.above.unwrap_or_default();
    let below = query.below.unwrap_or(Id::from_value(u128::MAX));
    let (from, until) = (names::application_id(above), names::application_id(below));
    let backwards = query.order == Order::NewestFirst;
    let mut keys = Vec::new();
    reading.scan(TableName::Names, (&from, &until), backwards, |_, row| {
        let found = names::application(row).ok_or_else(|| Fault::damaged("a name"))?;
        if query.contains(found.0) {
            keys.push(found.1);
        }
        Ok(keys.len() < query.limit)
    })?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let row = keys::application(key);
        found.extend(reading.read(TableName::Applications, &row, |row| {
            Ok(Arc::new(rows::application(key, row)?))
        })?);
    }
    Ok(found)
}
