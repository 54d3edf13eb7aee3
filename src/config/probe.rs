//! The configuration file and scenario files, asked whether they keep their word whatever is in them. Tests throw arbitrary
//! bytes at them, in `cargo test` and under a fuzzer; nothing else calls this.

use std::path::Path;

use confique::Layer as _;

use super::{
    Mode, Sources, environment::Environment, resolve, scenario::ScenarioFile, settings::Layer,
};
use crate::{limits, time::Span};

/// Reads a configuration file: what is taken is within its bounds, and a refusal says where and why.
///
/// # Errors
/// What is not so; our fault.
pub fn file(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        // It is read as a text; what is none is refused before.
        return Ok(());
    };
    for mode in [Mode::Serve, Mode::Dev] {
        let environment: Environment = [("HOME", "/home/u")].into_iter().collect();
        let read = |path: &Path| {
            if path == Path::new("fanfare.toml") {
                return Ok(text.to_owned());
            }
            Err(std::io::ErrorKind::NotFound.into())
        };
        let resolved = resolve(Sources {
            mode,
            flags: Layer::empty(),
            file: None,
            verbosity: 0,
            environment: &environment,
            read: &read,
        });
        match resolved {
            Ok(config) => {
                let least =
                    Span::from_millis(i64::try_from(limits::ATTEMPT_TIMEOUT_MS_MIN).unwrap_or(0));
                let is_bounded = config.attempt_timeout >= least
                    && (1..=limits::SEND_SLOTS_MAX).contains(&config.send_slots)
                    && usize::from(config.window_max) <= config.send_slots
                    && config.outbound.policy.allowed.len() <= limits::ALLOWED_TARGETS_MAX + 2
                    && config.retention.payload <= config.retention.attempt
                    && (mode != Mode::Dev || config.listen.ip().is_loopback());
                if !is_bounded {
                    return Err(format!("out of bounds: {config:?}"));
                }
            }
            Err(error) => {
                if error.to_string().trim().is_empty() {
                    return Err(format!("a refusal says nothing: {error:?}"));
                }
            }
        }
    }
    Ok(())
}

/// Reads a scenario file: what is taken is written as a text that says the same, and a refusal says
/// where and why.
///
/// # Errors
/// What is not so; our fault.
pub fn scenario(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        // It is read as a text; what is none is refused before.
        return Ok(());
    };
    let file = match ScenarioFile::read(text) {
        Ok(file) => file,
        Err(faults) => {
            let lines = 1 + text.matches('\n').count();
            let is_told = !faults.is_empty()
                && faults.iter().all(|fault| {
                    let is_one_line = !fault.reason.is_empty() && !fault.reason.contains('\n');
                    (1..=lines).contains(&fault.line) && is_one_line
                });
            return if is_told {
                Ok(())
            } else {
                Err(format!("a refusal says nothing: {faults:?}"))
            };
        }
    };
    let written = file.write().map_err(|error| format!("{error}: {file:?}"))?;
    match ScenarioFile::read(&written) {
        Ok(same) if same == file => Ok(()),
        other => Err(format!(
            "{file:?} is written as {written}, which is {other:?}"
        )),
    }
}
