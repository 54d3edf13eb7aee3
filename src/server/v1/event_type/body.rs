//! What a body says of an event type, and how one is shown.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    limits,
    server::{
        catalogue::EventType,
        problem::{FaultKind, Problem},
        schema::Checker,
        v1::{fields::Fields, wall_time},
    },
};

/// What a body says of an event type. Its name stands in the body, or in the path.
pub(super) fn judged(
    mut fields: Fields<'_>,
    in_path: Option<&str>,
) -> Result<(Option<Arc<str>>, Bytes), Problem> {
    let name = match in_path {
        None => fields.required_name("name"),
        Some(_) => None,
    };
    let flags = fields.names("featureFlags", limits::ENDPOINT_EVENT_TYPES_MAX);
    let flags = flags.map(|flags| flags.iter().map(ToString::to_string).collect::<Vec<_>>());
    let said = json!({
        "description": fields.required_plain_text("description"),
        "archived": fields.flag("archived"),
        "deprecated": fields.flag("deprecated"),
        "schemas": fields.object_or_null("schemas"),
        "groupName": fields.plain_or_null("groupName"),
        "featureFlags": flags,
        "featureFlag": fields.plain_or_null("featureFlag"),
    });
    let body = said.to_string();
    if body.len() > limits::RECORD_BYTES_MAX {
        let most = limits::RECORD_BYTES_MAX;
        let message = format!("an event type may have {most} bytes in all: shorten its schemas");
        fields
            .faults
            .add(&["body", "schemas"], FaultKind::Value, message);
    }
    judge_schemas(&mut fields, said.get("schemas"));
    fields.finish()?;
    Ok((name, body.into()))
}

/// Notes what is wrong with the schemas that ask to be used; others are kept, whatever they say.
fn judge_schemas(fields: &mut Fields<'_>, schemas: Option<&Value>) {
    let schemas = schemas.and_then(Value::as_object);
    for (version, schema) in schemas.into_iter().flatten() {
        if let Err(complaint) = Checker::of(schema) {
            let path = complaint.path.iter().map(String::as_str);
            let loc: Vec<&str> = ["body", "schemas", version]
                .into_iter()
                .chain(path)
                .collect();
            let message = format!("the schema {}", complaint.message);
            fields.faults.add(&loc, FaultKind::Value, message);
        }
    }
}

/// An event type as the API shows it.
pub(super) fn shown(entry: &EventType, with_content: bool) -> Value {
    let record = &entry.record;
    let mut shown = Map::new();
    shown.insert("name".into(), (*record.name).into());
    for (name, value) in &entry.fields {
        let is_left_out = name == "schemas" && !with_content;
        let value = if is_left_out {
            Value::Null
        } else {
            value.clone()
        };
        shown.insert(name.clone(), value);
    }
    let times = [
        ("createdAt", record.created_at),
        ("updatedAt", record.updated_at),
    ];
    for (name, at) in times {
        shown.insert(name.into(), wall_time::shown(at.wall).into());
    }
    Value::Object(shown)
}
