//! Is an answer of API v1 one that its description has? Asked of every answer that a test gets.

#![expect(
    clippy::indexing_slicing,
    reason = "a description without the field that is looked at fails its test, as it should"
)]

use std::sync::LazyLock;

use http::{Method, StatusCode};
use serde_json::Value;

use super::answer::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(fanfare::server::openapi()).expect("JSON"));

/// Fails where the answer to a request is not described.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.strip_suffix('/').unwrap_or(path);
    if !path.starts_with("/api/v1/") {
        return;
    }
    // These are told before any route is looked for.
    let early = [
        StatusCode::URI_TOO_LONG,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    ];
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let Some((_, verbs)) = paths.iter().find(|(known, _)| is_of(known, path)) else {
        let is_early = early.contains(&answer.status);
        assert!(is_early || answer.status == StatusCode::NOT_FOUND, "{path}");
        return;
    };
    // A method is spelled in capitals: `post` is none of ours.
    let name = match method.as_str() {
        "HEAD" => "get".into(),
        name if name.bytes().any(|byte| byte.is_ascii_lowercase()) => String::new(),
        name => name.to_ascii_lowercase(),
    };
    let Some(operation) = verbs.get(&name) else {
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
        return;
    };
    let what = format!("{method} {path} {}: {}", answer.status, answer.body);
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "no such answer is described: {what}");
    if *method == Method::HEAD {
        return;
    }
    let Some(contents) = response.get("content") else {
        assert!(answer.body.is_empty(), "it should have no body: {what}");
        return;
    };
    let content = &contents[answer.header("content-type")];
    assert!(content.is_object(), "another content type: {what}");
    // A payload may hold numbers that are JSON and that no `Value` holds, such as 1e400.
    let Ok(said) = serde_json::from_str(&answer.body) else {
        let read = serde_json::from_str::<serde::de::IgnoredAny>(&answer.body);
        assert!(read.is_ok(), "no JSON: {what}");
        return;
    };
    if let Err(fault) = fits(&said, &content["schema"]) {
        panic!("{fault}: {what}");
    }
}

/// Whether a path is one of those that a pattern with parts in braces stands for.
fn is_of(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    pattern.clone().count() == path.clone().count()
        && pattern
            .zip(path)
            .all(|(known, part)| known == part || (known.starts_with('{') && !part.is_empty()))
}

/// The part of JSON Schema that the description uses for answers, but patterns and bounds.
fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        return fits(value, &DOCUMENT["components"]["schemas"][name]);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |known: &Value| known == kind;
    let is_fit = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is_kind),
        Value::Null => true,
        known => is_kind(known),
    };
    if !is_fit {
        return Err(format!("`{value}` is no {}", schema["type"]));
    }
    let known = schema["enum"].as_array();
    if known.is_some_and(|known| !known.contains(value)) {
        return Err(format!("`{value}` is none of {}", schema["enum"]));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        if value.is_object() && value.get(name).is_none() {
            return Err(format!("`{name}` is missing"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(name) {
            fits(value, schema).map_err(|fault| format!("{name}: {fault}"))?;
        }
    }
    for value in value.as_array().into_iter().flatten() {
        fits(value, &schema["items"])?;
    }
    Ok(())
}

#[test]
fn a_value_that_does_not_fit_is_told() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": { "type": ["integer", "null"], "enum": [0, 2, null] },
            "b": { "type": "array", "items": { "type": "string" } },
        },
    });
    for (text, expected) in [
        (r#"{"a":0,"b":["x"],"c":1}"#, true),
        (r#"{"a":null}"#, true),
        (r#"{"a":1}"#, false),
        (r#"{"a":"0"}"#, false),
        (r#"{"b":[]}"#, false),
        (r#"{"a":0,"b":[1]}"#, false),
        ("[]", false),
    ] {
        let value = serde_json::from_str(text).expect("JSON");
        assert_eq!(fits(&value, &schema).is_ok(), expected, "{text}");
    }
    assert!(is_of("/api/v1/app/{app}", "/api/v1/app/x"));
    assert!(!is_of("/api/v1/app/{app}", "/api/v1/app"));
    assert!(!is_of("/api/v1/app/{app}", "/api/v1/app/"));
}
