//! Translates schemas of a document into the subset of JSON Schema that contracts use.
//!
//! A schema of a parameter may be narrower than the document says, because it bounds what an agent can send. A schema
//! of a state must admit what the upstream sends, so it has types only.

mod bounds;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};

use deed_record::contract::schema::{Kind, Schema};
use serde_json::Value;

use self::bounds::{bounded, length, lose};
use super::error::OpenApiError;
use super::lost::Lost;
use super::names::is_plain;
use super::secret;
use super::text::prose;
use super::walk::{Flat, Walk};

/// The deepest nesting of a translated schema.
const DEPTH_MAX: usize = 4;
/// The most members of an object inside a parameter or a state, and the most of these that an agent must send.
const INNER_MAX: usize = 20;
const REQUIRED_MAX: usize = 100;
/// The longest title of a parameter.
const TITLE_MAX: usize = 80;

/// What a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Param,
    State,
}

/// The schema in the subset of contracts; `None` if the subset cannot express it.
pub(super) fn translate<'d>(
    walk: &Walk<'d>,
    schema: &'d Value,
    side: Side,
) -> Result<Option<Schema>, OpenApiError> {
    at(walk, schema, (side, 0), &mut Lost::default())
}

/// The schema of a parameter. What the subset of contracts cannot express is added to `lost`.
pub(super) fn parameter<'d>(
    walk: &Walk<'d>,
    schema: &'d Value,
    lost: &mut Lost,
) -> Result<Option<Schema>, OpenApiError> {
    at(walk, schema, (Side::Param, 0), lost)
}

/// The title of a parameter, if the document describes it.
pub(super) fn title(flat: &Flat<'_>) -> Option<String> {
    let text = flat.get("title").or_else(|| flat.get("description")).and_then(Value::as_str)?;
    // Many members can share one long description.
    let head: String = text.chars().take(4 * TITLE_MAX).collect();
    let line = prose(head.split("\n\n").next().unwrap_or_default(), TITLE_MAX);
    (!line.is_empty()).then_some(line)
}

fn at<'d>(
    walk: &Walk<'d>,
    schema: &'d Value,
    (side, depth): (Side, usize),
    lost: &mut Lost,
) -> Result<Option<Schema>, OpenApiError> {
    if depth > DEPTH_MAX {
        return Ok(None);
    }
    let flat = walk.flat(schema)?;
    lose(&flat, lost);
    if let Some(variant) = variant(walk, &flat, side)? {
        let nullable = flat.nullable && side == Side::State;
        let found = at(walk, variant, (side, depth + 1), lost)?;
        return Ok(found.map(|one| Schema { nullable: one.nullable || nullable, ..one }));
    }
    if !flat.variants.is_empty() {
        lost.keywords.insert("oneOf");
    }
    let Some(kind) = kind(&flat, side) else { return Ok(None) };
    let nullable = flat.nullable && side == Side::State;
    let inner = match kind {
        // A state has the members of its own and of the objects directly in it.
        Kind::Object if side == Side::State && depth > 0 => None,
        Kind::Object => object(walk, &flat, (side, depth), lost)?,
        Kind::Array => array(walk, &flat, (side, depth), lost)?,
        Kind::Decimal if side == Side::Param && depth > 0 => None,
        _ if side == Side::Param => {
            Some(Schema { title: title(&flat), ..bounded(&flat, kind, lost) })
        }
        _ => Some(Schema::default()),
    };
    Ok(inner.map(|inner| Schema { declared: Some(kind), nullable, ..inner }))
}

/// The variant of `oneOf` or `anyOf` that stands for all of them. A parameter takes one; for a state, all must have the
/// same simple type.
fn variant<'d>(
    walk: &Walk<'d>,
    flat: &Flat<'d>,
    side: Side,
) -> Result<Option<&'d Value>, OpenApiError> {
    if flat.variants.is_empty() || !flat.types().is_empty() || !flat.properties.is_empty() {
        return Ok(None);
    }
    let mut found: Vec<(Option<Kind>, &'d Value)> = Vec::new();
    for &one in flat.variants.iter().take(INNER_MAX) {
        found.push((kind(&walk.flat(one)?, side), one));
    }
    let first = found.first().and_then(|(kind, _)| *kind);
    let is_simple = |kind: Option<Kind>| {
        matches!(kind, Some(Kind::String | Kind::Integer | Kind::Decimal | Kind::Boolean))
    };
    let all_alike = is_simple(first) && found.iter().all(|(kind, _)| *kind == first);
    let chosen = match side {
        Side::State if !all_alike => None,
        Side::State => found.first(),
        Side::Param => {
            let text = found.iter().find(|(kind, _)| *kind == Some(Kind::String));
            text.or_else(|| found.iter().find(|(kind, _)| is_simple(*kind)))
        }
    };
    Ok(chosen.map(|(_, one)| *one))
}

/// The type of the values. A schema without a type is known by its other keywords.
fn kind(flat: &Flat<'_>, side: Side) -> Option<Kind> {
    let types = flat.types();
    let named = |name: &&str| match *name {
        "string" => Some(Kind::String),
        "integer" => Some(Kind::Integer),
        "number" => Some(Kind::Decimal),
        "boolean" => Some(Kind::Boolean),
        "array" => Some(Kind::Array),
        "object" => Some(Kind::Object),
        _ => None,
    };
    match types.as_slice() {
        [one] if *one == "string" && flat.get("format").is_some_and(|one| one == "binary") => None,
        [one] => named(one),
        [] if !flat.properties.is_empty() => Some(Kind::Object),
        [] if flat.get("items").is_some() => Some(Kind::Array),
        [] => {
            let listed = flat.get("enum").and_then(Value::as_array).into_iter().flatten();
            let mut listed = listed.chain(flat.get("const")).peekable();
            let is_text =
                listed.peek().is_some() && listed.all(|one| one.is_string() || one.is_null());
            is_text.then_some(Kind::String)
        }
        several if side == Side::Param => {
            several.iter().find(|one| **one == "string").or(several.first()).and_then(named)
        }
        _ => None,
    }
}

fn array<'d>(
    walk: &Walk<'d>,
    flat: &Flat<'d>,
    (side, depth): (Side, usize),
    lost: &mut Lost,
) -> Result<Option<Schema>, OpenApiError> {
    let Some(items) = flat.get("items") else { return Ok(None) };
    let Some(inner) = at(walk, items, (side, depth + 1), lost)? else { return Ok(None) };
    let bound = |keyword: &str| length(flat, keyword).filter(|_| side == Side::Param);
    let (least, most) = (bound("minItems"), bound("maxItems"));
    let crossed = matches!((least, most), (Some(least), Some(most)) if least > most);
    Ok(Some(Schema {
        title: title(flat).filter(|_| side == Side::Param),
        items: Some(Box::new(Schema { nullable: false, ..inner })),
        min_items: least.filter(|_| !crossed),
        max_items: most.filter(|_| !crossed),
        ..Schema::default()
    }))
}

/// An object. A member that cannot be translated is left out, unless an agent would have to send it.
fn object<'d>(
    walk: &Walk<'d>,
    flat: &Flat<'d>,
    (side, depth): (Side, usize),
    lost: &mut Lost,
) -> Result<Option<Schema>, OpenApiError> {
    let mut properties = BTreeMap::new();
    if side == Side::Param && flat.required.iter().any(|name| !flat.has(name)) {
        return Ok(None);
    }
    lost.keywords.extend((!flat.divided.is_empty()).then_some("allOf"));
    for &(name, schema) in &flat.properties {
        let required = flat.required.contains(name) && side == Side::Param;
        let inner = walk.flat(schema)?;
        if is_skipped(name, &inner, side) {
            continue;
        }
        let most = if required { REQUIRED_MAX } else { INNER_MAX };
        let translated = if is_plain(name) && properties.len() < most {
            at(walk, schema, (side, depth + 1), lost)?
        } else {
            None
        };
        match translated {
            Some(found) => {
                lost.has_secret |= secret::is_member(name, &inner);
                properties.insert(name.to_owned(), found);
            }
            None if required => return Ok(None),
            None => lost.members.push(name.to_owned()),
        }
    }
    let required: BTreeSet<String> = flat.required.iter().map(|name| (*name).to_owned()).collect();
    let required = required.into_iter().filter(|name| properties.contains_key(name)).collect();
    let title = title(flat).filter(|_| side == Side::Param);
    let is_empty = properties.is_empty();
    let schema = Schema { title, required, properties, ..Schema::default() };
    Ok((!is_empty).then_some(schema))
}

/// Whether a member is not part of what is sent or kept.
fn is_skipped(name: &str, flat: &Flat<'_>, side: Side) -> bool {
    match side {
        Side::Param => flat.is("readOnly"),
        Side::State => secret::hides(name, flat),
    }
}

#[cfg(test)]
mod tests;
