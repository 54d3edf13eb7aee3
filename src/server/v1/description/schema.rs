//! The words of JSON Schema that shapes are said in, with the bounds of `limits`.
//!
//! Lengths are counted in bytes by the server and in characters by JSON Schema, so a text that is
//! not ASCII may be refused though the schema lets it through.

use serde_json::{Map, Value, json};

use super::Shape;
use crate::{domain::ordering::Ordering, limits};

/// The characters of names.
pub(super) const NAME: &str = "^[a-zA-Z0-9._-]+$";
/// The characters of names in which `*` stands for any.
pub(super) const PATTERN: &str = "^[a-zA-Z0-9._*-]+$";

/// The characters of channels.
pub(super) const CHANNEL: &str = "^[a-zA-Z0-9._:+-]+$";

/// The characters of ordering keys.
pub(super) const PRINTABLE: &str = "^[ -~]+$";

/// The characters of tags.
const TAG: &str = r"^[a-zA-Z0-9\-_./\\#]+$";

/// A field of an object: its name and what it may be.
pub(super) type Field = (&'static str, Value);

/// What the server gives: all these fields are there, and more may come.
pub(super) fn given(required: &[&str], fields: impl IntoIterator<Item = Field>) -> Value {
    let fields: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({ "type": "object", "required": required, "properties": fields })
}

/// What the server takes: these fields and no others.
pub(super) fn taken(required: &[&str], fields: impl IntoIterator<Item = Field>) -> Value {
    let mut schema = given(required, fields);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("additionalProperties".into(), false.into());
    }
    schema
}

/// A page of a list of these.
pub(super) fn page(of: Shape) -> Value {
    let iterator = or_null(json!({ "type": "string" }));
    given(
        &["data", "iterator", "prevIterator", "done"],
        [
            ("data", json!({ "type": "array", "items": of.reference() })),
            ("iterator", iterator.clone()),
            ("prevIterator", iterator),
            ("done", json!({ "type": "boolean" })),
        ],
    )
}

/// A refusal with this `detail`.
pub(super) fn problem(detail: Value) -> Value {
    let text = json!({ "type": "string" });
    given(
        &["type", "title", "status", "code", "detail"],
        [
            ("type", text.clone()),
            ("title", text.clone()),
            ("status", json!({ "type": "integer" })),
            ("code", text),
            ("detail", detail),
        ],
    )
}

/// The same, or null.
pub(super) fn or_null(mut schema: Value) -> Value {
    let kind = schema.get_mut("type");
    if let Some(kind) = kind.filter(|kind| kind.is_string()) {
        *kind = json!([kind.take(), "null"]);
    }
    schema
}

/// An id: its prefix and 27 characters.
pub(super) fn id(prefix: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^{prefix}[0-9a-z]{{27}}$") })
}

/// A moment.
pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A name that was chosen, of these characters.
pub(super) fn name(pattern: &str) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": limits::NAME_BYTES_MAX,
        "pattern": pattern,
    })
}

/// A list of such names, or null for none.
pub(super) fn names(most: usize, pattern: &str) -> Value {
    json!({
        "type": ["array", "null"],
        "minItems": 1,
        "maxItems": most,
        "items": name(pattern),
    })
}

/// A list of tags, or null for none.
pub(super) fn tags() -> Value {
    json!({
        "type": ["array", "null"],
        "maxItems": limits::TAGS_MAX,
        "items": tag(),
    })
}

/// A tag.
pub(super) fn tag() -> Value {
    json!({
        "type": "string",
        "pattern": TAG,
        "minLength": 1,
        "maxLength": limits::TAG_BYTES_MAX,
    })
}

/// A text for people, from `least` characters on.
pub(super) fn text(least: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": limits::TEXT_BYTES_MAX })
}

/// A whole number between two bounds, both included, or null.
pub(super) fn whole(least: u64, most: u64) -> Value {
    json!({ "type": ["integer", "null"], "minimum": least, "maximum": most })
}

/// How many a second.
pub(super) fn rate() -> Value {
    whole(1, u16::MAX.into())
}

/// The same in a change, where 0 takes it away.
pub(super) fn rate_or_none() -> impl Iterator<Item = Field> {
    ["throttleRate", "rateLimit"]
        .into_iter()
        .map(|name| (name, whole(0, u16::MAX.into())))
}

/// What of an endpoint's deliveries stands in line.
pub(super) fn ordering() -> Value {
    let names = Ordering::ALL.map(|order| Value::from(order.name()));
    let names = names.into_iter().chain([Value::Null]);
    json!({ "type": ["string", "null"], "enum": names.collect::<Vec<_>>() })
}

/// What is kept beside an object and shown again.
pub(super) fn metadata() -> Value {
    json!({
        "type": ["object", "null"],
        "maxProperties": limits::METADATA_PAIRS_MAX,
        "propertyNames": { "minLength": 1, "maxLength": limits::METADATA_KEY_BYTES_MAX },
        "additionalProperties": {
            "type": "string",
            "maxLength": limits::METADATA_VALUE_BYTES_MAX,
        },
    })
}

/// Header fields with values like this.
pub(super) fn headers(value: Value) -> Value {
    json!({
        "type": "object",
        "maxProperties": limits::ENDPOINT_HEADERS_MAX,
        "propertyNames": {
            "minLength": 1,
            "maxLength": limits::ENDPOINT_HEADER_NAME_BYTES_MAX,
        },
        "additionalProperties": value,
    })
}

/// The value of a header field.
pub(super) fn header_value() -> Value {
    json!({ "type": "string", "maxLength": limits::ENDPOINT_HEADER_VALUE_BYTES_MAX })
}

/// A secret to sign with.
pub(super) fn secret() -> Value {
    json!({
        "type": ["string", "null"],
        "pattern": "^(whs(ec|k)_)?[a-zA-Z0-9+/]+={0,2}$",
        "description": "`whsec_`, or nothing, and the base64 of 24 to 64 bytes, or `whsk_` and that of \
                        an Ed25519 seed.",
    })
}

/// Older names that some libraries still use.
pub(super) fn older(names: &'static [&'static str]) -> impl Iterator<Item = Field> {
    names.iter().map(|name| {
        let mut schema = match *name {
            "filterTypes" => self::names(limits::ENDPOINT_EVENT_TYPES_MAX, PATTERN),
            "version" => whole(1, u32::MAX.into()),
            _ => rate(),
        };
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("deprecated".into(), true.into());
        }
        (*name, schema)
    })
}
