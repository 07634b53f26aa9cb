//! Presence checks. It is an error to use a value that may be absent, or to test for a value that is always present.
//!
//! A test for a value that is always present is always true; its author usually meant to test the value itself. Only
//! contracts that are being written are checked for tests that are always true, because the contract of a bundle must
//! remain valid.

use cel::IdedExpr;

use super::path::{NOT_NULL, key, shown, spelled};
use super::{Place, Scope, place, property};
use crate::contract::expression::{ExpressionError, error};
use crate::contract::schema::{Kind, Schema};

/// Checks that a value that may be absent is used only after a `has()` test.
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

/// Checks that a member of a value that may be null is used only after the value was compared with `null`.
pub(super) fn not_null(
    operand: &IdedExpr,
    schema: &Schema,
    scope: &Scope<'_>,
) -> Result<(), ExpressionError> {
    let proved = || {
        spelled(operand).is_some_and(|mut path| {
            path.push(NOT_NULL.to_owned());
            scope.present.contains(&path)
        })
    };
    if !schema.nullable || proved() {
        return Ok(());
    }
    let path = shown(operand);
    Err(error(format!("`{path}` may be null"), &format!("write `{path} != null && …`")))
}

/// In a contract that is being written, rejects `has(operand.field)` if the schema requires the field.
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

/// Rejects `'field' in operand` if the operand is an object whose schema requires the field. The syntax with `in` is
/// for field names that are not identifiers.
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
