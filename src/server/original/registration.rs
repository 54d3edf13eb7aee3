//! What a registration must look like, in the original server's words.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{domain::endpoint_url::EndpointUrl, limits};

/// A registration that was found good.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// Where to send.
    pub(super) url: EndpointUrl,
    /// The token as JSON text.
    pub(super) token_json: Bytes,
    /// All that was sent, unknown fields included, as a JSON object.
    pub(super) json: Bytes,
}

impl Registration {
    /// Judges a request's body.
    ///
    /// # Errors
    /// Everything that is wrong with it, the URL's faults first; the caller's fault.
    pub(super) fn judge(value: Value) -> Result<Self, Vec<String>> {
        let Value::Object(fields) = value else {
            return Err(vec![NOT_AN_OBJECT.into()]);
        };
        let url = text(&fields, "url").and_then(endpoint_url);
        let token = text(&fields, "token").and_then(token);
        match (url, token) {
            (Ok(url), Ok(token)) => Ok(Self {
                url,
                token_json: Value::from(token).to_string().into(),
                json: Value::Object(fields).to_string().into(),
            }),
            (url, token) => Err([url.err(), token.err()].into_iter().flatten().collect()),
        }
    }
}

/// What a body that is no object is told.
pub(super) const NOT_AN_OBJECT: &str = r#""value" must be of type object"#;

/// The text of a field that must be there.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match fields.get(name) {
        None => Err(format!(r#""{name}" is required"#)),
        Some(Value::String(text)) if text.is_empty() => {
            Err(format!(r#""{name}" is not allowed to be empty"#))
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!(r#""{name}" must be a string"#)),
    }
}

fn endpoint_url(text: &str) -> Result<EndpointUrl, String> {
    if text.len() > limits::URL_BYTES_MAX {
        let most = limits::URL_BYTES_MAX;
        return Err(format!(r#""url" must be at most {most} bytes long"#));
    }
    let rest = text
        .strip_prefix("https:")
        .or_else(|| text.strip_prefix("http:"));
    rest.filter(|rest| is_rfc_3986(rest))
        .and_then(|_| EndpointUrl::parse(text).ok())
        .ok_or_else(|| {
            r#""url" must be a valid uri with a scheme matching the https? pattern"#.into()
        })
}

fn token(text: &str) -> Result<&str, String> {
    if text.len() > limits::TOKEN_BYTES_MAX {
        let most = limits::TOKEN_BYTES_MAX;
        return Err(format!(r#""token" must be at most {most} bytes long"#));
    }
    Ok(text)
}

/// Whether what follows a scheme has only the characters of RFC 3986, each in its place.
///
/// URL parsers mend what is broken (a space, a bracket, a backslash); the original server did not
/// take it, and a URL that needs mending is rarely the one that was meant.
fn is_rfc_3986(rest: &str) -> bool {
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.strip_prefix("//").map_or(("", rest), |rest| {
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    });
    has_only(authority, b"@:[]")
        && has_only(path, b"@:/")
        && has_only(query, b"@:/?")
        && has_only(fragment, b"@:/?")
}

/// Whether a text has only unreserved characters, sub-delimiters, percent-escapes and `more`.
fn has_only(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_fit = match byte {
            b'%' => {
                let mut is_hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                is_hex() && is_hex()
            }
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' => true,
            _ => byte.is_ascii_alphanumeric() || more.contains(&byte),
        };
        if !is_fit {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_taken(url: &str) -> bool {
        Registration::judge(json!({ "url": url, "token": "t" })).is_ok()
    }

    #[test]
    fn urls_of_rfc_3986_are_taken_whatever_their_parts() {
        for url in [
            "https://example.com",
            "http://example.com:8080/a;b=1/c,d?e=f/g?#h/i?",
            "http://u:p@127.0.0.1/%41%zz".trim_end_matches("%zz"),
            "https://[::1]:99/",
            "https://example.com/~a!$&'()*+,;=:@",
            "https:foo",
        ] {
            assert!(is_taken(url), "{url}");
        }
    }

    #[test]
    fn what_a_parser_would_have_to_mend_is_refused() {
        for url in [
            "https://example.com/a b",
            " https://example.com/",
            "https://example.com/\n",
            "https://example.com/{}",
            "https://example.com\\a",
            "https://example.com/[a]",
            "https://example.com/%4",
            "https://example.com/%zz",
            "https://example.com/#a#b",
            "https://exämple.com/",
            "https://example.com/\"",
            "HTTPS://example.com/",
            "Http://example.com/",
            "https//example.com",
            "http",
        ] {
            assert!(!is_taken(url), "{url}");
        }
    }

    #[test]
    fn a_registration_keeps_its_fields_their_order_and_its_token_as_json() {
        let value = json!({ "z": 1, "token": "a\"b", "url": "http://h/", "a": [null] });
        let registration = Registration::judge(value).expect("good");
        assert_eq!(
            registration.json,
            r#"{"z":1,"token":"a\"b","url":"http://h/","a":[null]}"#
        );
        assert_eq!(registration.token_json, r#""a\"b""#);
        assert_eq!(registration.url.text(), "http://h/");
    }
}
