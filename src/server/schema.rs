//! Schemas of event types, by which messages are checked where the type asks for it.
//!
//! Whoever writes a schema may make the server compile and run it, so what it costs is bounded before
//! that: what it refers to lies inside of it, and written out without references it has a bounded number
//! of parts (`walk`). One that leads back to itself has no such number; what it costs is counted by each
//! payload, before it is checked (`steps`). Patterns are matched in linear time.

mod parts;
mod steps;
mod walk;

use core::fmt;

use serde_json::Value;

use self::walk::Walk;

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
    /// The schema itself, if it leads back to itself.
    recursive: Option<Value>,
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
        let found = Walk::of(schema)?;
        let validator = compiled(schema)?;
        Ok(Some(Self {
            validator,
            parts: found.parts,
            recursive: found.leads_back.then(|| schema.clone()),
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
        let steps = match &self.recursive {
            None => self.parts.saturating_mul(payload.len()),
            // A fault may be looked for once at each level above it.
            Some(schema) => match steps::count(schema, &value) {
                Ok(steps) => steps.saturating_mul(limits::JSON_DEPTH_MAX),
                Err(message) => return vec![Complaint::new(&[], message)],
            },
        };
        let wants_all = steps <= limits::SCHEMA_STEPS_FOR_ALL_FAULTS;
        complaints(&self.validator, &value, wants_all)
    }
}

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

    fn used(schema: Value) -> Checker {
        Checker::of(&asking(schema)).expect("fine").expect("used")
    }

    /// A list in a list, so many times.
    fn nested(levels: usize, (open, inside, close): (&str, &str, &str)) -> String {
        format!("{}{inside}{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_checks_what_lies_deeper() {
        let tree = used(json!({
            "$ref": "#/$defs/node",
            "$defs": { "node": {
                "required": ["name"],
                "properties": {
                    "name": { "type": "string" },
                    "inside": { "items": { "$ref": "#/$defs/node" } },
                },
            } },
        }));
        let open = r#"{"name":"a","inside":["#;
        let fine = nested(31, (open, r#"{"name":"a"}"#, "]}"));
        assert_eq!(tree.complaints(fine.as_bytes()), []);
        let wrong = nested(31, (open, r#"{"name":7},{}"#, "]}"));
        let found = tree.complaints(wrong.as_bytes());
        let paths: Vec<usize> = found.iter().map(|it| it.path.len()).collect();
        assert_eq!(
            paths,
            [63, 62],
            "the name of the last but one, and the last: {found:?}"
        );
        let long = format!(
            "{{\"name\":\"a\",\"inside\":[{}]}}",
            vec![r#"{"name":7}"#; 500].join(",")
        );
        assert_eq!(
            tree.complaints(long.as_bytes()).len(),
            1,
            "the first of many"
        );
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_in_one_place_is_refused() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "anyOf": [{ "type": "string" }, { "not": { "$ref": "#" } }] }),
            json!({ "properties": { "a": { "$ref": "#/$defs/a" } },
                    "$defs": { "a": { "if": { "$ref": "#/$defs/b" } },
                               "b": { "dependentSchemas": { "x": { "$ref": "#/$defs/a" } } } } }),
            // The way round is found by a way that goes deeper first.
            json!({ "$ref": "#/$defs/a",
                    "$defs": { "a": { "items": { "$ref": "#/$defs/b" }, "not": { "$ref": "#/$defs/b" } },
                               "b": { "allOf": [{ "$ref": "#/$defs/a" }] } } }),
        ] {
            let (path, message) = refused(schema.clone());
            assert_eq!(path, "$ref", "{schema}");
            assert!(message.contains("goes deeper"), "{schema}: {message}");
        }
        for keyword in ["unevaluatedProperties", "unevaluatedItems"] {
            let schema = json!({ "properties": { "a": { "$ref": "#" } }, keyword: false });
            assert_eq!(refused(schema).0, keyword);
            assert!(Checker::of(&asking(json!({ keyword: false }))).is_ok());
        }
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_can_not_hold_the_server_up() {
        let twice = |keyword: &str| {
            let back = json!({ "$ref": "#" });
            used(json!({ "properties": { "a": { keyword: [back, back] } } }))
        };
        let deep = nested(60, (r#"{"a":"#, "1", "}"));
        for keyword in ["anyOf", "allOf", "oneOf"] {
            let found = twice(keyword).complaints(deep.as_bytes());
            assert!(
                found.len() == 1 && found[0].message.contains("steps"),
                "{found:?}"
            );
            let shallow = twice(keyword).complaints(br#"{"a":{"a":{}}}"#);
            assert_eq!(
                shallow.len(),
                usize::from(keyword == "oneOf"),
                "{shallow:?}"
            );
        }
        let back = || json!({ "$ref": "#" });
        for schema in [
            json!({ "patternProperties": { "a": back(), "^a": back() } }),
            json!({ "additionalProperties": back(), "not": { "patternProperties": { "a": back() } } }),
            json!({ "if": { "properties": { "a": back() } }, "properties": { "a": back() } }),
            json!({ "dependentSchemas": { "a": { "properties": { "a": back() } } },
                    "properties": { "a": back() } }),
            json!({ "properties": { "a": { "uniqueItems": true, "anyOf": [back(), { "not": back() }] } } }),
        ] {
            let found = used(schema.clone()).complaints(deep.as_bytes());
            assert!(
                found.len() == 1 && found[0].message.contains("steps"),
                "{schema} {found:?}"
            );
        }
        let lists = used(json!({ "items": back(), "contains": back(), "minContains": 0 }));
        let found = lists.complaints(nested(60, ("[", "1", "]")).as_bytes());
        assert!(
            found.len() == 1 && found[0].message.contains("steps"),
            "{found:?}"
        );
        // Parts in parts in each level of the payload.
        let mut part = json!({ "properties": { "a": back() } });
        for _ in 0..40 {
            part = json!({ "allOf": [part] });
        }
        let found = used(part).complaints(deep.as_bytes());
        assert!(
            found.len() == 1 && found[0].message.contains("levels"),
            "{found:?}"
        );
        // Many steps of one part are many, too.
        let wide = json!({ "properties": { "a": back() }, "items": back(), "enum": vec![json!(1); 1_500] });
        let found = used(wide).complaints(format!("[{}1]", "1,".repeat(50)).as_bytes());
        assert!(found[0].message.contains("steps"), "{found:?}");
    }

    #[test]
    fn as_many_levels_as_may_be_fit_on_the_stack_of_a_thread() {
        // What a page of a list is read on, and a payload checked on.
        let checked = std::thread::Builder::new()
            .stack_size(2 * 1_024 * 1_024)
            .spawn(|| {
                // Eight levels of the schema for one of the payload.
                let mut part = json!({
                    "properties": { "a": { "$ref": "#" } }, "type": ["object", "integer"],
                });
                for keyword in ["anyOf", "oneOf", "allOf", "anyOf", "not", "not"] {
                    part = if keyword == "not" {
                        json!({ keyword: part })
                    } else {
                        json!({ keyword: [part] })
                    };
                }
                let checker = used(part);
                let deep = |inside| nested(62, (r#"{"a":"#, inside, "}"));
                ["1", "true"].map(|inside| checker.complaints(deep(inside).as_bytes()).len())
            });
        let found = checked.expect("a thread").join().expect("no overflow");
        assert_eq!(found, [0, 1]);
    }
}
