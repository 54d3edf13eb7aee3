//! Lines of the log as they are written: an event is one line of bounded length, whatever a stranger
//! put into it.

use core::fmt;
use std::io;

use serde_json::Value;
use tracing::field::Field;
use tracing_subscriber::{
    field::MakeExt as _,
    fmt::{
        FormatFields,
        format::{Writer, debug_fn},
    },
};

use super::{logging::Style, output::escaped};
use crate::limits;

/// Starts a colour, and whatever else terminals obey.
const ESCAPE: char = '\u{1b}';

/// Writes events, each of which comes as a whole.
pub(super) struct LineWriter<W> {
    style: Style,
    out: W,
}

impl<W: io::Write> LineWriter<W> {
    /// To `out`, of events in this style.
    pub(super) const fn new(style: Style, out: W) -> Self {
        Self { style, out }
    }
}

impl<W: io::Write> io::Write for LineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = match self.style {
            Style::Text { is_colored } => of_text(text, is_colored),
            Style::Json => of_json(text),
        };
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How fields are shown to people: names in italics where there are colours, and of values nothing
/// that a terminal obeys.
pub(super) fn text_fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    let shown = |out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        let text = escaped(&format!("{value:?}"));
        match field.name() {
            "message" => out.write_str(&text),
            name if out.has_ansi_escapes() => {
                write!(
                    out,
                    "{ESCAPE}[3m{name}{ESCAPE}[0m{ESCAPE}[2m={ESCAPE}[0m{text}"
                )
            }
            name => write!(out, "{name}={text}"),
        }
    };
    debug_fn(shown).delimited(" ")
}

/// A line for people. The colours in it are ours: see [`text_fields`].
fn of_text(text: &str, is_colored: bool) -> String {
    let text = shortened(text, limits::LOG_LINE_BYTES_MAX);
    if !is_colored {
        return escaped(&text);
    }
    let parts: Vec<String> = text.split(ESCAPE).map(escaped).collect();
    parts.join(&ESCAPE.to_string())
}

/// A line for machines, which stays JSON.
fn of_json(text: &str) -> String {
    if text.len() <= limits::LOG_LINE_BYTES_MAX {
        return escaped(text);
    }
    match serde_json::from_str(text) {
        Ok(mut event) => {
            shorten(&mut event);
            escaped(&event.to_string())
        }
        Err(_) => of_text(text, false),
    }
}

/// Shortens the texts of an event.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => *text = shortened(text, limits::LOG_TEXT_BYTES_MAX),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The beginning of a text, and how much is left out of it.
fn shortened(text: &str, most: usize) -> String {
    let (kept, rest) = text.split_at(text.floor_char_boundary(most));
    if rest.is_empty() {
        return kept.to_owned();
    }
    format!("{kept}… ({} bytes more)", rest.len())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of an event with this text in its message and in fields of each kind.
    fn logged(style: Style, text: &str) -> Vec<String> {
        let written = Written::default();
        let out = written.clone();
        let log =
            tracing_subscriber::fmt().with_writer(move || LineWriter::new(style, out.clone()));
        let tell = || {
            tracing::error!(shown = %text, told = ?text, plain = text, "{text}");
            tracing::error!(error = &io::Error::other(text.to_owned()) as &dyn std::error::Error);
        };
        match style {
            Style::Text { is_colored } => {
                let log = log.with_ansi(is_colored).fmt_fields(text_fields());
                tracing::subscriber::with_default(log.finish(), tell);
            }
            Style::Json => {
                let log = log.json().flatten_event(true).finish();
                tracing::subscriber::with_default(log, tell);
            }
        }
        let bytes = written.0.lock().expect("no panic").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(text.ends_with('\n'));
        text.trim_end_matches('\n')
            .split('\n')
            .map(str::to_owned)
            .collect()
    }

    const STYLES: [Style; 3] = [
        Style::Text { is_colored: false },
        Style::Text { is_colored: true },
        Style::Json,
    ];

    #[test]
    fn a78_no_text_forges_a_line_or_steers_a_terminal() {
        let text =
            "a\r\n2026-01-01T00:00:00Z  INFO forged\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}b\0\t";
        for style in STYLES {
            let lines = logged(style, text);
            assert_eq!(lines.len(), 2, "{style:?} {lines:?}");
            let clean = logged(style, "ab");
            for (line, clean) in lines.iter().zip(clean) {
                let count = |text: &str| text.chars().filter(|it| it.is_control()).count();
                // Those of our own colours.
                assert_eq!(count(line), count(&clean), "{style:?} {line:?}");
                assert!(!line.contains(['\u{9b}', '\u{202e}']), "{line:?}");
                assert!(line.contains("forged"), "it is told: {line:?}");
                if style == Style::Json {
                    let event: Value = serde_json::from_str(line).expect("JSON");
                    assert!(event["level"] == "ERROR", "{line}");
                }
            }
        }
    }

    #[test]
    fn a78_a_text_of_a_mebibyte_is_cut_and_the_line_stays_whole() {
        let text = "é".repeat(1024 * 1024 / 2);
        for style in STYLES {
            for line in logged(style, &text) {
                assert!(
                    line.len() <= limits::LOG_LINE_BYTES_MAX + 100,
                    "{}",
                    line.len()
                );
                assert!(line.contains("bytes more"), "{style:?}");
                if style == Style::Json {
                    let event: Value = serde_json::from_str(&line).expect("JSON");
                    assert!(event["timestamp"].is_string());
                }
            }
        }
    }
}
