//! `fanfare event-type …`: the catalogue of event types of a running server.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::{
    Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, SureArguments, ask_and_show, ask_only, list,
        name, with_server,
    },
};
use crate::config::places::read_file;

const EXAMPLES: &str = "\
Examples:
  Make a type, then see the catalogue
    fanfare event-type create invoice.paid 'An invoice was paid'
    fanfare event-type list

  Take no more events of it
    fanfare event-type archive invoice.paid

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const LIST_EXAMPLES: &str = "\
Examples:
  With the archived ones
    fanfare event-type list --archived --all

  With schemas, as JSON
    fanfare event-type list --all --json | jq 'select(.schemas).name'";

const SHOW_EXAMPLES: &str = "\
Examples:
  With its schemas
    fanfare event-type show invoice.paid --json";

const CREATE_EXAMPLES: &str = "\
Examples:
  With a schema of its payload, in a group
    fanfare event-type create invoice.paid 'An invoice was paid' \\
      --schema-file invoice.schema.json --group billing";

const UPDATE_EXAMPLES: &str = "\
Examples:
  Another text, and mark it as one not to be used by new receivers
    fanfare event-type update invoice.paid --description 'Paid in full' --deprecated true";

const ARCHIVE_EXAMPLES: &str = "\
Examples:
  Events of it are refused from then on
    fanfare event-type archive invoice.paid

  Take it into use again
    fanfare event-type update invoice.paid --archived false";

const DELETE_EXAMPLES: &str = "\
Examples:
  Events of it are taken again, as of any type that is not in the catalogue
    fanfare event-type delete invoice.paid --yes";

/// Arguments of `fanfare event-type`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct EventTypeArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: EventTypeCommand,
}

/// What can be done with event types.
#[derive(Debug, Subcommand)]
pub enum EventTypeCommand {
    /// List event types
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// Archived ones, too
        #[arg(long)]
        archived: bool,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show an event type
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show(OneEventType),
    /// Make an event type
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// Which one.
        #[command(flatten)]
        one: OneEventType,
        /// A text for people
        #[arg(value_name = "DESCRIPTION")]
        description: String,
        /// What it is made with.
        #[command(flatten)]
        fields: EventTypeFields,
    },
    /// Change fields of an event type
    #[command(after_long_help = UPDATE_EXAMPLES)]
    Update {
        /// Which one.
        #[command(flatten)]
        one: OneEventType,
        /// A text for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Whether events of it are refused
        #[arg(long, value_name = "TRUTH")]
        archived: Option<bool>,
        /// What changes.
        #[command(flatten)]
        fields: EventTypeFields,
        /// A field to empty; again for more
        #[arg(long, value_name = "FIELD")]
        clear: Vec<EventTypeField>,
    },
    /// Refuse events of a type from now on
    #[command(after_long_help = ARCHIVE_EXAMPLES)]
    Archive(OneEventType),
    /// Take an event type out of the catalogue
    ///
    /// It can't be undone. Events of it are taken then, as of any type that is not in the catalogue:
    /// to refuse them, archive it.
    #[command(after_long_help = DELETE_EXAMPLES)]
    Delete {
        /// Which one.
        #[command(flatten)]
        one: OneEventType,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
    },
}

/// An event type.
#[derive(Clone, Debug, Args)]
pub struct OneEventType {
    /// Its name
    #[arg(value_name = "TYPE", value_parser = name)]
    pub event_type: String,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArguments,
}

impl OneEventType {
    /// Where it is, below `/api/v1`.
    fn path(&self) -> String {
        format!("/event-type/{}", self.event_type)
    }
}

/// Fields of an event type.
#[derive(Clone, Debug, Args)]
pub struct EventTypeFields {
    /// The file with a JSON Schema of its payload, which is kept as version 1
    #[arg(long, value_name = "FILE")]
    pub schema_file: Option<PathBuf>,
    /// The group that it is shown in
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Whether new receivers should not use it
    #[arg(long, value_name = "TRUTH")]
    pub deprecated: Option<bool>,
}

impl EventTypeFields {
    fn body(&self) -> Result<Body, Failure> {
        let schema = self.schema_file.as_deref().map(schema).transpose()?;
        Ok(Body::default()
            .with("schemas", schema.map(|schema| json!({ "1": schema })))
            .with("groupName", self.group.as_deref())
            .with("deprecated", self.deprecated))
    }
}

fn schema(path: &Path) -> Result<Value, Failure> {
    let text = read_file(path).map_err(|error| Failure::Operation(format!("{path:?}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{path:?} is no JSON: {error}")))
}

/// A field that can be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventTypeField {
    /// All schemas
    Schemas,
    /// Its group
    Group,
}

impl AsRef<str> for EventTypeField {
    fn as_ref(&self) -> &str {
        match self {
            Self::Schemas => "schemas",
            Self::Group => "groupName",
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column("NAME", "name"),
    Column("DESCRIPTION", "description"),
    Column("ARCHIVED", "archived"),
    Column("DEPRECATED", "deprecated"),
    Column("GROUP", "groupName"),
];

/// Does it.
pub(super) fn event_type(arguments: &EventTypeArguments) -> Result<(), Failure> {
    match &arguments.command {
        EventTypeCommand::List {
            archived,
            pages,
            server,
        } => {
            let query = [
                ("include_archived", Some(archived.to_string())),
                ("with_content", Some(server.json.to_string())),
            ];
            with_server(server, async |client| {
                list(client, "/event-type", &query, *pages, &COLUMNS).await
            })
        }
        EventTypeCommand::Show(one) => ask_and_show(&one.server, (Method::GET, &one.path()), None),
        EventTypeCommand::Create {
            one,
            description,
            fields,
        } => {
            let body = fields
                .body()?
                .with("name", Some(one.event_type.as_str()))
                .with("description", Some(description.as_str()))
                .text();
            ask_and_show(&one.server, (Method::POST, "/event-type"), Some(body))
        }
        EventTypeCommand::Update {
            one,
            description,
            archived,
            fields,
            clear,
        } => {
            let body = fields
                .body()?
                .with("description", description.as_deref())
                .with("archived", *archived)
                .without(clear)
                .change()?;
            ask_and_show(&one.server, (Method::PATCH, &one.path()), Some(body))
        }
        EventTypeCommand::Archive(one) => {
            ask_only(&one.server, (Method::DELETE, &one.path()), None)
        }
        EventTypeCommand::Delete { one, sure } => {
            let question = format!("Take {} out of the catalogue?", one.event_type);
            sure.sure(&question)?;
            let path = one.path() + "?expunge=true";
            ask_only(&one.server, (Method::DELETE, &path), None)
        }
    }
}
