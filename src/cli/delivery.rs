//! `fanfare delivery …`: what came of events, endpoint by endpoint.

mod lines;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;

use super::{
    Failure,
    client::{
        Column, PageArguments, ServerArguments, SureArguments, ask_only, list, name, with_server,
    },
};
pub(in crate::cli) use lines::LineCommand;

const EXAMPLES: &str = "\
Examples:
  What came of an event, endpoint by endpoint, and each attempt
    fanfare delivery list acme --event inv-17
    fanfare delivery attempts acme --event inv-17

  What holds others up, and making way for them
    fanfare delivery blocked acme billing
    fanfare delivery park acme inv-17 billing --reason \"ticket 4711\"

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const LIST_EXAMPLES: &str = "\
Examples:
  Where an event went
    fanfare delivery list acme --event inv-17

  What still waits for an endpoint
    fanfare delivery list acme --endpoint billing --status pending --all";

const ATTEMPTS_EXAMPLES: &str = "\
Examples:
  The failed attempts of an endpoint, the newest first
    fanfare delivery attempts acme --endpoint billing --failed

  What an endpoint answered to each attempt of an event
    fanfare delivery attempts acme --event inv-17 --json | jq -r '[.endpointId, .response] | @tsv'";

const RESEND_EXAMPLES: &str = "\
Examples:
  Once more, at once, whatever came of it
    fanfare delivery resend acme inv-17 billing";

const EXPUNGE_EXAMPLES: &str = "\
Examples:
  Let go what an endpoint answered to one attempt; its id is in the list of attempts
    fanfare delivery expunge acme inv-17 atmpt_01m88v14rv000knzrjbba0b95fd --yes";

/// Arguments of `fanfare delivery`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct DeliveryArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: DeliveryCommand,
}

/// The deliveries of an event, or those to an endpoint.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct OfArguments {
    /// Of this event: its id, or the event id that was chosen
    #[arg(long, value_name = "EVENT", value_parser = name)]
    pub event: Option<String>,
    /// To this endpoint: its id or uid
    #[arg(long, value_name = "ENDPOINT", value_parser = name)]
    pub endpoint: Option<String>,
}

/// One of the two.
enum Of<'name> {
    Event(&'name str),
    Endpoint(&'name str),
}

impl OfArguments {
    /// Which one was given; clap has seen to it that it is one.
    fn parts(&self) -> Of<'_> {
        match (&self.event, &self.endpoint) {
            (Some(event), _) => Of::Event(event),
            (None, endpoint) => Of::Endpoint(endpoint.as_deref().unwrap_or_default()),
        }
    }
}

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List deliveries: of an event by endpoint, or to an endpoint by event
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Of what.
        #[command(flatten)]
        of: OfArguments,
        /// Only those that stand so; of an endpoint only
        #[arg(long, value_name = "STATUS", conflicts_with = "event")]
        status: Option<DeliveryStatus>,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// List attempts, the newest first
    #[command(after_long_help = ATTEMPTS_EXAMPLES)]
    Attempts {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Of what.
        #[command(flatten)]
        of: OfArguments,
        /// Only those that failed
        #[arg(long)]
        failed: bool,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Send an event to an endpoint once more, at once
    ///
    /// Ends when that is durable; what came of it shows in `attempts`.
    #[command(after_long_help = RESEND_EXAMPLES)]
    Resend {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id of the event, or the event id that was chosen
        #[arg(value_name = "EVENT", value_parser = name)]
        event: String,
        /// The id or uid of the endpoint
        #[arg(value_name = "ENDPOINT", value_parser = name)]
        endpoint: String,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// What blocks lines and how that is set aside.
    #[command(flatten)]
    Line(LineCommand),
    /// Let the body of the reply to an attempt go
    ///
    /// The attempt stays. It can't be undone.
    #[command(after_long_help = EXPUNGE_EXAMPLES)]
    Expunge {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id of the event, or the event id that was chosen
        #[arg(value_name = "EVENT", value_parser = name)]
        event: String,
        /// The id of the attempt
        #[arg(value_name = "ATTEMPT", value_parser = name)]
        attempt: String,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeliveryStatus {
    /// It was taken
    Success,
    /// An attempt is to come
    Pending,
    /// It ended without success
    Fail,
}

impl DeliveryStatus {
    /// Its number in the API.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Pending => 1,
            Self::Fail => 2,
        }
    }
}

const OF_EVENT: [Column; 5] = [
    Column("ENDPOINT", "id"),
    Column("UID", "uid"),
    Column("URL", "url"),
    Column("STATUS", "statusText"),
    Column("NEXT ATTEMPT", "nextAttempt"),
];

const TO_ENDPOINT: [Column; 5] = [
    Column("EVENT", "id"),
    Column("EVENT ID", "eventId"),
    Column("TYPE", "eventType"),
    Column("STATUS", "statusText"),
    Column("NEXT ATTEMPT", "nextAttempt"),
];

const ATTEMPTS: [Column; 7] = [
    Column("ID", "id"),
    Column("EVENT", "msgId"),
    Column("ENDPOINT", "endpointId"),
    Column("STATUS", "statusText"),
    Column("CODE", "responseStatusCode"),
    Column("MS", "responseDurationMs"),
    Column("TIME", "timestamp"),
];

/// Does it.
pub(super) fn delivery(arguments: &DeliveryArguments) -> Result<(), Failure> {
    match &arguments.command {
        DeliveryCommand::List {
            application,
            of,
            status,
            pages,
            server,
        } => {
            let query = [
                ("expanded_statuses", Some("true".to_owned())),
                ("with_content", Some(server.json.to_string())),
                ("status", status.map(|status| status.number().to_string())),
            ];
            let (path, columns) = match of.parts() {
                Of::Event(event) => (format!("msg/{event}/endpoint"), &OF_EVENT),
                Of::Endpoint(endpoint) => (format!("endpoint/{endpoint}/msg"), &TO_ENDPOINT),
            };
            with_server(server, async |client| {
                let path = format!("/app/{application}/{path}");
                list(client, &path, &query, *pages, columns).await
            })
        }
        DeliveryCommand::Attempts {
            application,
            of,
            failed,
            pages,
            server,
        } => {
            let query = [("status", failed.then(|| "2".to_owned()))];
            let of = match of.parts() {
                Of::Event(event) => format!("msg/{event}"),
                Of::Endpoint(endpoint) => format!("endpoint/{endpoint}"),
            };
            with_server(server, async |client| {
                let path = format!("/app/{application}/attempt/{of}");
                list(client, &path, &query, *pages, &ATTEMPTS).await
            })
        }
        DeliveryCommand::Resend {
            application,
            event,
            endpoint,
            server,
        } => {
            let path = format!("/app/{application}/msg/{event}/endpoint/{endpoint}/resend");
            ask_only(server, (Method::POST, &path), None)
        }
        DeliveryCommand::Line(command) => lines::line(command),
        DeliveryCommand::Expunge {
            application,
            event,
            attempt,
            sure,
            server,
        } => {
            sure.sure(&format!("Let the body of the reply to {attempt} go?"))?;
            let path = format!("/app/{application}/msg/{event}/attempt/{attempt}/content");
            ask_only(server, (Method::DELETE, &path), None)
        }
    }
}
