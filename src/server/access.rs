//! Who may use a set of routes: everybody, or who shows the admin key.

use core::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::problem::{Code, Problem};

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
        Self::Key(Sha256::digest(key.as_bytes()).into())
    }

    /// Lets a request in, judged by its head alone.
    ///
    /// Digests are compared, in constant time, so an answer's time tells nothing of the key.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] without the key, [`Code::InvalidHeader`] with two of them; the
    /// caller's fault.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next();
        if values.next().is_some() {
            let message = "send one Authorization header, not several";
            return Err(Problem::new(Code::InvalidHeader, message));
        }
        let Self::Key(expected) = self else {
            return Ok(());
        };
        let shown = value
            .and_then(|value| bearer(value.as_bytes()))
            .map(<[u8; 32]>::from);
        if shown.is_some_and(|digest| digest.ct_eq(expected).into()) {
            return Ok(());
        }
        let message = "the admin key is needed: send it as `Authorization: Bearer <key>`";
        Err(Problem::new(Code::Unauthorized, message))
    }
}

/// The digest of a bearer token. The scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<sha2::digest::Output<Sha256>> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| Sha256::digest(rest.trim_ascii()))
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
