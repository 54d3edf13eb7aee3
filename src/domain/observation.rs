//! Observations: what the engine tells whoever listens; nothing depends on them.

use core::fmt;
use std::sync::Arc;

use super::{
    endpoint::{DisabledReason, Target},
    id::EventId,
    outcome::OutcomeKind,
};
use crate::time::Span;

/// Something worth telling an operator. Its text is the console line of the original server.
#[derive(Clone, Debug)]
pub enum Observation {
    /// A batch came and the application has no endpoint at all.
    NoEndpoints,
    /// Every first attempt of a batch has its outcome or was set aside, or a minute went by.
    Round(Box<Round>),
    /// A later attempt ended.
    LaterAttempt(Box<LaterAttempt>),
}

/// The log of one batch: an event and what became of its first attempts.
#[derive(Clone, Debug)]
pub struct Round {
    /// The event.
    pub event: EventId,
    /// Endpoints whose first attempt succeeded, in the order of their registration.
    pub processed: Vec<Arc<Target>>,
    /// The others, in the order of their registration, with the reason.
    pub failed: Vec<(Arc<Target>, Setback)>,
}

/// A later attempt of a delivery whose first one failed or came late.
#[derive(Clone, Debug)]
pub struct LaterAttempt {
    /// The event.
    pub event: EventId,
    /// The endpoint.
    pub target: Arc<Target>,
    /// Which attempt it was, from 1.
    pub number: u16,
    /// `None` if it succeeded.
    pub setback: Option<Setback>,
}

/// Why an endpoint is not among the processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// Its attempt failed and is tried again after this wait.
    Retrying(OutcomeKind, Span),
    /// Its attempt failed and was the last.
    Exhausted(OutcomeKind),
    /// Its attempt failed and the endpoint is disabled.
    Disabled(OutcomeKind, DisabledReason),
    /// It was set aside: the endpoint is disabled.
    Held(DisabledReason),
    /// Its first attempt has no outcome yet.
    Waiting,
}

/// `status 404`, `held: …`, `waiting`.
impl fmt::Display for Setback {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retrying(outcome, _) | Self::Exhausted(outcome) | Self::Disabled(outcome, _) => {
                outcome.fmt(out)
            }
            Self::Held(reason) => write!(out, "held: the endpoint is disabled, {reason}"),
            Self::Waiting => out.write_str("waiting"),
        }
    }
}

/// One line each, in the manner of the original server.
impl fmt::Display for Observation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints => out.write_str(".... No Clients Registered yet ...."),
            Self::Round(round) => {
                let processed = round
                    .processed
                    .iter()
                    .map(|target| quoted(target.url.text()));
                let failed = round
                    .failed
                    .iter()
                    .map(|(target, setback)| quoted(&format!("{} - {setback}", target.url.text())));
                write_lists(
                    out,
                    &processed.collect::<Vec<_>>(),
                    &failed.collect::<Vec<_>>(),
                )
            }
            Self::LaterAttempt(later) => {
                let url = later.target.url.text();
                match &later.setback {
                    None => write_lists(out, &[quoted(url)], &[]),
                    Some(setback) => {
                        let next = Next(later.number, *setback);
                        write_lists(out, &[], &[quoted(&format!("{url} - {setback}{next}"))])
                    }
                }
            }
        }
    }
}

/// What follows a failed later attempt: ` (attempt 2, next in 5 m)`.
struct Next(u16, Setback);

impl fmt::Display for Next {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0;
        match self.1 {
            Setback::Retrying(_, wait) => {
                let seconds = Span::from_seconds(wait.as_millis() / 1_000);
                write!(out, " (attempt {number}, next in {seconds})")
            }
            Setback::Exhausted(_) => write!(out, " (attempt {number}, the last: given up)"),
            Setback::Disabled(_, reason) | Setback::Held(reason) => {
                write!(
                    out,
                    " (attempt {number}, the endpoint is disabled: {reason})"
                )
            }
            Setback::Waiting => Ok(()),
        }
    }
}

/// `{ processed: [ 'a' ], failed: [] }`, as the original printed it but always on one line.
fn write_lists(
    out: &mut fmt::Formatter<'_>,
    processed: &[String],
    failed: &[String],
) -> fmt::Result {
    write!(
        out,
        "{{ processed: {}, failed: {} }}",
        listed(processed),
        listed(failed)
    )
}

/// `[]` or `[ a, b ]`.
fn listed(items: &[String]) -> String {
    if items.is_empty() {
        "[]".to_owned()
    } else {
        format!("[ {} ]", items.join(", "))
    }
}

/// In single quotes, with quotes, backslashes and control characters escaped.
fn quoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 2);
    result.push('\'');
    for character in text.chars() {
        match character {
            '\'' | '\\' => result.extend(['\\', character]),
            _ if character.is_control() => result.extend(character.escape_default()),
            _ => result.push(character),
        }
    }
    result.push('\'');
    result
}
