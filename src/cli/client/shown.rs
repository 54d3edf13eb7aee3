//! Answers made readable. What a server says is freed of control characters, whoever wrote it.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::Client;
use crate::cli::{
    Failure,
    output::{escaped, laid_out, print},
};

/// A column of a table: its head, and the field that it shows.
pub(in crate::cli) struct Column(
    pub(in crate::cli) &'static str,
    pub(in crate::cli) &'static str,
);

/// What stands for a field that is empty.
const NOTHING: &str = "-";

/// Prints one object of the server's: as it came, or its fields one a line.
pub(in crate::cli) fn show(client: &Client, text: &str) -> Result<(), Failure> {
    if client.is_json {
        return print(&as_json(text));
    }
    let object: Value = serde_json::from_str(text)
        .map_err(|error| Failure::Operation(format!("the server's answer is no JSON: {error}")))?;
    let fields = object.as_object().into_iter().flatten();
    let fields: Vec<(&str, String)> = fields
        .map(|(name, value)| (name.as_str(), cell(value)))
        .collect();
    show_pairs(&fields)
}

/// Prints an event: its fields, then the payload by itself, spelled as it came.
pub(in crate::cli) fn show_event(client: &Client, text: &str) -> Result<(), Failure> {
    if client.is_json {
        return print(&as_json(text));
    }
    let told = |error: serde_json::Error| {
        Failure::Operation(format!("the server's answer is no event: {error}"))
    };
    let mut event: Value = serde_json::from_str(text).map_err(told)?;
    let raw: WithPayload<'_> = serde_json::from_str(text).map_err(told)?;
    if let Some(fields) = event.as_object_mut() {
        fields.shift_remove("payload");
    }
    show(client, &event.to_string())?;
    print(&as_json(raw.payload.get()))
}

/// What is shown as it came.
#[derive(Deserialize)]
struct WithPayload<'text> {
    #[serde(borrow)]
    payload: &'text RawValue,
}

/// Prints the `key` of an answer alone.
pub(in crate::cli) fn show_key(client: &Client, text: &str) -> Result<(), Failure> {
    if client.is_json {
        return print(&as_json(text));
    }
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    match answer.get("key").and_then(Value::as_str) {
        Some(key) => print(&(escaped(key) + "\n")),
        None => Err(Failure::Operation(
            "the server's answer has no key".to_owned(),
        )),
    }
}

/// Prints names and values, one a line.
fn show_pairs(pairs: &[(&str, String)]) -> Result<(), Failure> {
    let rows = pairs.iter();
    let rows: Vec<Vec<String>> = rows
        .map(|(name, value)| vec![escaped(name), value.clone()])
        .collect();
    print(&laid_out(&rows))
}

/// One line of JSON, of the same value: spaces may differ, what would steer a terminal is written
/// as JSON writes it.
pub(in crate::cli) fn as_json(text: &str) -> String {
    // In JSON these stand between the parts only; in texts they are written as escapes.
    let spaced = text.trim().replace(['\n', '\r', '\t'], " ");
    escaped(&spaced) + "\n"
}

/// The cells of an entry.
pub(super) fn cells(entry: &Value, columns: &[Column]) -> Vec<String> {
    let cells = columns.iter();
    cells
        .map(|Column(_, field)| entry.get(field).map_or_else(|| NOTHING.to_owned(), cell))
        .collect()
}

/// A value in a table.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().map(cell).collect();
            parts.join(",")
        }
        Value::Object(fields) if fields.is_empty() => String::new(),
        other => escaped(&other.to_string()),
    };
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_has_one_cell_for_each_column() {
        let entry = json!({"a": "x\ny", "b": null, "c": ["p", 1], "d": {}, "e": true, "f": ""});
        let columns = ["a", "b", "c", "d", "e", "f", "g"].map(|name| Column("", name));
        let expected = ["x\\ny", "-", "p,1", "-", "true", "-", "-"];
        assert_eq!(cells(&entry, &columns), expected);
    }

    #[test]
    fn json_stays_the_same_value_on_one_line() {
        let text = "{\"n\": 1.10,\n\t\"t\":\"a\\nb\u{9b}\u{202e}\"}\n";
        let line = as_json(text);
        assert_eq!(line, "{\"n\": 1.10,  \"t\":\"a\\nb\\u009b\\u202e\"}\n");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(read(&line), read(text));
    }
}
