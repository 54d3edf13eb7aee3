//! `fanfare key …`: keys of a running server, which let others in.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::Value;

use super::{
    Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, SureArguments, ask_only, list, name,
        show_key, with_server,
    },
    output::escaped,
    say,
};

const EXAMPLES: &str = "\
Examples:
  A key that sends events to one application and does nothing else, into a file
    fanfare key create shop --scope ingest --application acme > shop.key

  Which keys there are, and an end to one
    fanfare key list
    fanfare key revoke key_01m89a2x7c0002r8d1v6m3tq9hk

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const LIST_EXAMPLES: &str = "\
Examples:
  All of them
    fanfare key list --all

  The ids of those that never end
    fanfare key list --all --json | jq -r 'select(.expiresAt == null).id'";

const CREATE_EXAMPLES: &str = "\
Examples:
  For a service that sends events to one application, at most ten requests a second
    fanfare key create shop --scope ingest --application acme --rate-limit 10 > shop.key

  For somebody who looks at everything until the end of the year
    fanfare key create audit --scope read --expires-at 2026-12-31T23:59:59Z";

const REVOKE_EXAMPLES: &str = "\
Examples:
  The next request with it is refused
    fanfare key revoke key_01m89a2x7c0002r8d1v6m3tq9hk --yes";

/// Arguments of `fanfare key`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct KeyArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys, without the keys themselves
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Make a key and print it, now and never again
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// A text for people, to know it by
        #[arg(value_name = "NAME")]
        name: String,
        /// What it lets its holder do
        #[arg(long)]
        scope: KeyScope,
        /// The id or uid of the one application that it is for [default: all]
        #[arg(long, value_name = "APP", value_parser = name)]
        application: Option<String>,
        /// When it ends (RFC 3339) [default: never]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// The most requests a second [default: any number]
        #[arg(long, value_name = "NUMBER")]
        rate_limit: Option<u32>,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Revoke a key
    ///
    /// The next request with it is refused. It can't be undone.
    #[command(after_long_help = REVOKE_EXAMPLES)]
    Revoke {
        /// The id of the key, key_…
        #[arg(value_name = "ID", value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// What a key lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyScope {
    /// Everything; with --application, everything in it
    Admin,
    /// Send events, nothing else
    Ingest,
    /// Look, but at no secrets
    Read,
}

impl KeyScope {
    /// As the API has it.
    const fn text(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Read => "read",
        }
    }
}

const COLUMNS: [Column; 7] = [
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("SCOPE", "scope"),
    Column("APPLICATION", "application"),
    Column("EXPIRES", "expiresAt"),
    Column("RATE LIMIT", "rateLimit"),
    Column("BEGINS", "hint"),
];

/// Does it.
pub(super) fn key(arguments: &KeyArguments) -> Result<(), Failure> {
    match &arguments.command {
        KeyCommand::List { pages, server } => with_server(server, async |client| {
            list(client, "/key", &[], *pages, &COLUMNS).await
        }),
        KeyCommand::Create {
            name,
            scope,
            application,
            expires_at,
            rate_limit,
            server,
        } => {
            let body = Body::default()
                .with("name", Some(name.as_str()))
                .with("scope", Some(scope.text()))
                .with("application", application.as_deref())
                .with("expiresAt", expires_at.as_deref())
                .with("rateLimit", *rate_limit);
            with_server(server, async |client| {
                let shown = client.ask(Method::POST, "/key", Some(body.text())).await?;
                show_key(client, &shown)?;
                if !server.json {
                    say(&told(&shown));
                }
                Ok(())
            })
        }
        KeyCommand::Revoke { id, sure, server } => {
            sure.sure(&format!("Revoke the key {id}?"))?;
            ask_only(server, (Method::DELETE, &format!("/key/{id}")), None)
        }
    }
}

/// What its user must know of a new key: the id, by which it is revoked.
fn told(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let id = answer.get("id").and_then(Value::as_str).unwrap_or("?");
    format!(
        "this is {}: keep it now, it is shown never again",
        escaped(id)
    )
}
