//! The log: on standard error, text for people or JSON for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

use super::{
    failure::Failure,
    log_line::{LineWriter, text_fields},
};
use crate::config::{
    LogSettings,
    settings::{Color, LogFormat},
};

/// How the log looks, once it is known where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Text, coloured or not.
    Text {
        /// Whether with colours.
        is_colored: bool,
    },
    /// One JSON object per line.
    Json,
}

/// Sends all log lines from here on to standard error.
///
/// # Errors
/// [`Failure::Operation`] if the process has a log already.
pub(super) fn start(settings: &LogSettings) -> Result<Style, Failure> {
    let style = style(settings, io::stderr().is_terminal());
    let filter = EnvFilter::builder().parse(&settings.filter);
    let filter = filter.map_err(|error| Failure::Operation(error.to_string()))?;
    let writer = move || LineWriter::new(style, io::stderr());
    let log = fmt().with_env_filter(filter).with_writer(writer);
    let started = match style {
        Style::Text { is_colored } => {
            let log = log.with_ansi(is_colored).fmt_fields(text_fields());
            log.try_init()
        }
        Style::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::Operation(format!("the log can't be started: {error}")))?;
    Ok(style)
}

fn style(settings: &LogSettings, is_terminal: bool) -> Style {
    let is_json = match settings.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let is_colored = match settings.color {
        Color::Auto => is_terminal,
        Color::Always => true,
        Color::Never => false,
    };
    if is_json {
        Style::Json
    } else {
        Style::Text { is_colored }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_coloured_text_and_a_pipe_json() {
        let text = |is_colored| Style::Text { is_colored };
        for (format, color, is_terminal, expected) in [
            (LogFormat::Auto, Color::Auto, true, text(true)),
            (LogFormat::Auto, Color::Never, true, text(false)),
            (LogFormat::Auto, Color::Always, false, Style::Json),
            (LogFormat::Json, Color::Auto, true, Style::Json),
            (LogFormat::Pretty, Color::Auto, false, text(false)),
            (LogFormat::Pretty, Color::Always, false, text(true)),
        ] {
            let filter = "info".to_owned();
            let settings = LogSettings {
                filter,
                format,
                color,
            };
            assert_eq!(style(&settings, is_terminal), expected, "{settings:?}");
        }
    }
}
