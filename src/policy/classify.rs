//! What an outcome means: success, another try, or an endpoint that is gone.

use jiff::{civil::DateTime, fmt::rfc2822, tz::Offset};

use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    time::{Span, Timestamp},
};

/// Our judgement of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The delivery is done.
    Success,
    /// The delivery failed this time.
    Retry {
        /// How long the receiver asked us to wait, if it did so in a way we understand.
        retry_after: Option<Span>,
    },
    /// The receiver says that it is gone for good (410).
    Gone,
}

/// Judges an outcome: 200 to 299 is success whatever the body, 410 is gone, all else is a failure,
/// redirects included (Standard Webhooks, "Response"). `wall` turns a date into a wait.
#[must_use]
pub fn classify(outcome: &Outcome, wall: Timestamp) -> Verdict {
    let OutcomeKind::Status(status) = outcome.kind else {
        return Verdict::Retry { retry_after: None };
    };
    match status {
        200..=299 => Verdict::Success,
        410 => Verdict::Gone,
        _ => Verdict::Retry {
            retry_after: outcome
                .retry_after
                .as_deref()
                .and_then(|text| retry_after(text, wall)),
        },
    }
}

/// The wait a `Retry-After` asks for (RFC 9110, section 10.2.3): seconds or an HTTP date.
///
/// Junk is no wait, the past a wait of nothing, a number beyond all use a very long wait: the
/// schedule bounds it.
fn retry_after(text: &str, wall: Timestamp) -> Option<Span> {
    let text = text.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // It is digits alone, so what does not fit is too large.
        let seconds = text.parse::<u32>().unwrap_or(u32::MAX);
        return Some(Span::from_seconds(seconds.into()));
    }
    let wait = http_date(text)?.since(wall);
    Some(wait.max(Span::ZERO))
}

/// Reads an HTTP date in each of its three forms (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    let seconds = match rfc2822::DateTimeParser::new().parse_timestamp(text) {
        Ok(time) => time.as_second(),
        Err(_) => {
            // The two obsolete forms: RFC 850 and C's asctime.
            let civil = DateTime::strptime("%A, %d-%b-%y %H:%M:%S GMT", text)
                .or_else(|_| DateTime::strptime("%a %b %e %H:%M:%S %Y", text));
            Offset::UTC.to_timestamp(civil.ok()?).ok()?.as_second()
        }
    };
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06 08:49:37 UTC, the date of the RFC's examples.
    const EXAMPLE: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
        Outcome {
            retry_after: retry_after.map(Into::into),
            body: Bytes::from_static(b"not json"),
            ..Outcome::without_reply(OutcomeKind::Status(status), Span::ZERO)
        }
    }

    fn asked(text: &str, wall: Timestamp) -> Option<Span> {
        match classify(&answered(503, Some(text)), wall) {
            Verdict::Retry { retry_after } => retry_after,
            verdict @ (Verdict::Success | Verdict::Gone) => panic!("a 503 failed: {verdict:?}"),
        }
    }

    #[test]
    fn success_is_any_2xx_gone_is_410_and_everything_else_fails() {
        for status in 0..=u16::MAX {
            let verdict = classify(&answered(status, None), EXAMPLE);
            let expected = match status {
                200..=299 => Verdict::Success,
                410 => Verdict::Gone,
                _ => Verdict::Retry { retry_after: None },
            };
            assert_eq!(verdict, expected, "{status}");
        }
    }

    #[test]
    fn an_attempt_without_a_reply_fails_whatever_came_along() {
        for kind in [
            OutcomeKind::Timeout { after_ms: 1 },
            OutcomeKind::Refused,
            OutcomeKind::ProtocolError,
            OutcomeKind::AddressBlocked,
            OutcomeKind::Internal,
        ] {
            let outcome = Outcome {
                kind,
                ..answered(200, Some("120"))
            };
            assert_eq!(
                classify(&outcome, EXAMPLE),
                Verdict::Retry { retry_after: None }
            );
        }
    }

    #[test]
    fn a_wait_is_read_from_seconds_and_from_each_form_of_a_date() {
        let before = EXAMPLE.plus(Span::from_seconds(-90));
        for text in [
            "90",
            " 90 ",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(asked(text, before), Some(Span::from_seconds(90)), "{text}");
        }
        let after = EXAMPLE.plus(Span::from_seconds(90));
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:37 GMT", after),
            Some(Span::ZERO)
        );
        assert_eq!(asked("0", after), Some(Span::ZERO));
    }

    #[test]
    fn junk_is_no_wait() {
        for text in [
            "",
            " ",
            "-1",
            "+5",
            "1.5",
            "inf",
            "1e300",
            "NaN",
            "soon",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "120, 120",
            "0x10",
            "٣",
        ] {
            assert_eq!(asked(text, EXAMPLE), None, "{text}");
        }
    }

    #[test]
    fn more_seconds_than_anybody_waits_are_a_very_long_wait() {
        for text in ["4294967296", "99999999999999999999", &"9".repeat(64)] {
            let century = Span::from_seconds(100 * 365 * 86_400);
            let asked = asked(text, EXAMPLE);
            assert!(asked.is_some_and(|asked| asked > century), "{text}");
        }
    }

    #[test]
    fn a_wait_counts_after_any_failure_but_not_after_gone() {
        for status in [301, 404, 429, 500, 503] {
            let verdict = classify(&answered(status, Some("7")), EXAMPLE);
            let retry_after = Some(Span::from_seconds(7));
            assert_eq!(verdict, Verdict::Retry { retry_after }, "{status}");
        }
        assert_eq!(classify(&answered(410, Some("7")), EXAMPLE), Verdict::Gone);
    }

    proptest! {
        #[test]
        fn no_text_panics_or_asks_for_less_than_nothing(text in "\\PC{0,64}", wall: i64) {
            if let Some(wait) = asked(&text, Timestamp::from_micros(wall)) {
                prop_assert!(wait >= Span::ZERO);
            }
        }
    }
}
