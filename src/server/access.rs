//! Who may use a set of routes: everybody, who shows the admin key, or who shows a key of the API.

use core::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use subtle::ConstantTimeEq as _;

use super::{
    api_key::{Caller, KeyDigest, digest},
    key_ring::KeyRing,
    problem::{Code, Problem},
};
use crate::{store::Reads, time::Span};

/// What a set of routes asks of a caller.
#[derive(Clone)]
pub enum Access {
    /// Nothing.
    Open,
    /// `Authorization: Bearer` with the key that has this SHA-256; the key itself is not kept.
    Key([u8; 32]),
}

impl Access {
    /// For this key.
    #[must_use]
    pub fn key(key: &str) -> Self {
        Self::Key(digest(key.as_bytes()))
    }

    /// Lets a request in, judged by its head alone.
    ///
    /// Digests are compared, in constant time, so an answer's time tells nothing of the key.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] without the key, [`Code::InvalidHeader`] with two of them; the
    /// caller's fault.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let shown = shown(headers)?;
        if self.lets_in(shown.as_ref()) {
            return Ok(());
        }
        let message = "the admin key is needed: send it as `Authorization: Bearer <key>`";
        Err(Problem::new(Code::Unauthorized, message))
    }

    /// Whether who shows this is let in without a key of the API.
    fn lets_in(&self, shown: Option<&KeyDigest>) -> bool {
        match self {
            Self::Open => true,
            Self::Key(expected) => shown.is_some_and(|shown| shown.ct_eq(expected).into()),
        }
    }

    /// Who asks, judged by the head alone: by the admin key, or by a key of the ring. A key of the
    /// ring binds its caller where everybody is let in, too, so that it can be tried out there.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] without a key that is good now, [`Code::InvalidHeader`] with two of
    /// them, [`Code::RateLimited`] where it is used too often: the caller's fault;
    /// [`Code::Unavailable`] if the keys can't be read.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        ring: &KeyRing,
        reads: &dyn Reads,
    ) -> Result<Caller, Problem> {
        let shown = shown(headers)?;
        let is_admin = matches!(self, Self::Key(_)) && self.lets_in(shown.as_ref());
        let known = match shown {
            Some(digest) if !is_admin => ring.find(&digest, reads)?,
            Some(_) | None => None,
        };
        let Some(known) = known else {
            if self.lets_in(shown.as_ref()) {
                return Ok(Caller::ADMIN);
            }
            let message = "a key is needed that was not revoked and has not expired: send it as \
                           `Authorization: Bearer <key>`";
            return Err(Problem::new(Code::Unauthorized, message));
        };
        let now = ring.now();
        if known.key.is_expired(now.wall) {
            let message = "the key has expired: ask for another one";
            return Err(Problem::new(Code::Unauthorized, message));
        }
        if let Err(wait) = known.take(now) {
            let message = "this key is used more often than it may be: wait as `Retry-After` says";
            return Err(Problem::new(Code::RateLimited, message).retry_after(whole_seconds(wait)));
        }
        Ok(Caller {
            scope: known.key.scope,
            application: known.key.application,
            key: Some(known.record.id),
            capabilities: known.key.portal.as_ref().map(|portal| portal.capabilities),
        })
    }
}

/// A wait in seconds, rounded up.
pub(super) fn whole_seconds(wait: Span) -> u64 {
    let micros = u64::try_from(wait.as_micros()).unwrap_or(0);
    micros.div_ceil(1_000_000)
}

/// The digest of the key that a request shows, if it shows one.
///
/// # Errors
/// [`Code::InvalidHeader`] with two of them; the caller's fault.
fn shown(headers: &HeaderMap) -> Result<Option<KeyDigest>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        let message = "send one Authorization header, not several";
        return Err(Problem::new(Code::InvalidHeader, message));
    }
    Ok(value.and_then(|value| bearer(value.as_bytes())))
}

/// The digest of a bearer token. The scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<KeyDigest> {
    token(value).map(digest)
}

/// What a request shows, if it is one bearer token.
pub(super) fn token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| rest.trim_ascii())
}

/// Tells whether there is a key, not its digest.
impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => out.write_str("Open"),
            Self::Key(_) => out.write_str("Key(redacted)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn checked(values: &[&'static str]) -> Result<(), Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        let access = Access::key("correct horse");
        access.check(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn only_the_key_as_a_bearer_token_lets_in() {
        assert_eq!(checked(&["Bearer correct horse"]), Ok(()));
        assert_eq!(checked(&["bearer  correct horse "]), Ok(()));
        for wrong in [
            "Bearer correct",
            "Bearer ",
            "Bearer",
            "",
            "Basic correct horse",
            "correct horse",
        ] {
            assert_eq!(checked(&[wrong]), Err(Code::Unauthorized), "{wrong}");
        }
        assert_eq!(checked(&[]), Err(Code::Unauthorized));
    }

    #[test]
    fn two_keys_are_refused_even_if_both_are_right() {
        let right = "Bearer correct horse";
        assert_eq!(checked(&[right, right]), Err(Code::InvalidHeader));
    }

    #[test]
    fn open_routes_ask_for_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(Access::Open.check(&headers), Ok(()));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer any"));
        assert_eq!(Access::Open.check(&headers), Ok(()));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer any"));
        let problem = Access::Open.check(&headers).expect_err("two");
        assert_eq!(problem.code(), Code::InvalidHeader);
    }
}
