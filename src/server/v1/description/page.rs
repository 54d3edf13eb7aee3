//! The description as a page for people: no script, nothing from anywhere else.

use std::fmt::{self, Write as _};

use serde_json::Value;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>Fanfare: API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; background: #8881; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.5rem; border-top: 1px solid #8884; }
details { border: 1px solid #8884; border-radius: 4px; margin: 0.5rem 0; padding: 0.5rem 0.75rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
</style>
<h1>Fanfare: API</h1>
<p>Each request shows a key, <code>Authorization: Bearer &lt;key&gt;</code>, unless it says that it
needs none. The same as data: <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>
";

/// The page of a description.
pub(super) fn page(document: &Value) -> String {
    let mut out = String::from(HEAD);
    // Writing to a text never fails.
    _ = body(&mut out, document);
    out
}

fn body(out: &mut String, document: &Value) -> fmt::Result {
    let mut group = "";
    for (path, verbs) in fields(document, "paths") {
        for (verb, operation) in all(verbs) {
            let of = operation.pointer("/tags/0").and_then(Value::as_str);
            let of = of.unwrap_or_default();
            if of != group {
                writeln!(out, "<h2>{}</h2>", escaped(of))?;
                group = of;
            }
            described(
                out,
                &format!(
                    "<b>{}</b> <code>{}</code>",
                    verb.to_uppercase(),
                    escaped(path)
                ),
                operation,
            )?;
        }
    }
    writeln!(out, "<h2>What endpoints are sent</h2>")?;
    for (name, verbs) in fields(document, "webhooks") {
        for (verb, operation) in all(verbs) {
            described(
                out,
                &format!("<b>{}</b> {}", verb.to_uppercase(), escaped(name)),
                operation,
            )?;
        }
    }
    writeln!(out, "<h2>Shapes</h2>")?;
    let components = document.get("components").unwrap_or(&Value::Null);
    for (name, schema) in fields(components, "schemas") {
        writeln!(
            out,
            "<details id=\"{0}\"><summary><code>{0}</code></summary><pre>{1}</pre></details>",
            escaped(name),
            escaped(&format!("{schema:#}")),
        )?;
    }
    Ok(())
}

fn described(out: &mut String, head: &str, operation: &Value) -> fmt::Result {
    let summary = words(operation, "summary");
    writeln!(out, "<details><summary>{head} {summary}</summary>")?;
    if operation.get("description").is_some() {
        writeln!(out, "<p>{}</p>", words(operation, "description"))?;
    }
    if operation.get("security").is_some() {
        writeln!(out, "<p>It needs no key.</p>")?;
    }
    writeln!(out, "<table>")?;
    let parameters = operation.get("parameters").and_then(Value::as_array);
    for parameter in parameters.into_iter().flatten() {
        writeln!(
            out,
            "<tr><th><code>{}</code><td>{}<td>{}",
            words(parameter, "name"),
            words(parameter, "in"),
            words(parameter, "description"),
        )?;
    }
    if let Some(body) = operation.get("requestBody") {
        writeln!(
            out,
            "<tr><th>body<td>{}<td>{}",
            shape(body),
            words(body, "description")
        )?;
    }
    for (status, response) in fields(operation, "responses") {
        writeln!(
            out,
            "<tr><th>{}<td>{}<td>{}",
            escaped(status),
            shape(response),
            words(response, "description"),
        )?;
    }
    writeln!(out, "</table></details>")
}

/// A link to the shape of a body.
fn shape(body: &Value) -> String {
    let mut contents = fields(body, "content");
    let reference = contents.find_map(|(_, content)| content.pointer("/schema/$ref")?.as_str());
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    name.map_or_else(String::new, |name| {
        format!("<a href=\"#{0}\"><code>{0}</code></a>", escaped(name))
    })
}

/// The fields of an object in a field.
fn fields<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    all(value.get(field).unwrap_or(&Value::Null))
}

/// The fields of an object; none of anything else.
fn all(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

fn words(value: &Value, field: &str) -> String {
    escaped(value.get(field).and_then(Value::as_str).unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
