//! A delivery made readable: as text for people, or as one JSON object.
//!
//! What came from outside is never written as it is: control characters and those that turn the
//! direction of text around are written as escapes, so that no sender can forge a line or steer a
//! terminal.

use core::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{StatusCode, request};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    cli::{intake::BodyFault, output::escaped},
    limits,
};

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// With this status and no body.
    Status(StatusCode),
    /// Not at all: the connection is closed.
    Close,
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(out, "answers {}", status.as_u16()),
            Self::Close => out.write_str("closes without an answer"),
        }
    }
}

/// One request and what it gets.
pub(super) struct Delivery {
    /// When its head had come.
    pub(super) received_at: jiff::Timestamp,
    /// Method, path and headers.
    pub(super) head: request::Parts,
    /// What came after the head.
    pub(super) body: Result<Bytes, BodyFault>,
    /// What it gets.
    pub(super) answer: Answer,
    /// After how long it gets it.
    pub(super) delay: Duration,
}

/// The headers that are shown (Standard Webhooks).
const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

impl Delivery {
    /// Some lines for people, with an empty one at the end.
    pub(super) fn as_text(&self) -> String {
        let mut text = format!(
            "{:.3} {} {} - {}, {}",
            self.received_at,
            self.head.method,
            escaped(&self.path()),
            self.size(),
            self.answer,
        );
        if !self.delay.is_zero() {
            text.push_str(&format!(" after {:?}", self.delay));
        }
        text.push('\n');
        for name in HEADERS {
            if let Some(value) = self.header(name) {
                text.push_str(&format!("  {name}: {}\n", escaped(&value)));
            }
        }
        for line in self.shown_body().lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push('\n');
        text
    }

    /// One line with one JSON object.
    pub(super) fn as_json(&self) -> String {
        let body = self.body.as_ref().ok();
        let text = body.and_then(|body| core::str::from_utf8(body).ok());
        let base64 = body.filter(|_| text.is_none());
        let status = match self.answer {
            Answer::Status(status) => Some(status.as_u16()),
            Answer::Close => None,
        };
        let line = json!({
            "received_at": format!("{:.3}", self.received_at),
            "method": self.head.method.as_str(),
            "path": self.path(),
            "webhook_id": self.header("webhook-id"),
            "webhook_timestamp": self.header("webhook-timestamp"),
            "webhook_signature": self.header("webhook-signature"),
            "body_bytes": body.map(Bytes::len),
            "body": text,
            "body_base64": base64.map(|body| BASE64_STANDARD.encode(body)),
            "body_fault": self.body.as_ref().err().map(|fault| fault.reason()),
            "answer": status,
        });
        // JSON leaves some control characters as they are; outside of strings there are none.
        escaped(&line.to_string()) + "\n"
    }

    fn path(&self) -> String {
        let uri = &self.head.uri;
        uri.path_and_query()
            .map_or_else(|| uri.to_string(), ToString::to_string)
    }

    fn header(&self, name: &str) -> Option<String> {
        let value = self.head.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn size(&self) -> String {
        match &self.body {
            Ok(body) => format!("{} bytes", body.len()),
            Err(fault) => fault.reason().to_owned(),
        }
    }

    /// The body, indented if it is short JSON, else in one piece; only its beginning if it is long.
    fn shown_body(&self) -> String {
        let Ok(body) = &self.body else {
            return String::new();
        };
        let Some(shown) = body.get(..limits::RECEIVER_SHOWN_BYTES_MAX) else {
            let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
            let text = String::from_utf8_lossy(body);
            return if is_json {
                indented(&text)
            } else {
                escaped(&text)
            };
        };
        let left = body.len() - shown.len();
        let text = escaped(&String::from_utf8_lossy(shown));
        format!("{text}\n… and {left} bytes more")
    }
}

/// Valid JSON over several lines. Only spaces move: numbers, names and their order stay as they
/// came, which a parser in between would not promise.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut letters = json.chars().peekable();
    let mut is_inside_string = false;
    let mut is_after_backslash = false;
    while let Some(letter) = letters.next() {
        if is_inside_string {
            out.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
            is_inside_string = letter != '"' || is_after_backslash;
            is_after_backslash = letter == '\\' && !is_after_backslash;
            continue;
        }
        match letter {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                is_inside_string = letter == '"';
                out.push(letter);
            }
        }
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::output::is_treacherous;

    fn shown(body: impl Into<Bytes>, show: impl Fn(&Delivery) -> String) -> String {
        let request = Request::post("/hook?a=1")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", "1700000000")
            .header("webhook-signature", b"v1,\x9b31m".as_slice())
            .body(())
            .expect("a request");
        let (head, ()) = request.into_parts();
        show(&Delivery {
            received_at: jiff::Timestamp::from_millisecond(1_700_000_000_123).expect("a time"),
            head,
            body: Ok(body.into()),
            answer: Answer::Status(StatusCode::OK),
            delay: Duration::from_millis(1_500),
        })
    }

    #[test]
    fn a_delivery_reads_well() {
        let body =
            r#"{"token":"t","payload":{"price":1.0,"big":12345678901234567890123,"none":[ ]}}"#;
        let expected = "\
2023-11-14T22:13:20.123Z POST /hook?a=1 - 78 bytes, answers 200 after 1.5s
  webhook-id: msg_1
  webhook-timestamp: 1700000000
  webhook-signature: v1,\u{fffd}31m
  {
    \"token\": \"t\",
    \"payload\": {
      \"price\": 1.0,
      \"big\": 12345678901234567890123,
      \"none\": []
    }
  }

";
        assert_eq!(shown(body, Delivery::as_text), expected);
    }

    #[test]
    fn no_body_can_forge_a_line_or_steer_a_terminal() {
        let evil =
            "ok\n2023-11-14T22:13:20Z POST /forged\r\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{7f}\0";
        let quoted = serde_json::to_string(evil).expect("JSON");
        for body in [evil.to_owned(), quoted] {
            let text = shown(body.clone(), Delivery::as_text);
            assert_eq!(text.lines().count(), 6, "{text:?}");
            assert!(
                !text.chars().any(|c| c != '\n' && is_treacherous(c)),
                "{text:?}"
            );
            let json = shown(body.clone(), Delivery::as_json);
            assert!(!json.trim_end().chars().any(is_treacherous), "{json:?}");
            let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            assert_eq!(read["body"], body);
        }
    }

    #[test]
    fn a_long_body_shows_its_beginning_and_a_binary_one_is_base64_in_json() {
        let text = shown(vec![b'a'; 5_000], Delivery::as_text);
        assert!(text.contains("… and 904 bytes more"), "{text}");
        let json = shown(vec![0xff, 0xfe], Delivery::as_json);
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read["body"], serde_json::Value::Null);
        assert_eq!(read["body_base64"], "//4=");
        assert_eq!(read["answer"], 200);
    }

    #[test]
    fn an_empty_body_shows_no_line() {
        assert_eq!(shown("", Delivery::as_text).lines().count(), 5);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn indenting_changes_no_value(value in json()) {
            for text in [value.to_string(), format!("{value:#}")] {
                let read: serde_json::Value = serde_json::from_str(&indented(&text))?;
                prop_assert_eq!(&read, &value);
                // However it was spaced before, it looks the same after.
                prop_assert_eq!(indented(&text), indented(&value.to_string()));
            }
        }
    }
}
