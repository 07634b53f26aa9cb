//! The static check of an expression over an answer: it may name `answer` and loop variables, and nothing else.
//!
//! An answer has no schema, so its members are not checked. If a member of the answer is absent, the evaluation fails.

use cel::IdedExpr;
use cel::common::ast::Expr;

use super::{ExpressionError, error};

pub(super) fn check(node: &IdedExpr, locals: &[&str]) -> Result<(), ExpressionError> {
    match &node.expr {
        Expr::Ident(name) if name == "answer" || locals.contains(&name.as_str()) => Ok(()),
        Expr::Ident(name) => Err(error(
            format!("`{name}` is not known"),
            "start with `answer.status` or `answer.body`",
        )),
        Expr::Select(select) => check(&select.operand, locals),
        Expr::Call(call) => call
            .target
            .iter()
            .map(AsRef::as_ref)
            .chain(&call.args)
            .try_for_each(|part| check(part, locals)),
        Expr::List(list) => list.elements.iter().try_for_each(|item| check(item, locals)),
        Expr::Comprehension(part) => {
            check(&part.iter_range, locals)?;
            check(&part.accu_init, locals)?;
            let names = [part.iter_var.as_str(), part.accu_var.as_str()];
            let inner: Vec<&str> = locals.iter().copied().chain(names).collect();
            [&part.loop_cond, &part.loop_step, &part.result]
                .into_iter()
                .try_for_each(|step| check(step, &inner))
        }
        _ => Ok(()),
    }
}
