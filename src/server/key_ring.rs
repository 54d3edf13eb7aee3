//! The keys of the API in memory, so that a request that shows one reads no disk.
//!
//! They are read from the store once and then follow each change that is made through this server,
//! before who made it has the answer. No other process changes them: a store belongs to one.

#![expect(
    clippy::disallowed_methods,
    reason = "a change of a key is a task of its own, so that it is followed to its end though who asked hangs up"
)]

use core::fmt;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use axum::extract::Request;
use http::header::AUTHORIZATION;

use super::{
    access::whole_seconds,
    api_key::{ApiKey, KeyDigest, named_digest},
    backend::Backend,
    client_address::Client,
    guesses::Guesses,
    problem::{Code, Problem},
};
use crate::{
    domain::{
        command::{Command, Refusal, Reply},
        id::Id,
        record::{Record, RecordKind},
    },
    policy::rate_limit::RateLimit,
    store::{ReadError, Reads},
    time::{Now, Span},
};

/// A key that is known.
#[derive(Debug)]
pub struct KnownKey {
    /// Its record.
    pub record: Arc<Record>,
    /// What it may do.
    pub key: ApiKey,
    /// How often it may be used, if that is bounded.
    limit: Option<Mutex<RateLimit>>,
}

impl KnownKey {
    fn of(record: Arc<Record>) -> Option<(KeyDigest, Arc<Self>)> {
        let digest = named_digest(&record.name)?;
        let key = ApiKey::read(&record.body)?;
        let limit = key.rate.map(RateLimit::per_second).map(Mutex::new);
        Some((digest, Arc::new(Self { record, key, limit })))
    }

    /// Takes one use of the key.
    ///
    /// # Errors
    /// How long to wait until it may be used again.
    pub(super) fn take(&self, now: Now) -> Result<(), Span> {
        let Some(limit) = &self.limit else {
            return Ok(());
        };
        let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.take(now.steady)
    }
}

type Keys = BTreeMap<KeyDigest, Arc<KnownKey>>;

/// Tells the moment.
type Clock = Box<dyn Fn() -> Now + Send + Sync>;

/// All keys; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct KeyRing(Arc<Inside>);

struct Inside {
    clock: Clock,
    /// `None` until they were read.
    keys: RwLock<Option<Keys>>,
    guesses: Guesses,
}

/// Tells nothing of the keys.
impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyRing")
    }
}

impl KeyRing {
    /// A ring that reads its keys when it is first asked; `clock` tells when one expires.
    #[must_use]
    pub fn new(clock: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inside {
            clock: Box::new(clock),
            keys: RwLock::new(None),
            guesses: Guesses::default(),
        }))
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.0.clock)()
    }

    /// The refusal of a request: this one, or, where its client shows too many wrong keys, that it is to
    /// stop. Who shows none is no guesser, and a request of which nobody knows where it comes from counts
    /// for nobody.
    pub(super) fn refusal(&self, refusal: Problem, request: &Request) -> Problem {
        let shows_key = request.headers().contains_key(AUTHORIZATION);
        let client = request.extensions().get::<Client>();
        let (Code::Unauthorized, true, Some(client)) = (refusal.code(), shows_key, client) else {
            return refusal;
        };
        let counted = self.0.guesses.count(client.0, self.now().steady);
        counted.map_or_else(too_many_guesses, |()| refusal)
    }

    /// The key of this digest, expired or not.
    ///
    /// # Errors
    /// [`ReadError`] if the keys were not read yet and can't be.
    pub fn find(
        &self,
        digest: &KeyDigest,
        reads: &dyn Reads,
    ) -> Result<Option<Arc<KnownKey>>, ReadError> {
        self.look(reads, |keys| keys.get(digest).cloned())
    }

    /// All keys that `wanted` says yes to, in the order of their ids.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn all(
        &self,
        reads: &dyn Reads,
        wanted: impl Fn(&KnownKey) -> bool,
    ) -> Result<Vec<Arc<KnownKey>>, ReadError> {
        let mut found: Vec<Arc<KnownKey>> = self.look(reads, |keys| {
            let found = keys.values().filter(|known| wanted(known));
            found.cloned().collect()
        })?;
        found.sort_unstable_by_key(|known| known.record.id);
        Ok(found)
    }

    /// The key of this id.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn named(
        &self,
        id: Id,
        reads: &dyn Reads,
    ) -> Result<Option<Arc<KnownKey>>, ReadError> {
        Ok(self.all(reads, |known| known.record.id == id)?.pop())
    }

    fn look<T>(&self, reads: &dyn Reads, look: impl FnOnce(&Keys) -> T) -> Result<T, ReadError> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*keys {
            return Ok(look(keys));
        }
        drop(keys);
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*keys {
            return Ok(look(keys));
        }
        let records = reads.records(RecordKind::ApiKey)?.into_iter();
        let read: Keys = records.filter_map(KnownKey::of).collect();
        Ok(look(keys.insert(read)))
    }

    /// Takes in what the store has of one key now. The store is read under the lock, so an older
    /// state never takes the place of a newer one.
    fn follow(&self, name: &str, reads: &dyn Reads) -> Result<(), ReadError> {
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = &mut *keys else {
            return Ok(());
        };
        let Some(digest) = named_digest(name) else {
            return Ok(());
        };
        match reads.record(RecordKind::ApiKey, name) {
            Ok(record) => {
                known.remove(&digest);
                known.extend(record.and_then(KnownKey::of));
                Ok(())
            }
            Err(error) => {
                // Rather read all of them anew than let a revoked key in.
                *keys = None;
                Err(error)
            }
        }
    }

    /// Asks for a change of the key's record of this name and follows it, whether or not somebody
    /// waits for the answer to the end.
    ///
    /// # Errors
    /// The engine's [`Refusal`].
    pub(super) async fn change<B: Backend>(
        &self,
        backend: &B,
        name: Arc<str>,
        command: Command,
    ) -> Reply {
        let (ring, backend) = (self.clone(), backend.clone());
        let task = tokio::spawn(async move {
            let reply = backend.command(command).await;
            if let Err(error) = ring.follow(&name, backend.reads()) {
                tracing::error!(%error, "a changed key could not be read");
            }
            reply
        });
        task.await.unwrap_or(Err(Refusal::Unknown))
    }
}

fn too_many_guesses(wait: Span) -> Problem {
    let message =
        "your address shows too many wrong keys: correct the key, and wait as `Retry-After` says";
    Problem::new(Code::RateLimited, message).retry_after(whole_seconds(wait))
}
