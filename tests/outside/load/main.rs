//! Fanfare tested from outside: the real binary under load, killed, starved and given a failing
//! disk; what producers and receivers know is compared with what the API says afterwards. The
//! scripts beside this folder say what each test needs and run it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test of a running process keeps time, has threads and tells what it found"
)]

mod api;
mod disks;
mod flips;
mod judge;
mod keys;
mod kills;
mod ledger;
mod producer;
mod receiver;
mod run;
mod server;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Most faults that are printed.
const FAULTS_SHOWN: usize = 20;

/// What is tested.
#[derive(Debug, Parser)]
struct Arguments {
    /// The binary.
    #[arg(long)]
    server: PathBuf,
    /// A folder for logs, configuration and, where no other is named, data; must be empty.
    #[arg(long)]
    work: PathBuf,
    /// Fixes what is sent and when it is killed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Test {
    /// SIGKILL at random moments
    Sigkill {
        /// How often
        #[arg(long, default_value_t = 50)]
        kills: u32,
    },
    /// SIGKILL at random moments, and every request repeated until it is answered
    Keys {
        /// How often
        #[arg(long, default_value_t = 25)]
        kills: u32,
    },
    /// SIGTERM under load
    Sigterm,
    /// Retries over a restart
    Schedule,
    /// Syncs and writes that fail, by strace
    Eio,
    /// A disk that is filled and freed again
    Full {
        /// The root of a small file system
        #[arg(long)]
        disk: PathBuf,
    },
    /// A disk that turns read-only
    ReadOnly {
        /// The root of a file system
        #[arg(long)]
        disk: PathBuf,
        /// The command that turns it read-only
        #[arg(long)]
        turn: String,
        /// The command that makes it writable again
        #[arg(long)]
        restore: String,
    },
    /// A closed file that is damaged
    Flips {
        /// In how many ways
        #[arg(long, default_value_t = 200)]
        count: u32,
    },
}

fn main() -> ExitCode {
    let Arguments {
        server,
        work,
        seed,
        test,
    } = Arguments::parse();
    println!("seed {seed}");
    let result = match test {
        Test::Sigkill { kills } => kills::sigkill(&server, &work, seed, kills),
        Test::Keys { kills } => keys::keys(&server, &work, seed, kills),
        Test::Sigterm => kills::sigterm(&server, &work, seed),
        Test::Schedule => kills::schedule(&server, &work, seed),
        Test::Eio => disks::eio(&server, &work, seed),
        Test::Full { disk } => disks::full(&server, &work, &disk, seed),
        Test::ReadOnly {
            disk,
            turn,
            restore,
        } => disks::read_only(&server, &work, &disk, (&turn, &restore), seed),
        Test::Flips { count } => flips::flips(&server, &work, seed, count),
    };
    let Err(faults) = result else {
        println!("passed");
        return ExitCode::SUCCESS;
    };
    for fault in faults.iter().take(FAULTS_SHOWN) {
        eprintln!("fault: {fault}");
    }
    eprintln!("{} faults; logs are in {}", faults.len(), work.display());
    ExitCode::FAILURE
}
