//! The directory shard: the applications, unique by their `uid`.

use std::{collections::BTreeMap, sync::Arc};

use super::once::Keys;
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        change::{Batch, Change, ChangeResult},
        history::{HistoryQuery, Name, Order},
        id::Id,
        page::ShardState,
        record::{Record, RecordKind},
    },
    store::accept::is_of_directory,
    time::Now,
};

/// All applications.
#[derive(Debug, Default)]
pub(super) struct Directory {
    applications: BTreeMap<ApplicationKey, Arc<Application>>,
    by_uid: BTreeMap<Arc<str>, Id>,
    records: BTreeMap<(RecordKind, Arc<str>), Arc<Record>>,
    keys: Keys,
    last_id: Id,
}

impl Directory {
    /// Applies a batch; false, and nothing changed, if it holds what no directory has.
    pub(super) fn apply(&mut self, batch: &mut Batch) -> bool {
        if !batch.attempts.is_empty() || !batch.changes.iter().all(is_of_directory) {
            return false;
        }
        for change in batch.changes.drain(..) {
            batch.results.push(self.change(change, batch.now));
        }
        true
    }

    /// Applies one change.
    fn change(&mut self, change: Change, now: Now) -> ChangeResult {
        match change {
            Change::PutApplication(application) => self.put(application),
            Change::UpdateApplication(application) => self.update(application),
            Change::PutRecord(record) => self.put_record(record),
            Change::DeleteRecord {
                kind,
                name,
                revision,
            } => self.delete_record(&(kind, name), revision),
            Change::Once(once, change) => {
                if let Some(result) = self.keys.judge(&once, now) {
                    return result;
                }
                let asked = change.done_once();
                let result = self.change(*change, now);
                self.keys.note(&once, asked, result);
                result
            }
            // `is_of_directory` let no other through.
            _ => ChangeResult::Stale,
        }
    }

    /// Puts an application in the place of the revision before it, unless its `uid` is taken.
    fn update(&mut self, application: Arc<Application>) -> ChangeResult {
        let id = application.id.id();
        let Some(known) = self.applications.get(&application.key) else {
            return ChangeResult::Stale;
        };
        if known.revision.saturating_add(1) != application.revision {
            return ChangeResult::Stale;
        }
        let owner = application
            .uid
            .as_ref()
            .and_then(|uid| self.by_uid.get(uid));
        if let Some(owner) = owner.filter(|owner| **owner != id) {
            return ChangeResult::Existing(*owner);
        }
        if let Some(uid) = &known.uid {
            self.by_uid.remove(uid);
        }
        self.by_uid
            .extend(application.uid.clone().map(|uid| (uid, id)));
        self.applications.insert(application.key, application);
        ChangeResult::Fresh
    }

    /// Writes a record: a new one if its name is free, a changed one in place of the revision before.
    fn put_record(&mut self, record: Arc<Record>) -> ChangeResult {
        let place = (record.kind, Arc::clone(&record.name));
        let known = self.records.get(&place);
        let written = match (known, record.revision) {
            (None, 1) if self.records_of(record.kind).count() >= record.kind.count_max() => {
                return ChangeResult::Full;
            }
            (None, 1) => record,
            (Some(known), 1) => return ChangeResult::Existing(known.id),
            (Some(known), revision) if known.revision.saturating_add(1) == revision => {
                Arc::new(Record {
                    id: known.id,
                    created_at: known.created_at,
                    ..Record::clone(&record)
                })
            }
            (None | Some(_), _) => return ChangeResult::Stale,
        };
        self.last_id = self.last_id.max(written.id);
        self.records.insert(place, written);
        ChangeResult::Fresh
    }

    /// Takes a record away.
    fn delete_record(&mut self, place: &(RecordKind, Arc<str>), revision: u32) -> ChangeResult {
        let known = self.records.get(place);
        if known.is_none_or(|known| known.revision != revision) {
            return ChangeResult::Stale;
        }
        self.records.remove(place);
        ChangeResult::Fresh
    }

    /// All records of a kind, in the order of their names.
    pub(super) fn records(&self, kind: RecordKind) -> Vec<Arc<Record>> {
        self.records_of(kind).cloned().collect()
    }

    fn records_of(&self, kind: RecordKind) -> impl Iterator<Item = &Arc<Record>> {
        let records = self.records.values();
        records.filter(move |record| record.kind == kind)
    }

    /// The record of this kind and name.
    pub(super) fn record(&self, kind: RecordKind, name: &str) -> Option<Arc<Record>> {
        self.records.get(&(kind, Arc::from(name))).cloned()
    }

    /// The applications that a query asks for.
    pub(super) fn list(&self, query: HistoryQuery) -> Vec<Arc<Application>> {
        let asked = self.applications.values();
        let mut found: Vec<_> = asked
            .filter(|application| query.contains(application.id.id()))
            .cloned()
            .collect();
        found.sort_unstable_by_key(|application| application.id);
        if query.order == Order::NewestFirst {
            found.reverse();
        }
        found.truncate(query.limit);
        found
    }

    /// Writes an application unless its `uid` is taken.
    fn put(&mut self, application: Arc<Application>) -> ChangeResult {
        let id = application.id.id();
        if let Some(uid) = &application.uid {
            if let Some(id) = self.by_uid.get(uid) {
                return ChangeResult::Existing(*id);
            }
            self.by_uid.insert(Arc::clone(uid), id);
        }
        self.last_id = self.last_id.max(id);
        self.applications.insert(application.key, application);
        ChangeResult::Fresh
    }

    /// The application with this name.
    pub(super) fn find(&self, name: &Name) -> Option<&Arc<Application>> {
        let id = match name {
            Name::Id(id) => *id,
            Name::Uid(uid) => *self.by_uid.get(uid)?,
        };
        self.applications.values().find(|found| found.id.id() == id)
    }

    /// What an engine starts from.
    pub(super) fn state(&self) -> ShardState {
        ShardState::Directory {
            applications: self.applications.values().cloned().collect(),
            last_id: self.last_id,
        }
    }
}
