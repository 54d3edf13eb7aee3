//! Schemas of event types, by which messages are checked where the type asks for it.
//!
//! Whoever writes a schema may make the server compile and run it, so what it costs is bounded before
//! that: what it refers to lies inside of it, it never leads back to itself, and written out without
//! references it has a bounded number of parts. Its patterns are matched in linear time.

use core::fmt;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::limits;

/// The keyword at the top of a schema by which it asks that messages are checked.
pub const ASKS: &str = "x-fanfare-check";

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The names and numbers that lead there, from the top.
    pub path: Vec<String>,
    /// What it is, without what a payload says.
    pub message: String,
}

impl Complaint {
    fn new(path: &[&str], message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            message: message.into(),
        }
    }

    /// Of what a JSON pointer leads to.
    #[cfg(feature = "schema")]
    fn at(pointer: &str, message: String) -> Self {
        let parts = pointer.split('/').skip(1);
        let path = parts.map(|part| part.replace("~1", "/").replace("~0", "~"));
        Self {
            path: path.collect(),
            message,
        }
    }
}

/// A schema that is ready to check messages.
pub struct Checker {
    validator: Validator,
    /// How many parts it has, written out.
    parts: usize,
}

impl fmt::Debug for Checker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Checker")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

impl Checker {
    /// The checker of a schema; `None` if it does not ask for one.
    ///
    /// # Errors
    /// The first [`Complaint`] about the schema; its writer's fault.
    pub fn of(schema: &Value) -> Result<Option<Self>, Complaint> {
        match schema.get(ASKS) {
            None | Some(Value::Bool(false)) => return Ok(None),
            Some(Value::Bool(true)) => {}
            Some(_) => return Err(Complaint::new(&[ASKS], "must be true or false")),
        }
        let mut walk = Walk {
            root: schema,
            known: BTreeMap::new(),
            patterns: 0,
        };
        let size = walk.weigh(schema, 0)?;
        let validator = compiled(schema)?;
        Ok(Some(Self {
            validator,
            parts: size.parts,
        }))
    }

    /// All that is wrong with a payload; only the first fault where finding all could take long.
    #[must_use]
    pub fn complaints(&self, payload: &[u8]) -> Vec<Complaint> {
        let Ok(value) = serde_json::from_slice::<Value>(payload) else {
            let message = "it is no JSON that can be checked: it is none, or has a number that is \
                           too large";
            return vec![Complaint::new(&[], message)];
        };
        let steps = self.parts.saturating_mul(payload.len());
        let wants_all = steps <= limits::SCHEMA_STEPS_FOR_ALL_FAULTS;
        complaints(&self.validator, &value, wants_all)
    }
}

/// The size of a part of a schema, written out without references.
#[derive(Clone, Copy)]
struct Size {
    /// How many parts it has.
    parts: usize,
    /// How deep they lie in one another.
    height: usize,
}

/// Sizes a schema up.
struct Walk<'schema> {
    root: &'schema Value,
    /// What was sized up, by its place in memory: much can refer to the same.
    known: BTreeMap<*const Value, Size>,
    patterns: usize,
}

impl<'schema> Walk<'schema> {
    fn weigh(&mut self, schema: &'schema Value, depth: usize) -> Result<Size, Complaint> {
        let known = self.known.get(&core::ptr::from_ref(schema)).copied();
        let most = limits::SCHEMA_DEPTH_MAX;
        if depth.saturating_add(known.map_or(1, |known| known.height)) > most {
            let message = format!(
                "lies in itself, or deeper than {most} levels with all that is referred to: a schema \
                 may not lead back to itself"
            );
            return Err(Complaint::new(&[], message));
        }
        if let Some(known) = known {
            return Ok(known);
        }
        let mut size = Size {
            parts: 1,
            height: 1,
        };
        if let Some(fields) = schema.as_object() {
            for (name, value) in fields {
                let inside = self.keyword(name, value, depth)?;
                size.parts = size.parts.saturating_add(inside.parts);
                size.height = size.height.max(inside.height.saturating_add(1));
            }
        }
        let most = limits::SCHEMA_PARTS_MAX;
        if size.parts > most {
            let message =
                format!("has more than {most} parts when all that is referred to is written out");
            return Err(Complaint::new(&[], message));
        }
        self.known.insert(core::ptr::from_ref(schema), size);
        Ok(size)
    }

    /// The size of what stands behind a keyword.
    fn keyword(
        &mut self,
        name: &str,
        value: &'schema Value,
        depth: usize,
    ) -> Result<Size, Complaint> {
        match (name, value) {
            ("enum" | "const" | "default" | "example" | "examples", _) => Ok(NOTHING),
            ("$dynamicRef" | "$recursiveRef", _) => {
                Err(Complaint::new(&[name], "can't be checked: use `$ref`"))
            }
            ("$id" | "id", Value::String(_)) if depth > 0 => {
                let message = "only the whole schema may have it";
                Err(Complaint::new(&[name], message))
            }
            ("$ref", Value::String(pointer)) => {
                let target = self.target(pointer)?;
                self.weigh(target, depth + 1)
            }
            ("pattern", _) => self.patterns(1),
            ("patternProperties", Value::Object(schemas)) => {
                self.patterns(schemas.len())?;
                self.all(schemas.values(), depth)
            }
            (
                "properties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies",
                Value::Object(schemas),
            ) => self.all(schemas.values(), depth),
            (_, Value::Array(schemas)) => self.all(schemas.iter(), depth),
            (_, Value::Object(_)) if !name.starts_with("x-") => self.weigh(value, depth + 1),
            _ => Ok(NOTHING),
        }
    }

    fn all(
        &mut self,
        schemas: impl Iterator<Item = &'schema Value>,
        depth: usize,
    ) -> Result<Size, Complaint> {
        let mut size = NOTHING;
        for schema in schemas.filter(|schema| schema.is_object()) {
            let inside = self.weigh(schema, depth + 1)?;
            size.parts = size.parts.saturating_add(inside.parts);
            size.height = size.height.max(inside.height);
        }
        Ok(size)
    }

    fn patterns(&mut self, more: usize) -> Result<Size, Complaint> {
        self.patterns = self.patterns.saturating_add(more);
        let most = limits::SCHEMA_PATTERNS_MAX;
        if self.patterns > most {
            let message = format!("has more than {most} patterns");
            return Err(Complaint::new(&[], message));
        }
        Ok(NOTHING)
    }

    /// What a reference leads to.
    fn target(&self, pointer: &str) -> Result<&'schema Value, Complaint> {
        let inside = pointer.strip_prefix('#');
        let inside = inside.filter(|path| path.is_empty() || path.starts_with('/'));
        let Some(path) = inside.filter(|path| !path.contains('%')) else {
            let message = "must lead to what is inside of the schema, as `#/$defs/name`: nothing is \
                           fetched from elsewhere";
            return Err(Complaint::new(&["$ref"], message));
        };
        let target = self.root.pointer(path);
        target.ok_or_else(|| Complaint::new(&["$ref"], "leads to nothing"))
    }
}

const NOTHING: Size = Size {
    parts: 0,
    height: 0,
};

#[cfg(feature = "schema")]
use jsonschema::Validator;

/// Compiles a schema whose cost is bounded.
#[cfg(feature = "schema")]
fn compiled(schema: &Value) -> Result<Validator, Complaint> {
    let patterns = jsonschema::PatternOptions::regex()
        .size_limit(limits::SCHEMA_PATTERN_BYTES_MAX)
        .dfa_size_limit(limits::SCHEMA_PATTERN_BYTES_MAX);
    let options = jsonschema::options().offline();
    let built = options.with_pattern_options(patterns).build(schema);
    built.map_err(|error| {
        let pointer = error.instance_path().as_str();
        Complaint::at(pointer, format!("is no JSON Schema: {}", error.masked()))
    })
}

/// What a validator says of a payload.
#[cfg(feature = "schema")]
fn complaints(validator: &Validator, payload: &Value, wants_all: bool) -> Vec<Complaint> {
    let complaint = |error: jsonschema::ValidationError<'_>| {
        Complaint::at(error.instance_path().as_str(), error.masked().to_string())
    };
    if validator.is_valid(payload) {
        Vec::new()
    } else if wants_all {
        validator.iter_errors(payload).map(complaint).collect()
    } else {
        let first = validator.validate(payload).err();
        first.map(complaint).into_iter().collect()
    }
}

/// There is none in this build.
#[cfg(not(feature = "schema"))]
enum Validator {}

#[cfg(not(feature = "schema"))]
fn compiled(_: &Value) -> Result<Validator, Complaint> {
    let message = "can't be had: this server was built without the feature `schema`";
    Err(Complaint::new(&[ASKS], message))
}

#[cfg(not(feature = "schema"))]
fn complaints(validator: &Validator, _: &Value, _: bool) -> Vec<Complaint> {
    match *validator {}
}

#[cfg(all(test, feature = "schema"))]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking(mut schema: Value) -> Value {
        let fields = schema.as_object_mut().expect("an object");
        fields.insert(ASKS.into(), true.into());
        schema
    }

    fn refused(schema: Value) -> (String, String) {
        let complaint = Checker::of(&asking(schema)).expect_err("refused");
        (complaint.path.join("/"), complaint.message)
    }

    #[test]
    fn only_a_schema_that_asks_is_used() {
        assert!(Checker::of(&json!({ "type": 7 })).expect("kept").is_none());
        assert!(
            Checker::of(&json!({ ASKS: false }))
                .expect("kept")
                .is_none()
        );
        assert!(Checker::of(&json!({ ASKS: true })).expect("used").is_some());
        assert!(Checker::of(&json!({ ASKS: 1 })).is_err());
    }

    #[test]
    fn all_faults_of_a_payload_are_told_by_their_places_and_without_its_values() {
        let schema = json!({
            "required": ["id"],
            "properties": {
                "n": { "$ref": "#/$defs/number" },
                "a/b": { "items": { "type": "string", "maxLength": 2 } },
            },
            "$defs": { "number": { "type": "integer" } },
        });
        let checker = Checker::of(&asking(schema)).expect("fine").expect("used");
        assert_eq!(checker.complaints(br#"{"id":1,"n":2,"a/b":["x"]}"#), []);
        let found = checker.complaints(br#"{"n":"canary","a/b":["x","canary",{"y":"canary"}]}"#);
        let mut paths: Vec<String> = found.iter().map(|it| it.path.join(" ")).collect();
        paths.sort();
        assert_eq!(paths, ["", "a/b 1", "a/b 2", "n"]);
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        assert_eq!(checker.complaints(b"{\"id\":1e400}").len(), 1);
        assert_eq!(checker.complaints(b"<a/>").len(), 1);
        let long = format!("{{\"a/b\":[{}1]}}", "1,".repeat(100_000));
        assert_eq!(checker.complaints(long.as_bytes()).len(), 1);
    }

    #[test]
    fn a_bad_schema_is_refused_with_its_place() {
        for (schema, path) in [
            (json!({ "type": "objec" }), "type"),
            (
                json!({ "properties": { "a": { "pattern": "(" } } }),
                "properties/a/pattern",
            ),
            (json!({ "pattern": "(?=a)b" }), "pattern"),
            (json!({ "$ref": "http://example.com/x" }), "$ref"),
            (json!({ "$ref": "#/$defs/none" }), "$ref"),
            (json!({ "items": { "$dynamicRef": "#x" } }), "$dynamicRef"),
            (json!({ "items": { "$id": "http://x/" } }), "$id"),
            (json!({ "$schema": "http://example.com/draft" }), ""),
        ] {
            assert_eq!(refused(schema.clone()).0, path, "{schema}");
        }
        // Names of properties are no keywords, and examples no schemas.
        let fine = json!({
            "properties": { "$ref": { "type": "string" }, "id": { "type": "string" } },
            "examples": [{ "$ref": "x" }],
        });
        assert!(Checker::of(&asking(fine)).is_ok());
    }

    #[test]
    fn a_schema_that_would_take_too_much_is_refused() {
        let itself =
            json!({ "properties": { "a": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } } });
        assert!(refused(itself).1.contains("itself"));
        let mut doubling =
            json!({ "$defs": { "d0": { "type": "string" } }, "$ref": "#/$defs/d30" });
        for number in 1..=30 {
            let inside = json!({ "$ref": format!("#/$defs/d{}", number - 1) });
            doubling["$defs"][format!("d{number}")] = json!({ "anyOf": [inside, inside] });
        }
        assert!(refused(doubling).1.contains("parts"));
        let mut chain = json!({ "$defs": { "d0": {} }, "$ref": "#/$defs/d500" });
        for number in 1..=500 {
            let inside = format!("#/$defs/d{}", number - 1);
            chain["$defs"][format!("d{number}")] = json!({ "$ref": inside });
        }
        assert!(refused(chain).1.contains("deeper"));
        let patterns: Vec<Value> = (0..200).map(|_| json!({ "pattern": "a" })).collect();
        assert!(refused(json!({ "anyOf": patterns })).1.contains("patterns"));
        assert_eq!(
            refused(json!({ "pattern": "(a{1000}){1000}" })).0,
            "pattern"
        );
        // Not by backtracking.
        let slow = asking(json!({ "properties": { "a": { "pattern": "^(a+)+$" } } }));
        let checker = Checker::of(&slow).expect("fine").expect("used");
        let text = format!("{{\"a\":\"{}!\"}}", "a".repeat(100_000));
        assert_eq!(checker.complaints(text.as_bytes()).len(), 1);
    }
}
