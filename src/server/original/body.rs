//! Reads a request's body as the original server did: JSON or a form, and `{}` for all else.
//!
//! Unlike there, nothing of the body is ever shown again in an error.

#![expect(
    clippy::disallowed_methods,
    reason = "a slow client is a matter of real time"
)]

use core::{error::Error, time::Duration};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::{
    limits,
    server::problem::{Code, Problem},
};

/// A body that was read and understood.
#[derive(Debug)]
pub(super) struct Message {
    /// What it says: an object or an array.
    pub(super) value: Value,
    /// The same as JSON text: the very bytes that were sent, if they were JSON.
    pub(super) json: Bytes,
}

impl Message {
    fn of(value: Value) -> Self {
        let json = value.to_string().into();
        Self { value, json }
    }
}

/// How to read a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Form,
    /// Not at all: it counts as `{}`.
    Other,
}

/// Reads and understands a request's body.
///
/// # Errors
/// A [`Problem`] if it is too large, too slow, cut short, compressed or malformed; the client's
/// fault.
pub(super) async fn read(request: Request) -> Result<Message, Problem> {
    let (head, body) = request.into_parts();
    let format = format_of(&head.headers)?;
    if let Some(length) = declared_length(&head.headers)
        && length > limits::REQUEST_BODY_BYTES_MAX
    {
        return Err(too_large());
    }
    let bytes = collected(body).await?;
    if bytes.is_empty() {
        return Ok(Message::of(Value::Object(Map::new())));
    }
    match format {
        Format::Json => json(bytes),
        Format::Form => form(&bytes),
        Format::Other => Ok(Message::of(Value::Object(Map::new()))),
    }
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or(value).trim());
    let format = match media_type {
        Some(name) if name.eq_ignore_ascii_case("application/json") => Format::Json,
        Some(name) if name.eq_ignore_ascii_case("application/x-www-form-urlencoded") => {
            Format::Form
        }
        _ => return Ok(Format::Other),
    };
    let is_plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_plain {
        Ok(format)
    } else {
        let message = "compressed bodies are not taken: send it without Content-Encoding";
        Err(Problem::new(Code::UnsupportedEncoding, message))
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collected(body: Body) -> Result<Bytes, Problem> {
    let body = Limited::new(body, limits::REQUEST_BODY_BYTES_MAX);
    let most = Duration::from_millis(limits::REQUEST_BODY_TIMEOUT_MS);
    match tokio::time::timeout(most, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_over_limit(error.as_ref()) => Err(too_large()),
        Ok(Err(_)) => Err(invalid("the body ended early: send all of it")),
        Err(_) => {
            let message = format!("the body must arrive within {} s", most.as_secs());
            Err(Problem::new(Code::RequestTimeout, message))
        }
    }
}

fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn too_large() -> Problem {
    let most = limits::REQUEST_BODY_BYTES_MAX;
    let message = format!("the body is larger than {most} bytes, the most that is taken");
    Problem::new(Code::PayloadTooLarge, message)
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidBody, message)
}

fn json(bytes: Bytes) -> Result<Message, Problem> {
    let json = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(after_mark) => bytes.slice_ref(after_mark),
        None => bytes,
    };
    let text = core::str::from_utf8(&json).map_err(|error| not_utf8(error.valid_up_to()))?;
    if depth(text) > limits::JSON_DEPTH_MAX {
        let most = limits::JSON_DEPTH_MAX;
        return Err(invalid(format!("the JSON is nested deeper than {most}")));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        invalid(format!(
            "the body is not valid JSON: see line {line}, column {column}"
        ))
    })?;
    if !value.is_object() && !value.is_array() {
        return Err(invalid(
            "the body is not valid JSON for this route: send an object, such as {\"url\": …}",
        ));
    }
    Ok(Message { value, json })
}

fn not_utf8(at: usize) -> Problem {
    invalid(format!(
        "the body is not UTF-8: see byte {at}, counted from 0"
    ))
}

/// How deep brackets nest outside of strings. Of text that is not JSON it says nothing much, which
/// does no harm: that is refused anyway.
fn depth(text: &str) -> usize {
    let mut depth: usize = 0;
    let mut deepest = 0;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A form as an object of texts; a name that comes again makes a list, as the original server has
/// it.
fn form(bytes: &[u8]) -> Result<Message, Problem> {
    // Separators are ASCII, so the pieces are UTF-8 if the whole is.
    if let Err(error) = String::from_utf8(unescaped(bytes)) {
        return Err(not_utf8(error.utf8_error().valid_up_to()));
    }
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(bytes) {
        let text = Value::from(text);
        match fields.get_mut(&*name) {
            None => {
                fields.insert(name.into_owned(), text);
            }
            Some(Value::Array(texts)) => texts.push(text),
            Some(first) => *first = Value::Array(vec![first.take(), text]),
        }
    }
    Ok(Message::of(Value::Object(fields)))
}

/// The bytes with percent-escapes resolved; what only looks like one stays.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = after.split_at_checked(2).filter(|_| byte == b'%');
        let escape = escape.and_then(|(digits, after)| {
            let digits = core::str::from_utf8(digits).ok()?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            Some((byte, after))
        });
        let (byte, after) = escape.unwrap_or((byte, after));
        out.push(byte);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(problem: &Problem) -> String {
        format!("{problem:?}")
    }

    #[test]
    fn nesting_counts_brackets_outside_of_strings_only() {
        assert_eq!(depth(r#"{"a":["[[[[\"[["],"b":{}}"#), 2);
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(json(deep(64).into()).is_ok());
        let problem = json(deep(65).into()).expect_err("too deep");
        assert!(said(&problem).contains("deeper than 64"));
        assert!(json("[".repeat(200_000).into()).is_err());
    }

    #[test]
    fn malformed_json_is_told_by_its_position_and_never_shown_again() {
        let problem = json("{\n  \"canary\": canary }".into()).expect_err("malformed");
        assert!(said(&problem).contains("line 2, column 13"), "{problem:?}");
        assert!(!said(&problem).contains("canary"));
    }

    #[test]
    fn the_last_of_duplicate_keys_wins_and_the_bytes_stay_as_sent() {
        let sent = r#"{ "a":1, "a" : 2 }"#;
        let message = json(sent.into()).expect("valid");
        assert_eq!(message.value, json!({ "a": 2 }));
        assert_eq!(message.json, sent);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_json() {
        let message = json(Bytes::from_static(b"\xEF\xBB\xBF{}")).expect("valid");
        assert_eq!(message.json, "{}");
    }

    #[test]
    fn a_form_is_an_object_of_texts_and_repeated_names_are_lists() {
        let message = form(b"url=http%3A%2F%2Fh%2F&token=a+b&x=1&x=2&x=%C3%A9&e").expect("valid");
        let expected = json!({ "url": "http://h/", "token": "a b", "x": ["1", "2", "é"], "e": "" });
        assert_eq!(message.value, expected);
    }

    #[test]
    fn a_form_whose_escapes_make_no_utf8_is_refused() {
        assert!(form(b"url=%FF").is_err());
        assert!(form(b"url=\xFF").is_err());
        assert!(form("url=%EF%BF%BD\u{FFFD}%4".as_bytes()).is_ok());
        assert!(form(b"url=%+1%zz%").is_ok());
    }
}
