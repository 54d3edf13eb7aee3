//! Which header fields an endpoint's owner may add to the requests that go there.

use core::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

use crate::limits;

/// Why a field may not be added; the fault of who chose it. The value is never repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// It is no field name (RFC 9110, 5.1), or too long.
    #[error(
        "a header name has 1 to {} letters, digits and -_.!#$%&'*+^`|~",
        limits::ENDPOINT_HEADER_NAME_BYTES_MAX
    )]
    Name,
    /// It frames the request, routes it, or says what only we may say.
    #[error("this header is set by Fanfare or by the connection: choose another name")]
    Reserved,
    /// It is no field value (RFC 9110, 5.5): only visible ASCII, with spaces and tabs inside.
    #[error("a header value has visible ASCII characters, spaces and tabs, and none at its ends")]
    Value,
    /// It is too long.
    #[error(
        "a header value has at most {} bytes",
        limits::ENDPOINT_HEADER_VALUE_BYTES_MAX
    )]
    Length,
}

/// What marks a request of ours, so that one that leads back to us goes no further.
pub const HOP: &str = "fanfare-hop";

/// Names that nobody may add, in small letters.
const RESERVED: [&str; 20] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
/// How names begin that are ours, or those of the service that a receiver moved from.
const RESERVED_PREFIXES: [&str; 3] = ["fanfare-", "svix-", "webhook-"];
/// Names whose values let somebody in: they are never shown again.
const SENSITIVE: [&str; 6] = [
    "authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
    "x-auth",
    "x-forwarded-authorization",
];

/// Judges a field; gives its name in small letters.
///
/// # Errors
/// [`HeaderError`]
pub fn judge_header(name: &str, value: &str) -> Result<String, HeaderError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    let fits = (1..=limits::ENDPOINT_HEADER_NAME_BYTES_MAX).contains(&name.len());
    if !fits || !name.bytes().all(is_token) {
        return Err(HeaderError::Name);
    }
    let name = name.to_ascii_lowercase();
    let is_ours = RESERVED_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix));
    if is_ours || RESERVED.contains(&name.as_str()) {
        return Err(HeaderError::Reserved);
    }
    if value.len() > limits::ENDPOINT_HEADER_VALUE_BYTES_MAX {
        return Err(HeaderError::Length);
    }
    let is_visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
    if value.trim_matches([' ', '\t']) != value || !value.bytes().all(is_visible) {
        return Err(HeaderError::Value);
    }
    Ok(name)
}

/// Whether the value of a field, by its name in small letters, must not be shown.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    SENSITIVE.contains(&name)
}

/// A second set of names for the headers that show who sent a delivery, for receivers that still look
/// for those of the service they came from: with `svix-` each delivery also has `svix-id`,
/// `svix-timestamp` and `svix-signature`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderPrefix(String);

impl TryFrom<String> for HeaderPrefix {
    type Error = HeaderPrefixError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl HeaderPrefix {
    /// Its text; it ends with a hyphen.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderPrefix {
    type Err = HeaderPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = text.len() <= limits::HEADER_PREFIX_BYTES_MAX
            && text.ends_with('-')
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(fits);
        let is_ours = ["webhook-", "fanfare-", "content-", "proxy-"].contains(&text);
        if is_name && !is_ours {
            Ok(Self(text.to_owned()))
        } else {
            Err(HeaderPrefixError)
        }
    }
}

/// Why a text is no prefix; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it must be small letters, digits and hyphens with a hyphen at the end, as `svix-`, at most {} \
     characters, and not webhook-, fanfare-, content- or proxy-",
    limits::HEADER_PREFIX_BYTES_MAX
)]
pub struct HeaderPrefixError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a59_what_is_ours_or_the_connections_is_refused_in_any_case() {
        for name in RESERVED
            .into_iter()
            .chain(["webhook-id", "svix-x", "fanfare-hop"])
        {
            let mixed: String = name
                .char_indices()
                .map(|(at, sign)| match at % 2 {
                    0 => sign.to_ascii_uppercase(),
                    _ => sign,
                })
                .collect();
            for spelled in [name.to_owned(), name.to_ascii_uppercase(), mixed] {
                assert_eq!(
                    judge_header(&spelled, "x"),
                    Err(HeaderError::Reserved),
                    "{spelled}"
                );
            }
        }
    }

    #[test]
    fn a59_names_and_values_are_what_a_request_can_carry() {
        assert_eq!(judge_header("X-Tenant", "a b\tc"), Ok("x-tenant".into()));
        assert_eq!(judge_header("x", ""), Ok("x".into()));
        for name in ["", "a b", "a:b", "a\r\nb", "é", "a\0", &"x".repeat(129)] {
            assert_eq!(judge_header(name, "x"), Err(HeaderError::Name), "{name:?}");
        }
        for value in [
            "a\r\nb: c",
            "a\n",
            "é",
            "a\0b",
            " a",
            "a ",
            "\ta",
            "a\u{7f}",
        ] {
            assert_eq!(
                judge_header("x", value),
                Err(HeaderError::Value),
                "{value:?}"
            );
        }
        assert!(judge_header("x", &"v".repeat(4_096)).is_ok());
        assert_eq!(
            judge_header("x", &"v".repeat(4_097)),
            Err(HeaderError::Length)
        );
    }

    #[test]
    fn a_prefix_ends_with_a_hyphen_and_is_none_of_ours() {
        for text in ["svix-", "x-acme-", "a1-"] {
            let prefix = text.parse::<HeaderPrefix>().expect(text);
            assert_eq!(prefix.text(), text);
        }
        let long = format!("{}-", "a".repeat(limits::HEADER_PREFIX_BYTES_MAX));
        for text in [
            "", "-", "svix", "Svix-", "1a-", "a b-", "webhook-", "fanfare-", &long,
        ] {
            assert_eq!(
                text.parse::<HeaderPrefix>(),
                Err(HeaderPrefixError),
                "{text}"
            );
        }
    }

    #[test]
    fn values_that_let_somebody_in_are_sensitive() {
        assert!(is_sensitive("authorization") && is_sensitive("x-api-key"));
        assert!(!is_sensitive("x-tenant"));
    }
}
