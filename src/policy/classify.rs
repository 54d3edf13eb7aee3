//! What an outcome means: success, another try, or an endpoint that is gone.

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
/// Junk is no wait; the past is a wait of nothing.
fn retry_after(text: &str, wall: Timestamp) -> Option<Span> {
    let _ = wall;
    text.trim()
        .parse::<u32>()
        .ok()
        .map(|seconds| Span::from_seconds(seconds.into()))
}
