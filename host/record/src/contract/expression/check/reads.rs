//! Finds the parts of the states before or after the action that an expression reads.
//!
//! The search needs no schema. If an expression reads an element of a list, the whole list counts as read.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};
use deed_spec::json::child;

use super::path::{is_null, key};

/// The JSON pointers of the parts of the state before the action that are read, relative to the whole state. No loop
/// variable can have the name `pre`.
pub(super) fn of(expression: &IdedExpr) -> BTreeSet<String> {
    let mut search = Search { root: "pre", has_counts: true, found: BTreeSet::new() };
    search.walk(expression);
    search.found
}

/// The JSON pointers of the parts of the state after the action whose values are read. `has()` reads no value. No loop
/// variable can have the name `post`.
pub(super) fn compared(expression: &IdedExpr) -> BTreeSet<String> {
    let mut search = Search { root: "post", has_counts: false, found: BTreeSet::new() };
    search.walk(expression);
    search.found
}

struct Search {
    /// The variable with the states.
    root: &'static str,
    /// Whether `has()` counts as a read.
    has_counts: bool,
    found: BTreeSet<String>,
}

impl Search {
    fn walk(&mut self, node: &IdedExpr) {
        let pointer = self.pointer(node);
        match &node.expr {
            Expr::Select(select) if select.test && !self.has_counts && pointer.is_some() => {}
            _ if pointer.is_some() => self.found.extend(pointer),
            Expr::Select(select) => self.walk(&select.operand),
            Expr::Call(call) => self.walk_call(call),
            Expr::List(list) => list.elements.iter().for_each(|item| self.walk(item)),
            Expr::Comprehension(part) => {
                let steps = [&part.iter_range, &part.accu_init, &part.loop_cond, &part.loop_step];
                steps.into_iter().chain([&part.result]).for_each(|step| self.walk(step));
            }
            _ => {}
        }
    }

    fn walk_call(&mut self, call: &CallExpr) {
        match (call.func_name.as_str(), call.args.as_slice()) {
            // An approval is always bound to which states exist.
            (operators::EQUALS | operators::NOT_EQUALS, [left, right])
                if is_null(left) && self.is_state(right)
                    || is_null(right) && self.is_state(left) => {}
            (operators::IN, [name, operand]) => match (key(name), self.pointer(operand)) {
                (Some(name), Some(within)) => {
                    self.found.insert(child(&within, name));
                }
                _ => [name, operand].into_iter().for_each(|part| self.walk(part)),
            },
            (_, args) => {
                let target = call.target.iter().map(AsRef::as_ref);
                target.chain(args).for_each(|part| self.walk(part));
            }
        }
    }

    /// Whether this is a whole state, such as `pre.user`.
    fn is_state(&self, node: &IdedExpr) -> bool {
        self.pointer(node).is_some_and(|pointer| pointer.matches('/').count() == 1)
    }

    /// The JSON pointer of an expression that is nothing but a path of names below the root.
    fn pointer(&self, node: &IdedExpr) -> Option<String> {
        match &node.expr {
            Expr::Ident(name) => (name == self.root).then(String::new),
            Expr::Select(select) => Some(child(&self.pointer(&select.operand)?, &select.field)),
            Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
                [operand, index] => Some(child(&self.pointer(operand)?, key(index)?)),
                _ => None,
            },
            _ => None,
        }
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

    /// Expressions, and the values after the action that they compare.
    const COMPARED: &[(&str, &[&str])] = &[
        ("post.order.net == params.net", &["/order/net"]),
        ("has(post.order.net)", &[]),
        ("has(post.order.net) && post.order.net == pre.order.net", &["/order/net"]),
        ("!has(post.order.net) || dec(post.order.net) == dec('1')", &["/order/net"]),
        ("post.order != null && post.order.id == pre.order.id", &["/order/id"]),
        ("post.order.lines.exists(l, l.sum == params.sum)", &["/order/lines"]),
        ("size(post.order.lines) > 0", &["/order/lines"]),
        ("post == pre", &[""]),
        ("pre.order.net == params.net", &[]),
    ];

    #[test]
    fn a_test_for_a_value_after_the_action_does_not_compare_it() {
        for (source, wanted) in COMPARED {
            let found = Expression::parse(source).unwrap().compared();
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), *wanted, "{source}");
        }
    }
}
