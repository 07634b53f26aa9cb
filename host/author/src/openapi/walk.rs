//! Reads schemas of a document: follows references, and merges what `allOf` divides.
//!
//! References are followed where a draft needs them, so the document is never copied. All reads of one draft together
//! are bounded by what they read, because a few schemas can refer to each other in exponentially many ways.

use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;
use super::error::OpenApiError;

/// How much one draft reads: schemas, their keywords, and the members and elements of these. The largest objects of
/// large APIs have about 5,000 such parts.
const READS_MAX: u32 = 200_000;
/// How deep references and `allOf` are followed in one schema. A cycle ends here.
const DEPTH_MAX: usize = 12;
/// The most members of one object.
const MEMBERS_MAX: usize = 1_000;
/// How many bytes of a reference count as one part, because each name in it is searched for.
const REFERENCE_PART: usize = 32;
/// Keywords of which a merged schema keeps only the first value.
const UNORDERED: [&str; 4] = ["pattern", "multipleOf", "not", "const"];

/// The reads of one draft.
#[derive(Debug)]
pub(super) struct Walk<'d> {
    pub(super) document: &'d Document,
    left: Cell<u32>,
}

/// A schema without references and `allOf`.
#[derive(Debug, Clone, Default)]
pub(super) struct Flat<'d> {
    pub(super) properties: Vec<(&'d str, &'d Value)>,
    names: BTreeSet<&'d str>,
    pub(super) required: BTreeSet<&'d str>,
    keywords: BTreeMap<&'d str, &'d Value>,
    /// The values of `enum`, which must be in each of these lists.
    pub(super) enums: Vec<&'d [Value]>,
    /// Keywords of which `allOf` has several values that could not be merged.
    pub(super) unmerged: BTreeSet<&'static str>,
    /// Members to which `allOf` gives several schemas, of which the first is used.
    pub(super) divided: BTreeSet<&'d str>,
    pub(super) nullable: bool,
    /// The schemas of `oneOf` or `anyOf` that say more than which members are required, without null.
    pub(super) variants: Vec<&'d Value>,
}

impl<'d> Flat<'d> {
    /// The value of a keyword: the strictest one of a bound, otherwise the first one.
    pub(super) fn get(&self, keyword: &str) -> Option<&'d Value> {
        self.keywords.get(keyword).copied()
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.get(keyword).and_then(Value::as_bool) == Some(true)
    }

    /// The types that the schema names, without null.
    pub(super) fn types(&self) -> Vec<&'d str> {
        let named: Vec<&str> = match self.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        named.into_iter().filter(|one| *one != "null").collect()
    }

    /// Whether the values are objects with declared members.
    pub(super) fn is_object(&self) -> bool {
        let types = self.types();
        !self.properties.is_empty() && (types.is_empty() || types == ["object"])
    }

    /// Whether the values are lists.
    pub(super) fn is_list(&self) -> bool {
        self.types() == ["array"] || self.types().is_empty() && self.get("items").is_some()
    }

    /// Whether the schema describes a member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn keep(&mut self, keyword: &'d str, value: &'d Value) {
        match (keyword, value) {
            ("properties", Value::Object(members)) => {
                for (name, schema) in members {
                    if self.names.insert(name.as_str()) {
                        self.properties.push((name.as_str(), schema));
                    } else {
                        self.divided.insert(name.as_str());
                    }
                }
            }
            ("required", Value::Array(names)) => {
                self.required.extend(names.iter().filter_map(Value::as_str));
            }
            ("nullable", Value::Bool(nullable)) => self.nullable |= nullable,
            ("type", Value::Array(types)) => {
                self.nullable |= types.iter().any(|one| one == "null");
                self.keywords.entry("type").or_insert(value);
            }
            ("enum", Value::Array(values)) => {
                self.enums.push(values);
                self.keywords.entry("enum").or_insert(value);
            }
            (keyword, value) => self.tighten(keyword, value),
        }
    }

    /// Keeps the stricter of two values.
    fn tighten(&mut self, keyword: &'d str, value: &'d Value) {
        match self.keywords.entry(keyword) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                if is_stricter(keyword, value, entry.get()) {
                    entry.insert(value);
                }
                let is_other = !std::ptr::eq(*entry.get(), value);
                let kept = UNORDERED.iter().find(|one| is_other && **one == keyword);
                self.unmerged.extend(kept);
            }
        }
    }
}

/// Whether a bound admits fewer values than another one.
fn is_stricter(keyword: &str, one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else { return false };
    match keyword {
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" => one < other,
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" => one > other,
        _ => false,
    }
}

impl<'d> Walk<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self { document, left: Cell::new(READS_MAX) }
    }

    /// The schema without references and `allOf`. Fails when a reference leads out of the document or to nothing, and
    /// when the draft has read too many schemas.
    pub(super) fn flat(&self, schema: &'d Value) -> Result<Flat<'d>, OpenApiError> {
        let mut flat = Flat::default();
        self.collect(schema, 0, &mut flat)?;
        Ok(flat)
    }

    /// Follows `$ref` within the document. Each reference counts as a part of what the draft reads.
    pub(super) fn resolve(&self, value: &'d Value) -> Result<&'d Value, OpenApiError> {
        self.document.follow(value, |reference| self.spend(effort(reference)))
    }

    fn collect(
        &self,
        schema: &'d Value,
        depth: usize,
        flat: &mut Flat<'d>,
    ) -> Result<(), OpenApiError> {
        self.spend(1)?;
        let Value::Object(keywords) = schema else { return Ok(()) };
        if depth >= DEPTH_MAX {
            return Ok(());
        }
        // In OpenAPI 3.0, these are booleans about the bounds beside them.
        let is_true = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
        for (keyword, value) in keywords {
            self.spend(width(value).saturating_add(1))?;
            match (keyword.as_str(), value) {
                ("$ref", Value::String(reference)) => {
                    self.spend(effort(reference))?;
                    self.collect(self.document.target(reference)?, depth + 1, flat)?;
                }
                ("allOf", Value::Array(parts)) => {
                    for part in parts {
                        self.collect(part, depth + 1, flat)?;
                    }
                }
                ("oneOf" | "anyOf", Value::Array(parts)) => self.variants(parts, depth, flat)?,
                ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(_)) => {}
                ("minimum", value) if is_true("exclusiveMinimum") => {
                    flat.keep("exclusiveMinimum", value);
                }
                ("maximum", value) if is_true("exclusiveMaximum") => {
                    flat.keep("exclusiveMaximum", value);
                }
                (keyword, value) => flat.keep(keyword, value),
            }
        }
        if flat.properties.len() > MEMBERS_MAX {
            return Err(OpenApiError::whole(format!(
                "an object of this operation has more than {MEMBERS_MAX} members; remove those that the action does \
                 not need"
            )));
        }
        Ok(())
    }

    /// Reads `oneOf` or `anyOf`. A single variant beside null is the schema itself.
    fn variants(
        &self,
        parts: &'d [Value],
        depth: usize,
        flat: &mut Flat<'d>,
    ) -> Result<(), OpenApiError> {
        let mut found = Vec::new();
        for part in parts {
            self.spend(1)?;
            let said = self.resolve(part)?;
            if is_null(said) {
                flat.nullable = true;
            } else if !only_requires(said) {
                found.push(part);
            }
        }
        if let &[one] = found.as_slice() {
            return self.collect(one, depth + 1, flat);
        }
        flat.variants.extend(found);
        Ok(())
    }

    fn spend(&self, parts: u32) -> Result<(), OpenApiError> {
        let left = self.left.get().checked_sub(parts).ok_or_else(|| {
            OpenApiError::whole(format!(
                "the schemas of this operation have more than {READS_MAX} parts once their references are followed; \
                 remove what the action does not need"
            ))
        })?;
        self.left.set(left);
        Ok(())
    }
}

/// How many members or elements a value has.
fn width(value: &Value) -> u32 {
    let width = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    u32::try_from(width).unwrap_or(u32::MAX)
}

/// How many parts a reference counts as.
fn effort(reference: &str) -> u32 {
    u32::try_from(reference.len() / REFERENCE_PART).unwrap_or(u32::MAX).saturating_add(1)
}

fn is_null(schema: &Value) -> bool {
    let constant = schema.get("const").is_some_and(Value::is_null);
    let listed = schema.get("enum").and_then(Value::as_array);
    constant
        || schema.get("type").is_some_and(|one| one == "null")
        || listed.is_some_and(|all| matches!(all.as_slice(), [Value::Null]))
}

/// Whether a schema only says which members are required, as `anyOf` often does.
fn only_requires(schema: &Value) -> bool {
    schema.as_object().is_some_and(|all| !all.is_empty() && all.keys().all(|one| one == "required"))
}
