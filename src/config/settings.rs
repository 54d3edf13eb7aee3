//! The settings as a file, the environment and the flags can give them: each key once, with its
//! type and default. Each source is a [`Layer`]; the layers are laid over each other in `mod.rs`.

#![expect(
    unused_qualifications,
    reason = "code of the derive names paths in full"
)]

use std::path::PathBuf;

use confique::Config;
use serde::Deserialize;

use super::{
    application_uid::ApplicationUid,
    listen::ListenAddress,
    outbound::{NameServer, ProxyUrl, ResolverKind, TranslatorNetwork},
    target::TargetNetwork,
};
use crate::policy::header::HeaderPrefix;

/// One source of settings; every key of it is optional.
pub type Layer = <Settings as Config>::Layer;
/// The part of a [`Layer`] about the engine.
pub type EngineLayer = <EngineSettings as Config>::Layer;
/// The part of a [`Layer`] about retention.
pub type RetentionLayer = <RetentionSettings as Config>::Layer;

/// Where events and deliveries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In the data folder: outlives a crash of the process and of the machine
    Embedded,
    /// In memory: nothing outlives the process
    Memory,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON else
    Auto,
    /// Text for people
    Pretty,
    /// One JSON object per line
    Json,
}

/// Whether log lines are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Every key of the configuration file; the environment's name of a key is `FANFARE_` and the key
/// in capitals.
#[derive(Debug, Config)]
#[config(layer_attr(derive(Clone, Debug)))]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct Settings {
    /// Where to listen: address and port, or a port alone.
    pub listen: Option<ListenAddress>,
    /// Where operators have a listener of their own; none if it is absent.
    pub admin_listen: Option<ListenAddress>,
    /// Most connections of one client.
    pub connections_per_address_max: Option<u64>,
    /// Bytes of bodies that are held at once.
    pub bodies_bytes_max: Option<u64>,
    /// Networks of proxies that name their clients in `X-Forwarded-For`.
    #[config(default = [])]
    pub trusted_proxy: Vec<TargetNetwork>,
    /// The folder for data; made with mode 0700 if it is missing.
    pub data_dir: Option<PathBuf>,
    /// Where events and deliveries are kept.
    #[config(default = "embedded")]
    pub store: StoreKind,
    /// Whether the clock is believed though the store was unused for long.
    #[config(default = false)]
    pub trust_clock: bool,
    /// Fixes all randomness of the engine; drawn by chance if absent.
    pub seed: Option<u64>,
    /// Networks that may be sent to though they are loopback, private or link-local.
    #[config(default = [])]
    pub allow_target: Vec<TargetNetwork>,
    /// Networks that are not sent to, whatever else is said.
    #[config(default = [])]
    pub deny_target: Vec<TargetNetwork>,
    /// The only ports that are sent to; those of the web and from 1024 on, without those of other
    /// services, if it is empty.
    #[config(default = [])]
    pub allow_port: Vec<u16>,
    /// Networks of NAT64 translators, whose addresses are judged by the IPv4 address in them.
    #[config(default = [])]
    pub nat64_prefix: Vec<TranslatorNetwork>,
    /// How names of receivers are resolved.
    pub resolver: Option<ResolverKind>,
    /// The name servers that are asked; those of the system if it is empty.
    #[config(default = [])]
    pub name_server: Vec<NameServer>,
    /// The proxy that everything is sent through.
    pub outbound_proxy: Option<ProxyUrl>,
    /// Whether that proxy resolves names, and so decides alone where things are sent.
    #[config(default = false)]
    pub outbound_proxy_resolves: bool,
    /// Whether endpoints with plain `http` URLs are refused.
    #[config(default = false)]
    pub https_only: bool,
    /// A prefix under which the signature headers are sent a second time, as `svix-`.
    pub header_prefix: Option<HeaderPrefix>,
    /// The `uid` of the application that operational events are for; made if it is not there.
    pub operational_application: Option<ApplicationUid>,
    /// Whether receivers' certificates go unverified; for `dev` only.
    #[config(default = false)]
    pub insecure_skip_verify: bool,
    /// Whether the original routes are open without a key; on loopback only.
    #[config(default = false)]
    pub open_original_api: bool,
    /// Period of the fake event source, in milliseconds.
    pub generator_frequency_ms: Option<u64>,
    /// The file that holds the admin key.
    pub admin_key_file: Option<PathBuf>,
    /// The file that holds the master key, which signing secrets are sealed with.
    pub master_key_file: Option<PathBuf>,
    /// The journal that the engine's inputs are recorded in; nothing is recorded without it.
    pub record: Option<PathBuf>,
    /// Whether payloads and replies stand in the journal byte for byte.
    #[config(default = false)]
    pub record_bodies: bool,
    /// How large the journal and its older parts may be together, in bytes.
    pub record_max_bytes: Option<u64>,
    /// Which log lines are written, as `info,fanfare=debug`.
    pub log: Option<String>,
    /// How log lines look.
    #[config(default = "auto")]
    pub log_format: LogFormat,
    /// Whether log lines are coloured.
    #[config(default = "auto")]
    pub color: Color,
    /// The engine's limits.
    #[config(nested)]
    pub engine: EngineSettings,
    /// How long ended work is kept.
    #[config(nested)]
    pub retention: RetentionSettings,
}

/// The keys of the table `[retention]`.
#[derive(Debug, Config)]
#[config(layer_attr(derive(Clone, Debug)))]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct RetentionSettings {
    /// Days that payloads of ended work are kept.
    pub payload_days: Option<u64>,
    /// Days that events and attempts of ended work are kept; at least those of payloads.
    pub attempt_days: Option<u64>,
}

/// The keys of the table `[engine]`.
#[derive(Debug, Config)]
#[config(layer_attr(derive(Clone, Debug)))]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct EngineSettings {
    /// Attempts in flight over all endpoints.
    pub send_slots: Option<u64>,
    /// Attempts in flight to one endpoint, once it has earned them.
    pub window_max: Option<u64>,
    /// Attempts in flight to one host over all endpoints, once it has earned them.
    pub host_window_max: Option<u64>,
    /// Deadline of one attempt, in milliseconds.
    pub attempt_timeout_ms: Option<u64>,
    /// The wait after the first, second … failed attempt, in seconds; empty for no retries.
    pub retry_waits_seconds: Option<Vec<u64>>,
    /// Whether attempts to a receiver that fails are held back.
    pub circuit_breaker: Option<bool>,
    /// How many of a hundred attempts must fail for that.
    pub circuit_failed_percent: Option<u64>,
    /// How many attempts there must be at least.
    pub circuit_attempts_min: Option<u64>,
    /// How far back attempts are looked at, in seconds.
    pub circuit_window_seconds: Option<u64>,
    /// How long attempts are held back at first, in seconds.
    pub circuit_pause_seconds: Option<u64>,
    /// How long at most, in seconds.
    pub circuit_pause_max_seconds: Option<u64>,
    /// How many attempts must then succeed, one by one.
    pub circuit_probes: Option<u64>,
    /// How many of a hundred of its usual attempts a receiver gets that recovers.
    pub circuit_recovery_percent: Option<u64>,
    /// How long attempts to an endpoint may fail until it is disabled, in hours; 0 for ever.
    pub disable_after_hours: Option<u64>,
}

/// Why a text is no layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFault {
    /// Where in the text, counted from 1.
    pub(super) line: Option<usize>,
    /// What is wrong, with the key.
    pub(super) reason: String,
}

/// Reads a file's text.
pub(super) fn parse(text: &str) -> Result<Layer, FileFault> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        FileFault {
            line: before.map(|before| 1 + before.matches('\n').count()),
            reason: error.message().replace('\n', " "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        for (text, line, key) in [
            ("lisen = 1", 1, "`lisen`"),
            ("seed = 1\n\n[engine]\nslots = 1", 4, "`slots`"),
            ("seed = 1\n[engines]\n", 2, "`engines`"),
        ] {
            let fault = parse(text).expect_err("the key is unknown");
            assert_eq!(fault.line, Some(line), "{fault:?}");
            assert!(fault.reason.contains("unknown field"), "{fault:?}");
            assert!(fault.reason.contains(key), "{fault:?}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        for text in [
            "listen = \"nowhere\"",
            "listen = 65536",
            "seed = -1",
            "seed = \"1\"",
            "store = \"redis\"",
            "allow_target = \"10.0.0.0/8\"",
            "allow_target = [\"ten\"]",
            "https_only = 1",
            "generator_frequency_ms = 1.5",
            "log_format = \"xml\"",
            "[engine]\nretry_waits_seconds = [1, -1]",
            "not toml",
            "seed = 1\nseed = 2",
        ] {
            let fault = parse(text).expect_err(text);
            assert!(
                !fault.reason.is_empty() && !fault.reason.contains('\n'),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_port_may_be_a_number_or_text() {
        for text in ["listen = 80", "listen = \":80\"", "listen = \"80\""] {
            let layer = parse(text).expect(text);
            assert_eq!(layer.listen, Some(ListenAddress::port(80)));
        }
    }
}
