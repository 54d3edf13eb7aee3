//! Reads a request's body as the original server did: JSON or a form, and `{}` for all else.
//!
//! Unlike there, nothing of the body is ever shown again in an error.

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use crate::{
    limits,
    server::{
        json_scan::depth,
        problem::{Code, Problem},
        request_body,
    },
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
    let bytes = request_body::collect(&head, body).await?;
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
    request_body::refuse_compressed(headers)?;
    Ok(format)
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
    fn json_may_nest_64_deep() {
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
