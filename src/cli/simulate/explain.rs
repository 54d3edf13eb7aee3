//! `fanfare simulate explain`: why a delivery went as it did, from the journal of a live engine.

use core::str::FromStr;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, journal::Journal, print, replay::wall};
use crate::{
    cli::{output::print_json, say},
    domain::id::{EndpointId, EventId},
    journal::explain::{Explanation, Fact, Held, Moment, Waits, Why},
    policy::classify::Verdict,
    time::{Span, Timestamp},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  Why did this come so late?
    fanfare simulate explain journal msg_01m88v14qj0003wx4g5kc3ytwah/ep_01m89mzs38000m10v6wppacet91

  The same as one JSON document
    fanfare simulate explain journal --json \\
      msg_01m88v14qj0003wx4g5kc3ytwah/ep_01m89mzs38000m10v6wppacet91";

/// Arguments of `fanfare simulate explain`.
#[derive(Clone, Debug, Args)]
pub(super) struct ExplainArguments {
    /// The journal, as given to serve --record; its older parts are found beside it
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Which delivery: the ids of the message and of the endpoint, as msg_…/ep_…
    #[arg(value_name = "DELIVERY")]
    delivery: Delivery,
    /// Of a journal that is damaged or cut off, tell what stands before the fault
    #[arg(long)]
    partial: bool,
    /// Print it as one JSON document
    #[arg(long)]
    json: bool,
}

/// A delivery by its two ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Delivery {
    event: EventId,
    endpoint: EndpointId,
}

impl FromStr for Delivery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            "a delivery is named by the ids of its message and its endpoint, as msg_…/ep_…";
        let (event, endpoint) = text.split_once('/').ok_or(wanted)?;
        Ok(Self {
            event: event
                .parse()
                .map_err(|error| format!("{wanted}: {error}"))?,
            endpoint: endpoint
                .parse()
                .map_err(|error| format!("{wanted}: {error}"))?,
        })
    }
}

impl core::fmt::Display for Delivery {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}/{}", self.event, self.endpoint)
    }
}

/// Tells what happened to a delivery and why.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<(), Failure> {
    let delivery = arguments.delivery;
    let facts = gather(arguments)?;
    let Some((first, _)) = facts.first() else {
        let journal = arguments.journal.display();
        return Err(Failure::NotFound(format!(
            "{journal} tells nothing of {delivery}: it was recorded elsewhere, its part is gone, or \
             the message did not go to the endpoint"
        )));
    };
    let begun = first.now.steady;
    if arguments.json {
        let facts = facts
            .iter()
            .map(|(moment, fact)| to_json(moment, fact, begun));
        return print_json(&json!({
            "delivery": delivery.to_string(),
            "event": delivery.event.to_string(),
            "endpoint": delivery.endpoint.to_string(),
            "facts": facts.collect::<Vec<_>>(),
        }));
    }
    let mut text = format!("{delivery}\n");
    for (moment, fact) in &facts {
        let since = seconds(moment.now.steady.since(begun));
        text.push_str(&format!("{}  {since:>14}  {fact}\n", wall(moment.now.wall)));
    }
    print(&text)
}

fn gather(arguments: &ExplainArguments) -> Result<Vec<(Moment, Fact)>, Failure> {
    let delivery = arguments.delivery;
    let mut explanation = Explanation::new(delivery.event, delivery.endpoint);
    let mut journal = Journal::find(&arguments.journal)?;
    loop {
        match journal.next() {
            Ok(Some(content)) => explanation.take(content),
            Ok(None) => break,
            Err(fault) if arguments.partial => {
                say(&format!("{fault}; what stands before it is told"));
                break;
            }
            Err(fault) => {
                return Err(Failure::Usage(format!(
                    "{fault}; with --partial what stands before it is told"
                )));
            }
        }
    }
    Ok(explanation.finish())
}

/// `+4.586120 s`
fn seconds(span: Span) -> String {
    let micros = span.as_micros();
    format!(
        "{:+}.{:06} s",
        micros / 1_000_000,
        (micros % 1_000_000).abs()
    )
}

fn to_json(moment: &Moment, fact: &Fact, begun: Timestamp) -> Value {
    let mut value = json!({
        "time": wall(moment.now.wall),
        "since_us": moment.now.steady.since(begun).as_micros(),
        "life": moment.life,
        "fact": fact.name(),
        "text": fact.to_string(),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut value, details(fact)) {
        all.extend(more);
    }
    value
}

/// What a fact says besides, field by field.
fn details(fact: &Fact) -> Value {
    match fact {
        Fact::Attempt {
            number,
            why,
            held,
            to_endpoint,
            in_all,
        } => json!({
            "attempt": number,
            "why": why_name(why),
            "late_us": held.map(|(late, _)| late.as_micros()),
            "held": held.map(|(_, held)| held_name(held)),
            "in_flight_to_endpoint": to_endpoint,
            "in_flight": in_all,
        }),
        Fact::Outcome {
            number,
            kind,
            duration,
            verdict,
        } => json!({
            "attempt": number,
            "outcome": kind.name(),
            "status": match kind {
                crate::domain::outcome::OutcomeKind::Status(status) => Some(status),
                _ => None,
            },
            "duration_us": duration.as_micros(),
            "verdict": match verdict {
                Verdict::Success => "success",
                Verdict::Retry { .. } => "retry",
                Verdict::Gone => "gone",
            },
        }),
        Fact::RetryAt { number, wait, .. } => json!({
            "attempt": number,
            "wait_us": wait.map(|wait| wait.whole.as_micros()),
            "scheduled_us": wait.and_then(|wait| wait.scheduled).map(Span::as_micros),
            "jittered_us": wait.and_then(|wait| wait.jittered).map(Span::as_micros),
            "retry_after_us": wait.and_then(|wait| wait.asked).map(Span::as_micros),
        }),
        Fact::Succeeded { number } | Fact::Exhausted { number } | Fact::Failed { number } => {
            json!({"attempt": number})
        }
        Fact::SetAside(act) => json!({"action": act.name()}),
        Fact::Asked { deliver_after } => {
            json!({"deliver_after_us": deliver_after.map(Span::as_micros)})
        }
        Fact::Waits { attempts, why } => json!({
            "attempts": attempts,
            "why": waits_name(why),
            "due_in_us": match why {
                Waits::NotDue(until) => Some(until.as_micros()),
                _ => None,
            },
        }),
        Fact::Durable
        | Fact::CommitFailed
        | Fact::Acknowledged
        | Fact::RowMade { .. }
        | Fact::AskedByHand
        | Fact::Expired
        | Fact::EndpointState { .. }
        | Fact::EndpointDeleted
        | Fact::PayloadGone
        | Fact::ProcessBegan => json!({}),
    }
}

const fn why_name(why: &Why) -> &'static str {
    match why {
        Why::First => "first",
        Why::ForLater => "for_later",
        Why::Retry { .. } => "retry",
        Why::ByHand => "by_hand",
        Why::ResultLost => "result_lost",
        Why::Task => "task",
    }
}

const fn held_name(held: Held) -> &'static str {
    match held {
        Held::EndpointDisabled => "endpoint_disabled",
        Held::ProcessDown => "process_down",
        Held::AllSlots(_) => "send_slots",
        Held::Window(_) => "window",
        Held::Circuit => "circuit",
        Held::Turn => "turn",
    }
}

const fn waits_name(why: &Waits) -> &'static str {
    match why {
        Waits::NotDue(_) => "not_due",
        Waits::EndpointDisabled => "endpoint_disabled",
        Waits::EndpointDeleted => "endpoint_deleted",
        Waits::PayloadGone => "payload_gone",
        Waits::Circuit => "circuit",
        Waits::AllSlots(_) => "send_slots",
        Waits::Window(_) => "window",
        Waits::Turn => "turn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_named_by_two_ids() {
        let text = "msg_01m88v14qj0003wx4g5kc3ytwah/ep_01m89mzs38000m10v6wppacet91";
        let delivery: Delivery = text.parse().expect("two ids");
        assert_eq!(delivery.to_string(), text);
        for wrong in [
            "",
            "msg_1",
            "a/b",
            "ep_01m89mzs38000m10v6wppacet91/msg_01m88v14qj0003wx4g5kc3ytwah",
        ] {
            let error = wrong.parse::<Delivery>().expect_err(wrong);
            assert!(error.contains("msg_…/ep_…"), "{error}");
        }
    }

    #[test]
    fn seconds_have_their_sign() {
        assert_eq!(seconds(Span::from_micros(1_250_001)), "+1.250001 s");
        assert_eq!(seconds(Span::ZERO), "+0.000000 s");
    }
}
