//! The flags that `serve` and `dev` share.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use confique::Layer as _;

use super::{failure::Failure, target_arguments::TargetArguments};
use crate::config::{
    self, Config, Mode, Sources,
    application_uid::ApplicationUid,
    environment::Environment,
    listen::ListenAddress,
    places::read_file,
    settings::{Color, Layer, LogFormat, StoreKind},
    target::TargetNetwork,
};
use crate::policy::header::HeaderPrefix;

/// Flags of a command that hosts an engine. What is absent comes from variables, file or default.
#[derive(Debug, Args)]
pub struct HostArguments {
    /// Where to listen: address and port, or a port alone [default: 127.0.0.1:9876]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<ListenAddress>,
    /// Where operators have a listener of their own, with /metrics and all routes [default: none]
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<ListenAddress>,
    /// Where a proxy (CIDR) connects from that names its clients in X-Forwarded-For; again for more
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxy: Vec<TargetNetwork>,
    /// The folder for data; made with mode 0700 if it is missing [default: see the documentation]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Where events and deliveries are kept [default: embedded]
    #[arg(long, value_name = "KIND")]
    pub store: Option<StoreKind>,
    /// Believe the clock though it says that the store was unused for over 30 days
    #[arg(long)]
    pub trust_clock: bool,
    /// Fixes all randomness of the engine [default: drawn by chance]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Where things are sent.
    #[command(flatten)]
    pub targets: TargetArguments,
    /// Send the signature headers a second time under this prefix, as svix-
    #[arg(long, value_name = "PREFIX")]
    pub header_prefix: Option<HeaderPrefix>,
    /// Send operational events, as endpoint.disabled, to this application
    #[arg(long, value_name = "UID")]
    pub operational_application: Option<ApplicationUid>,
    /// Don't verify the certificates of receivers (dev only)
    #[arg(long)]
    pub insecure_skip_verify: bool,
    /// The file that holds the admin key [default: a key is generated and shown once]
    #[arg(long, value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// The file that holds the master key: the embedded store seals signing secrets with it
    #[arg(long, value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,
    /// The configuration file (TOML) [default: ./fanfare.toml and other places, if there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Record what the engine is told in this file, for simulate replay and explain
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Record payloads and replies byte for byte, too
    #[arg(long)]
    pub record_bodies: bool,
    /// How large the record may grow; then its oldest part goes [default: 1073741824]
    #[arg(long, value_name = "BYTES")]
    pub record_max_bytes: Option<u64>,
    /// How log lines look [default: auto]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Whether log lines are coloured [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,
    /// Log more; again for still more
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log less; again for still less
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,
}

impl HostArguments {
    /// The whole configuration: these flags over the environment of the process and the files.
    pub(super) fn resolve(
        self,
        mode: Mode,
        open_original_api: Option<bool>,
    ) -> Result<Config, Failure> {
        let asked = |is_set: bool| is_set.then_some(true);
        let verbosity = i8::try_from(self.verbose).unwrap_or(i8::MAX);
        let quietness = i8::try_from(self.quiet).unwrap_or(i8::MAX);
        let config = config::resolve(Sources {
            mode,
            flags: self.targets.over(Layer {
                listen: self.listen,
                admin_listen: self.admin_listen,
                trusted_proxy: (!self.trusted_proxy.is_empty()).then_some(self.trusted_proxy),
                data_dir: self.data_dir,
                store: self.store,
                trust_clock: asked(self.trust_clock),
                seed: self.seed,
                header_prefix: self.header_prefix,
                operational_application: self.operational_application,
                insecure_skip_verify: asked(self.insecure_skip_verify),
                open_original_api,
                admin_key_file: self.admin_key_file,
                master_key_file: self.master_key_file,
                record: self.record,
                record_bodies: asked(self.record_bodies),
                record_max_bytes: self.record_max_bytes,
                log_format: self.log_format,
                color: self.color,
                ..Layer::empty()
            }),
            file: self.config,
            verbosity: verbosity.saturating_sub(quietness),
            environment: &Environment::of_process(),
            read: &read_file,
        })?;
        Ok(config)
    }
}
