//! `fanfare app …`: applications of a running server.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;

use super::{
    Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, SureArguments, ask_and_show, ask_only, list,
        name, pair, with_server,
    },
};

const EXAMPLES: &str = "\
Examples:
  Make an application, then see all of them
    fanfare app create 'Acme Ltd' --uid acme
    fanfare app list --all

  With a server and its key elsewhere
    FANFARE_SERVER=https://fanfare.example.com FANFARE_KEY=… fanfare app show acme

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const LIST_EXAMPLES: &str = "\
Examples:
  The newest ten
    fanfare app list --order descending --limit 10

  The ids of all, for a script
    fanfare app list --all --json | jq -r .id";

const SHOW_EXAMPLES: &str = "\
Examples:
  By uid, and as JSON by id
    fanfare app show acme
    fanfare app show app_01m88v14qj0003wx4g5kc3ytwah --json";

const CREATE_EXAMPLES: &str = "\
Examples:
  With your own name for it and labels
    fanfare app create 'Acme Ltd' --uid acme --metadata plan=gold --metadata region=eu";

const UPDATE_EXAMPLES: &str = "\
Examples:
  Another name
    fanfare app update acme --name 'Acme Limited'

  Other labels, which replace all, and no uid any more
    fanfare app update acme --metadata plan=silver --clear uid";

const DELETE_EXAMPLES: &str = "\
Examples:
  With its endpoints and everything in it
    fanfare app delete acme --yes";

/// Arguments of `fanfare app`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ApplicationArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: ApplicationCommand,
}

/// What can be done with applications.
#[derive(Debug, Subcommand)]
pub enum ApplicationCommand {
    /// List applications
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show an application
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show {
        /// Its id or uid
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Make an application
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// A name for people
        #[arg(value_name = "NAME")]
        name: String,
        /// What it is made with.
        #[command(flatten)]
        fields: FieldArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Change fields of an application
    #[command(after_long_help = UPDATE_EXAMPLES)]
    Update {
        /// Its id or uid
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Another name for people
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What changes.
        #[command(flatten)]
        fields: FieldArguments,
        /// A field to empty; again for more
        #[arg(long, value_name = "FIELD")]
        clear: Vec<ApplicationField>,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Delete an application, its endpoints and all that is in it
    ///
    /// What is still to be delivered is called off. It can't be undone.
    #[command(after_long_help = DELETE_EXAMPLES)]
    Delete {
        /// Its id or uid
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// Whether to ask.
        #[command(flatten)]
        sure: SureArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// Fields of an application.
#[derive(Clone, Debug, Args)]
pub struct FieldArguments {
    /// Your own name for it
    #[arg(long, value_name = "UID")]
    pub uid: Option<String>,
    /// A label; again for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub metadata: Vec<(String, String)>,
}

impl FieldArguments {
    fn body(&self) -> Body {
        Body::default()
            .with("uid", self.uid.as_deref())
            .with_pairs("metadata", &self.metadata)
    }
}

/// A field that can be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ApplicationField {
    /// Your own name for it
    Uid,
    /// All labels
    Metadata,
}

impl AsRef<str> for ApplicationField {
    fn as_ref(&self) -> &str {
        match self {
            Self::Uid => "uid",
            Self::Metadata => "metadata",
        }
    }
}

const COLUMNS: [Column; 4] = [
    Column("ID", "id"),
    Column("UID", "uid"),
    Column("NAME", "name"),
    Column("CREATED", "createdAt"),
];

/// Does it.
pub(super) fn application(arguments: &ApplicationArguments) -> Result<(), Failure> {
    match &arguments.command {
        ApplicationCommand::List { pages, server } => with_server(server, async |client| {
            list(client, "/app", &[], *pages, &COLUMNS).await
        }),
        ApplicationCommand::Show {
            application,
            server,
        } => ask_and_show(server, (Method::GET, &format!("/app/{application}")), None),
        ApplicationCommand::Create {
            name,
            fields,
            server,
        } => {
            let body = fields.body().with("name", Some(name.as_str())).text();
            ask_and_show(server, (Method::POST, "/app"), Some(body))
        }
        ApplicationCommand::Update {
            application,
            name,
            fields,
            clear,
            server,
        } => {
            let body = fields.body().with("name", name.as_deref()).without(clear);
            let body = body.change()?;
            ask_and_show(
                server,
                (Method::PATCH, &format!("/app/{application}")),
                Some(body),
            )
        }
        ApplicationCommand::Delete {
            application,
            sure,
            server,
        } => {
            sure.sure(&format!("Delete {application} with all that is in it?"))?;
            ask_only(
                server,
                (Method::DELETE, &format!("/app/{application}")),
                None,
            )
        }
    }
}
