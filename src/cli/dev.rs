//! `fanfare dev`: Fanfare on this machine, open, with the generator on.

use clap::Args;

use super::{failure::Failure, host_arguments::HostArguments, serve};
use crate::config::Mode;

const EXAMPLES: &str = "\
Examples:
  Start, then register a receiver from another terminal; deliveries follow every five seconds
    fanfare dev
    curl -d 'url=http://127.0.0.1:9877/hook' -d 'token=t' http://127.0.0.1:9876/api/webhooks

  Make an event every 400 milliseconds, the same ones at each start
    GENERATORFREQUENCY=400 fanfare dev --seed 1

  Also send to the machines of a private network
    fanfare dev --allow-target 192.168.0.0/16";

/// Arguments of `fanfare dev`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct DevArguments {
    /// The flags shared with `serve`.
    #[command(flatten)]
    pub host: HostArguments,
}

/// Runs until a signal ends it.
pub(super) fn dev(arguments: DevArguments) -> Result<(), Failure> {
    serve::run(arguments.host.resolve(Mode::Dev, None)?)
}
