//! The configuration file, asked whether it keeps its word whatever is in it. Tests throw arbitrary
//! bytes at it, in `cargo test` and under a fuzzer; nothing else calls it.

use std::path::Path;

use confique::Layer as _;

use super::{Mode, Sources, environment::Environment, resolve, settings::Layer};
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
                    && config.allowed_targets.len() <= limits::ALLOWED_TARGETS_MAX
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
