//! What can be wrong with a configuration. Each is the fault of who started the program, and each
//! text is one line that says what to do.

use std::{net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::{admin_key::AdminKeyError, master_key::MasterKeyError};

/// Why there is no valid configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// An environment variable holds what it can't mean.
    #[error("{name} is {value:?}: {reason}; correct it or unset it")]
    Variable {
        /// Which one.
        name: String,
        /// What it holds; never a secret.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment variable is no UTF-8.
    #[error("{name} is not UTF-8 text; correct it or unset it")]
    VariableNotText {
        /// Which one.
        name: String,
    },
    /// A configuration file that was named, or found, can't be read.
    #[error("the configuration file {path:?} can't be read: {reason}")]
    FileUnreadable {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A configuration file says what it can't say; unknown keys are among this.
    #[error("the configuration file {path:?} is not valid{}: {reason}", at_line(*line))]
    FileInvalid {
        /// Which one.
        path: PathBuf,
        /// Where in it, counted from 1.
        line: Option<usize>,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A number lies outside its bounds.
    #[error("{key} is {value}: it must be {least} to {most}")]
    OutOfBounds {
        /// The key as in the file.
        key: &'static str,
        /// What was asked for.
        value: u64,
        /// The smallest that works.
        least: u64,
        /// The largest that works.
        most: u64,
    },
    /// The retry schedule can't be kept.
    #[error("engine.retry_waits_seconds can't be kept: {reason}")]
    RetryWaits {
        /// Why not.
        reason: &'static str,
    },
    /// A list is longer than what is looked through for each dial.
    #[error("{key} has {count} entries: {most} are the most")]
    TooMany {
        /// Which one.
        key: &'static str,
        /// How many were given.
        count: usize,
        /// How many can be.
        most: usize,
    },
    /// Name servers are named, and the operating system is to resolve, which asks its own.
    #[error(
        "name_server is given, but resolver is system, which asks its own servers: leave one out"
    )]
    SystemAsksItsOwn,
    /// A proxy is to resolve, and there is none.
    #[error("outbound_proxy_resolves is set, but there is no outbound_proxy: name one")]
    NoProxy,
    /// The log filter is none.
    #[error("the log filter {filter:?} is not valid: {reason}; an example is info,fanfare=debug")]
    LogFilter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key is given twice, so that it is unclear which one counts.
    #[error("{variable} and {variable}_FILE are both set: unset one of them")]
    TwoKeys {
        /// The variable of the key itself.
        variable: &'static str,
    },
    /// The admin key is unfit.
    #[error("the admin key of {origin} is not fit: {reason}")]
    AdminKey {
        /// Where it was given.
        origin: String,
        /// What it lacks; the key itself is never told.
        reason: AdminKeyError,
    },
    /// The master key is unfit.
    #[error("the master key of {origin} is not fit: {reason}")]
    MasterKey {
        /// Where it was given.
        origin: String,
        /// What it lacks; the key itself is never told.
        reason: MasterKeyError,
    },
    /// The key that a command shows to a server is unfit.
    #[error("the key of {origin} can't be one of a server's: {reason}")]
    CallerKey {
        /// Where it was given.
        origin: String,
        /// What it lacks; the key itself is never told.
        reason: AdminKeyError,
    },
    /// The file with certificates to trust is of no use.
    #[error("the file of certificates {path:?} can't be used: {reason}")]
    CaFile {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL of a server is none.
    #[error("the server's URL of {origin} is not fit: {reason}")]
    ServerUrl {
        /// Where it was given.
        origin: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such profile.
    #[error("there is no profile {name:?} in {path:?}: write one, or leave --profile out")]
    NoProfile {
        /// Which one was asked for.
        name: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// The file of a key can't be read.
    #[error("the key file {path:?} can't be read: {reason}")]
    KeyUnreadable {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Nothing says where the store may lie.
    #[error(
        "there is no folder for data: name one with --data-dir, or use --store memory, which keeps \
         nothing over a restart"
    )]
    NoDataFolder,
    /// `dev` on an address that others can reach.
    #[error("dev asks nobody for a key, so it listens on loopback only and not on {listen}: use fanfare serve, or --listen 127.0.0.1:{}", listen.port())]
    PublicDev {
        /// Where it was asked to listen.
        listen: SocketAddr,
    },
    /// The listener for operators is the one for everybody.
    #[error(
        "--admin-listen and --listen are both {listen}: give operators another port, or leave --admin-listen out"
    )]
    SameAdminListen {
        /// Where both were asked to listen.
        listen: SocketAddr,
    },
    /// Open original routes on an address that others can reach.
    #[error("--open-original-api asks nobody for a key, so it works on a loopback address only and not on {listen}: leave it out, or use --listen 127.0.0.1:{}", listen.port())]
    OpenInPublic {
        /// Where it was asked to listen.
        listen: SocketAddr,
    },
    /// Unverified certificates in production.
    #[error(
        "--insecure-skip-verify is for fanfare dev only: serve always verifies the certificates of receivers"
    )]
    UnverifiedServe,
    /// The defaults leave something open; our fault.
    #[error("the configuration is not complete: {0}")]
    Incomplete(String),
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" at line {line}"))
}
