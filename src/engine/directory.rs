//! The directory: applications and records are made, changed and deleted. What a command asks is
//! gathered as a change; the engine follows once it is durable.

use std::sync::Arc;

use bytes::Bytes;

use super::{Engine, on_commit::OnCommit, record::ShardLog};
use crate::{
    domain::{
        application::{Application, ApplicationKey, Registration},
        change::{Change, ChangeResult},
        command::{Answer, Refusal, Reply, RequestHandle},
        id::{ApplicationId, Id, ShardId},
        once::Once,
        record::{Record, RecordKind},
    },
    limits,
    time::Now,
};

impl Engine {
    pub(super) fn create_application(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        uid: Option<Arc<str>>,
        registration: Registration,
        now: Now,
    ) -> Result<(), Refusal> {
        let shard = self.deal_shard().ok_or(Refusal::NotReady)?;
        let ordinal = self.next_application.get(&shard).copied().unwrap_or(0);
        let log = self
            .logs
            .get_mut(&ShardId::DIRECTORY)
            .ok_or(Refusal::NotReady)?;
        if log.is_full() {
            return Err(Refusal::Overloaded);
        }
        self.next_application
            .insert(shard, ordinal.saturating_add(1));
        let application = Arc::new(Application {
            key: ApplicationKey { shard, ordinal },
            id: ApplicationId::new(log.next_id(now)),
            uid,
            registration,
            is_deleted: false,
            revision: 1,
            created_at: now,
            updated_at: now,
        });
        let bytes = limits::NAME_BYTES_MAX + application.registration.said.len();
        let then = OnCommit::Application(request, Arc::clone(&application));
        let change = Change::PutApplication(application).once(once);
        log.gather_urgent(change, then, bytes);
        Ok(())
    }

    pub(super) fn update_application(
        &mut self,
        (request, key): (RequestHandle, ApplicationKey),
        revision: u32,
        (uid, registration): (Option<Arc<str>>, Registration),
        now: Now,
    ) -> Result<(), Refusal> {
        let known = self.known_application(key)?;
        self.replace_application(
            request,
            Application {
                uid,
                registration,
                revision: revision.saturating_add(1),
                updated_at: now,
                ..known
            },
        )
    }

    /// Of a deleted application only its place is kept.
    pub(super) fn delete_application(
        &mut self,
        (request, key): (RequestHandle, ApplicationKey),
        revision: u32,
        now: Now,
    ) -> Result<(), Refusal> {
        let known = self.known_application(key)?;
        self.replace_application(
            request,
            Application {
                uid: None,
                registration: Registration::default(),
                is_deleted: true,
                revision: revision.saturating_add(1),
                updated_at: now,
                ..known
            },
        )
    }

    /// An application that is there.
    fn known_application(&self, key: ApplicationKey) -> Result<Application, Refusal> {
        let known = self.registry.application(key);
        let known = known.and_then(|index| self.registry.applications.get(index));
        let known = known.map(|entry| &*entry.application);
        let known = known.filter(|application| !application.is_deleted);
        known.cloned().ok_or(Refusal::UnknownApplication)
    }

    /// Gathers what an application is from now on.
    fn replace_application(
        &mut self,
        request: RequestHandle,
        application: Application,
    ) -> Result<(), Refusal> {
        let application = Arc::new(application);
        let log = self.logs.get_mut(&ShardId::DIRECTORY);
        let log = log.ok_or(Refusal::NotReady)?;
        if log.is_full() {
            return Err(Refusal::Overloaded);
        }
        let bytes = limits::NAME_BYTES_MAX + application.registration.said.len();
        let then = OnCommit::ApplicationChanged(request, Arc::clone(&application));
        log.gather_urgent(Change::UpdateApplication(application), then, bytes);
        Ok(())
    }

    /// The shard that the next application goes to: the shards of data in turn.
    fn deal_shard(&mut self) -> Option<ShardId> {
        let data = self
            .shard_list
            .iter()
            .filter(|shard| **shard != ShardId::DIRECTORY);
        let shards: Vec<ShardId> = data.copied().collect();
        let known = self.registry.applications.len();
        shards.get(known.checked_rem(shards.len())?).copied()
    }

    /// Gathers a record; a changed one keeps the id and age that the store knows.
    pub(super) fn put_record(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        (kind, name, revision): (RecordKind, Arc<str>, Option<u32>),
        body: Bytes,
        now: Now,
    ) -> Result<(), Refusal> {
        let log = self.directory_log()?;
        let bytes = name.len() + body.len();
        let record = Arc::new(Record {
            kind,
            name,
            id: log.next_id(now),
            body,
            revision: revision.unwrap_or(0).saturating_add(1),
            created_at: now,
            updated_at: now,
        });
        let then = OnCommit::Record(request, record.id);
        log.gather_urgent(Change::PutRecord(record).once(once), then, bytes);
        Ok(())
    }

    /// Gathers the end of a record.
    pub(super) fn delete_record(
        &mut self,
        request: RequestHandle,
        (kind, name, revision): (RecordKind, Arc<str>, u32),
    ) -> Result<(), Refusal> {
        let log = self.directory_log()?;
        let change = Change::DeleteRecord {
            kind,
            name,
            revision,
        };
        log.gather_urgent(change, OnCommit::Record(request, Id::default()), 0);
        Ok(())
    }

    /// What is being written of the directory, if there is room for more.
    fn directory_log(&mut self) -> Result<&mut ShardLog, Refusal> {
        let log = self.logs.get_mut(&ShardId::DIRECTORY);
        let log = log.ok_or(Refusal::NotReady)?;
        if log.is_full() {
            return Err(Refusal::Overloaded);
        }
        Ok(log)
    }

    /// The application that has the `uid` of one that was to be made.
    pub(super) fn application_known(&self, asked: &Application) -> Reply {
        let known = asked.uid.as_ref();
        let known = known.and_then(|uid| self.registry.application_by_uid(uid));
        let known = known.and_then(|index| self.registry.applications.get(index));
        let known = &known.ok_or(Refusal::NotReady)?.application;
        Ok(Answer::Application {
            id: known.id,
            key: known.key,
            fresh: false,
        })
    }

    /// An application is as this says from now on, by what is durable.
    pub(super) fn take_application(&mut self, changed: Arc<Application>, now: Now) {
        let (key, is_deleted) = (changed.key, changed.is_deleted);
        let known = self.known_application(key).ok();
        let rate = known.and_then(|known| known.registration.throttle_rate);
        self.registry.replace_application(changed);
        self.keep_pace(key, rate, now);
        #[cfg(feature = "mutants")]
        let is_deleted = is_deleted && !self.has(super::mutant::Mutant::KeepsEndpointsOfDeleted);
        if is_deleted && let Some(application) = self.registry.application(key) {
            self.delete_endpoints_of(application, now);
        }
    }

    /// An application was changed, unless another change came first.
    pub(super) fn application_changed(
        &mut self,
        changed: Arc<Application>,
        result: ChangeResult,
        now: Now,
    ) -> Reply {
        let (id, key) = (changed.id, changed.key);
        match result {
            ChangeResult::Fresh => {
                self.take_application(changed, now);
                Ok(Answer::Application {
                    id,
                    key,
                    fresh: false,
                })
            }
            ChangeResult::Existing(id) => Ok(Answer::NameTaken { id }),
            ChangeResult::Stale
            | ChangeResult::Full
            | ChangeResult::Replayed(_)
            | ChangeResult::Reused => Err(Refusal::Stale),
        }
    }
}

/// What became of a record.
pub(super) const fn record_told(id: Id, result: ChangeResult) -> Reply {
    match result {
        ChangeResult::Fresh => Ok(Answer::Record { id }),
        ChangeResult::Existing(id) => Ok(Answer::NameTaken { id }),
        ChangeResult::Replayed(id) => Ok(Answer::Replayed { id }),
        ChangeResult::Reused => Err(Refusal::KeyReused),
        ChangeResult::Stale => Err(Refusal::Stale),
        ChangeResult::Full => Err(Refusal::TooManyRecords),
    }
}
