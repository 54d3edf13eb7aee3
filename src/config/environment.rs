//! The environment as data, and the layers of settings it holds.
//!
//! [`Environment::of_process`] is the one place that reads the environment of the process.

use core::{fmt::Display, str::FromStr};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use confique::Layer as _;

use super::{
    application_uid::ApplicationUid,
    error::ConfigError,
    listen::ListenAddress,
    outbound::ProxyUrl,
    settings::{EngineLayer, Layer, RetentionLayer},
};
use crate::limits;
use crate::policy::header::HeaderPrefix;

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What the process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// A variable as text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let value = self.0.get(&OsString::from(name));
        let text = value.map(|value| value.to_str().ok_or_else(|| not_text(name)));
        text.transpose()
    }

    /// A variable as a path; an empty one counts as absent, as the XDG specification wants.
    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        let value = self.0.get(&OsString::from(name));
        value.filter(|value| !value.is_empty()).map(Path::new)
    }

    /// Who runs the process, as its session says; `None` if it does not.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        let names = ["USER", "LOGNAME"].map(OsString::from);
        let mut values = names.iter().filter_map(|name| self.0.get(name));
        let user = values.find(|value| !value.is_empty())?;
        Some(user.to_string_lossy().into_owned())
    }

    /// A variable read as `T`.
    fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let text = self.text(name)?;
        let value = text.map(|text| {
            text.parse()
                .map_err(|error: T::Err| unfit(name, text, error))
        });
        value.transpose()
    }

    /// A variable that holds one of a few words.
    fn chosen<T: ValueEnum>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let text = self.text(name)?;
        let value = text.map(|text| {
            T::from_str(text, false).map_err(|_| {
                let words = T::value_variants().iter();
                let words = words.filter_map(ValueEnum::to_possible_value);
                let words: Vec<String> = words.map(|word| word.get_name().to_owned()).collect();
                unfit(name, text, format!("it must be {}", words.join(" or ")))
            })
        });
        value.transpose()
    }

    /// A variable that holds a whole number.
    fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let text = self.text(name)?;
        let value = text.map(|text| {
            text.parse()
                .map_err(|_| unfit(name, text, "it must be a whole number that is not negative"))
        });
        value.transpose()
    }

    /// A variable that holds a yes or no.
    fn truth(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        let text = self.text(name)?;
        let value = text.map(|text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(unfit(name, text, "it must be true or false")),
        });
        value.transpose()
    }

    /// A variable that holds items parted by commas; an empty one is an empty list.
    fn list<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let items = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        let items = items.map(|item| {
            item.parse()
                .map_err(|error: T::Err| unfit(name, item, error))
        });
        items.collect::<Result<_, _>>().map(Some)
    }

    /// A variable that holds a proxy's URL, which may hold a password: it is not told back.
    fn secret_url(&self, name: &str) -> Result<Option<ProxyUrl>, ConfigError> {
        let url = self.text(name)?.map(|text| {
            let url = text.parse::<ProxyUrl>();
            url.map_err(|error| unfit(name, "(not shown)", error))
        });
        url.transpose()
    }

    /// A variable that holds a positive number of milliseconds for the generator.
    fn generator_period(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let period = text.parse().ok();
        period
            .filter(|period| (1..=limits::GENERATOR_PERIOD_MS_MAX).contains(period))
            .map(Some)
            .ok_or_else(|| {
                let most = limits::GENERATOR_PERIOD_MS_MAX;
                unfit(
                    name,
                    text,
                    format!("it must be a whole number of milliseconds, 1 to {most}"),
                )
            })
    }

    /// The keys that `fanfare verify` is to use; empty if none are named.
    ///
    /// # Errors
    /// [`ConfigError`] if they are no UTF-8; the user's fault.
    pub fn verification_keys(&self) -> Result<&str, ConfigError> {
        Ok(self.text("FANFARE_VERIFY_KEY")?.unwrap_or_default())
    }

    /// What the `FANFARE_*` variables say.
    pub(super) fn layer(&self) -> Result<Layer, ConfigError> {
        Ok(Layer {
            listen: self.parsed::<ListenAddress>("FANFARE_LISTEN")?,
            connections_per_address_max: self.number("FANFARE_CONNECTIONS_PER_ADDRESS_MAX")?,
            bodies_bytes_max: self.number("FANFARE_BODIES_BYTES_MAX")?,
            trusted_proxy: self.list("FANFARE_TRUSTED_PROXY")?,
            admin_listen: self.parsed::<ListenAddress>("FANFARE_ADMIN_LISTEN")?,
            data_dir: self.path("FANFARE_DATA_DIR").map(PathBuf::from),
            store: self.chosen("FANFARE_STORE")?,
            trust_clock: self.truth("FANFARE_TRUST_CLOCK")?,
            seed: self.number("FANFARE_SEED")?,
            allow_target: self.list("FANFARE_ALLOW_TARGET")?,
            deny_target: self.list("FANFARE_DENY_TARGET")?,
            allow_port: self.list("FANFARE_ALLOW_PORT")?,
            nat64_prefix: self.list("FANFARE_NAT64_PREFIX")?,
            resolver: self.chosen("FANFARE_RESOLVER")?,
            name_server: self.list("FANFARE_NAME_SERVER")?,
            outbound_proxy: self.secret_url("FANFARE_OUTBOUND_PROXY")?,
            outbound_proxy_resolves: self.truth("FANFARE_OUTBOUND_PROXY_RESOLVES")?,
            https_only: self.truth("FANFARE_HTTPS_ONLY")?,
            header_prefix: self.parsed::<HeaderPrefix>("FANFARE_HEADER_PREFIX")?,
            operational_application: self
                .parsed::<ApplicationUid>("FANFARE_OPERATIONAL_APPLICATION")?,
            insecure_skip_verify: self.truth("FANFARE_INSECURE_SKIP_VERIFY")?,
            open_original_api: self.truth("FANFARE_OPEN_ORIGINAL_API")?,
            generator_frequency_ms: self.generator_period("FANFARE_GENERATOR_FREQUENCY_MS")?,
            admin_key_file: self.path("FANFARE_ADMIN_KEY_FILE").map(PathBuf::from),
            master_key_file: self.path("FANFARE_MASTER_KEY_FILE").map(PathBuf::from),
            record: self.path("FANFARE_RECORD").map(PathBuf::from),
            record_bodies: self.truth("FANFARE_RECORD_BODIES")?,
            record_max_bytes: self.number("FANFARE_RECORD_MAX_BYTES")?,
            log: self.text("FANFARE_LOG")?.map(str::to_owned),
            log_format: self.chosen("FANFARE_LOG_FORMAT")?,
            color: self.chosen("FANFARE_COLOR")?,
            engine: EngineLayer {
                send_slots: self.number("FANFARE_ENGINE_SEND_SLOTS")?,
                window_max: self.number("FANFARE_ENGINE_WINDOW_MAX")?,
                host_window_max: self.number("FANFARE_ENGINE_HOST_WINDOW_MAX")?,
                attempt_timeout_ms: self.number("FANFARE_ENGINE_ATTEMPT_TIMEOUT_MS")?,
                retry_waits_seconds: self.list("FANFARE_ENGINE_RETRY_WAITS_SECONDS")?,
                circuit_breaker: self.truth("FANFARE_ENGINE_CIRCUIT_BREAKER")?,
                circuit_failed_percent: self.number("FANFARE_ENGINE_CIRCUIT_FAILED_PERCENT")?,
                circuit_attempts_min: self.number("FANFARE_ENGINE_CIRCUIT_ATTEMPTS_MIN")?,
                circuit_window_seconds: self.number("FANFARE_ENGINE_CIRCUIT_WINDOW_SECONDS")?,
                circuit_pause_seconds: self.number("FANFARE_ENGINE_CIRCUIT_PAUSE_SECONDS")?,
                circuit_pause_max_seconds: self
                    .number("FANFARE_ENGINE_CIRCUIT_PAUSE_MAX_SECONDS")?,
                circuit_probes: self.number("FANFARE_ENGINE_CIRCUIT_PROBES")?,
                circuit_recovery_percent: self.number("FANFARE_ENGINE_CIRCUIT_RECOVERY_PERCENT")?,
                disable_after_hours: self.number("FANFARE_ENGINE_DISABLE_AFTER_HOURS")?,
            },
            retention: RetentionLayer {
                payload_days: self.number("FANFARE_RETENTION_PAYLOAD_DAYS")?,
                attempt_days: self.number("FANFARE_RETENTION_ATTEMPT_DAYS")?,
            },
        })
    }

    /// What the variables of the original server say: `PORT` and `GENERATORFREQUENCY`.
    pub(super) fn original_layer(&self) -> Result<Layer, ConfigError> {
        let port = self.text("PORT")?.map(|text| {
            let reason = "it must be a port from 0 to 65535";
            text.parse().map_err(|_| unfit("PORT", text, reason))
        });
        Ok(Layer {
            listen: port.transpose()?.map(ListenAddress::port),
            generator_frequency_ms: self.generator_period("GENERATORFREQUENCY")?,
            ..Layer::empty()
        })
    }

    /// Whether the user asked all programs for no colours (no-color.org).
    pub(super) fn wants_no_color(&self) -> bool {
        self.path("NO_COLOR").is_some()
    }
}

impl<Name: Into<OsString>, Value: Into<OsString>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Variables: IntoIterator<Item = (Name, Value)>>(variables: Variables) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

fn not_text(name: &str) -> ConfigError {
    ConfigError::VariableNotText { name: name.into() }
}

fn unfit(name: &str, value: &str, reason: impl Display) -> ConfigError {
    ConfigError::Variable {
        name: name.into(),
        value: value.into(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, value: &str) -> Environment {
        [(name, value)].into_iter().collect()
    }

    #[test]
    fn a_generator_frequency_is_a_positive_whole_number_of_milliseconds() {
        for name in ["GENERATORFREQUENCY", "FANFARE_GENERATOR_FREQUENCY_MS"] {
            for value in [
                "abc",
                "0",
                "-5",
                "1.5",
                "",
                " 5",
                "5s",
                "1e3",
                "0x10",
                "2147483648",
                "99999999999999999999",
            ] {
                let environment = environment(name, value);
                let error = environment
                    .layer()
                    .and_then(|_| environment.original_layer());
                let text = error.expect_err(value).to_string();
                let start = format!("{name} is {value:?}: it must be a whole number of millisec");
                assert!(text.starts_with(&start), "{text}");
            }
        }
        for (value, period) in [("1", 1), ("5000", 5_000), ("2147483647", 2_147_483_647)] {
            let layer = environment("GENERATORFREQUENCY", value).original_layer();
            let layer = layer.expect("a positive integer");
            assert_eq!(layer.generator_frequency_ms, Some(period));
        }
    }

    #[test]
    fn a_port_is_a_number_up_to_65535() {
        for value in ["", "abc", "65536", "-1", "80.0", "/tmp/pipe"] {
            let error = environment("PORT", value).original_layer();
            let text = error.expect_err(value).to_string();
            assert!(text.starts_with("PORT is "), "{text}");
        }
        let layer = environment("PORT", "8080").original_layer().expect("valid");
        assert_eq!(layer.listen, Some(ListenAddress::port(8_080)));
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_named() {
        for (name, value) in [
            ("FANFARE_LISTEN", "nowhere"),
            ("FANFARE_STORE", "redis"),
            ("FANFARE_SEED", "-1"),
            ("FANFARE_ALLOW_TARGET", "10.0.0.0/8,ten"),
            ("FANFARE_ALLOW_TARGET", "10.0.0.0/8,"),
            ("FANFARE_HTTPS_ONLY", "yes please"),
            ("FANFARE_INSECURE_SKIP_VERIFY", ""),
            ("FANFARE_OPEN_ORIGINAL_API", "2"),
            ("FANFARE_LOG_FORMAT", "xml"),
            ("FANFARE_COLOR", "blue"),
            ("FANFARE_ENGINE_SEND_SLOTS", "many"),
            ("FANFARE_ENGINE_WINDOW_MAX", ""),
            ("FANFARE_ENGINE_ATTEMPT_TIMEOUT_MS", "30s"),
            ("FANFARE_ENGINE_RETRY_WAITS_SECONDS", "5,x"),
        ] {
            let error = environment(name, value).layer().expect_err(name);
            assert!(
                error.to_string().starts_with(&format!("{name} is ")),
                "{error}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let name = OsString::from("FANFARE_LISTEN");
        let environment: Environment = [(name, OsString::from_vec(vec![0xff]))]
            .into_iter()
            .collect();
        let error = environment.layer().expect_err("no UTF-8");
        let name = "FANFARE_LISTEN".into();
        assert_eq!(error, ConfigError::VariableNotText { name });
    }

    #[test]
    fn a_list_is_parted_by_commas() {
        let layer = environment("FANFARE_ALLOW_TARGET", "10.0.0.0/8, ::1").layer();
        let targets = layer.expect("valid").allow_target.expect("given");
        let texts: Vec<String> = targets.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "::1/128"]);
        let layer = environment("FANFARE_ALLOW_TARGET", "").layer();
        assert_eq!(layer.expect("valid").allow_target, Some(Vec::new()));
    }
}
