//! `fanfare endpoint …`: endpoints of a running server.

mod examples;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::Value;

use super::{
    Delay, Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, SureArguments, ask_and_show, ask_only, list,
        moment, name, pair, queried, show_event, show_key, with_server,
    },
};
use crate::{config::places::read_file, domain::ordering::Ordering};

/// Arguments of `fanfare endpoint`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::ENDPOINT_EXAMPLES)]
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
    #[command(after_long_help = examples::LIST_EXAMPLES)]
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
    #[command(after_long_help = examples::SHOW_EXAMPLES)]
    Show(OneEndpoint),
    /// Make an endpoint
    #[command(after_long_help = examples::CREATE_EXAMPLES)]
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
    #[command(after_long_help = examples::UPDATE_EXAMPLES)]
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
    #[command(after_long_help = examples::DELETE_EXAMPLES)]
    Delete {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
    },
    /// Print the key that verifies what an endpoint gets
    #[command(after_long_help = examples::SECRET_EXAMPLES)]
    Secret(OneEndpoint),
    /// Give an endpoint a new key, and print it
    ///
    /// The old key signs, too, until the grace is over.
    #[command(after_long_help = examples::ROTATE_EXAMPLES)]
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
    /// Count how the deliveries to an endpoint stand
    #[command(after_long_help = examples::STATS_EXAMPLES)]
    Stats {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// Of events from this time on, 2026-11-24T16:00:00Z or so long ago, 6h or 7d [default: 28d]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
        /// Of events before this time [default: now]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<String>,
    },
    /// Send the example of an event type to an endpoint alone
    ///
    /// Ends when that is durable; what came of it shows in `fanfare delivery attempts`.
    #[command(after_long_help = examples::SEND_EXAMPLE_EXAMPLES)]
    SendExample {
        /// Which one.
        #[command(flatten)]
        one: OneEndpoint,
        /// The type, whose newest schema has examples; `svix.ping` always works
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// Which of the examples, counted from 0
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        index: u32,
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
    /// Which of its deliveries go one after the other: those of each ordering key, all, or none [default: key]
    #[arg(long, value_name = "ORDERING")]
    pub ordering: Option<OrderingName>,
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
            .with("ordering", self.ordering.map(OrderingName::text))
            .with_pairs("headers", &self.header)
            .with_pairs("metadata", &self.metadata)
    }
}

/// Which deliveries of an endpoint go one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderingName {
    /// Those of events with one ordering key, each key by itself
    Key,
    /// All of them
    Endpoint,
    /// None
    None,
}

impl OrderingName {
    /// Its name in the API.
    const fn text(self) -> &'static str {
        match self {
            Self::Key => Ordering::ByKey.name(),
            Self::Endpoint => Ordering::Whole.name(),
            Self::None => Ordering::Free.name(),
        }
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
        } => rotate(one, *grace, secret_file.as_ref()),
        EndpointCommand::Stats { one, since, until } => {
            let query = [("since", since.clone()), ("until", until.clone())];
            let path = queried(&(one.path() + "/stats"), &query);
            ask_and_show(&one.server, (Method::GET, &path), None)
        }
        EndpointCommand::SendExample {
            one,
            event_type,
            index,
        } => send_example(one, event_type, *index),
    }
}

fn rotate(
    one: &OneEndpoint,
    grace: Option<Delay>,
    secret_file: Option<&PathBuf>,
) -> Result<(), Failure> {
    let grace = grace.map(|grace| Value::from(grace.duration().as_secs()));
    let body = Body::default()
        .with("gracePeriodSeconds", grace)
        .with("key", key_of(secret_file)?);
    with_server(&one.server, async |client| {
        let path = one.path() + "/secret/rotate";
        let shown = client.ask(Method::POST, &path, Some(body.text())).await?;
        show_key(client, &shown)
    })
}

fn send_example(one: &OneEndpoint, event_type: &str, index: u32) -> Result<(), Failure> {
    let body = Body::default()
        .with("eventType", Some(event_type))
        .with("exampleIndex", Some(index));
    with_server(&one.server, async |client| {
        let path = one.path() + "/send-example";
        let shown = client.ask(Method::POST, &path, Some(body.text())).await?;
        show_event(client, &shown)
    })
}

/// The key in a file; there is no flag for a key itself, which others on the machine could read.
fn key_of(file: Option<&PathBuf>) -> Result<Option<String>, Failure> {
    let Some(file) = file else {
        return Ok(None);
    };
    let text = read_file(file).map_err(|error| Failure::Operation(format!("{file:?}: {error}")))?;
    Ok(Some(text.trim().to_owned()))
}
