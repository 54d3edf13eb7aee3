//! `fanfare explain`: why a delivery went as it did, as a running server tells it.

use clap::Args;
use http::Method;
use serde::Deserialize;

use super::{
    Failure,
    client::{Client, ServerArguments, as_json, name, with_server},
    output::{escaped, print},
};

const EXAMPLES: &str = "\
Examples:
  Why did this come so late, and what does it wait for?
    fanfare explain acme msg_01m88v14qj0003wx4g5kc3ytwah/ep_01m89mzs38000m10v6wppacet91

  By the names that were chosen; what held each attempt, for a machine
    fanfare explain acme inv-17/billing --json | jq '.attempts[] | {number, heldMs, heldBy}'

Exit codes:
  0 told, 1 the server refused what was asked, 2 wrong usage, 3 there is no such delivery,
  4 the key is refused, 5 the server can't be reached";

/// Arguments of `fanfare explain`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ExplainArguments {
    /// The id or uid of the application
    #[arg(value_name = "APP", value_parser = name)]
    application: String,
    /// Which delivery: event and endpoint, by id or by the names that were chosen
    #[arg(value_name = "EVENT/ENDPOINT", value_parser = delivery)]
    delivery: (String, String),
    /// Which server.
    #[command(flatten)]
    server: ServerArguments,
}

/// An event and an endpoint.
fn delivery(text: &str) -> Result<(String, String), String> {
    let wanted = "a delivery is named by its event and its endpoint, as msg_…/ep_…";
    let (event, endpoint) = text.split_once('/').ok_or(wanted)?;
    let part = |part: &str| name(part).map_err(|error| format!("{wanted}: {error}"));
    Ok((part(event)?, part(endpoint)?))
}

/// Does it.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<(), Failure> {
    let (event, endpoint) = &arguments.delivery;
    let application = &arguments.application;
    let path = format!("/app/{application}/msg/{event}/endpoint/{endpoint}/explain");
    with_server(&arguments.server, async |client: &mut Client| {
        let said = client.ask(Method::GET, &path, None).await?;
        if arguments.server.json {
            return print(&as_json(&said));
        }
        let explained: Explained = serde_json::from_str(&said).map_err(|error| {
            Failure::Operation(format!("the server's answer is no explanation: {error}"))
        })?;
        print(&explained.told())
    })
}

/// What the server explains.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    id: String,
    status_text: String,
    accepted_at: String,
    attempts: Vec<Attempt>,
    endpoint: Endpoint,
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    number: u64,
    started_at: String,
    duration_ms: u64,
    outcome: String,
    next: Option<Next>,
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Next {
    due_at: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    disabled: bool,
    in_flight: u64,
    window: u64,
    circuit: String,
    failing_since: Option<String>,
}

impl Explained {
    /// For people: what happened, a line each, and how it stands.
    fn told(&self) -> String {
        let mut lines = vec![
            format!("{}  {}", self.id, self.status_text),
            format!("{}  accepted", self.accepted_at),
        ];
        for attempt in &self.attempts {
            lines.push(format!(
                "{}  attempt {}: {}",
                attempt.started_at, attempt.number, attempt.why
            ));
            lines.push(format!(
                "{:27}  {} after {} ms",
                "", attempt.outcome, attempt.duration_ms
            ));
            if let Some(next) = &attempt.next {
                lines.push(format!("{:27}  next at {}: {}", "", next.due_at, next.why));
            }
        }
        let endpoint = &self.endpoint;
        let failing = endpoint.failing_since.as_ref();
        let failing = failing.map_or_else(String::new, |since| format!(", failing since {since}"));
        let disabled = if endpoint.disabled { "disabled, " } else { "" };
        lines.push(format!(
            "endpoint: {disabled}circuit {}{failing}; {} of at most {} attempts in flight",
            endpoint.circuit, endpoint.in_flight, endpoint.window
        ));
        lines.push(format!("now: {}", self.why));
        let lines = lines.iter().map(|line| escaped(line) + "\n");
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_two_names() {
        let pair = |event: &str, endpoint: &str| Ok((event.to_owned(), endpoint.to_owned()));
        assert_eq!(delivery("inv-17/billing"), pair("inv-17", "billing"));
        for wrong in ["", "inv-17", "/billing", "inv-17/", "a/b/c", "a b/c"] {
            let error = delivery(wrong).expect_err(wrong);
            assert!(error.contains("msg_…/ep_…"), "{error}");
        }
    }
}
