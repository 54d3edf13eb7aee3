//! What a request says before its body: the objects its path names and its query.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::{HeaderValue, header::AUTHORIZATION, request::Parts};

use super::{fields::is_name, once::IdempotencyKey, query::Query, revision::Precondition};
use crate::{
    domain::{
        application::Application,
        command::Refusal,
        endpoint::Endpoint,
        event::Event,
        history::{AttemptEntry, EventEntry, HistoryQuery, Name, Order},
        id::{ApiKeyId, ApplicationId, AttemptId, EndpointId, EventId, Id, ShardId, TaskId},
        task::Task,
    },
    limits,
    policy::address::AddressPolicy,
    runtime::handle::Work,
    server::{
        api_key::Caller,
        backend::Backend,
        catalogue::Catalogue,
        held::Share,
        key_ring::KeyRing,
        problem::{Code, Problem},
        router::ServerState,
    },
    store::ReadError,
};

/// A request that was let in.
pub(super) struct Called<B> {
    /// The engine.
    pub(super) backend: B,
    /// The catalogue of event types.
    pub(super) catalogue: Catalogue,
    /// The keys of the API.
    pub(super) keys: KeyRing,
    /// Where may be sent to.
    pub(super) targets: Arc<AddressPolicy>,
    /// Who asks.
    pub(super) caller: Caller,
    /// The query.
    pub(super) query: Query,
    /// Which revision the caller wants to change.
    pub(super) precondition: Result<Precondition, Problem>,
    /// The key under which something is made once.
    pub(super) key: Result<IdempotencyKey, Problem>,
    /// Its part of what is held of bodies, where that is counted.
    held: Option<Share>,
    /// What the caller showed to be let in.
    pub(super) credential: Option<HeaderValue>,
    /// The parts of the path that name something; none if one of them is no UTF-8.
    path: Vec<(String, String)>,
}

/// An object of the path, which may have been deleted since something was done to it.
pub(super) struct Since<T> {
    /// The object, as it is or was at its end.
    pub(super) object: Arc<T>,
    /// Why nothing can be done to it any more; `None` while it is there.
    pub(super) gone: Option<Problem>,
}

impl<B: Backend> FromRequestParts<ServerState<B>> for Called<B> {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ServerState<B>,
    ) -> Result<Self, Self::Rejection> {
        // A request that nobody judged may do nothing.
        let caller = parts.extensions.get().copied().unwrap_or(Caller::NOBODY);
        let query = Query::of(parts.uri.query().unwrap_or_default());
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_or_else(
            |_| Vec::new(),
            |path| {
                let parts = path.iter();
                parts
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect()
            },
        );
        Ok(Self {
            backend: state.backend.clone(),
            catalogue: state.catalogue.clone(),
            keys: state.keys.clone(),
            targets: Arc::clone(&state.targets),
            caller,
            precondition: Precondition::of(&parts.headers),
            key: IdempotencyKey::of(&parts.headers),
            held: parts.extensions.get().cloned(),
            credential: parts.headers.get(AUTHORIZATION).cloned(),
            query,
            path,
        })
    }
}

impl<B: Backend> Called<B> {
    /// Refuses by the head alone what the engine would refuse, before its body is read.
    ///
    /// Where the disk is full and an idempotency key is given, it is left to the engine: what was done
    /// under the key is told again.
    ///
    /// # Errors
    /// [`Code::Unavailable`] or [`Code::DiskFull`], with when to come again.
    pub(super) fn must_have_room(&self, shard: Option<ShardId>, work: Work) -> Result<(), Problem> {
        let has_key = self.key.as_ref().is_ok_and(IdempotencyKey::is_given);
        let of_bodies = self.held.as_ref().and_then(|held| held.refusal(work, 0));
        let refusal = of_bodies.or_else(|| self.backend.early_refusal(shard, work));
        let refusal = refusal.filter(|refusal| *refusal != Refusal::DiskFull || !has_key);
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// The application that the path names.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none; or that the store can't be read.
    pub(super) fn application(&self) -> Result<Arc<Application>, Problem> {
        let named = self.application_or_free()?;
        named.map_err(|_| unknown("application"))
    }

    /// The application that the path names, or else the `uid` by which it could be made; `None` if
    /// that is none.
    ///
    /// # Errors
    /// That the store can't be read.
    pub(super) fn application_or_free(
        &self,
    ) -> Result<Result<Arc<Application>, Option<Arc<str>>>, Problem> {
        let (name, found) = self.application_named()?;
        let found = found.filter(|application| !application.is_deleted);
        if self.caller.application.is_some() {
            // What is another's is as if it never was.
            return Ok(found.ok_or(None));
        }
        Ok(found.ok_or_else(|| uid_of(name)))
    }

    /// The `uid` by which the path names the application; `None` where it has the id.
    pub(super) fn application_uid(&self) -> Option<Arc<str>> {
        let id = |text: &str| text.parse().map(ApplicationId::id).ok();
        uid_of(self.name("app", ApplicationId::PREFIX, id))
    }

    /// The `uid` by which the path names the endpoint; `None` where it has the id.
    pub(super) fn endpoint_uid(&self) -> Option<Arc<str>> {
        let id = |text: &str| text.parse().map(EndpointId::id).ok();
        uid_of(self.name("endpoint", EndpointId::PREFIX, id))
    }

    /// What the path says of an application, and the one that the caller may see by it, deleted or not.
    fn application_named(&self) -> Result<(Option<Name>, Option<Arc<Application>>), ReadError> {
        let id = |text: &str| text.parse().map(ApplicationId::id).ok();
        let name = self.name("app", ApplicationId::PREFIX, id);
        let read = |name| self.backend.reads().application(name);
        let found = name.as_ref().map(read).transpose()?.flatten();
        let own = self.caller.application;
        let found = found.filter(|found| own.is_none_or(|own| found.id == own));
        Ok((name, found))
    }

    /// The application that the path names, for what may have been done before: where an idempotency
    /// key is given and the path has its id, one that was deleted since is found, too.
    ///
    /// # Errors
    /// As [`Self::application`].
    pub(super) fn application_since(&self) -> Result<Since<Application>, Problem> {
        let found = self.application_named()?.1;
        self.since(found, "application", |application| application.is_deleted)
    }

    /// The application and the endpoint that the path names, for what may have been done before: where
    /// an idempotency key is given, what was deleted since is found, too; the application by its id.
    ///
    /// # Errors
    /// As [`Self::application`] and [`Self::endpoint`].
    pub(super) fn endpoint_since(&self) -> Result<(Arc<Application>, Since<Endpoint>), Problem> {
        let Since { object, gone } = self.application_since()?;
        let mut endpoint = self.endpoint_of_since(&object)?;
        endpoint.gone = gone.or(endpoint.gone);
        Ok((object, endpoint))
    }

    fn endpoint_of_since(&self, application: &Application) -> Result<Since<Endpoint>, Problem> {
        let (name, mut found) = self.endpoint_named(application)?;
        let may_be_done = self.key.as_ref().is_ok_and(IdempotencyKey::is_given);
        if let (None, Some(Name::Uid(uid)), true) = (&found, &name, may_be_done) {
            found = self.endpoint_once_called(application, uid)?;
        }
        self.since(found, "endpoint", |endpoint| endpoint.is_deleted())
    }

    fn since<T>(
        &self,
        found: Option<Arc<T>>,
        kind: &str,
        is_deleted: impl Fn(&T) -> bool,
    ) -> Result<Since<T>, Problem> {
        let may_be_done = self.key.as_ref().is_ok_and(IdempotencyKey::is_given);
        let found = found.ok_or_else(|| unknown(kind))?;
        let gone = is_deleted(&found).then(|| unknown(kind));
        match gone {
            Some(gone) if !may_be_done => Err(gone),
            gone => Ok(Since {
                object: found,
                gone,
            }),
        }
    }

    /// The newest endpoint that had this `uid` and was deleted, of the last that there were.
    fn endpoint_once_called(
        &self,
        application: &Application,
        uid: &str,
    ) -> Result<Option<Arc<Endpoint>>, ReadError> {
        let mut query = HistoryQuery {
            above: None,
            below: None,
            order: Order::NewestFirst,
            limit: limits::PAGE_ENTRIES_MAX,
        };
        let mut left = limits::ENDPOINTS_PER_APPLICATION_MAX;
        loop {
            let reads = self.backend.reads();
            let page = reads.endpoints_by_id(application.key, query)?;
            let had =
                |known: &&Arc<Endpoint>| known.is_deleted() && known.uid.as_deref() == Some(uid);
            if let Some(found) = page.iter().find(had) {
                return Ok(Some(Arc::clone(found)));
            }
            left = left.saturating_sub(page.len());
            match page.last() {
                Some(last) if page.len() == query.limit && left > 0 => {
                    query.below = Some(last.id.id());
                }
                _ => return Ok(None),
            }
        }
    }

    /// The application that a text names by its id or `uid`.
    ///
    /// # Errors
    /// That the store can't be read.
    pub(super) fn application_called(
        &self,
        text: &str,
    ) -> Result<Option<Arc<Application>>, Problem> {
        let id = |text: &str| text.parse().map(ApplicationId::id).ok();
        let name = named(text, ApplicationId::PREFIX, id);
        let read = |name| self.backend.reads().application(&name);
        let found = name.map(read).transpose()?.flatten();
        Ok(found.filter(|application| !application.is_deleted))
    }

    /// The task that the path names.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none, or none any more; or that the store can't be read.
    pub(super) fn task(&self) -> Result<Arc<Task>, Problem> {
        let named = self.path.iter().find(|(key, _)| key == "task");
        let id = named.and_then(|(_, text)| text.parse().map(TaskId::id).ok());
        let read = |id| self.backend.reads().task(id);
        let found = id.map(read).transpose()?.flatten();
        found.ok_or_else(|| {
            let message =
                "there is no task of this id, or none any more: the newest 1,000 are kept";
            Problem::new(Code::NotFound, message)
        })
    }

    /// The id of the key that the path names, if it can be one.
    pub(super) fn key_id(&self) -> Option<Id> {
        let (_, text) = self.path.iter().find(|(key, _)| key == "key")?;
        text.parse().map(ApiKeyId::id).ok()
    }

    /// The endpoint of this application that the path names.
    ///
    /// # Errors
    /// [`Code::NotFound`] if it has none of this name; or that the store can't be read.
    pub(super) fn endpoint(&self, application: &Application) -> Result<Arc<Endpoint>, Problem> {
        let named = self.endpoint_or_free(application)?;
        named.map_err(|_| unknown("endpoint"))
    }

    /// The endpoint of this application that the path names, or else the `uid` by which it could be
    /// made; `None` if that is none.
    ///
    /// # Errors
    /// That the store can't be read.
    pub(super) fn endpoint_or_free(
        &self,
        application: &Application,
    ) -> Result<Result<Arc<Endpoint>, Option<Arc<str>>>, Problem> {
        let (name, found) = self.endpoint_named(application)?;
        let found = found.filter(|endpoint| !endpoint.is_deleted());
        Ok(found.ok_or_else(|| uid_of(name)))
    }

    /// The endpoint of this application that the path names, deleted or not; of a deleted one the `uid` is
    /// free.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there never was one; or that the store can't be read.
    pub(super) fn endpoint_of_history(
        &self,
        application: &Application,
    ) -> Result<Arc<Endpoint>, Problem> {
        let (_, found) = self.endpoint_named(application)?;
        found.ok_or_else(|| unknown("endpoint"))
    }

    /// What the path says of an endpoint, and the one that it leads to, deleted or not.
    fn endpoint_named(
        &self,
        application: &Application,
    ) -> Result<(Option<Name>, Option<Arc<Endpoint>>), ReadError> {
        let id = |text: &str| text.parse().map(EndpointId::id).ok();
        let name = self.name("endpoint", EndpointId::PREFIX, id);
        let read = |name| self.backend.reads().endpoint(application.key, name);
        let found = name.as_ref().map(read).transpose()?.flatten();
        Ok((name, found))
    }

    /// The message of this application that the path names.
    ///
    /// # Errors
    /// [`Code::NotFound`] if it has none of this name; or that the store can't be read.
    pub(super) fn message(&self, application: &Application) -> Result<EventEntry, Problem> {
        let id = |text: &str| text.parse().map(EventId::id).ok();
        let name = self.name("message", EventId::PREFIX, id);
        let read = |name| self.backend.reads().event(application.key, &name);
        let found = name.map(read).transpose()?.flatten();
        let entry = found.ok_or_else(|| unknown("message"))?;
        Ok(entry.as_of(self.keys.now().steady))
    }

    /// The attempt for this event that the path names.
    ///
    /// # Errors
    /// [`Code::NotFound`] if it has none of this id; or that the store can't be read.
    pub(super) fn attempt(&self, event: &Event) -> Result<AttemptEntry, Problem> {
        let text = self.path.iter().find(|(key, _)| key == "attempt");
        let id = text.and_then(|(_, text)| text.parse().map(AttemptId::id).ok());
        let id = id.ok_or_else(|| unknown("attempt"))?;
        let (above, below) = (id.value().checked_sub(1), id.value().checked_add(1));
        let query = HistoryQuery {
            above: above.map(Id::from_value),
            below: below.map(Id::from_value),
            order: Order::OldestFirst,
            limit: 1,
        };
        let reads = self.backend.reads();
        let found = reads.attempts_of_event(event.application, event.position, query)?;
        found.into_iter().next().ok_or_else(|| unknown("attempt"))
    }

    /// The event type that the path names, if it can be one.
    pub(super) fn event_type(&self) -> Option<Arc<str>> {
        let (_, text) = self.path.iter().find(|(key, _)| key == "event_type")?;
        is_name(text).then(|| text.as_str().into())
    }

    /// What a part of the path names, if it can name anything.
    fn name(&self, part: &str, prefix: &str, id: impl FnOnce(&str) -> Option<Id>) -> Option<Name> {
        let (_, text) = self.path.iter().find(|(key, _)| key == part)?;
        named(text, prefix, id)
    }
}

/// What a text names, if it can name anything.
fn named(text: &str, prefix: &str, id: impl FnOnce(&str) -> Option<Id>) -> Option<Name> {
    if text.starts_with(prefix) {
        return id(text).map(Name::Id);
    }
    is_name(text).then(|| Name::Uid(text.into()))
}

/// The same for what never was and for what is another's.
fn uid_of(name: Option<Name>) -> Option<Arc<str>> {
    match name {
        Some(Name::Uid(uid)) => Some(uid),
        Some(Name::Id(_)) | None => None,
    }
}

fn unknown(kind: &str) -> Problem {
    let message = format!("there is no {kind} of this id or uid here");
    Problem::new(Code::NotFound, message)
}
