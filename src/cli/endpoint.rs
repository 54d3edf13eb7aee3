//! `fanfare endpoint …`: endpoints of a running server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::Value;

use super::{
    Delay, Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, SureArguments, ask_and_show, ask_only, list,
        name, pair, show_key, with_server,
    },
};
use crate::config::places::read_file;

const EXAMPLES: &str = "\
Examples:
  Make an endpoint and see the key that its receiver verifies with
    fanfare endpoint create acme https://example.com/hook --uid billing --event-type 'invoice.*'
    fanfare endpoint secret acme billing

  Hold it, and let it go on
    fanfare endpoint update acme billing --disable
    fanfare endpoint update acme billing --enable

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const LIST_EXAMPLES: &str = "\
Examples:
  All of an application
    fanfare endpoint list acme --all

  The URLs of those that are disabled
    fanfare endpoint list acme --all --json | jq -r 'select(.disabled).url'";

const SHOW_EXAMPLES: &str = "\
Examples:
  By the uids of both
    fanfare endpoint show acme billing";

const CREATE_EXAMPLES: &str = "\
Examples:
  For two kinds of events of one channel
    fanfare endpoint create acme https://example.com/hook \\
      --event-type 'invoice.*' --event-type order.paid --channel eu

  With a header field that goes out with each delivery, and a key of your own
    fanfare endpoint create acme https://example.com/hook --header x-tenant=7 --secret-file key.txt";

const UPDATE_EXAMPLES: &str = "\
Examples:
  Send it elsewhere, and all events
    fanfare endpoint update acme billing --url https://example.com/new --clear event-types";

const DELETE_EXAMPLES: &str = "\
Examples:
  What waits for it is called off
    fanfare endpoint delete acme billing --yes";

const SECRET_EXAMPLES: &str = "\
Examples:
  Into a file, for fanfare verify
    fanfare endpoint secret acme billing > key.txt";

const ROTATE_EXAMPLES: &str = "\
Examples:
  A new key; the old one signs for another hour, too
    fanfare endpoint rotate acme billing --grace 1h";

/// Arguments of `fanfare endpoint`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct EndpointArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: EndpointCommand,
}

/// An endpoint of an application.
#[derive(Clone, Debug, Args)]
pub struct OneEndpoint {
    /// The id or uid of the application
    #[arg(value_name = "APP", value_parser = name)]
    pub application: String,
    /// The id or uid of the endpoint
    #[arg(value_name = "ENDPOINT", value_parser = name)]
    pub endpoint: String,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArguments,
}

impl OneEndpoint {
    /// Where it is, below `/api/v1`.
    fn path(&self) -> String {
        format!("/app/{}/endpoint/{}", self.application, self.endpoint)
    }
}

/// What can be done with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// List the endpoints of an application
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show an endpoint
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show(OneEndpoint),
    /// Make an endpoint
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Where deliveries go
        #[arg(value_name = "URL")]
        url: String,
        /// What it is made with.
        #[command(flatten)]
        fields: EndpointFields,
        /// Make it disabled
        #[arg(long)]
        disabled: bool,
        /// The file with the key to sign with, whsec_… or whsk_… [default: one is made]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Change fields of an endpoint
    #[command(after_long_help = UPDATE_EXAMPLES)]
    Update {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// Where deliveries go
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// What changes.
        #[command(flatten)]
        fields: EndpointFields,
        /// Let it get events again, and what waits for it
        #[arg(long)]
        enable: bool,
        /// Let it get nothing until it is enabled
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// A field to empty; again for more
        #[arg(long, value_name = "FIELD")]
        clear: Vec<EndpointField>,
    },
    /// Delete an endpoint
    ///
    /// What waits for it is called off. It can't be undone.
    #[command(after_long_help = DELETE_EXAMPLES)]
    Delete {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
    },
    /// Print the key that verifies what an endpoint gets
    #[command(after_long_help = SECRET_EXAMPLES)]
    Secret(OneEndpoint),
    /// Give an endpoint a new key, and print it
    ///
    /// The old key signs, too, until the grace is over.
    #[command(after_long_help = ROTATE_EXAMPLES)]
    Rotate {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// How long the old key signs, too [default: a day]
        #[arg(long, value_name = "TIME")]
        grace: Option<Delay>,
        /// The file with the key to sign with, whsec_… or whsk_… [default: one is made]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
}

/// Fields of an endpoint.
#[derive(Clone, Debug, Args)]
pub struct EndpointFields {
    /// Your own name for it
    #[arg(long, value_name = "UID")]
    pub uid: Option<String>,
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// A type of events that it gets, `*` stands for anything; again for more [default: all]
    #[arg(long, value_name = "TYPE")]
    pub event_type: Vec<String>,
    /// A channel that it listens to; again for more [default: all]
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// A header field of each delivery; again for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub header: Vec<(String, String)>,
    /// A label; again for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub metadata: Vec<(String, String)>,
}

impl EndpointFields {
    fn body(&self) -> Body {
        Body::default()
            .with("uid", self.uid.as_deref())
            .with("description", self.description.as_deref())
            .with_list("eventTypes", &self.event_type)
            .with_list("channels", &self.channel)
            .with_pairs("headers", &self.header)
            .with_pairs("metadata", &self.metadata)
    }
}

/// A field that can be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EndpointField {
    /// Your own name for it
    Uid,
    /// The text for people
    Description,
    /// Its types: it gets all
    EventTypes,
    /// Its channels: it gets events of all, and of none
    Channels,
    /// All labels
    Metadata,
}

impl AsRef<str> for EndpointField {
    fn as_ref(&self) -> &str {
        match self {
            Self::Uid => "uid",
            Self::Description => "description",
            Self::EventTypes => "eventTypes",
            Self::Channels => "channels",
            Self::Metadata => "metadata",
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column("ID", "id"),
    Column("UID", "uid"),
    Column("URL", "url"),
    Column("DISABLED", "disabled"),
    Column("EVENT TYPES", "eventTypes"),
];

/// Does it.
pub(super) fn endpoint(arguments: &EndpointArguments) -> Result<(), Failure> {
    match &arguments.command {
        EndpointCommand::List {
            application,
            pages,
            server,
        } => with_server(server, async |client| {
            let path = format!("/app/{application}/endpoint");
            list(client, &path, &[], *pages, &COLUMNS).await
        }),
        EndpointCommand::Show(one) => ask_and_show(&one.server, (Method::GET, &one.path()), None),
        EndpointCommand::Create {
            application,
            url,
            fields,
            disabled,
            secret_file,
            server,
        } => {
            let body = fields
                .body()
                .with("url", Some(url.as_str()))
                .with("disabled", disabled.then_some(true))
                .with("secret", key_of(secret_file.as_ref())?);
            ask_and_show(
                server,
                (Method::POST, &format!("/app/{application}/endpoint")),
                Some(body.text()),
            )
        }
        EndpointCommand::Update {
            one,
            url,
            fields,
            enable,
            disable,
            clear,
        } => {
            let body = fields
                .body()
                .with("url", url.as_deref())
                .with("disabled", (*enable || *disable).then_some(*disable))
                .without(clear)
                .change()?;
            ask_and_show(&one.server, (Method::PATCH, &one.path()), Some(body))
        }
        EndpointCommand::Delete { one, sure } => {
            sure.sure(&format!("Delete the endpoint {}?", one.endpoint))?;
            ask_only(&one.server, (Method::DELETE, &one.path()), None)
        }
        EndpointCommand::Secret(one) => with_server(&one.server, async |client| {
            let path = one.path() + "/secret";
            let shown = client.ask(Method::GET, &path, None).await?;
            show_key(client, &shown)
        }),
        EndpointCommand::Rotate {
            one,
            grace,
            secret_file,
        } => {
            let grace = grace.map(|grace| Value::from(grace.duration().as_secs()));
            let body = Body::default()
                .with("gracePeriodSeconds", grace)
                .with("key", key_of(secret_file.as_ref())?);
            with_server(&one.server, async |client| {
                let path = one.path() + "/secret/rotate";
                let shown = client.ask(Method::POST, &path, Some(body.text())).await?;
                show_key(client, &shown)
            })
        }
    }
}

/// The key in a file; there is no flag for a key itself, which others on the machine could read.
fn key_of(file: Option<&PathBuf>) -> Result<Option<String>, Failure> {
    let Some(file) = file else {
        return Ok(None);
    };
    let text = read_file(file).map_err(|error| Failure::Operation(format!("{file:?}: {error}")))?;
    Ok(Some(text.trim().to_owned()))
}
