//! `fanfare event …`: events of a running server, which its API calls messages.

use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use http::{HeaderValue, Method};
use serde_json::value::RawValue;

use super::{
    Failure,
    client::{
        Body, Client, Column, PageArguments, ServerArguments, SureArguments, ask_only, list, name,
        show, show_event, with_server,
    },
    say,
};
use crate::limits;

const EXAMPLES: &str = "\
Examples:
  Send an event, then see what was sent and what came of it
    fanfare event send acme invoice.paid --data '{\"id\":17}' --event-id inv-17
    fanfare event show acme inv-17
    fanfare delivery attempts acme --event inv-17

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const SEND_EXAMPLES: &str = "\
Examples:
  A payload from a file; its bytes are delivered as they are
    fanfare event send acme invoice.paid invoice.json

  Not before the first of December
    fanfare event send acme invoice.due invoice.json --deliver-at 2026-12-01T08:00:00+01:00

  From another command, for who listens to one channel
    jq .order big.json | fanfare event send acme order.paid --channel eu

  After those of the same order that were sent before
    fanfare event send acme order.paid order.json --ordering-key order-17

  Again until there is an answer, and yet one event
    until fanfare event send acme order.paid order.json --idempotency-key order-17-paid
    do sleep 5; done

  The id alone
    fanfare event send acme ping --data '{}' --json | jq -r .id";

const LIST_EXAMPLES: &str = "\
Examples:
  The newest, of two types
    fanfare event list acme --event-type invoice.paid --event-type invoice.void

  Of an hour, with payloads
    fanfare event list acme --all --after 2026-11-25T10:00:00Z --before 2026-11-25T11:00:00Z --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  By id or by event id, with the payload as it was sent
    fanfare event show acme inv-17";

const EXPUNGE_EXAMPLES: &str = "\
Examples:
  Let the payload of an event go
    fanfare event expunge acme inv-17 --yes";

/// Arguments of `fanfare event`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct EventArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: EventCommand,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Send an event to an application
    ///
    /// Ends when the event is durable; from then on it is delivered, or its failure recorded.
    #[command(after_long_help = SEND_EXAMPLES)]
    Send {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Its type
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// The file with the payload, a JSON object; standard input if it is left out or `-`
        #[arg(value_name = "FILE", conflicts_with = "data")]
        file: Option<PathBuf>,
        /// The payload itself
        #[arg(long, value_name = "JSON")]
        data: Option<String>,
        /// Your own name for the event: sent again it is refused
        #[arg(long, value_name = "ID")]
        event_id: Option<String>,
        /// A channel that it goes to; again for more
        #[arg(long, value_name = "CHANNEL")]
        channel: Vec<String>,
        /// Send it at this time (RFC 3339) instead of at once; up to 30 days ahead
        #[arg(long, value_name = "TIME")]
        deliver_at: Option<String>,
        /// Events with one key go to an endpoint one after the other, in the order in which they were sent
        #[arg(long, value_name = "KEY", conflicts_with = "deliver_at")]
        ordering_key: Option<String>,
        /// A text of your own for this sending: the same again with the same key, as after an answer
        /// that was lost, makes no second event
        #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
        idempotency_key: Option<HeaderValue>,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// List the events of an application, the newest first
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Only of this type; again for more
        #[arg(long, value_name = "TYPE")]
        event_type: Vec<String>,
        /// Only of this channel
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        /// Only before this time (RFC 3339)
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Only after this time (RFC 3339)
        #[arg(long, value_name = "TIME")]
        after: Option<String>,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show an event with its payload
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id of the event, or the event id that was chosen
        #[arg(value_name = "EVENT", value_parser = name)]
        event: String,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Let the payload of an event go
    ///
    /// What was to come of it is called off; the event and its attempts stay. It can't be undone.
    #[command(after_long_help = EXPUNGE_EXAMPLES)]
    Expunge {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id of the event, or the event id that was chosen
        #[arg(value_name = "EVENT", value_parser = name)]
        event: String,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

const COLUMNS: [Column; 5] = [
    Column("ID", "id"),
    Column("EVENT ID", "eventId"),
    Column("TYPE", "eventType"),
    Column("CHANNELS", "channels"),
    Column("TIME", "timestamp"),
];

/// Does it.
pub(super) fn event(arguments: &EventArguments) -> Result<(), Failure> {
    match &arguments.command {
        EventCommand::Send {
            application,
            event_type,
            file,
            data,
            event_id,
            deliver_at,
            ordering_key,
            channel,
            idempotency_key,
            server,
        } => {
            let given = data.clone().map_or_else(|| payload(file.as_ref()), Ok);
            let fields = Body::default()
                .with("eventType", Some(event_type.as_str()))
                .with("eventId", event_id.as_deref())
                .with("deliverAt", deliver_at.as_deref())
                .with("orderingKey", ordering_key.as_deref())
                .with_list("channels", channel);
            let body = with_payload(&fields.text(), given?)?;
            with_server(server, async |client| {
                sent(client, application, (body, idempotency_key.as_ref())).await
            })
        }
        EventCommand::List {
            application,
            event_type,
            channel,
            before,
            after,
            pages,
            server,
        } => {
            let query = [
                ("with_content", Some(server.json.to_string())),
                ("event_types", joined(event_type)),
                ("channel", channel.clone()),
                ("before", before.clone()),
                ("after", after.clone()),
            ];
            let path = format!("/app/{application}/msg");
            with_server(server, async |client| {
                list(client, &path, &query, *pages, &COLUMNS).await
            })
        }
        EventCommand::Show {
            application,
            event,
            server,
        } => with_server(server, async |client| {
            let path = format!("/app/{application}/msg/{event}");
            let shown = client.ask(Method::GET, &path, None).await?;
            show_event(client, &shown)
        }),
        EventCommand::Expunge {
            application,
            event,
            sure,
            server,
        } => {
            sure.sure(&format!("Let the payload of {event} go?"))?;
            let path = format!("/app/{application}/msg/{event}/content");
            ask_only(server, (Method::DELETE, &path), None)
        }
    }
}

/// Reads an idempotency key.
fn idempotency_key(text: &str) -> Result<HeaderValue, String> {
    let is_fit = matches!(text.len(), 1..=255) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = is_fit.then(|| HeaderValue::from_str(text).ok()).flatten();
    key.ok_or_else(|| "it has 1 to 255 visible ASCII characters, and no spaces".to_owned())
}

/// Several values of a query as the API takes them; nothing for none.
fn joined(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(","))
}

/// Hands an event in and shows it.
async fn sent(
    client: &mut Client,
    application: &str,
    (body, key): (String, Option<&HeaderValue>),
) -> Result<(), Failure> {
    let path = format!("/app/{application}/msg?with_content=false");
    let (shown, is_replayed) = client.ask_once(&path, body, key).await?;
    if is_replayed {
        say("this was sent before with the same key: here is that event");
    }
    show(client, &shown)
}

/// The text of a payload.
fn payload(file: Option<&PathBuf>) -> Result<String, Failure> {
    // More is refused by the server; the rest of an endless file is not read.
    let most = limits::CLIENT_PAYLOAD_BYTES_MAX;
    let path = file.filter(|path| path.as_os_str() != "-");
    let mut text = String::new();
    let read = match path {
        Some(path) => {
            fs::File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text))
        }
        None => io::stdin().lock().take(most + 1).read_to_string(&mut text),
    };
    let origin = path.map_or_else(|| "standard input".to_owned(), |path| format!("{path:?}"));
    match read {
        Err(error) => Err(Failure::Operation(format!("{origin}: {error}"))),
        Ok(length) if length as u64 > most => {
            let told =
                format!("{origin} has more than {most} bytes: no server takes such an event");
            Err(Failure::Operation(told))
        }
        Ok(_) => Ok(text),
    }
}

/// The body with the payload as it came: a parser in between would spell numbers anew.
fn with_payload(fields: &str, payload: String) -> Result<String, Failure> {
    let payload = RawValue::from_string(payload)
        .map_err(|error| Failure::Usage(format!("the payload is no JSON: {error}")))?;
    let fields = fields.strip_suffix('}').unwrap_or(fields);
    Ok(format!("{fields},\"payload\":{}}}", payload.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_goes_out_as_it_came() {
        let fields = Body::default().with("eventType", Some("a")).text();
        let body = with_payload(&fields, " {\"n\": 1.10, \"n\":1e3}\n".to_owned());
        let expected = r#"{"eventType":"a","payload":{"n": 1.10, "n":1e3}}"#;
        assert_eq!(body.expect("JSON"), expected);
        for text in ["", "{", "{} {}", "{},\"eventId\":\"x\""] {
            let refused = with_payload(&fields, text.to_owned());
            assert!(matches!(refused, Err(Failure::Usage(_))), "{text}");
        }
    }
}
