//! `fanfare serve`: production. Everything up to the running host: folder, seed, port, key, banner.

use super::{
    failure::Failure,
    host::{Start, host},
    host_arguments::HostArguments,
    listeners::{Addresses, Listeners},
    logging, open_files, say,
    storage::Storage,
};
use crate::{
    config::{Access, Config, Mode, admin_key::AdminKey, settings::StoreKind},
    runtime::entropy,
};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  Start on loopback; an admin key is generated and shown once
    fanfare serve

  Start on all addresses with a key of your own
    openssl rand -hex 32 > admin-key
    fanfare serve --listen 0.0.0.0:9876 --admin-key-file admin-key

  Register a receiver
    curl -H \"Authorization: Bearer $(cat admin-key)\" -d 'url=https://example.com/hook' \\
      -d 'token=t' http://127.0.0.1:9876/api/webhooks

  Take the place of the original server on this machine: no key, its generator, its port variable
    PORT=9876 GENERATORFREQUENCY=5000 fanfare serve --open-original-api";

/// Arguments of `fanfare serve`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ServeArguments {
    /// The flags shared with `dev`.
    #[command(flatten)]
    pub host: HostArguments,
    /// Open the original routes without a key; on a loopback address only; API v1 still asks for it
    #[arg(long)]
    pub open_original_api: bool,
}

/// Runs until a signal ends it.
pub(super) fn serve(arguments: ServeArguments) -> Result<(), Failure> {
    let open = arguments.open_original_api.then_some(true);
    run(arguments.host.resolve(Mode::Serve, open)?)
}

/// Hosts an engine until a signal ends it; of both `serve` and `dev`.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    let style = logging::start(&config.log)?;
    let shares = open_files::share(&config)?;
    let config = shares.fitted(config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Operation(format!("the runtime can't be started: {error}")))?;
    runtime.block_on(async {
        let seed = config
            .seed
            .map_or_else(entropy::seed, Ok)
            .map_err(no_entropy)?;
        let (listeners, bound) = Listeners::bind(&config).await?;
        let storage = Storage::open(&config)?;
        let admin_key = admin_key(&config)?;
        let new_key = match config.access {
            Access::Key { key: None, .. } => admin_key.clone(),
            Access::Key { key: Some(_), .. } | Access::Open => None,
        };
        let start = Start {
            config: &config,
            shares,
            storage,
            listeners,
            seed,
            admin_key,
        };
        host(start, || {
            announce(style, &config, &bound, seed);
            if let Some(key) = &new_key {
                say(&key_line(style, key));
            }
        })
        .await
    })
}

/// The key to ask for; if none was given one is made.
fn admin_key(config: &Config) -> Result<Option<AdminKey>, Failure> {
    match &config.access {
        Access::Open => Ok(None),
        Access::Key { key: Some(key), .. } => Ok(Some(key.clone())),
        Access::Key { key: None, .. } => {
            let made = entropy::admin_key().map_err(no_entropy)?;
            let key = AdminKey::new(made);
            key.map(Some)
                .map_err(|error| Failure::Operation(error.to_string()))
        }
    }
}

fn no_entropy(error: entropy::EntropyError) -> Failure {
    Failure::Operation(error.to_string())
}

/// Shown once. Not by the log, which may be kept: a secret belongs to the one who starts the process.
fn key_line(style: logging::Style, key: &AdminKey) -> String {
    match style {
        logging::Style::Text { .. } => format!(
            "admin key, shown only now: {}\n\
             set FANFARE_ADMIN_KEY or --admin-key-file to keep one over restarts",
            key.expose()
        ),
        logging::Style::Json => serde_json::json!({
            "level": "INFO",
            "message": "admin key, shown only now",
            "admin_key": key.expose(),
        })
        .to_string(),
    }
}

/// Tells where to reach the server.
fn announce(style: logging::Style, config: &Config, bound: &Addresses, seed: u64) {
    let (bound, operators) = (bound.callers, bound.operators);
    let version = env!("CARGO_PKG_VERSION");
    let mode = match config.mode {
        Mode::Serve => "serve",
        Mode::Dev => "dev",
    };
    let store = match (config.store, &config.data_dir) {
        (StoreKind::Embedded, Some(folder)) => folder.path.display().to_string(),
        (StoreKind::Embedded, None) | (StoreKind::Memory, _) => "memory".to_owned(),
    };
    match style {
        logging::Style::Text { .. } => say(&format!(
            "fanfare {version} {mode} listens on http://{bound} (store {store}, seed {seed})"
        )),
        logging::Style::Json => {
            tracing::info!(version, mode, url = %format_args!("http://{bound}"), store, seed, "listening");
        }
    }
    if let Some(operators) = operators {
        match style {
            logging::Style::Text { .. } => say(&format!("operators have http://{operators}")),
            logging::Style::Json => {
                tracing::info!(url = %format_args!("http://{operators}"), "listening for operators");
            }
        }
    }
    if !config.verify_certificates {
        tracing::warn!("certificates of receivers are not verified");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_generated_key_is_json_where_the_log_is() {
        let key = AdminKey::new("k".repeat(43)).expect("fit");
        let line = key_line(logging::Style::Json, &key);
        let line: serde_json::Value = serde_json::from_str(&line).expect("one JSON document");
        assert_eq!(line["admin_key"], key.expose());
        let text = key_line(logging::Style::Text { is_colored: true }, &key);
        assert!(text.starts_with(&format!("admin key, shown only now: {}\n", key.expose())));
    }
}
