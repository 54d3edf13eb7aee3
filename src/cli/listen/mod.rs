//! `fanfare listen`: an endpoint on this machine for as long as the command runs, whose deliveries go
//! on to an application under development.
//!
//! Nothing is relayed through anybody: the server must reach the address that is listened on.

mod forward;
mod heard;
mod own_name;
mod watch;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;
use tokio::{pin, sync::mpsc};

pub use self::forward::ForwardUrl;
use self::{forward::Forwarder, watch::Registration};
use super::{
    Failure,
    bind::bind,
    client::{Client, ServerArguments, name, with_server},
    intake::serve_each,
    say,
    signals::Signals,
};
use crate::{
    config::listen::ListenAddress,
    limits,
    runtime::entropy,
    signing::{VerificationKey, encode_secret},
};

/// Where it listens if nothing else is said: any free port, for this machine alone.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const EXAMPLES: &str = "\
Examples:
  Try Fanfare with an application that listens on port 3000
    fanfare dev
    fanfare listen --forward-to http://127.0.0.1:3000/hook

  Two types of events of one application, on a server that may send to this machine
    fanfare serve --allow-target 127.0.0.1
    fanfare listen --forward-to http://127.0.0.1:3000/hook --application acme \\
      --event-types 'invoice.*,order.paid'

  A second one for the same application, beside the first
    fanfare listen --forward-to http://127.0.0.1:3000/hook --name second

  What failed, as JSON
    fanfare listen --forward-to http://127.0.0.1:3000/ --json | jq 'select(.status != 200)'

Exit codes:
  0 ended by Ctrl-C or SIGTERM, 1 the server refused what was asked or may not send here, 2 wrong
  usage, 3 not found or deleted meanwhile, 4 the key is refused, 5 the server can't be reached, 130
  ended at once by a second signal";

/// Arguments of `fanfare listen`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ListenArguments {
    /// Where deliveries go on to, with body and header fields as they came
    #[arg(long, value_name = "URL")]
    pub forward_to: ForwardUrl,
    /// The id or uid of the application whose events they are
    #[arg(long, value_name = "APP", value_parser = name, default_value = "default")]
    pub application: String,
    /// The types of the events, with commas between them; `*` stands for anything [default: all]
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub event_types: Vec<String>,
    /// By what it finds the endpoint again that one before it left behind [default: made of the user, this
    /// machine and where deliveries go on to]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<String>,
    /// Where to listen: address and port, or a port alone [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<ListenAddress>,
    /// Which server.
    #[command(flatten)]
    pub server: ServerArguments,
}

/// Listens and forwards until a signal ends it, or until nobody reads what it prints.
pub(super) fn listen(arguments: &ListenArguments) -> Result<(), Failure> {
    with_server(&arguments.server, async |client| {
        let failed = |reason: String| Failure::Operation(reason);
        let address = address(arguments, client)?;
        let place = client.place_of(&arguments.forward_to.place)?;
        // From here on a signal waits until there is an endpoint to delete.
        let mut signals = Signals::listen().map_err(|error| failed(error.to_string()))?;
        let (listener, bound) = bind(address, "--listen").await?;
        let secret = entropy::secret().map_err(|error| failed(error.to_string()))?;
        let registration =
            Registration::new(client, arguments, bound, &encode_secret(&secret)).await?;
        say(&format!(
            "listens on http://{bound} as {} of {} and forwards to {}; Ctrl-C ends it",
            registration.endpoint, registration.application, arguments.forward_to
        ));
        if registration.is_taken_over {
            say(&format!(
                "took over {}, which one before it left behind; what waits for it arrives here",
                registration.endpoint
            ));
        }
        let (told, heard) = mpsc::channel(limits::RECEIVER_CONNECTIONS_MAX);
        let forwarder = Arc::new(Forwarder {
            place,
            path: arguments.forward_to.path.clone(),
            key: VerificationKey::of(&secret),
            timeout: arguments.server.timeout.duration(),
            heard: told,
        });
        let serving = serve_each(&listener, move |request| {
            Arc::clone(&forwarder).answer(request)
        });
        pin!(serving);
        let ended = tokio::select! {
            biased;
            () = signals.next() => Ok(()),
            ended = registration.watch(client, heard, arguments.server.json) => ended,
            never = &mut serving => match never {},
        };
        // What is in flight may end meanwhile.
        let deleted = tokio::select! {
            biased;
            deleted = registration.delete(client) => deleted,
            () = signals.next() => Err(Failure::Interrupted),
            never = &mut serving => match never {},
        };
        if deleted.is_err() {
            let Registration {
                application,
                endpoint,
                ..
            } = &registration;
            say(&format!(
                "{endpoint} is still there: fanfare endpoint delete {application} {endpoint}"
            ));
        }
        ended.and(deleted)
    })
}

/// Where to listen.
///
/// # Errors
/// [`Failure::Usage`] for an address that the server can't reach.
fn address(arguments: &ListenArguments, client: &Client) -> Result<SocketAddr, Failure> {
    let Some(listen) = arguments.listen else {
        if client.is_on_this_machine() {
            return Ok(LISTEN_DEFAULT);
        }
        return Err(Failure::Usage(
            "the server is on another machine, from where 127.0.0.1 can't be reached: give an \
             address of this machine that it reaches with --listen"
                .to_owned(),
        ));
    };
    let address = listen.over(LISTEN_DEFAULT);
    if address.ip().is_unspecified() {
        let message = format!(
            "{} stands for all addresses: give the one at which the server reaches this machine \
             with --listen",
            address.ip()
        );
        return Err(Failure::Usage(message));
    }
    Ok(address)
}
