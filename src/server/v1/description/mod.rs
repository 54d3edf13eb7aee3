//! The description of the API as OpenAPI 3.1, made from the table of operations, and the page that
//! shows it to people.
//!
//! What every operation of a form has in common is added here: what it refuses, by its verb, path,
//! query and body; the headers of its answers; the parts of its path.

mod bodies;
mod caller_bodies;
mod explanation;
mod key;
mod line_bodies;
mod page;
mod schema;
mod shape;
mod task_bodies;
mod webhooks;

use std::{collections::BTreeMap, sync::LazyLock};

use axum::response::Response;
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

pub(super) use self::{key::Key, shape::Shape};
use super::{
    operation::{About, Success, Verb},
    operations::operations,
};
use crate::{limits, runtime::handle::Handle, server::problem::Code};

/// Where the description is served.
pub(super) const PATH: &str = "/api/v1/openapi.json";
/// Where the page for people is served.
pub(super) const PAGE_PATH: &str = "/docs";

/// The description as text, with a line feed at its end.
static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
static PAGE: LazyLock<String> = LazyLock::new(|| page::page(&document()));

/// The description of the API: OpenAPI 3.1, in JSON over many lines.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// `GET /api/v1/openapi.json`: 200, for everybody.
pub(super) async fn show() -> Response {
    told(text(), "application/json")
}

/// `GET /docs`: 200, for everybody.
pub(super) async fn show_page() -> Response {
    let mut response = told(&PAGE, "text/html; charset=utf-8");
    // The page needs nothing from anywhere, and no script.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn told(text: &'static str, content_type: &'static str) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn document() -> Value {
    let operations = operations::<Handle>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in &operations {
        let about = &operation.about;
        let path = paths.entry(about.path).or_insert_with(|| json!({}));
        if let Some(verbs) = path.as_object_mut() {
            verbs.insert(about.verb.text().into(), described(about));
        }
    }
    let schemas: Map<String, Value> = Shape::ALL
        .iter()
        .map(|shape| (shape.name().to_owned(), shape.schema()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fanfare",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Takes an event once and delivers it to every endpoint that \
                            subscribed: signed, retried, never lost.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that shows this." }],
        "security": [{ "key": [] }],
        "paths": paths,
        "webhooks": webhooks::webhooks(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer <key>`.",
                },
            },
        },
    })
}

fn described(about: &About) -> Value {
    let mut parameters: Vec<Value> = parts_of(about.path).map(part).collect();
    parameters.extend(about.keys.iter().map(|key| key.parameter()));
    if about.has_revision && is_change(about) {
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of the revision to change; another one is 412.",
            "schema": { "type": "string", "examples": ["\"1\""] },
        }));
    }
    if about.is_once {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "What is asked again under the same key and with the same body is done \
                            one time and answered as the first time.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": limits::IDEMPOTENCY_KEY_BYTES_MAX,
                "pattern": "^[!-~]+$",
            },
        }));
    }
    let group = about.id.split('.').next().unwrap_or_default();
    let mut described = json!({
        "operationId": about.id,
        "tags": [group],
        "summary": about.summary,
        "parameters": parameters,
    });
    if let Some(fields) = described.as_object_mut() {
        if about.is_open {
            fields.insert("security".into(), json!([]));
        }
        if let Some(shape) = about.body {
            let body = json!({
                "required": !about.is_body_optional,
                "content": content(shape, "application/json"),
            });
            fields.insert("requestBody".into(), body);
        }
        fields.insert("responses".into(), responses(about));
    }
    described
}

fn content(shape: Shape, content_type: &str) -> Value {
    json!({ content_type: { "schema": shape.reference() } })
}

/// Whether it changes what is there.
const fn is_change(about: &About) -> bool {
    matches!(about.verb, Verb::Put | Verb::Patch | Verb::Delete)
}

/// The names between braces of a path.
fn parts_of(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn part(name: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": "An id, or the name that was chosen for it.",
        "schema": { "type": "string", "minLength": 1 },
    })
}

fn responses(about: &About) -> Value {
    let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
    for success in &about.successes {
        responses.insert(success.status, answer(about, success));
    }
    let mut codes: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in refusals(about) {
        let of_status = codes.entry(code.status().as_u16()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    for (status, codes) in codes {
        responses.insert(status, refusal(&codes));
    }
    let named = responses.into_iter();
    let named: Map<String, Value> = named
        .map(|(status, response)| (status.to_string(), response))
        .collect();
    named.into()
}

fn answer(about: &About, success: &Success) -> Value {
    let mut answer = json!({ "description": success.when });
    if let Some(fields) = answer.as_object_mut() {
        if let Some(shape) = success.shape {
            fields.insert("content".into(), content(shape, "application/json"));
        }
        if about.has_revision {
            let tag = json!({
                "description": "The revision that is shown.",
                "schema": { "type": "string" },
            });
            fields.insert("headers".into(), json!({ "ETag": tag }));
        }
    }
    answer
}

fn refusal(codes: &[Code]) -> Value {
    let names: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.text()))
        .collect();
    let content = if codes.contains(&Code::ValidationError) {
        content(Shape::ValidationProblem, "application/json")
    } else {
        content(Shape::Problem, "application/problem+json")
    };
    json!({ "description": format!("{}.", names.join(", ")), "content": content })
}

/// Every code that an operation may answer with.
fn refusals(about: &About) -> Vec<Code> {
    let mut codes = vec![
        Code::TargetTooLong,
        Code::HeadTooLarge,
        Code::Internal,
        Code::LoopDetected,
    ];
    if !about.is_open {
        codes.extend([
            Code::CredentialsInUrl,
            Code::InvalidHeader,
            Code::Unauthorized,
            Code::Forbidden,
            Code::RateLimited,
            Code::Unavailable,
        ]);
    }
    if parts_of(about.path).next().is_some() {
        codes.push(Code::NotFound);
    }
    if about.keys.contains(&Key::Iterator) {
        codes.push(Code::InvalidCursor);
    }
    if !about.keys.is_empty() || about.body.is_some() {
        codes.push(Code::ValidationError);
    }
    if about.body.is_some() {
        codes.extend([
            Code::InvalidBody,
            Code::RequestTimeout,
            Code::PayloadTooLarge,
            Code::UnsupportedEncoding,
            Code::UnsupportedMediaType,
        ]);
    }
    if about.verb != Verb::Get {
        codes.push(Code::DiskFull);
    }
    if about.has_revision && is_change(about) {
        codes.push(Code::PreconditionFailed);
    }
    if about.is_once {
        codes.push(Code::IdempotencyKeyReused);
    }
    codes.extend(&about.refusals);
    codes
}

#[cfg(test)]
mod tests;
