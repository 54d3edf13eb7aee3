//! The directory shard: the applications, unique by their `uid`.

use std::{collections::BTreeMap, sync::Arc};

use crate::domain::{
    application::{Application, ApplicationKey},
    change::{Batch, Change, ChangeResult},
    history::Name,
    id::Id,
    page::ShardState,
};

/// All applications.
#[derive(Debug, Default)]
pub(super) struct Directory {
    applications: BTreeMap<ApplicationKey, Arc<Application>>,
    by_uid: BTreeMap<Arc<str>, Id>,
    last_id: Id,
}

impl Directory {
    /// Applies a batch; false, and nothing changed, if it holds what no directory has.
    pub(super) fn apply(&mut self, batch: &mut Batch) -> bool {
        let foreign = |change: &Change| !matches!(change, Change::PutApplication(_));
        if !batch.attempts.is_empty() || batch.changes.iter().any(foreign) {
            return false;
        }
        for change in batch.changes.drain(..) {
            if let Change::PutApplication(application) = change {
                batch.results.push(self.put(application));
            }
        }
        true
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
