//! What checking a payload may take, by a schema that leads back to itself.
//!
//! Such a schema can ask for the same place many times over, and each time for what lies deeper: twice at
//! each level are 2⁶⁴ times at the last one. So the check is gone through beforehand as if every part had
//! to be looked at, and given up once that is too much.

use std::borrow::Cow;

use serde_json::Value;

use super::parts::{About, inside};
use crate::limits;

/// How many steps it takes at most to check a payload.
///
/// # Errors
/// Why it is not checked: there are too many steps, or too many levels.
pub(super) fn count(schema: &Value, payload: &Value) -> Result<usize, String> {
    let mut count = Count {
        root: schema,
        steps: 0,
    };
    count.visit(schema, payload, 0)?;
    Ok(count.steps)
}

struct Count<'schema> {
    root: &'schema Value,
    steps: usize,
}

impl Count<'_> {
    fn take(&mut self, steps: usize) -> Result<(), String> {
        self.steps = self.steps.saturating_add(steps);
        let most = limits::SCHEMA_STEPS_MAX;
        if self.steps <= most {
            return Ok(());
        }
        Err(format!(
            "it takes more than {most} steps to be checked by this schema, which leads back to itself: \
             send less at once, or mend the schema"
        ))
    }

    /// Counts what it takes to check one place by one part.
    fn visit(&mut self, schema: &Value, place: &Value, level: usize) -> Result<(), String> {
        let most = limits::SCHEMA_LEVELS_MAX;
        if level > most {
            return Err(format!(
                "it lies too deep to be checked by this schema, which leads back to itself: levels of \
                 both may be {most} together"
            ));
        }
        self.take(
            1_usize
                .saturating_add(words(schema))
                .saturating_add(size(place)),
        )?;
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            self.take(all(place))?;
        }
        let parts = inside(self.root, schema).map_err(|complaint| complaint.message)?;
        for (about, part) in parts {
            for deeper in places(about, place) {
                self.visit(part, &deeper, level + 1)?;
            }
        }
        Ok(())
    }
}

/// The places that a part is about, seen from the one that its schema checks. It says nothing of what is
/// no object or no list, where it is about members or elements.
fn places<'place>(about: About<'_>, place: &'place Value) -> Vec<Cow<'place, Value>> {
    match (about, place) {
        (About::Same, _) => vec![Cow::Borrowed(place)],
        (About::Member(name), Value::Object(members)) => {
            members.get(name).map(Cow::Borrowed).into_iter().collect()
        }
        (About::Members, Value::Object(members)) => members.values().map(Cow::Borrowed).collect(),
        (About::Names, Value::Object(members)) => {
            let names = members.keys().map(|name| Value::from(name.as_str()));
            names.map(Cow::Owned).collect()
        }
        (About::Element(at), Value::Array(elements)) => {
            elements.get(at).map(Cow::Borrowed).into_iter().collect()
        }
        (About::Elements, Value::Array(elements)) => elements.iter().map(Cow::Borrowed).collect(),
        _ => Vec::new(),
    }
}

/// How much a part says by itself: its keywords, and what lists and maps in them name.
fn words(schema: &Value) -> usize {
    let keywords = schema
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values());
    keywords
        .map(|value| 1_usize.saturating_add(size(value)))
        .sum()
}

/// How much must be looked at in one place, without what lies deeper.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() / BYTES_OF_A_STEP,
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
    }
}

/// How much there is in a place with what lies deeper.
fn all(value: &Value) -> usize {
    let deeper = match value {
        Value::Array(elements) => elements.iter().map(all).sum(),
        Value::Object(members) => members.values().map(all).sum(),
        _ => 0_usize,
    };
    deeper.saturating_add(size(value)).saturating_add(1)
}

/// Bytes of a text that are looked at in one step.
const BYTES_OF_A_STEP: usize = 64;
