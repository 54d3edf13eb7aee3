//! Data on standard output: text, JSON, tables.

use std::io::{self, IsTerminal as _, Write as _};

use super::Failure;

/// Writes data to standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    let written = written.and_then(|()| output.flush());
    written.map_err(|error| unwritten(&error))
}

/// Why standard output takes nothing.
pub(super) fn unwritten(error: &io::Error) -> Failure {
    Failure::Operation(match error.kind() {
        io::ErrorKind::BrokenPipe => format!("nothing reads the output: {error}"),
        _ => format!("the output can't be written: {error}"),
    })
}

/// Writes one JSON document to standard output.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::Operation(error.to_string()))?;
    print(&format!("{text}\n"))
}

/// Lays rows out: in columns on a terminal, parted by tabs else.
pub(super) fn laid_out(rows: &[Vec<String>]) -> String {
    let is_terminal = io::stdout().is_terminal();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(known) => *known = width.max(*known),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        if is_terminal {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            text.push_str(cells.join("  ").trim_end());
        } else {
            text.push_str(&row.join("\t"));
        }
        text.push('\n');
    }
    text
}

/// Whether a character could forge a line, steer a terminal or hide what is written.
pub(super) fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The text with treacherous characters as JSON writes them, so that JSON stays JSON.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_treacherous(letter) => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => out.push(letter),
        }
    }
    out
}
