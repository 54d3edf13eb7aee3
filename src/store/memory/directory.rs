//! The directory shard: the applications, unique by their `uid`.

use std::{collections::BTreeMap, sync::Arc};

use crate::domain::{
    application::{Application, ApplicationKey},
    change::{Batch, Change, ChangeResult},
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
        if let Some(id) = self.by_uid.get(&application.uid) {
            return ChangeResult::Existing(*id);
        }
        let id = application.id.id();
        self.by_uid.insert(Arc::clone(&application.uid), id);
        self.last_id = self.last_id.max(id);
        self.applications.insert(application.key, application);
        ChangeResult::Fresh
    }

    /// What an engine starts from.
    pub(super) fn state(&self) -> ShardState {
        ShardState::Directory {
            applications: self.applications.values().cloned().collect(),
            last_id: self.last_id,
        }
    }
}
