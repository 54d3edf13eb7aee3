//! Sizes a schema up before it is compiled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Complaint,
    parts::{About, inside, target},
};
use crate::limits;

/// What is known of a schema that may be compiled.
pub(super) struct Found {
    /// How many parts it has, written out; what leads back counts once.
    pub(super) parts: usize,
    /// Whether it leads back to itself.
    pub(super) leads_back: bool,
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
pub(super) struct Walk<'schema> {
    root: &'schema Value,
    /// What was sized up, by its place in memory: much can refer to the same.
    known: BTreeMap<*const Value, (Size, &'schema Value)>,
    /// What is being sized up.
    path: BTreeSet<*const Value>,
    /// Whether something led back to what was being sized up.
    leads_back: bool,
    /// A keyword that was met and whose cost grows with each level, if any.
    unevaluated: Option<&'schema str>,
    patterns: usize,
}

impl<'schema> Walk<'schema> {
    /// Looks at a schema.
    ///
    /// # Errors
    /// The [`Complaint`] that it would cost too much; its writer's fault.
    pub(super) fn of(schema: &'schema Value) -> Result<Found, Complaint> {
        let mut walk = Self {
            root: schema,
            known: BTreeMap::new(),
            path: BTreeSet::new(),
            leads_back: false,
            unevaluated: None,
            patterns: 0,
        };
        let size = walk.weigh(schema, 0)?;
        if walk.leads_back {
            if let Some(name) = walk.unevaluated {
                let message = "can't be checked by a schema that leads back to itself: use \
                               `additionalProperties` or `items`";
                return Err(Complaint::new(&[name], message));
            }
            let mut done = BTreeSet::new();
            for (_, part) in walk.known.values() {
                walk.descend(part, &mut BTreeSet::new(), &mut done)?;
            }
        }
        Ok(Found {
            parts: size.parts,
            leads_back: walk.leads_back,
        })
    }

    /// Refuses a schema that leads back to itself by parts that are all about the same place: no payload
    /// would ever be checked by it to the end.
    fn descend(
        &self,
        schema: &'schema Value,
        path: &mut BTreeSet<*const Value>,
        done: &mut BTreeSet<*const Value>,
    ) -> Result<(), Complaint> {
        let this = core::ptr::from_ref(schema);
        if done.contains(&this) {
            return Ok(());
        }
        if !path.insert(this) {
            let message = "leads back to itself: it may, where the way goes deeper into what is checked, \
                           as by `properties` or `items`";
            return Err(Complaint::new(&["$ref"], message));
        }
        if path.len() > limits::SCHEMA_DEPTH_MAX {
            return Err(too_deep());
        }
        for (about, part) in inside(self.root, schema)? {
            if about == About::Same {
                self.descend(part, path, done)?;
            }
        }
        path.remove(&this);
        done.insert(this);
        Ok(())
    }

    fn weigh(&mut self, schema: &'schema Value, depth: usize) -> Result<Size, Complaint> {
        let this = core::ptr::from_ref(schema);
        let mut size = Size {
            parts: 1,
            height: 1,
        };
        if self.path.contains(&this) {
            self.leads_back = true;
            return Ok(size);
        }
        let known = self.known.get(&this).map(|(known, _)| *known);
        if depth.saturating_add(known.map_or(1, |known| known.height)) > limits::SCHEMA_DEPTH_MAX {
            return Err(too_deep());
        }
        if let Some(known) = known {
            return Ok(known);
        }
        self.path.insert(this);
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
        self.path.remove(&this);
        self.known.insert(this, (size, schema));
        Ok(size)
    }

    /// The size of what stands behind a keyword.
    fn keyword(
        &mut self,
        name: &'schema str,
        value: &'schema Value,
        depth: usize,
    ) -> Result<Size, Complaint> {
        if name.starts_with("unevaluated") {
            self.unevaluated = Some(name);
        }
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
                let target = target(self.root, pointer)?;
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
}

/// Its parts lie too deep in one another.
fn too_deep() -> Complaint {
    let most = limits::SCHEMA_DEPTH_MAX;
    let message = format!("lies deeper than {most} levels with all that is referred to");
    Complaint::new(&[], message)
}

const NOTHING: Size = Size {
    parts: 0,
    height: 0,
};
