//! What a document says about the values of texts, numbers and booleans of parameters.

use deed_record::contract::schema::{Kind, Schema, SentAs};
use deed_spec::json::MAX_INTEGER;
use deed_spec::text::deceives;
use serde_json::Value;

use super::super::lost::Lost;
use super::super::walk::Flat;
use super::pattern::pattern;

/// The most values of an `enum`, and the most values that are searched for these.
const CHOICES_MAX: usize = 100;
const LISTED_MAX: usize = 1_000;
/// Keywords that bound values, and that contracts do not have.
const UNKNOWN: [&str; 12] = [
    "multipleOf",
    "not",
    "if",
    "contains",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
];

/// Records the keywords that no schema of a contract has.
pub(super) fn lose(flat: &Flat<'_>, lost: &mut Lost) {
    let has_effect = |keyword: &&&str| match flat.get(keyword) {
        None | Some(Value::Bool(false)) => false,
        Some(value) => **keyword != "multipleOf" || value.as_i64() != Some(1),
    };
    lost.keywords.extend(UNKNOWN.iter().filter(has_effect));
    lost.keywords.extend(&flat.unmerged);
}

/// The schema of a text, a number or a boolean.
pub(super) fn bounded(flat: &Flat<'_>, kind: Kind, lost: &mut Lost) -> Schema {
    let sent_as = (kind == Kind::Decimal).then_some(SentAs::Number);
    let bare = Schema { declared: Some(kind), sent_as, ..Schema::default() };
    let schema = match kind {
        Kind::String => text(flat, bare.clone(), lost),
        Kind::Integer => integer(flat, bare.clone()),
        Kind::Decimal => decimal(flat, bare.clone(), lost),
        _ => bare.clone(),
    };
    let schema = Schema { choices: choices(flat, kind, lost), ..schema };
    if schema.well_formed().is_ok() {
        return schema;
    }
    // What the document says need not agree with itself; then only the type is kept.
    let bounds =
        if kind == Kind::String { ["minLength", "maxLength"] } else { ["minimum", "maximum"] };
    lost.keywords.extend(bounds);
    bare
}

fn text(flat: &Flat<'_>, schema: Schema, lost: &mut Lost) -> Schema {
    let written = flat.get("pattern").and_then(Value::as_str);
    let pattern = written.and_then(pattern);
    if written.is_some() && pattern.is_none() {
        lost.keywords.insert("pattern");
    }
    let (min_length, max_length) = (length(flat, "minLength"), length(flat, "maxLength"));
    Schema { min_length, max_length, pattern, ..schema }
}

/// A number of characters or elements.
pub(super) fn length(flat: &Flat<'_>, keyword: &str) -> Option<u64> {
    u64::try_from(whole(flat.get(keyword)?, f64::floor)?).ok()
}

fn integer(flat: &Flat<'_>, schema: Schema) -> Schema {
    let bound = |keyword: &str, round: fn(f64) -> f64| whole(flat.get(keyword)?, round);
    let least =
        [bound("minimum", f64::ceil), bound("exclusiveMinimum", f64::floor).map(|one| one + 1)];
    let most =
        [bound("maximum", f64::floor), bound("exclusiveMaximum", f64::ceil).map(|one| one - 1)];
    let (minimum, maximum) = (least.into_iter().flatten().max(), most.into_iter().flatten().min());
    Schema { minimum, maximum, ..schema }
}

/// A decimal, whose bounds are inclusive and whole. A bound that is neither is widened.
fn decimal(flat: &Flat<'_>, schema: Schema, lost: &mut Lost) -> Schema {
    let mut bound = |keyword: &'static str, round: fn(f64) -> f64| {
        let value = flat.get(keyword)?;
        let is_whole = whole(value, f64::floor) == whole(value, f64::ceil);
        if keyword.starts_with("exclusive") || !is_whole {
            lost.keywords.insert(keyword);
        }
        whole(value, round)
    };
    let least = [bound("minimum", f64::floor), bound("exclusiveMinimum", f64::floor)];
    let most = [bound("maximum", f64::ceil), bound("exclusiveMaximum", f64::ceil)];
    let (minimum, maximum) = (least.into_iter().flatten().max(), most.into_iter().flatten().min());
    Schema { minimum, maximum, ..schema }
}

/// A whole number that every reader of JSON represents exactly. `round` decides about fractions.
fn whole(value: &Value, round: fn(f64) -> f64) -> Option<i64> {
    let number = value.as_i64().or_else(|| {
        let rounded = round(value.as_f64()?);
        // A cast would change a number that is too large.
        format!("{rounded:.0}").parse().ok()
    })?;
    (number.unsigned_abs() < MAX_INTEGER.unsigned_abs()).then_some(number)
}

/// The values of `enum` or `const` that have the type. Texts with characters that nobody sees are left out.
fn choices(flat: &Flat<'_>, kind: Kind, lost: &mut Lost) -> Option<Vec<Value>> {
    let constant = flat.get("const").map(std::slice::from_ref);
    let listed = constant.or_else(|| flat.enums.first().copied())?;
    let is_short = flat.enums.iter().all(|list| list.len() <= LISTED_MAX);
    let mut found: Vec<Value> = Vec::new();
    if is_short && kind != Kind::Decimal {
        let is_visible = |one: &Value| one.as_str().is_none_or(|text| !text.contains(deceives));
        let is_common = |one: &Value| flat.enums.iter().all(|list| list.contains(one));
        for one in listed.iter().filter(|one| kind.is_of(one) && is_visible(one)) {
            if is_common(one) && !found.contains(one) {
                found.push(one.clone());
            }
        }
    }
    if found.is_empty() || found.len() > CHOICES_MAX {
        lost.keywords.insert("enum");
        return None;
    }
    Some(found)
}
