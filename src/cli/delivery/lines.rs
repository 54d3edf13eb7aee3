//! Deliveries that block their lines: what is listed, skipped and parked, and the audit of that.

use clap::{Args, Subcommand};
use http::Method;

use crate::{
    cli::{
        Failure,
        client::{
            Body, Column, PageArguments, ServerArguments, ask_and_show, list, name, with_server,
        },
    },
    domain::audit::Act,
};

const BLOCKED_EXAMPLES: &str = "\
Examples:
  What holds up an endpoint that gets its events in order
    fanfare delivery blocked acme billing";

const SKIP_EXAMPLES: &str = "\
Examples:
  One that will never be taken makes way for those behind it
    fanfare delivery skip acme inv-17 billing --reason \"customer: never existed\"";

const PARK_EXAMPLES: &str = "\
Examples:
  One makes way until the receiver is mended; then it is sent again, with all else that failed
    fanfare delivery park acme inv-17 billing --reason \"schema v2 refused, ticket 4711\"
    fanfare task recover acme billing --since 7d";

const AUDIT_EXAMPLES: &str = "\
Examples:
  What was skipped and parked, by whom and why, the newest first
    fanfare delivery audit acme billing

  What is parked, for a machine
    fanfare delivery audit acme billing --all --json | jq -r 'select(.action == \"park\") | .msgId'";

/// What can be done with deliveries that block their lines.
#[derive(Debug, Subcommand)]
pub enum LineCommand {
    /// List deliveries that hold others up: they wait for a retry, and others of their line wait behind them
    #[command(after_long_help = BLOCKED_EXAMPLES)]
    Blocked {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id or uid of the endpoint
        #[arg(value_name = "ENDPOINT", value_parser = name)]
        endpoint: String,
        /// How many at most
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Skip a delivery that has not ended: it is over, and its line goes on
    ///
    /// An attempt that is in flight may still succeed. No task sends it again; `resend` can.
    #[command(after_long_help = SKIP_EXAMPLES)]
    Skip(AsideArguments),
    /// Park a delivery that has not ended: its line goes on, and `task recover` sends it again
    ///
    /// An attempt that is in flight may still succeed.
    #[command(after_long_help = PARK_EXAMPLES)]
    Park(AsideArguments),
    /// List what was skipped and parked, by whom and why, the newest first
    #[command(after_long_help = AUDIT_EXAMPLES)]
    Audit {
        /// The id or uid of the application
        #[arg(value_name = "APP", value_parser = name)]
        application: String,
        /// The id or uid of the endpoint
        #[arg(value_name = "ENDPOINT", value_parser = name)]
        endpoint: String,
        /// How much.
        #[command(flatten)]
        pages: PageArguments,
        /// Which server.
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// Which delivery is skipped or parked, and why.
#[derive(Clone, Debug, Args)]
pub struct AsideArguments {
    /// The id or uid of the application
    #[arg(value_name = "APP", value_parser = name)]
    pub application: String,
    /// The id of the event, or the event id that was chosen
    #[arg(value_name = "EVENT", value_parser = name)]
    pub event: String,
    /// The id or uid of the endpoint
    #[arg(value_name = "ENDPOINT", value_parser = name)]
    pub endpoint: String,
    /// Why, for the audit; 1,024 bytes at most
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArguments,
}

impl AsideArguments {
    /// Asks for it and shows what was noted.
    fn ask(&self, act: Act) -> Result<(), Failure> {
        let Self {
            application,
            event,
            endpoint,
            ..
        } = self;
        let act = act.name();
        let path = format!("/app/{application}/msg/{event}/endpoint/{endpoint}/{act}");
        let body = Body::default().with("reason", self.reason.clone());
        ask_and_show(&self.server, (Method::POST, &path), Some(body.text()))
    }
}

const BLOCKED: [Column; 7] = [
    Column("EVENT", "msgId"),
    Column("EVENT ID", "eventId"),
    Column("TYPE", "eventType"),
    Column("WAITING", "waiting"),
    Column("ATTEMPTS", "attempts"),
    Column("LAST OUTCOME", "lastOutcome"),
    Column("NEXT ATTEMPT", "nextAttempt"),
];

const AUDIT: [Column; 5] = [
    Column("TIME", "timestamp"),
    Column("ACTION", "action"),
    Column("EVENT", "msgId"),
    Column("BY", "by"),
    Column("REASON", "reason"),
];

/// So many entries at most.
const fn first(limit: usize) -> PageArguments {
    PageArguments {
        limit,
        all: false,
        order: None,
    }
}

/// Does it.
pub(super) fn line(command: &LineCommand) -> Result<(), Failure> {
    match command {
        LineCommand::Blocked {
            application,
            endpoint,
            limit,
            server,
        } => with_server(server, async |client| {
            let path = format!("/app/{application}/endpoint/{endpoint}/blocked");
            list(client, &path, &[], first(*limit), &BLOCKED).await
        }),
        LineCommand::Skip(aside) => aside.ask(Act::Skip),
        LineCommand::Park(aside) => aside.ask(Act::Park),
        LineCommand::Audit {
            application,
            endpoint,
            pages,
            server,
        } => with_server(server, async |client| {
            let path = format!("/app/{application}/endpoint/{endpoint}/audit");
            list(client, &path, &[], *pages, &AUDIT).await
        }),
    }
}
