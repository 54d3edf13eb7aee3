//! The `fanfare` binary: reads its arguments, runs the command, ends with its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use fanfare::cli::{self, Arguments};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(Arguments::parse())
}
