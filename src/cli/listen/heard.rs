//! What is told of a delivery: a line for people, or one of JSON.

use core::time::Duration;

use serde_json::json;

use crate::cli::output::{escaped, laid_out};

/// A delivery that was passed on, or could not be.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// When its head had come.
    pub(super) time: jiff::Timestamp,
    /// What it calls itself; empty if it has no name.
    pub(super) message_id: String,
    /// Whether our endpoint's deliveries are signed like this; else why not.
    pub(super) verified: Result<(), String>,
    /// What the application answered.
    pub(super) status: Option<u16>,
    /// Why it did not answer.
    pub(super) fault: Option<String>,
    /// How long the application took.
    pub(super) duration: Duration,
}

impl Heard {
    /// One line for people.
    pub(super) fn as_text(&self, event_type: Option<&str>) -> String {
        let or_nothing = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                escaped(text)
            }
        };
        let status = self.status.map(|status| status.to_string());
        let mut row = vec![
            format!("{:.0}", self.time),
            or_nothing(event_type.unwrap_or_default()),
            or_nothing(&self.message_id),
            if self.verified.is_ok() {
                "verified".to_owned()
            } else {
                "NOT VERIFIED".to_owned()
            },
            or_nothing(&status.unwrap_or_default()),
            format!("{} ms", self.duration.as_millis()),
        ];
        let reasons = [self.verified.as_ref().err(), self.fault.as_ref()];
        row.extend(reasons.into_iter().flatten().map(|reason| escaped(reason)));
        laid_out(&[row])
    }

    /// The same as one object, with the names of the API where it has such.
    pub(super) fn as_json(&self, event_type: Option<&str>) -> String {
        let message_id = Some(&self.message_id).filter(|id| !id.is_empty());
        let line = json!({
            "timestamp": self.time.to_string(),
            "eventType": event_type,
            "msgId": message_id,
            "verified": self.verified.is_ok(),
            "notVerifiedBecause": self.verified.as_ref().err(),
            "status": self.status,
            "durationMs": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "fault": self.fault,
        });
        escaped(&line.to_string()) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard() -> Heard {
        Heard {
            time: jiff::Timestamp::from_millisecond(1_700_000_000_123).expect("a time"),
            message_id: "msg_1".to_owned(),
            verified: Ok(()),
            status: Some(204),
            fault: None,
            duration: Duration::from_millis(7),
        }
    }

    #[test]
    fn a_delivery_is_one_line() {
        // The tests' output is no terminal, or it is: the parts are the same.
        let parts = |line: String| {
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            parts(heard().as_text(Some("a.b"))),
            "2023-11-14T22:13:20Z a.b msg_1 verified 204 7 ms"
        );
        let strange = Heard {
            message_id: "\u{1b}[2J\nx".to_owned(),
            verified: Err("no signature fits".to_owned()),
            status: None,
            fault: Some("refused".to_owned()),
            ..heard()
        };
        assert_eq!(
            parts(strange.as_text(None)),
            "2023-11-14T22:13:20Z - \\u001b[2J\\nx NOT VERIFIED - 7 ms no signature fits refused"
        );
    }

    #[test]
    fn a_delivery_is_one_object() {
        let line = heard().as_json(Some("a.b"));
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(
            (&read["msgId"], &read["status"]),
            (&"msg_1".into(), &204.into())
        );
        let nameless = Heard {
            message_id: String::new(),
            ..heard()
        };
        let read: serde_json::Value = serde_json::from_str(&nameless.as_json(None)).expect("JSON");
        assert!(read["msgId"].is_null() && read["eventType"].is_null());
    }
}
