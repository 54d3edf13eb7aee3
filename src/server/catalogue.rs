//! The catalogue of event types as the routes know it: read once, then kept up with every change,
//! so that accepting a message asks no disk.

#![expect(
    clippy::disallowed_methods,
    reason = "a change is followed though its caller hung up, on the server's own runtime"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    backend::Backend,
    problem::Problem,
    schema::{Checker, Complaint},
    v1::off_thread,
};
use crate::{
    domain::{
        command::{Command, Refusal, Reply},
        record::{Record, RecordKind},
    },
    store::{ReadError, Reads},
};

/// An entry of the catalogue.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Its record.
    pub record: Arc<Record>,
    /// What it says, as an object of fields.
    pub fields: Map<String, Value>,
    /// What its messages are checked by, where its newest schema asks for that; or why they can't be.
    pub checker: Option<Result<Arc<Checker>, Complaint>>,
}

impl EventType {
    fn of(record: Arc<Record>) -> Self {
        let fields = serde_json::from_slice(&record.body).unwrap_or_default();
        let mut entry = Self {
            record,
            fields,
            checker: None,
        };
        let made = entry.schema().map(Checker::of);
        entry.checker = made.and_then(|made| made.map(|made| made.map(Arc::new)).transpose());
        if let Some(Err(complaint)) = &entry.checker {
            let name = &*entry.record.name;
            tracing::warn!(event_type = name, ?complaint, "a schema can't be used");
        }
        entry
    }

    /// Its newest schema: the one whose name in `schemas` is the greatest whole number.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        let schemas = self.fields.get("schemas")?.as_object()?;
        let numbered = schemas
            .iter()
            .filter_map(|(name, schema)| Some((name.parse::<u32>().ok()?, schema)));
        let newest = numbered.max_by_key(|(number, _)| *number);
        newest.map(|(_, schema)| schema)
    }

    /// Whether it takes no new messages.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.fields.get("archived") == Some(&Value::Bool(true))
    }
}

/// Why a payload may not be sent as one of its type.
#[derive(Debug)]
pub(super) enum Misfit {
    /// The schema of the type asks that payloads are checked, and can't be used for that.
    Unusable,
    /// The payload does not fit the schema.
    Payload(Vec<Complaint>),
}

/// What is said where a type's schema is [`Misfit::Unusable`].
pub(super) const UNUSABLE: &str = "the newest schema of this event type asks that messages are checked, \
                                   and can't be used for that: mend it";

/// All entries by their names.
pub type Entries = BTreeMap<Arc<str>, EventType>;

/// The catalogue; cheap to clone, and all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(Arc<RwLock<Option<Arc<Entries>>>>);

impl Catalogue {
    /// All entries.
    ///
    /// # Errors
    /// [`ReadError`] if they were not read yet and can't be.
    pub fn entries(&self, reads: &dyn Reads) -> Result<Arc<Entries>, ReadError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        drop(known);
        self.refresh(reads)
    }

    /// Checks a payload where its type asks for it; `None` if there is nothing against it.
    ///
    /// # Errors
    /// That the catalogue can't be read, or the check came to no end.
    pub(super) async fn misfit(
        &self,
        reads: &(dyn Reads + Send + Sync),
        event_type: &str,
        payload: &Bytes,
    ) -> Result<Option<Misfit>, Problem> {
        let types = self.entries(reads)?;
        let entry = types.get(event_type);
        let checker = match entry.and_then(|entry| entry.checker.clone()) {
            None => return Ok(None),
            Some(Err(_)) => return Ok(Some(Misfit::Unusable)),
            Some(Ok(checker)) => checker,
        };
        let payload = payload.clone();
        let complaints = off_thread(move || Ok(checker.complaints(&payload))).await?;
        Ok((!complaints.is_empty()).then_some(Misfit::Payload(complaints)))
    }

    /// Asks for a change of an entry and follows it, whether or not somebody waits for the answer to
    /// the end.
    ///
    /// # Errors
    /// The engine's [`Refusal`].
    pub(super) async fn change<B: Backend>(&self, backend: &B, command: Command) -> Reply {
        let (catalogue, backend) = (self.clone(), backend.clone());
        let task = tokio::spawn(async move {
            let reply = backend.command(command).await;
            if let Err(error) = catalogue.refresh(backend.reads()) {
                tracing::error!(%error, "the catalogue of event types could not be read");
            }
            reply
        });
        task.await.unwrap_or(Err(Refusal::Unknown))
    }

    /// Reads all entries again, after one was changed. Who reads later never puts an older state in
    /// the place of a newer one, since the reading itself is done under the lock.
    ///
    /// # Errors
    /// [`ReadError`]; then it is read by who asks next.
    pub fn refresh(&self, reads: &dyn Reads) -> Result<Arc<Entries>, ReadError> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.take().unwrap_or_default();
        let records = reads.records(RecordKind::EventType)?.into_iter();
        let entries = records.map(|record| {
            // Schemas are compiled when they change, not whenever another one does.
            let is_same = |entry: &&EventType| {
                (entry.record.id, entry.record.revision) == (record.id, record.revision)
            };
            let known = before.get(&record.name).filter(is_same).cloned();
            let name = Arc::clone(&record.name);
            (name, known.unwrap_or_else(|| EventType::of(record)))
        });
        let entries = Arc::new(entries.collect::<Entries>());
        *known = Some(Arc::clone(&entries));
        Ok(entries)
    }
}
