//! `fanfare target check`: may a URL be sent to, and why?

#![expect(
    clippy::disallowed_methods,
    reason = "a command outside the engine: name servers keep real time"
)]

use core::time::Duration;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use confique::Layer as _;
use serde_json::{Value, json};

use super::{
    failure::Failure,
    output::{laid_out, print, print_json},
    target_arguments::TargetArguments,
};
use crate::{
    config::{
        self, Mode, Sources, environment::Environment, outbound::Outbound, places::read_file,
        settings::Layer,
    },
    domain::endpoint_url::{EndpointHost, EndpointUrl, Scheme},
    limits,
    policy::address::{AddressPolicy, Grounds},
    transport::{
        interfaces::list_interfaces,
        resolver::{NameResolver, ResolveError, Resolver as _},
    },
};

const EXAMPLES: &str = "\
Examples:
  May this be sent to, by the settings of this machine?
    fanfare target check https://hooks.example.com/in

  Would it with these settings?
    fanfare target check http://10.1.2.3:8080/ --allow-target 10.0.0.0/8

  As fanfare dev judges it, for a program
    fanfare target check http://localhost:3000/ --dev --json

Exit codes:
  0 allowed, 1 not allowed or not resolved, 2 no URL or wrong settings";

/// Arguments of `fanfare target`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct TargetsArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: TargetCommand,
}

/// What can be asked of targets.
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Ask whether a URL may be sent to, and why
    ///
    /// Judges the URL and each address that its name has, as a server with the same settings would
    /// before each attempt. Nobody is connected to but name servers.
    Check(CheckArguments),
}

/// Arguments of `fanfare target check`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckArguments {
    /// The URL
    #[arg(value_name = "URL")]
    pub url: String,
    /// Judge as fanfare dev does, which allows loopback and reads the hosts file
    #[arg(long)]
    pub dev: bool,
    /// Where things are sent.
    #[command(flatten)]
    pub targets: TargetArguments,
    /// The configuration file (TOML) [default: ./fanfare.toml and other places, if there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Carries a command out.
pub(super) fn target(arguments: TargetsArguments) -> Result<(), Failure> {
    match arguments.command {
        TargetCommand::Check(arguments) => check(arguments),
    }
}

/// What is said of a URL or an address.
struct Judged {
    what: String,
    verdict: Result<String, String>,
}

impl Judged {
    fn shown(&self) -> Value {
        let (Ok(reason) | Err(reason)) = &self.verdict;
        json!({ "address": self.what, "allowed": self.verdict.is_ok(), "reason": reason })
    }

    fn row(&self) -> Vec<String> {
        let (word, reason) = match &self.verdict {
            Ok(reason) => ("allowed", reason),
            Err(reason) => ("denied", reason),
        };
        vec![self.what.clone(), word.to_owned(), reason.clone()]
    }
}

fn check(arguments: CheckArguments) -> Result<(), Failure> {
    let mode = if arguments.dev {
        Mode::Dev
    } else {
        Mode::Serve
    };
    let outbound = config::outbound_of(Sources {
        mode,
        flags: arguments.targets.over(Layer::empty()),
        file: arguments.config,
        verbosity: 0,
        environment: &Environment::of_process(),
        read: &read_file,
    })?;
    let text = &arguments.url;
    let url = EndpointUrl::parse(text).map_err(|error| Failure::Usage(error.to_string()))?;
    let policy = AddressPolicy {
        own: list_interfaces().unwrap_or_default(),
        ..outbound.policy.clone()
    };
    let said = of_url(&url, &outbound, &policy);
    let by_proxy = outbound.proxy.as_ref().is_some_and(|proxy| proxy.resolves)
        && matches!(url.host(), EndpointHost::Name(_));
    let judged = match (&said, url.host()) {
        (Err(_), _) => Vec::new(),
        (Ok(()), EndpointHost::Address(address)) => vec![of_address(*address, url.port(), &policy)],
        (Ok(()), EndpointHost::Name(_)) if by_proxy => Vec::new(),
        (Ok(()), EndpointHost::Name(name)) => {
            let addresses = addresses(&outbound, name)?;
            let judged = addresses.into_iter();
            judged
                .map(|address| of_address(address, url.port(), &policy))
                .collect()
        }
    };
    let refusal = said.err().or_else(|| {
        let denied = judged.iter().find(|judged| judged.verdict.is_err())?;
        let reason = denied.verdict.as_ref().err()?;
        Some(format!(
            "{reason}; one address that is denied refuses the whole answer"
        ))
    });
    if arguments.json {
        print_json(&json!({
            "url": text,
            "host": url.authority(),
            "port": url.port(),
            "allowed": refusal.is_none(),
            "reason": refusal,
            "by_proxy": by_proxy,
            "addresses": judged.iter().map(Judged::shown).collect::<Vec<_>>(),
        }))?;
    } else {
        let rows: Vec<Vec<String>> = judged.iter().map(Judged::row).collect();
        print(&laid_out(&rows))?;
        if refusal.is_none() {
            let how = if by_proxy {
                "allowed: the proxy resolves the name and judges\n"
            } else {
                "allowed\n"
            };
            print(how)?;
        }
    }
    refusal.map_or(Ok(()), |refusal| {
        Err(Failure::Operation(format!(
            "{text} is not sent to: {refusal}"
        )))
    })
}

/// What is said of a URL before its name is resolved.
fn of_url(url: &EndpointUrl, outbound: &Outbound, policy: &AddressPolicy) -> Result<(), String> {
    if outbound.https_only && url.scheme() == Scheme::Http {
        return Err("only https is allowed (--https-only)".to_owned());
    }
    if !url.is_plainly_spelled() {
        let authority = url.authority();
        return Err(format!(
            "its host is spelled oddly, it is understood as {authority}"
        ));
    }
    policy.judge_url(url).map_err(|refusal| refusal.to_string())
}

/// What is said of an address, as when it is dialled.
fn of_address(address: IpAddr, port: u16, policy: &AddressPolicy) -> Judged {
    let vetted = policy.vet(SocketAddr::new(address, port));
    let verdict = vetted.and_then(|_| policy.judge(address));
    Judged {
        what: address.to_string(),
        verdict: match verdict {
            Ok(Grounds::Public) => Ok("a public address".to_owned()),
            Ok(Grounds::Allowed(network)) => Ok(format!("the operator allowed {network}")),
            Err(refusal) => Err(refusal.to_string()),
        },
    }
}

/// All addresses of a name, as the transport would have them.
fn addresses(outbound: &Outbound, name: &str) -> Result<Vec<IpAddr>, Failure> {
    let failed = |why: &str| Failure::Operation(format!("{name} is not sent to: {why}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Operation(error.to_string()))?;
    let resolved = runtime.block_on(async {
        let resolver = NameResolver::new(&outbound.resolver)
            .map_err(|error| Failure::Operation(error.to_string()))?;
        let within = Duration::from_millis(limits::DNS_TIMEOUT_MS);
        let answer = tokio::time::timeout(within, resolver.resolve(name)).await;
        Ok::<_, Failure>(answer.unwrap_or(Err(ResolveError::Failed)))
    })?;
    match resolved {
        Ok(addresses) if addresses.is_empty() => Err(failed("the name has no address")),
        Ok(addresses) if addresses.len() > limits::DNS_ADDRESSES_MAX => {
            Err(failed("the name has too many addresses"))
        }
        Ok(addresses) => Ok(addresses),
        Err(ResolveError::NotFound) => Err(failed("the name does not exist")),
        Err(ResolveError::Failed) => Err(failed("the name could not be resolved")),
        Err(ResolveError::OutOfFiles) => Err(failed(
            "no file descriptor is left to ask with: raise the limit (ulimit -n)",
        )),
    }
}
