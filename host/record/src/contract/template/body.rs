//! Body of a request: the checks of its template, and the rendering.

use deed_spec::json;
use serde_json::{Map, Value};

use super::RenderError;
use super::text::{self, Format, Origins, Piece, Source};

/// Reads the text of `body_json`. Fails when it is not strict JSON or has a number without a canonical form.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    // The strict parser refuses duplicate names, but gives fractions as text.
    json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let body: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    json::canonical(&body).map_err(|error| error.to_string())?;
    Ok(body)
}

/// Checks the texts of a body. Fails at the first one that is not a template of the format.
pub(super) fn check(body: &Value, format: Format) -> Result<(), RenderError> {
    match body {
        Value::String(text) => {
            let pieces = text::pieces(text, format)?;
            let optional = |piece: &Piece<'_>| {
                matches!(piece, Piece::Value(Source::Param { optional: true, .. }))
            };
            if text::whole(&pieces).is_none() && pieces.iter().any(optional) {
                return Err(RenderError::OptionalText(text.clone()));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| check(item, format)),
        Value::Object(members) => members.values().try_for_each(|item| check(item, format)),
        _ => Ok(()),
    }
}

/// Every text of a body, in document order.
pub(super) fn texts<'t>(body: &'t Value, found: &mut Vec<&'t str>) {
    match body {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// The filled body; a member or item whose parameter is absent is left out. Fails when text touches a value that is
/// absent or not a text, number or boolean.
pub(super) fn fill(body: &Value, origins: &Origins<'_>) -> Result<Option<Value>, RenderError> {
    Ok(Some(match body {
        Value::String(text) => return fill_text(text, origins),
        Value::Array(items) => {
            let filled: Result<Vec<_>, _> = items.iter().map(|item| fill(item, origins)).collect();
            Value::Array(filled?.into_iter().flatten().collect())
        }
        Value::Object(members) => {
            let mut filled = Map::new();
            for (key, member) in members {
                if let Some(value) = fill(member, origins)? {
                    filled.insert(key.clone(), value);
                }
            }
            Value::Object(filled)
        }
        other => other.clone(),
    }))
}

fn fill_text(text: &str, origins: &Origins<'_>) -> Result<Option<Value>, RenderError> {
    let pieces = text::pieces(text, origins.format())?;
    if let Some(source) = text::whole(&pieces) {
        return Ok(origins.value(source).map(std::borrow::Cow::into_owned));
    }
    let same = |text: &str| text.to_owned();
    text::render(&pieces, origins, same, same).map(|text| Some(Value::String(text)))
}
