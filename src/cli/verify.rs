//! `fanfare verify`: is a delivery that was received genuine?

use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::Args;
use serde_json::json;

use super::{
    Delay, Failure,
    output::{print, print_json},
};
use crate::{
    config::environment::Environment,
    limits,
    runtime::clock::{Clock as _, SystemClock},
    signing::{check_timestamp, decode_verification_key, verify as judge},
    time::Span,
};

const EXAMPLES: &str = "\
Examples:
  Check a delivery whose body was saved, with the secret in a file
    fanfare verify --key-file secret.txt --id msg_01m88v14rb0003wx4g5kc3ytwah \\
      --timestamp 1764000000 --signature 'v1,IgTuWOTtcizwBp/F4QsvvugCo3cC7idyd8MGnn77sxk=' body.json

  Whenever it was signed, with the body from standard input
    FANFARE_VERIFY_KEY=whpk_… fanfare verify --any-time --id m --timestamp 5 \\
      --signature 'v1a,…' <body.json

Exit codes:
  0 genuine, 10 not genuine, 1 a file can't be read, 2 wrong usage";

/// Arguments of `fanfare verify`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct VerifyArguments {
    /// The body's exact bytes; standard input if it is left out or `-`
    #[arg(value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// A file with the keys, one a line: whsec_… (shared) or whpk_… (public)
    ///
    /// Else they stand in FANFARE_VERIFY_KEY, with spaces between them. There is no flag for a key
    /// itself: others on the machine can read the arguments of a command.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The header webhook-id
    #[arg(long, value_name = "ID")]
    pub id: String,
    /// The header webhook-timestamp, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timestamp: i64,
    /// The header webhook-signature
    #[arg(long, value_name = "TEXT")]
    pub signature: String,
    /// How far from now it may have been signed
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        conflicts_with = "any_time"
    )]
    pub tolerance: Delay,
    /// Do not ask when it was signed
    #[arg(long)]
    pub any_time: bool,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Judges a delivery.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let keys = keys(arguments)?;
    let body = body(arguments)?;
    let mut keys_read = Vec::new();
    for (place, text) in keys.split_whitespace().enumerate() {
        let key = decode_verification_key(text)
            .map_err(|error| Failure::Usage(format!("key {}: {error}", place + 1)))?;
        keys_read.push(key);
    }
    if keys_read.is_empty() {
        let message = "no key: name a file with --key-file or set FANFARE_VERIFY_KEY";
        return Err(Failure::Usage(message.into()));
    }
    let (id, seconds) = (&arguments.id, arguments.timestamp);
    let judged = judge(&keys_read, id, seconds, &body, &arguments.signature).and_then(|()| {
        if arguments.any_time {
            return Ok(());
        }
        let millis = i64::try_from(arguments.tolerance.duration().as_millis());
        let tolerance = Span::from_millis(millis.unwrap_or(i64::MAX));
        check_timestamp(seconds, tolerance, SystemClock::start().now().wall)
    });
    if arguments.json {
        let reason = judged.as_ref().err().map(ToString::to_string);
        let answer = json!({ "genuine": judged.is_ok(), "reason": reason });
        print_json(&answer)?;
    } else if judged.is_ok() {
        print("genuine\n")?;
    }
    judged.map_err(|error| Failure::Violated(format!("not genuine: {error}")))
}

/// The text of the keys.
fn keys(arguments: &VerifyArguments) -> Result<String, Failure> {
    match &arguments.key_file {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| Failure::Operation(format!("{}: {error}", path.display()))),
        None => Ok(Environment::of_process().verification_keys()?.to_owned()),
    }
}

/// The bytes of the body.
fn body(arguments: &VerifyArguments) -> Result<Vec<u8>, Failure> {
    let most = limits::VERIFIED_BODY_BYTES_MAX;
    let mut body = Vec::new();
    let path = arguments
        .body
        .as_ref()
        .filter(|path| path.as_os_str() != "-");
    let read = match path {
        Some(path) => {
            fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut body))
        }
        None => io::stdin().lock().take(most + 1).read_to_end(&mut body),
    };
    let name = path.map_or_else(
        || "standard input".into(),
        |path| path.display().to_string(),
    );
    match read {
        Err(error) => Err(Failure::Operation(format!("{name}: {error}"))),
        Ok(length) if u64::try_from(length).unwrap_or(u64::MAX) > most => {
            let message = format!("{name} has more than {most} bytes: no delivery has so many");
            Err(Failure::Operation(message))
        }
        Ok(_) => Ok(body),
    }
}
