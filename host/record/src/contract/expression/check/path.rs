//! Finds the paths in an expression, and the paths that its `has()` tests prove present.
//!
//! The search needs no schema, because two paths are equal if they are written the same way.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

/// A path: a root or a loop variable, then property names, with list positions as `[0]`.
pub(super) type Path = Vec<String>;

/// The path of an expression that is nothing but a path; `None` for calls and computed indexes.
pub(super) fn spelled(node: &IdedExpr) -> Option<Path> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) => extended(&select.operand, select.field.clone()),
        Expr::Call(call) => {
            let (operand, index) = index(call)?;
            extended(operand, position(index)?)
        }
        _ => None,
    }
}

/// A literal property name used as an index.
pub(super) fn key(index: &IdedExpr) -> Option<&str> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The path as text, for error messages.
pub(super) fn shown(node: &IdedExpr) -> String {
    spelled(node).map_or_else(|| "…".into(), |path| path.join("."))
}

/// The paths that are present whenever `condition` evaluates to `truth`.
pub(super) fn facts(condition: &IdedExpr, truth: bool) -> BTreeSet<Path> {
    match &condition.expr {
        Expr::Select(select) if select.test && truth => spelled(condition).into_iter().collect(),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [inner]) => facts(inner, !truth),
            (operators::LOGICAL_AND, [left, right]) => joined(left, right, truth, truth),
            (operators::LOGICAL_OR, [left, right]) => joined(left, right, truth, !truth),
            // `has()` does not accept an index, so an author tests with `in` for a name that is not an identifier.
            (operators::IN, [name, operand]) if truth => {
                key(name).and_then(|name| extended(operand, name.to_owned())).into_iter().collect()
            }
            (operators::NOT_EQUALS, [left, right]) if truth => not_null(left, right),
            (operators::EQUALS, [left, right]) if !truth => not_null(left, right),
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}

/// The step that is appended to a path to record that the path's value is not null; no property has this name.
pub(super) const NOT_NULL: &str = "\0not null";

pub(super) fn is_null(node: &IdedExpr) -> bool {
    matches!(node.expr, Expr::Literal(LiteralValue::Null))
}

/// A comparison with `null` proves that the other operand is not null.
fn not_null(left: &IdedExpr, right: &IdedExpr) -> BTreeSet<Path> {
    let other = match (is_null(left), is_null(right)) {
        (true, false) => right,
        (false, true) => left,
        _ => return BTreeSet::new(),
    };
    extended(other, NOT_NULL.to_owned()).into_iter().collect()
}

/// Combines the paths that two operands prove present. With `both`, both operands have the truth value, so the result
/// has all paths; otherwise, it has only the paths that both operands prove.
fn joined(left: &IdedExpr, right: &IdedExpr, truth: bool, both: bool) -> BTreeSet<Path> {
    let (left, right) = (facts(left, truth), facts(right, truth));
    if both {
        left.union(&right).cloned().collect()
    } else {
        left.intersection(&right).cloned().collect()
    }
}

fn extended(operand: &IdedExpr, step: String) -> Option<Path> {
    let mut path = spelled(operand)?;
    path.push(step);
    Some(path)
}

fn position(index: &IdedExpr) -> Option<String> {
    match &index.expr {
        Expr::Literal(LiteralValue::Int(at)) => Some(format!("[{}]", at.inner())),
        _ => key(index).map(str::to_owned),
    }
}

fn index(call: &CallExpr) -> Option<(&IdedExpr, &IdedExpr)> {
    match call.args.as_slice() {
        [operand, index] if call.func_name == operators::INDEX => Some((operand, index)),
        _ => None,
    }
}
