//! `dec(text)`: a decimal as a count of ten-thousandths, which may be added, subtracted and compared.
//!
//! The evaluator sees a count as an integer, so the check refuses operations that combine a count with any other
//! number.

use cel::common::ast::{Expr, LiteralValue, operators};
use cel::{ExecutionError, IdedExpr};

use super::{ExpressionError, error};
use crate::contract::schema::decimal;

/// Implements `dec()` for a text or a whole number, and fails for a value that is not a decimal.
#[expect(clippy::needless_pass_by_value, reason = "the library passes values by value")]
pub(super) fn dec(value: cel::Value) -> Result<i64, ExecutionError> {
    let count = match &value {
        cel::Value::String(text) => decimal::parse(text),
        cel::Value::Int(whole) => whole.checked_mul(decimal::ONE),
        _ => None,
    };
    let reason = "the value is not a decimal with at most 4 fraction digits";
    count.ok_or_else(|| ExecutionError::function_error("dec", reason))
}

/// Checks that every count is only added to, subtracted from or compared with another count, and fails at any other
/// use.
pub(super) fn check(expression: &IdedExpr) -> Result<(), ExpressionError> {
    if is_count(expression)? { Err(misused()) } else { Ok(()) }
}

/// Whether the value of an expression is a count of ten-thousandths.
fn is_count(node: &IdedExpr) -> Result<bool, ExpressionError> {
    match &node.expr {
        Expr::Call(call) => {
            let parts: Vec<&IdedExpr> =
                call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
            of_call(&call.func_name, &parts)
        }
        Expr::Select(select) => none([&*select.operand]),
        Expr::List(list) => none(&list.elements),
        Expr::Comprehension(inner) => none([
            &inner.iter_range,
            &inner.accu_init,
            &inner.loop_cond,
            &inner.loop_step,
            &inner.result,
        ]),
        _ => Ok(false),
    }
}

fn of_call(name: &str, parts: &[&IdedExpr]) -> Result<bool, ExpressionError> {
    match (name, parts) {
        ("dec", [text]) => {
            if let Expr::Literal(LiteralValue::String(text)) = &text.expr
                && decimal::parse(text.inner()).is_none()
            {
                let what =
                    format!("`{}` is not a decimal with at most 4 fraction digits", text.inner());
                return Err(error(what, "write it like `dec(\"10.50\")`"));
            }
            none([*text]).map(|_| true)
        }
        (operators::NEGATE, [one]) => is_count(one),
        (operators::ADD | operators::SUBSTRACT, [left, right]) => same(left, right),
        (operators::CONDITIONAL, [condition, yes, no]) => {
            none([*condition])?;
            same(yes, no)
        }
        (
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [left, right],
        ) => same(left, right).map(|_| false),
        (_, parts) => none(parts.iter().copied()),
    }
}

/// Whether both operands are counts. Fails when only one operand is a count.
fn same(left: &IdedExpr, right: &IdedExpr) -> Result<bool, ExpressionError> {
    let (left, right) = (is_count(left)?, is_count(right)?);
    if left == right { Ok(left) } else { Err(misused()) }
}

/// Fails when one of the expressions is a count.
fn none<'e>(parts: impl IntoIterator<Item = &'e IdedExpr>) -> Result<bool, ExpressionError> {
    for part in parts {
        if is_count(part)? {
            return Err(misused());
        }
    }
    Ok(false)
}

fn misused() -> ExpressionError {
    error(
        "the result of `dec()` can only be compared with, added to or subtracted from another `dec()`".into(),
        "write numbers as `dec(\"10.50\")`",
    )
}
