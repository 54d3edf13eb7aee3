//! Idempotency keys: what is asked again under the same key is done one time.
//!
//! A key counts for one route and the objects that its path names (for one route where it makes
//! applications, event types or keys), so the same key elsewhere is another one. The store judges it in the commit that makes the object;
//! see [`Once`].

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::{called::Called, unexpected};
use crate::{
    domain::{
        command::{Answer, Command, Refusal},
        id::{Id, ShardId},
        once::Once,
    },
    limits,
    server::{
        backend::Backend,
        problem::{Code, Problem},
    },
};

/// The header that a key comes in.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that says that nothing was done by this request.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key that a request came with, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct IdempotencyKey(Option<HeaderValue>);

/// What a route makes or does; its number stands in stored hashes and never changes.
#[derive(Clone, Copy)]
pub(super) enum Makes {
    /// `POST /api/v1/app`
    Application = 1,
    /// `POST /api/v1/app/{app}/endpoint`
    Endpoint = 2,
    /// `POST /api/v1/app/{app}/msg`
    Event = 3,
    /// `POST /api/v1/event-type`
    EventType = 4,
    /// `POST /api/v1/app/{app}/endpoint/{endpoint}/send-example`
    Example = 5,
    /// `POST /api/v1/app/{app}/endpoint/{endpoint}/secret/rotate`
    Rotation = 6,
    /// `POST /api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/resend`
    Resend = 7,
    /// `POST /api/v1/key`
    ApiKey = 8,
    /// `POST /api/v1/auth/app-portal-access/{app}`
    PortalToken = 9,
    /// `POST /api/v1/app/{app}/endpoint/{endpoint}/recover`
    Recovery = 10,
    /// `POST /api/v1/app/{app}/endpoint/{endpoint}/replay-missing`
    MissingReplay = 11,
    /// `POST /api/v1/app/{app}/endpoint/{endpoint}/bulk-replay`
    BulkReplay = 12,
}

impl IdempotencyKey {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Code::InvalidHeader`] if there are two, or if it is empty, too long or not of visible ASCII
    /// characters; the caller's fault.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let lengths = 1..=limits::IDEMPOTENCY_KEY_BYTES_MAX;
        let is_fit =
            lengths.contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
        if is_fit && values.next().is_none() {
            return Ok(Self(Some(value.clone())));
        }
        let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
        let message =
            format!("send one `Idempotency-Key` of 1 to {most} visible ASCII characters, or none");
        Err(Problem::new(Code::InvalidHeader, message))
    }

    /// Whether there is one.
    pub(super) const fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Its bytes; none if there is no key.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0
            .as_ref()
            .map(HeaderValue::as_bytes)
            .unwrap_or_default()
    }

    /// The command that makes or does what a body asks for below the objects of the path, done once
    /// under this key. Each route has the same number of objects whenever it is called.
    pub(super) fn once(
        &self,
        makes: Makes,
        objects: &[Id],
        body: &[u8],
        command: Command,
    ) -> Command {
        let Some(key) = &self.0 else {
            return command;
        };
        let mut hash = Sha256::new_with_prefix(b"fanfare idempotency key");
        hash.update([makes as u8]);
        for object in objects {
            hash.update(object.value().to_be_bytes());
        }
        hash.update(key.as_bytes());
        let once = Once {
            key_sha256: hash.finalize().into(),
            body_sha256: Sha256::digest(body).into(),
        };
        Command::Once(once, Box::new(command))
    }
}

/// The first answer, said again.
pub(super) fn replayed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// An answer, said again or for the first time.
pub(super) fn replayed_if(is_replayed: bool, response: Response) -> Response {
    if is_replayed {
        replayed(response)
    } else {
        response
    }
}

/// What was made or changed under the caller's key before, though it can't be now; zero where who asks
/// knows it by its name.
///
/// # Errors
/// `refused`, which says why it can't be, if it was not done before; that the key was used for
/// another body; or that the store can't tell.
pub(super) async fn recalled<B: Backend>(
    called: &Called<B>,
    (shard, makes, objects): (ShardId, Makes, &[Id]),
    body: &[u8],
    refused: Problem,
) -> Result<Id, Problem> {
    let key = called.key.clone()?;
    let command = key.once(makes, objects, body, Command::Recall(shard));
    match called.backend.command(command).await {
        Ok(Answer::Replayed { id }) => Ok(id),
        Ok(other) => Err(unexpected("something was recalled", Some(other))),
        Err(Refusal::Stale) => Err(refused),
        Err(refusal) => Err(refusal.into()),
    }
}

/// What was made under a key is gone: the first answer can't be said again.
pub(super) fn gone(kind: &str) -> Problem {
    let message = format!(
        "the {kind} that was made under this idempotency key was deleted since: take a new key to \
         make another"
    );
    Problem::new(Code::Conflict, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<bool, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a value");
            headers.append(IDEMPOTENCY_KEY, value);
        }
        let key = IdempotencyKey::of(&headers).map_err(|problem| problem.code())?;
        Ok(key.0.is_some())
    }

    #[test]
    fn a_key_is_one_header_of_1_to_255_visible_ascii_characters() {
        assert_eq!(read(&[]), Ok(false));
        for fit in [&b"a"[..], b"!~", &[b'x'; 255]] {
            assert_eq!(read(&[fit]), Ok(true), "{fit:?}");
        }
        for unfit in [&b""[..], b"a b", b"\xc3\xa9", &[b'x'; 256]] {
            assert_eq!(read(&[unfit]), Err(Code::InvalidHeader), "{unfit:?}");
        }
        assert_eq!(read(&[b"a", b"a"]), Err(Code::InvalidHeader));
    }

    #[test]
    fn a_key_is_another_one_on_another_route_and_below_another_object() {
        let key = IdempotencyKey(Some(HeaderValue::from_static("k")));
        let other = IdempotencyKey(Some(HeaderValue::from_static("l")));
        let hash = |key: &IdempotencyKey, makes, parent| {
            let command = Command::CreateApplication {
                uid: None,
                registration: Default::default(),
            };
            match key.once(makes, &[Id::from_value(parent)], b"{}", command) {
                Command::Once(once, _) => once.key_sha256,
                command => panic!("not once: {command:?}"),
            }
        };
        let hashes = std::collections::BTreeSet::from([
            hash(&key, Makes::Event, 1),
            hash(&key, Makes::Event, 2),
            hash(&key, Makes::Endpoint, 1),
            hash(&other, Makes::Event, 1),
        ]);
        assert_eq!(hashes.len(), 4);
        assert_eq!(hash(&key, Makes::Event, 1), hash(&key, Makes::Event, 1));
    }
}
