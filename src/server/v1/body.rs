//! Reads a request's body: JSON, and one object of fields.

use core::fmt;

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body::Body as _;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    limits,
    server::{
        json_scan::depth,
        problem::{Code, FaultKind, Problem},
        request_body,
        v1::faults::Faults,
    },
};

/// Takes a request's body, which must be declared to be JSON.
///
/// # Errors
/// A [`Problem`] if it is not declared so, compressed, too large, too slow or cut short; the
/// client's fault.
pub(super) async fn read(request: Request) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    if !is_json(&head.headers) {
        let message = "send the body as JSON in UTF-8, with `Content-Type: application/json`";
        return Err(Problem::new(Code::UnsupportedMediaType, message));
    }
    request_body::refuse_compressed(&head.headers)?;
    request_body::collect(&head, body).await
}

/// Takes a request's body; none at all counts as an object without fields.
///
/// # Errors
/// As [`read`]; the client's fault.
pub(super) async fn read_or_empty(request: Request) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    let is_empty = !head.headers.contains_key(CONTENT_TYPE) && body.is_end_stream();
    if is_empty {
        return Ok(Bytes::from_static(b"{}"));
    }
    read(Request::from_parts(head, body)).await
}

/// Whether there is one content type, JSON, in no other character set than UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let is_named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    is_named
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The fields of an object in the order they came, none twice.
pub(super) type Object<'text> = Vec<(String, &'text RawValue)>;

/// Reads a body as an object of fields.
///
/// # Errors
/// A [`Problem`] if it is not UTF-8 or not JSON, names a field twice, is nested too deeply or is no
/// object; the client's fault. `faults` are told with the last two, else given back.
pub(super) fn object(body: &[u8], faults: Faults) -> Result<(Object<'_>, Faults), Problem> {
    let text = core::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        invalid(format!(
            "the body is not UTF-8: see byte {at}, counted from 0"
        ))
    })?;
    if depth(text) > limits::JSON_DEPTH_MAX {
        let most = limits::JSON_DEPTH_MAX;
        let message = format!("the JSON is nested deeper than {most}");
        return Err(faults.and(&["body"], FaultKind::Value, &message));
    }
    if text.trim_ascii().is_empty() {
        return Err(invalid("the body is empty: send a JSON object"));
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    if !whole.get().starts_with('{') {
        return Err(faults.and(&["body"], FaultKind::Type, "the body must be a JSON object"));
    }
    Ok((fields_of(text, whole)?, faults))
}

/// The fields of an object that is part of `text`.
///
/// # Errors
/// A [`Problem`] if it names a field twice or a name is no text; the client's fault.
pub(super) fn fields_of<'text>(
    text: &str,
    object: &'text RawValue,
) -> Result<Object<'text>, Problem> {
    let Fields(fields) = serde_json::from_str(object.get()).map_err(|error| {
        let at = offset_of(text, object.get()) + offset_in(object.get(), &error);
        invalid(format!(
            "the body is not valid JSON: see byte {at}, counted from 0"
        ))
    })?;
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.is_sorted_by(|one, next| one < next) {
        return Ok(fields);
    }
    let message = "an object of the body names a field twice: send each field once";
    Err(invalid(message))
}

/// A body that is not understood.
pub(super) fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidBody, message)
}

/// How many bytes of `text` stand before its part `part`.
pub(super) fn offset_of(text: &str, part: &str) -> usize {
    let (start, part) = (text.as_ptr().addr(), part.as_ptr().addr());
    part.saturating_sub(start)
}

fn not_json(text: &str, error: &serde_json::Error) -> Problem {
    if error.is_eof() {
        let end = text.len();
        return invalid(format!(
            "the body ends at byte {end}, in the middle of its JSON: send all of it"
        ));
    }
    let at = offset_in(text, error);
    invalid(format!(
        "the body is not valid JSON: see byte {at}, counted from 0"
    ))
}

/// The byte at which an error was found, from its line and column.
fn offset_in(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').map(str::len);
    let before: usize = lines.take(error.line().saturating_sub(1)).sum();
    let at = (before + error.column().saturating_sub(1)).min(text.len());
    if !error.to_string().starts_with("control character") {
        return at;
    }
    // Of these the reader tells the byte before.
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let further = rest.iter().position(|byte| *byte < 0x20);
    at + further.unwrap_or_default()
}

/// The fields as they came, even if one comes twice.
struct Fields<'text>(Object<'text>);

impl<'de: 'text, 'text> Deserialize<'de> for Fields<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsTheyCame;

        impl<'de> Visitor<'de> for AsTheyCame {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(AsTheyCame).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> String {
        let problem = object(body, Faults::default()).expect_err("refused");
        assert_eq!(problem.code(), Code::InvalidBody);
        format!("{problem:?}")
    }

    #[test]
    fn what_is_cut_short_is_told_by_where_it_ends() {
        for body in [&b"{\"canary\":\"x"[..], b"{", b"{\"a\":[1,", b"{\"a\":tru"] {
            let told = refused(body);
            let place = format!("ends at byte {}, in the middle", body.len());
            assert!(told.contains(&place) && !told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_by_its_byte_and_never_shown_again() {
        for (body, at) in [
            (&b"{\n  \"canary\": canary }"[..], 14),
            (b"{} canary", 3),
            (b"{\"a\":01}", 6),
            (b"{\"a\":NaN}", 5),
            (b"{\"a\":1,}", 7),
            (b"{'a':1}", 1),
            (b"{\"a\":\"\xff\"}", 6),
            (b"\xEF\xBB\xBF{}", 0),
            (b"{\"\\ud800\":1}", 8),
            (b"{\"a\":\"x\ty\"}", 7),
            (b"{\"a\":\"x\ny\"}", 7),
            (b"{\"a\":1,\n\"b\":\"\x01\"}", 13),
        ] {
            let said = refused(body);
            assert!(said.contains(&format!("byte {at},")), "{body:?}: {said}");
            assert!(!said.contains("canary"), "{said}");
        }
        assert!(refused(b"{\"a\"").contains("ends at byte 4"));
        assert!(refused(b" \n").contains("empty"));
    }

    #[test]
    fn a_field_that_is_named_twice_is_refused_even_in_other_spelling() {
        assert!(refused(br#"{"a":1,"b":2,"a":1}"#).contains("twice"));
        assert!(refused(br#"{"a":1,"\u0061":1}"#).contains("twice"));
        let inside = br#"{"a":{"b":1,"b":2}}"#;
        let (fields, _) = object(inside, Faults::default()).expect("for the field to judge");
        assert_eq!(fields[0].1.get(), r#"{"b":1,"b":2}"#);
    }

    #[test]
    fn only_one_media_type_in_utf_8_is_json() {
        let judged = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, http::HeaderValue::from_static(value));
            }
            is_json(&headers)
        };
        for value in [
            "application/json",
            "Application/JSON ; charset=UTF-8",
            "application/json;charset=\"utf-8\"; profile=x",
        ] {
            assert!(judged(&[value]), "{value}");
        }
        for value in [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/problem+json",
        ] {
            assert!(!judged(&[value]), "{value}");
        }
        assert!(!judged(&[]));
        assert!(!judged(&["application/json", "application/json"]));
    }
}
