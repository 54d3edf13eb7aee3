//! `fanfare task …`: many deliveries of an endpoint sent again, by tasks of a running server.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;

use super::{
    DeliveryStatus, Failure,
    client::{
        Body, Column, PageArguments, ServerArguments, ask_and_show, list, moment, name, with_server,
    },
};

const EXAMPLES: &str = "\
Examples:
  An endpoint was down for six hours: how much failed, then send it again
    fanfare task recover acme billing --since 6h --dry-run
    fanfare task recover acme billing --since 6h

  What goes on
    fanfare task list --status running

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

const RECOVER_EXAMPLES: &str = "\
Examples:
  What failed in a night
    fanfare task recover acme billing --since 2026-11-24T22:00:00Z --until 2026-11-25T06:00:00Z";

const MISSING_EXAMPLES: &str = "\
Examples:
  A new endpoint gets what came in the last week
    fanfare task replay-missing acme billing --since 7d";

const REPLAY_EXAMPLES: &str = "\
Examples:
  All paid invoices of the last day, also those that arrived
    fanfare task replay acme billing --since 24h --event-type invoice.paid

  What was answered with a 4xx
    fanfare task replay acme billing --since 24h --status-class 400";

const LIST_EXAMPLES: &str = "\
Examples:
  All that have ended well, one JSON object a line
    fanfare task list --status finished --all --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  How far one is
    fanfare task show qtask_01m88v14rv000knzrjbba0b95fd";

const CANCEL_EXAMPLES: &str = "\
Examples:
  It makes nothing more due
    fanfare task cancel qtask_01m88v14rv000knzrjbba0b95fd";

/// Arguments of `fanfare task`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct TaskArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: TaskCommand,
}

/// Which deliveries are sent again.
#[derive(Clone, Debug, Args)]
pub struct AgainArguments {
    /// The id or uid of the application
    #[arg(value_name = "APP", value_parser = name)]
    pub application: String,
    /// The id or uid of the endpoint
    #[arg(value_name = "ENDPOINT", value_parser = name)]
    pub endpoint: String,
    /// Of events from this time on, 2026-11-24T16:00:00Z or so long ago, 6h or 7d; two weeks at most
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: String,
    /// Of events before this time [default: all]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<String>,
    /// Only tell how many they are
    #[arg(long)]
    pub dry_run: bool,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArguments,
}

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Send every delivery again, at once, whose last attempt failed
    ///
    /// Whether it waits for a retry or has ended. Ends when the task is durable.
    #[command(after_long_help = RECOVER_EXAMPLES)]
    Recover(AgainArguments),
    /// Send what an endpoint takes and what was never tried for it
    ///
    /// From before it was there, from while it was disabled, or expired. Ends when the task is durable.
    #[command(after_long_help = MISSING_EXAMPLES)]
    ReplayMissing(AgainArguments),
    /// Send every delivery again that was tried and fits a filter
    ///
    /// Without a filter also what arrived. Ends when the task is durable.
    #[command(after_long_help = REPLAY_EXAMPLES)]
    Replay {
        /// Of what.
        #[command(flatten)]
        again: AgainArguments,
        /// Only of this type; again for more
        #[arg(long, value_name = "TYPE")]
        event_type: Vec<String>,
        /// Only events of this channel
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        /// Only events with this tag
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
        /// Only those that stand so
        #[arg(long, value_name = "STATUS")]
        status: Option<DeliveryStatus>,
        /// Only those whose last answer was of this hundred, 0 for none at all
        #[arg(long, value_name = "HUNDRED")]
        status_class: Option<u16>,
    },
    /// List tasks, the newest first
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// Only those that stand so
        #[arg(long, value_name = "STATUS")]
        status: Option<TaskStatus>,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show a task and how far it is
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show {
        /// The id of the task
        #[arg(value_name = "TASK", value_parser = name)]
        task: String,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Call a task off
    ///
    /// It makes nothing more due; what it made due is sent.
    #[command(after_long_help = CANCEL_EXAMPLES)]
    Cancel {
        /// The id of the task
        #[arg(value_name = "TASK", value_parser = name)]
        task: String,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskStatus {
    /// It goes on
    Running,
    /// It has sent what it was to send
    Finished,
    /// It was called off, or its endpoint was deleted
    Failed,
}

impl TaskStatus {
    fn text(self) -> String {
        let text = match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
        };
        text.to_owned()
    }
}

const COLUMNS: [Column; 4] = [
    Column("ID", "id"),
    Column("TASK", "task"),
    Column("STATUS", "status"),
    Column("UPDATED", "updatedAt"),
];

/// Does it.
pub(super) fn task(arguments: &TaskArguments) -> Result<(), Failure> {
    match &arguments.command {
        TaskCommand::Recover(again) => send_again(again, "recover", Body::default()),
        TaskCommand::ReplayMissing(again) => send_again(again, "replay-missing", Body::default()),
        TaskCommand::Replay {
            again,
            event_type,
            channel,
            tag,
            status,
            status_class,
        } => {
            let body = Body::default()
                .with_list("eventTypes", event_type)
                .with("channel", channel.as_deref())
                .with("tag", tag.as_deref())
                .with("status", status.map(DeliveryStatus::number))
                .with("statusCodeClass", *status_class);
            send_again(again, "bulk-replay", body)
        }
        TaskCommand::List {
            status,
            pages,
            server,
        } => {
            let query = [
                ("order", Some("descending".to_owned())),
                ("status", status.map(TaskStatus::text)),
            ];
            with_server(server, async |client| {
                list(client, "/background-task", &query, *pages, &COLUMNS).await
            })
        }
        TaskCommand::Show { task, server } => {
            let path = format!("/background-task/{task}");
            ask_and_show(server, (Method::GET, &path), None)
        }
        TaskCommand::Cancel { task, server } => {
            let path = format!("/background-task/{task}/cancel");
            ask_and_show(server, (Method::POST, &path), None)
        }
    }
}

fn send_again(again: &AgainArguments, verb: &str, body: Body) -> Result<(), Failure> {
    let AgainArguments {
        application,
        endpoint,
        ..
    } = again;
    let dry_run = if again.dry_run { "?dryRun=true" } else { "" };
    let path = format!("/app/{application}/endpoint/{endpoint}/{verb}{dry_run}");
    let body = body
        .with("since", Some(again.since.as_str()))
        .with("until", again.until.as_deref());
    ask_and_show(&again.server, (Method::POST, &path), Some(body.text()))
}
