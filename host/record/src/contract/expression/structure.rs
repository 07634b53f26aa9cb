//! Rejects constructs in a parsed expression that contracts may not use.
//!
//! This check does not use schemas. An expression that passes this structure check is safe to evaluate over any values.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::{ExpressionError, decimals, error};

/// The allowed operators, and the allowed functions on strings, lists and integers. All other functions are refused,
/// because they are unknown or have no use in a contract.
const FUNCTIONS: [&str; 28] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "string",
    "bool",
    "dec",
];

/// The maximum nesting of loops. The cost of two nested loops is the product of two list lengths; a third level could
/// block the host.
const MAX_LOOPS: usize = 2;

pub(super) fn check(expression: &IdedExpr) -> Result<(), ExpressionError> {
    walk(expression, 0)?;
    decimals::check(expression)
}

fn walk(node: &IdedExpr, loops: usize) -> Result<(), ExpressionError> {
    match &node.expr {
        Expr::Ident(_) => Ok(()),
        Expr::Literal(literal) => plain(literal),
        Expr::Select(select) => walk(&select.operand, loops),
        Expr::Call(call) => known(call, loops),
        Expr::Comprehension(comprehension) => bounded(comprehension, loops),
        Expr::List(list) if list.optional_indices.is_empty() => {
            list.elements.iter().try_for_each(|item| walk(item, loops))
        }
        _ => Err(error(
            "maps, structures and optional values are not supported".into(),
            "compare single properties",
        )),
    }
}

fn plain(literal: &LiteralValue) -> Result<(), ExpressionError> {
    match literal {
        LiteralValue::Boolean(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::String(_) => Ok(()),
        LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => Err(error(
            "floats, unsigned integers and bytes are not supported".into(),
            "use signed integers and strings",
        )),
    }
}

fn known(call: &CallExpr, loops: usize) -> Result<(), ExpressionError> {
    if !FUNCTIONS.contains(&call.func_name.as_str()) {
        let remedy = "use size, contains, startsWith, endsWith, matches, int, string, bool, dec, has, all, exists, exists_one, map or filter";
        return Err(error(format!("the function `{}` is not known", call.func_name), remedy));
    }
    call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(|part| walk(part, loops))
}

fn bounded(comprehension: &ComprehensionExpr, loops: usize) -> Result<(), ExpressionError> {
    if loops == MAX_LOOPS || comprehension.iter_var2.is_some() {
        let remedy = "split the expression, or declare a flatter state";
        return Err(error(
            format!("loops are nested deeper than {MAX_LOOPS}, or have two variables"),
            remedy,
        ));
    }
    // The range of a loop is evaluated once, but the range may itself be the result of another loop.
    let parts = [
        &comprehension.iter_range,
        &comprehension.accu_init,
        &comprehension.loop_cond,
        &comprehension.loop_step,
        &comprehension.result,
    ];
    parts.into_iter().try_for_each(|part| walk(part, loops + 1))
}
