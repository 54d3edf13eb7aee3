//! F8: file, environment and flags made into one valid configuration.
//!
//! A higher layer wins over a lower one, key by key: flag, `FANFARE_*` variable, `PORT` or
//! `GENERATORFREQUENCY`, file, default. [`resolve`] is a pure function of its [`Sources`]: it reads
//! neither the environment nor files by itself, so every rule here is tested without a process.

pub mod admin_key;
pub mod application_uid;
mod authorities;
mod bounds;
pub mod caller;
mod circuit;
pub mod clients;
pub mod environment;
pub mod error;
pub mod listen;
pub mod master_key;
pub mod outbound;
pub mod places;
pub mod probe;
pub mod scenario;
pub mod settings;
pub mod target;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use confique::{Config as _, Layer as _};
use tracing_subscriber::EnvFilter;

use self::{
    admin_key::AdminKey,
    application_uid::ApplicationUid,
    clients::Clients,
    environment::Environment,
    error::ConfigError,
    outbound::Outbound,
    places::ReadFile,
    settings::{Color, Layer, LogFormat, Settings, StoreKind},
};
use crate::policy::header::HeaderPrefix;
use crate::{
    domain::{application::DEFAULT_APPLICATION_UID, master_key::MasterKey},
    engine::options::{GeneratorOptions, Options},
    limits,
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    runtime::recording::RecordingOptions,
    time::Span,
};

/// Where the program listens if nothing else is said.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_876);
/// The log filter if nothing else is said.
const LOG_DEFAULT: &str = "info";

/// Which command is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `fanfare serve`: production.
    Serve,
    /// `fanfare dev`: trying out, on loopback, open, with the generator on.
    Dev,
}

/// All that a configuration is made from.
pub struct Sources<'a> {
    /// Which command asks.
    pub mode: Mode,
    /// What the flags say.
    pub flags: Layer,
    /// The configuration file that a flag names.
    pub file: Option<PathBuf>,
    /// How far above (`-v`) or below (`-q`) the usual the log is to be.
    pub verbosity: i8,
    /// The variables.
    pub environment: &'a Environment,
    /// How files are read.
    pub read: ReadFile<'a>,
}

/// A folder for data, and whether somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    /// Where it is.
    pub path: PathBuf,
    /// False for the default folder, which is made only if the store keeps something in it.
    pub is_given: bool,
}

/// How long ended work is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Its payloads.
    pub payload: Span,
    /// Its events and attempts.
    pub attempt: Span,
}

/// Who may use what the server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody who reaches the address, which is loopback then: `dev`.
    Open,
    /// Who shows the admin key.
    Key {
        /// The key; with `None` one is to be generated and shown once.
        key: Option<AdminKey>,
        /// Whether the original routes ask nobody for it; on loopback only.
        opens_original: bool,
    },
}

/// How the log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Which lines, as a valid `EnvFilter` directive list.
    pub filter: String,
    /// As text or JSON.
    pub format: LogFormat,
    /// Coloured or not.
    pub color: Color,
}

/// A configuration that can be run; made by [`resolve`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which command it is for.
    pub mode: Mode,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where operators have a listener of their own.
    pub admin_listen: Option<SocketAddr>,
    /// What the server grants its clients.
    pub clients: Clients,
    /// The folder for data; `None` if none was given and the system names no place for it.
    pub data_dir: Option<DataFolder>,
    /// Where events and deliveries are kept.
    pub store: StoreKind,
    /// Whether the clock is believed though the store was unused for long.
    pub trust_clock: bool,
    /// What the embedded store seals signing secrets with.
    pub master_key: Option<MasterKey>,
    /// How long ended work is kept.
    pub retention: Retention,
    /// Fixes all randomness of the engine; to be drawn if absent.
    pub seed: Option<u64>,
    /// Where things are sent, and how the way is found.
    pub outbound: Outbound,
    /// A prefix under which the signature headers are sent a second time.
    pub header_prefix: Option<HeaderPrefix>,
    /// The application that operational events are for; none are told without it.
    pub operational_application: Option<ApplicationUid>,
    /// Whether receivers' certificates are verified; always true in `serve`.
    pub verify_certificates: bool,
    /// Period of the generator in milliseconds; `None` if it is off.
    pub generator_frequency_ms: Option<u64>,
    /// Who may use what the server offers.
    pub access: Access,
    /// How the log is written.
    pub log: LogSettings,
    /// Deadline of one attempt.
    pub attempt_timeout: Span,
    /// Attempts in flight over all endpoints.
    pub send_slots: usize,
    /// Attempts in flight to one endpoint, once earned; at most `send_slots`.
    pub window_max: u16,
    /// Attempts in flight to one host over all endpoints, once earned.
    pub host_window_max: u16,
    /// The schedule of failed deliveries.
    pub retry: RetryPolicy,
    /// When attempts to a receiver that fails are held back; `None` if never.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// How long attempts to an endpoint may fail until it is disabled; `None` if for ever.
    pub disable_after: Option<Span>,
    /// The journal of what the engine is told; `None` if nothing is recorded.
    pub recording: Option<RecordingOptions>,
}

impl Config {
    /// The engine's settings, with this seed.
    #[must_use]
    pub fn engine_options(&self, seed: u64) -> Options {
        let application: Arc<str> = DEFAULT_APPLICATION_UID.into();
        let period = |ms| Span::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        Options {
            seed,
            retry: self.retry.clone(),
            circuit_breaker: self.circuit_breaker.clone(),
            disable_after: self.disable_after,
            send_slots: self.send_slots,
            window_max: self.window_max,
            host_window_max: self.host_window_max,
            generator: self.generator_frequency_ms.map(|ms| GeneratorOptions {
                period: period(ms),
                application: application.clone(),
            }),
            rounds: Some(application),
            operational: self
                .operational_application
                .as_ref()
                .map(ApplicationUid::text),
            heartbeat: Some(Span::from_millis(limits::HEARTBEAT_MS)),
            ..Options::default()
        }
    }
}

/// Makes one valid configuration from all its sources.
///
/// # Errors
/// [`ConfigError`], the fault of who started the program; exit code 2.
pub fn resolve(sources: Sources<'_>) -> Result<Config, ConfigError> {
    let Sources {
        mode,
        flags,
        environment,
        read,
        ..
    } = sources;
    let fanfare = environment.layer()?;
    let original = environment.original_layer()?;
    let file = places::file_layer(sources.file.as_deref(), environment, read)?;

    let (listen, admin_listen) = addresses([&file, &original, &fanfare, &flags]);
    let flagged_key = flags.admin_key_file.clone();
    let flagged_master_key = flags.master_key_file.clone();
    let merged = flags
        .with_fallback(fanfare)
        .with_fallback(original)
        .with_fallback(file)
        .with_fallback(Layer::default_values());
    let settings =
        Settings::from_layer(merged).map_err(|error| ConfigError::Incomplete(error.to_string()))?;

    check_safety(mode, listen, &settings)?;
    check_admin_listen(mode, listen, admin_listen)?;
    let access = if mode == Mode::Dev {
        Access::Open
    } else {
        let files = (flagged_key.as_deref(), settings.admin_key_file.as_deref());
        Access::Key {
            key: places::admin_key(files, environment, read)?,
            opens_original: settings.open_original_api,
        }
    };
    let flagged = flagged_master_key.as_deref();
    let master_key_files = (flagged, settings.master_key_file.as_deref());
    let master_key = places::master_key(master_key_files, environment, read)?;
    let (send_slots, window_max) = bounds::windows(&settings.engine)?;
    let data_dir = places::data_folder(mode, settings.data_dir.clone(), environment);
    if settings.store == StoreKind::Embedded && data_dir.is_none() {
        return Err(ConfigError::NoDataFolder);
    }
    Ok(Config {
        mode,
        listen,
        admin_listen,
        clients: clients::clients(&settings)?,
        data_dir,
        store: settings.store,
        trust_clock: settings.trust_clock,
        master_key,
        retention: bounds::retention(&settings.retention)?,
        seed: settings.seed,
        outbound: outbound::outbound(mode, &settings)?,
        header_prefix: settings.header_prefix.clone(),
        operational_application: settings.operational_application.clone(),
        verify_certificates: !settings.insecure_skip_verify,
        generator_frequency_ms: bounds::generator_period(mode, &settings)?,
        access,
        attempt_timeout: bounds::attempt_timeout(&settings.engine)?,
        send_slots,
        window_max,
        host_window_max: bounds::host_window(&settings.engine)?,
        retry: bounds::retry_policy(&settings.engine)?,
        circuit_breaker: circuit::usual(&settings.engine)?,
        disable_after: circuit::disable_after(&settings.engine)?,
        recording: bounds::recording(&settings)?,
        log: log_settings(settings, sources.verbosity, environment)?,
    })
}

/// The folder for data of a server that is not to run: that of `serve`, by flag, variable, file or
/// default.
///
/// # Errors
/// [`ConfigError`], the fault of who started the program; exit code 2.
pub fn data_folder(
    flag: Option<PathBuf>,
    file: Option<&Path>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<PathBuf, ConfigError> {
    let fanfare = environment.layer()?;
    let file = places::file_layer(file, environment, read)?;
    let given = flag.or(fanfare.data_dir).or(file.data_dir);
    let folder = places::data_folder(Mode::Serve, given, environment);
    folder
        .map(|folder| folder.path)
        .ok_or(ConfigError::NoDataFolder)
}

/// Where things would be sent by a server that is not to run: that of `serve` or `dev`, by flags,
/// variables, file and defaults.
///
/// # Errors
/// [`ConfigError`], the fault of who started the program; exit code 2.
pub fn outbound_of(sources: Sources<'_>) -> Result<Outbound, ConfigError> {
    let fanfare = sources.environment.layer()?;
    let file = places::file_layer(sources.file.as_deref(), sources.environment, sources.read)?;
    let merged = sources
        .flags
        .with_fallback(fanfare)
        .with_fallback(file)
        .with_fallback(Layer::default_values());
    let settings =
        Settings::from_layer(merged).map_err(|error| ConfigError::Incomplete(error.to_string()))?;
    outbound::outbound(sources.mode, &settings)
}

/// Refuses what would leave a door open.
fn check_safety(mode: Mode, listen: SocketAddr, settings: &Settings) -> Result<(), ConfigError> {
    let is_local = listen.ip().to_canonical().is_loopback();
    if mode == Mode::Dev && !is_local {
        return Err(ConfigError::PublicDev { listen });
    }
    if mode == Mode::Serve && settings.insecure_skip_verify {
        return Err(ConfigError::UnverifiedServe);
    }
    if settings.open_original_api && !is_local {
        return Err(ConfigError::OpenInPublic { listen });
    }
    Ok(())
}

/// Where everybody's listener is, and that of operators if there is one; layers from the lowest up.
fn addresses(layers: [&Layer; 4]) -> (SocketAddr, Option<SocketAddr>) {
    let listen = layers.iter().filter_map(|layer| layer.listen);
    let listen = listen.fold(LISTEN_DEFAULT, |below, listen| listen.over(below));
    let admin_listen = layers.iter().filter_map(|layer| layer.admin_listen);
    let admin_listen = admin_listen.fold(None, |below: Option<SocketAddr>, listen| {
        Some(listen.over(below.unwrap_or(LISTEN_DEFAULT)))
    });
    (listen, admin_listen)
}

/// Refuses a listener for operators that is no other one, or that is open to others.
fn check_admin_listen(
    mode: Mode,
    listen: SocketAddr,
    admin_listen: Option<SocketAddr>,
) -> Result<(), ConfigError> {
    let Some(admin_listen) = admin_listen else {
        return Ok(());
    };
    if admin_listen == listen && listen.port() != 0 {
        return Err(ConfigError::SameAdminListen { listen });
    }
    if mode == Mode::Dev && !admin_listen.ip().to_canonical().is_loopback() {
        return Err(ConfigError::PublicDev {
            listen: admin_listen,
        });
    }
    Ok(())
}

fn log_settings(
    settings: Settings,
    verbosity: i8,
    environment: &Environment,
) -> Result<LogSettings, ConfigError> {
    let filter = match verbosity {
        ..=-2 => "error".to_owned(),
        -1 => "warn".to_owned(),
        0 => {
            let asked = settings.log.filter(|filter| !filter.trim().is_empty());
            asked.unwrap_or_else(|| LOG_DEFAULT.to_owned())
        }
        1 => "debug".to_owned(),
        2.. => "trace".to_owned(),
    };
    if let Err(error) = EnvFilter::builder().parse(&filter) {
        let reason = error.to_string();
        return Err(ConfigError::LogFilter { filter, reason });
    }
    let color = match settings.color {
        Color::Auto if environment.wants_no_color() => Color::Never,
        color => color,
    };
    Ok(LogSettings {
        filter,
        format: settings.log_format,
        color,
    })
}

#[cfg(test)]
mod tests;
