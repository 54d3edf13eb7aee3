//! What in a schema a payload is checked by, part by part: the one list of keywords that hold schemas.

use serde_json::Value;

use super::Complaint;

/// Which part of what is checked a part of the schema is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About<'schema> {
    /// The very same.
    Same,
    /// The member of this name.
    Member(&'schema str),
    /// Any member: which ones, a pattern or other members say.
    Members,
    /// The name of any member.
    Names,
    /// The element at this place.
    Element(usize),
    /// Any element.
    Elements,
}

/// All parts that a schema has directly, what a reference leads to among them, and what they are about.
///
/// # Errors
/// As [`target`].
pub(super) fn inside<'schema>(
    root: &'schema Value,
    schema: &'schema Value,
) -> Result<Vec<(About<'schema>, &'schema Value)>, Complaint> {
    let mut found = Vec::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let about = match name.as_str() {
            "$ref" => {
                if let Some(pointer) = value.as_str() {
                    found.push((About::Same, target(root, pointer)?));
                }
                continue;
            }
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
            | "dependencies" => About::Same,
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                found.extend(members.map(|(name, part)| (About::Member(name), part)));
                continue;
            }
            "patternProperties" | "additionalProperties" => About::Members,
            "propertyNames" => About::Names,
            "prefixItems" | "items" if value.is_array() => {
                let elements = value.as_array().into_iter().flatten().enumerate();
                found.extend(elements.map(|(at, part)| (About::Element(at), part)));
                continue;
            }
            "items" | "additionalItems" | "contains" => About::Elements,
            _ => continue,
        };
        let is_map = matches!(
            name.as_str(),
            "patternProperties" | "dependentSchemas" | "dependencies"
        );
        match value {
            Value::Array(parts) => found.extend(parts.iter().map(|part| (about, part))),
            Value::Object(parts) if is_map => {
                found.extend(parts.values().map(|part| (about, part)));
            }
            part => found.push((about, part)),
        }
    }
    Ok(found)
}

/// What a reference leads to.
///
/// # Errors
/// The [`Complaint`] that it leads to nothing, or out of the schema; its writer's fault.
pub(super) fn target<'schema>(
    root: &'schema Value,
    pointer: &str,
) -> Result<&'schema Value, Complaint> {
    let inside = pointer.strip_prefix('#');
    let inside = inside.filter(|path| path.is_empty() || path.starts_with('/'));
    let Some(path) = inside.filter(|path| !path.contains('%')) else {
        let message = "must lead to what is inside of the schema, as `#/$defs/name`: nothing is \
                       fetched from elsewhere";
        return Err(Complaint::new(&["$ref"], message));
    };
    let target = root.pointer(path);
    target.ok_or_else(|| Complaint::new(&["$ref"], "leads to nothing"))
}
