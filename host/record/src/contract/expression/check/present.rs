//! Presence checks: an error for a value that may be absent and is used, or is always present and is tested for.
//!
//! A test for a value that is always present is always true, and its author meant the value. Only contracts that are
//! being written are held to that: the contract of a bundle was accepted once and must stay valid.

use cel::IdedExpr;

use super::path::{key, shown, spelled};
use super::{Place, Scope, place, property};
use crate::contract::expression::{ExpressionError, error};
use crate::contract::schema::{Kind, Schema};

/// A value that may be absent is used only behind a `has()`.
pub(super) fn guarded(
    node: &IdedExpr,
    required: bool,
    scope: &Scope<'_>,
) -> Result<(), ExpressionError> {
    if required || spelled(node).is_some_and(|path| scope.present.contains(&path)) {
        return Ok(());
    }
    let path = shown(node);
    Err(error(
        format!("`{path}` may be absent"),
        &format!("write `has({path}) && …`, or make it required in the contract"),
    ))
}

/// `has(operand.field)`, which leads to this place and is required there or not.
pub(super) fn refuse(
    operand: &IdedExpr,
    field: &str,
    (found, required): (Place<'_>, bool),
    scope: &Scope<'_>,
) -> Result<(), ExpressionError> {
    if !scope.roots.written || !required {
        return Ok(());
    }
    let operand = shown(operand);
    let path = format!("{operand}.{field}");
    always_true(&format!("has({path})"), (&operand, &path), found, field)
}

/// `'field' in operand`, where the operand is an object: the form for a name that is not an identifier.
pub(super) fn refuse_in(
    name: &IdedExpr,
    operand: &IdedExpr,
    scope: &Scope<'_>,
) -> Result<(), ExpressionError> {
    let Some(field) = key(name).filter(|_| scope.roots.written) else { return Ok(()) };
    if !place(operand, scope)?.is_some_and(is_object) {
        return Ok(());
    }
    let (found, required) = property(operand, field, scope)?;
    if !required {
        return Ok(());
    }
    let operand = shown(operand);
    let path = format!("{operand}['{field}']");
    always_true(&format!("'{field}' in {operand}"), (&operand, &path), found, field)
}

fn is_object(place: Place<'_>) -> bool {
    match place {
        Place::States(_) => true,
        Place::Value(schema) => schema.kind() == Some(Kind::Object),
        Place::Unknown => false,
    }
}

fn always_true(
    test: &str,
    (operand, path): (&str, &str),
    found: Place<'_>,
    field: &str,
) -> Result<(), ExpressionError> {
    if ["pre", "post"].contains(&operand) {
        let what = format!("`{test}` is always true: every state is present when it is evaluated");
        return Err(error(what, "remove the test"));
    }
    let kind = match found {
        Place::Value(schema) => Schema::kind(schema),
        Place::States(_) | Place::Unknown => None,
    };
    let value = match kind {
        Some(Kind::Boolean) => format!("write `{path}` or `!{path}` for the value"),
        Some(Kind::String | Kind::Integer) => format!("compare the value, such as `{path} == …`"),
        _ => "remove the test".to_owned(),
    };
    let what = format!("`{test}` is always true: `{field}` is required");
    Err(error(what, &format!("{value}, or remove `{field}` from `required`")))
}
