//! Finds the parts of the state before the action that an expression reads.
//!
//! The search needs no schema. If an expression reads an element of a list, the whole list counts as read.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};
use deed_spec::json::child;

use super::path::{is_null, key};

/// The JSON pointers of the parts that are read, relative to the whole state. No loop variable can have the name `pre`.
pub(super) fn of(expression: &IdedExpr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(expression, &mut found);
    found
}

fn walk(node: &IdedExpr, found: &mut BTreeSet<String>) {
    if let Some(pointer) = pointer(node) {
        found.insert(pointer);
        return;
    }
    match &node.expr {
        Expr::Select(select) => walk(&select.operand, found),
        Expr::Call(call) => walk_call(call, found),
        Expr::List(list) => list.elements.iter().for_each(|item| walk(item, found)),
        Expr::Comprehension(part) => {
            let steps = [&part.iter_range, &part.accu_init, &part.loop_cond, &part.loop_step];
            steps.into_iter().chain([&part.result]).for_each(|step| walk(step, found));
        }
        _ => {}
    }
}

fn walk_call(call: &CallExpr, found: &mut BTreeSet<String>) {
    match (call.func_name.as_str(), call.args.as_slice()) {
        // An approval is always bound to which states exist.
        (operators::EQUALS | operators::NOT_EQUALS, [left, right])
            if is_null(left) && is_state(right) || is_null(right) && is_state(left) => {}
        (operators::IN, [name, operand]) => match (key(name), pointer(operand)) {
            (Some(name), Some(within)) => {
                found.insert(child(&within, name));
            }
            _ => [name, operand].into_iter().for_each(|part| walk(part, found)),
        },
        (_, args) => {
            call.target.iter().map(AsRef::as_ref).chain(args).for_each(|part| walk(part, found));
        }
    }
}

/// Whether this is a whole state, such as `pre.user`.
fn is_state(node: &IdedExpr) -> bool {
    pointer(node).is_some_and(|pointer| pointer.matches('/').count() == 1)
}

/// The JSON pointer of an expression that is nothing but a path of names below `pre`.
fn pointer(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => (name == "pre").then(String::new),
        Expr::Select(select) => Some(child(&pointer(&select.operand)?, &select.field)),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [operand, index] => Some(child(&pointer(operand)?, key(index)?)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::expression::Expression;

    /// Expressions, and what they read.
    const READS: &[(&str, &[&str])] = &[
        ("pre.user.active", &["/user/active"]),
        ("has(pre.user.email) && post.user.email == pre.user.email", &["/user/email"]),
        ("pre.user['a/b'] == pre['group'].x", &["/group/x", "/user/a~1b"]),
        ("'x-y' in pre.user", &["/user/x-y"]),
        ("params.role in pre.user.roles", &["/user/roles"]),
        ("'admin' in pre.user.roles", &["/user/roles/admin"]),
        ("pre.user.emails[0].value == ''", &["/user/emails"]),
        ("pre.user.emails.exists(e, e.value == pre.user.id)", &["/user/emails", "/user/id"]),
        ("[pre.user.id].all(id, id == params.id)", &["/user/id"]),
        ("pre.user.roles[pre.user.first] == 'x'", &["/user/first", "/user/roles"]),
        ("size(pre.user.roles) + 1 > 2", &["/user/roles"]),
        ("pre.user.id.startsWith(pre.user.prefix)", &["/user/id", "/user/prefix"]),
        ("dec(pre.user.sum) > dec('1')", &["/user/sum"]),
        ("pre.user == null", &[]),
        ("null != pre['user'] && !pre.user.active", &["/user/active"]),
        ("pre.user.manager == null", &["/user/manager"]),
        ("pre.user == post.user", &["/user"]),
        ("pre == post", &[""]),
        ("post.user.active || params.pre == 'pre'", &[]),
    ];

    #[test]
    fn what_is_read_is_the_longest_path_of_names() {
        for (source, wanted) in READS {
            let found = Expression::parse(source).unwrap().reads();
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), *wanted, "{source}");
        }
    }
}
