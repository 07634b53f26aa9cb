//! Checks an expression statically against the declared schemas. The check reports the first path that is not declared
//! or not guarded.
//!
//! The check never guesses a type: an expression may read a property only from a path whose schema is known.

mod path;
mod present;
mod reads;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, SelectExpr, operators};

use super::{ExpressionError, error};
use crate::contract::schema::{Kind, Schema};
use path::{Path, facts, key, shown};
use present::guarded;

/// What an expression may refer to.
#[derive(Clone, Copy)]
pub(super) struct Roots<'a> {
    pub(super) params: &'a Schema,
    pub(super) state: &'a BTreeMap<String, Schema>,
    pub(super) post_allowed: bool,
    /// Whether to refuse a test for a value that is always present.
    pub(super) written: bool,
    /// Whether to refuse a comparison of values that never have the same type.
    pub(super) types: bool,
}

pub(super) fn check(expression: &IdedExpr, roots: &Roots<'_>) -> Result<(), ExpressionError> {
    walk(expression, &Scope { roots: *roots, locals: BTreeMap::new(), present: BTreeSet::new() })
}

/// The JSON pointers of the parts of the state before the action that an expression reads.
pub(super) fn reads(expression: &IdedExpr) -> BTreeSet<String> {
    reads::of(expression)
}

/// The JSON pointers of the parts of the state after the action whose values an expression reads.
pub(super) fn compared(expression: &IdedExpr) -> BTreeSet<String> {
    reads::compared(expression)
}

/// What is known at one point of the expression: loop variables, and paths that are proved present.
#[derive(Clone)]
struct Scope<'a> {
    roots: Roots<'a>,
    /// Loop variables, with the schema of their values if it is known.
    locals: BTreeMap<String, Place<'a>>,
    /// The paths that an earlier `has()` in the expression proved present.
    present: BTreeSet<Path>,
}

/// What a path in an expression leads to.
#[derive(Clone, Copy)]
enum Place<'a> {
    States(&'a BTreeMap<String, Schema>),
    Value(&'a Schema),
    /// A computed value, whose schema is unknown.
    Unknown,
}

impl Scope<'_> {
    /// Returns this scope, extended by the paths that are present if `condition` evaluates to `truth`.
    fn given(&self, condition: &IdedExpr, truth: bool) -> Self {
        let mut scope = self.clone();
        scope.present.extend(facts(condition, truth));
        scope
    }
}

fn walk(node: &IdedExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    match &node.expr {
        Expr::Select(select) if select.test => {
            let (found, required) = member(select, scope)?;
            present::refuse(&select.operand, &select.field, (found, required), scope)
        }
        Expr::Ident(_) => {
            not_private(node, scope)?;
            plain(node, scope)
        }
        Expr::Select(_) => plain(node, scope),
        Expr::Call(call) => {
            walk_call(node, call, scope)?;
            types::refuse(call, scope)
        }
        Expr::Comprehension(comprehension) => walk_loop(comprehension, scope),
        Expr::List(list) => list.elements.iter().try_for_each(|item| walk(item, scope)),
        _ => Ok(()),
    }
}

fn walk_call(node: &IdedExpr, call: &CallExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::INDEX, _) => plain(node, scope),
        ("dec" | "size", [value]) => path_or_value(value, scope),
        ("size", []) => call.target.iter().try_for_each(|value| path_or_value(value, scope)),
        (operators::EQUALS | operators::NOT_EQUALS, [left, right])
            if path::is_null(left) || path::is_null(right) =>
        {
            [left, right]
                .into_iter()
                .filter(|one| !path::is_null(one))
                .try_for_each(|one| place(one, scope)?.map_or_else(|| walk(one, scope), |_| Ok(())))
        }
        (operators::IN, [name, operand]) => {
            walk(name, scope)?;
            walk(operand, scope)?;
            present::refuse_in(name, operand, scope)
        }
        (operators::LOGICAL_AND, [left, right]) => {
            walk(left, scope)?;
            walk(right, &scope.given(left, true))
        }
        (operators::LOGICAL_OR, [left, right]) => {
            walk(left, scope)?;
            walk(right, &scope.given(left, false))
        }
        (operators::CONDITIONAL, [condition, yes, no]) => {
            walk(condition, scope)?;
            walk(yes, &scope.given(condition, true))?;
            walk(no, &scope.given(condition, false))
        }
        (_, args) => {
            call.target.iter().map(AsRef::as_ref).chain(args).try_for_each(|part| walk(part, scope))
        }
    }
}

fn walk_loop(comprehension: &ComprehensionExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    path_or_value(&comprehension.iter_range, scope)?;
    walk(&comprehension.accu_init, scope)?;
    let name = &comprehension.iter_var;
    if ["params", "pre", "post"].contains(&name.as_str()) || scope.locals.contains_key(name) {
        return Err(error(
            format!("the loop variable `{name}` shadows another name"),
            "choose another variable",
        ));
    }
    let items = match place(&comprehension.iter_range, scope)? {
        Some(Place::Value(Schema { items: Some(items), .. })) => Place::Value(items),
        _ => Place::Unknown,
    };
    let mut inner = scope.clone();
    inner.locals.insert(comprehension.accu_var.clone(), Place::Unknown);
    inner.locals.insert(name.clone(), items);
    walk(&comprehension.loop_cond, &inner)?;
    walk(&comprehension.loop_step, &inner)?;
    walk(&comprehension.result, &inner)
}

/// Checks an operand that may be a decimal or a list of decimals. Each part of the operand is checked once; otherwise,
/// the time would double with every level of nesting.
fn path_or_value(node: &IdedExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    match place(node, scope)? {
        Some(_) => not_private(node, scope),
        None => walk(node, scope),
    }
}

/// Rejects `params` as a whole if a parameter is private.
fn not_private(node: &IdedExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    match &node.expr {
        Expr::Ident(name) if name == "params" && has_private(scope) => Err(error(
            "`params` as a whole contains private values".into(),
            "name the parameters that are not private",
        )),
        _ => Ok(()),
    }
}

/// Checks a path that is used as a value. A decimal needs `dec()`, because it is kept as text, and texts are compared
/// by character.
fn plain(node: &IdedExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    match place(node, scope)? {
        Some(Place::Value(schema)) if is_decimals(schema) => {
            let what = format!("`{}` is a list of decimals, kept as texts", shown(node));
            Err(error(what, "test its elements with `exists` or `all`, and `dec()`"))
        }
        Some(Place::Value(schema)) if is_decimal(schema) => {
            let path = shown(node);
            Err(error(
                format!("`{path}` is a decimal, kept as text"),
                &format!("write `dec({path})`"),
            ))
        }
        _ => Ok(()),
    }
}

fn is_decimals(schema: &Schema) -> bool {
    schema.items.as_ref().is_some_and(|items| is_decimal(items))
}

fn is_decimal(schema: &Schema) -> bool {
    schema.kind() == Some(Kind::Decimal)
}

/// Checks every step of a path and returns what the path leads to; `None` if the expression is not a path.
fn place<'a>(node: &IdedExpr, scope: &Scope<'a>) -> Result<Option<Place<'a>>, ExpressionError> {
    match &node.expr {
        Expr::Ident(name) => root(name, scope).map(Some),
        Expr::Select(select) if !select.test => {
            let (found, required) = member(select, scope)?;
            guarded(node, required, scope)?;
            Ok(Some(found))
        }
        Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => {
            match args.as_slice() {
                [operand, index] => indexed(node, operand, index, scope).map(Some),
                _ => Err(error("an index must have one value".into(), "write `list[0]`")),
            }
        }
        _ => Ok(None),
    }
}

fn root<'a>(name: &str, scope: &Scope<'a>) -> Result<Place<'a>, ExpressionError> {
    match name {
        _ if scope.locals.contains_key(name) => {
            Ok(scope.locals.get(name).copied().unwrap_or(Place::Unknown))
        }
        "params" => Ok(Place::Value(scope.roots.params)),
        "pre" => Ok(Place::States(scope.roots.state)),
        "post" if scope.roots.post_allowed => Ok(Place::States(scope.roots.state)),
        "post" => {
            Err(error("`post` does not exist before the action".into(), "use `post` in `after`"))
        }
        _ => Err(error(
            format!("`{name}` is not known"),
            "start with `params`, `pre` or, in `after`, `post`",
        )),
    }
}

/// What `operand.field` leads to, and whether the schema requires the field. The operand itself must be present.
fn member<'a>(
    select: &SelectExpr,
    scope: &Scope<'a>,
) -> Result<(Place<'a>, bool), ExpressionError> {
    property(&select.operand, &select.field, scope)
}

fn property<'a>(
    operand: &IdedExpr,
    field: &str,
    scope: &Scope<'a>,
) -> Result<(Place<'a>, bool), ExpressionError> {
    let within = match place(operand, scope)? {
        None => {
            walk(operand, scope)?;
            Place::Unknown
        }
        Some(within) => within,
    };
    if let Place::Value(schema) = within {
        present::not_null(operand, schema, scope)?;
    }
    match within {
        Place::States(states) => states.get(field).map(|schema| (Place::Value(schema), true)),
        Place::Value(schema) => {
            schema.at(&[field]).map(|(inner, required)| (Place::Value(inner), required))
        }
        Place::Unknown => None,
    }
    .ok_or_else(|| undeclared(operand, field, within))
    .and_then(|(found, required)| match found {
        Place::Value(Schema { private: true, .. }) => Err(error(
            format!("`{}.{field}` is private, so a verifier could not evaluate it", shown(operand)),
            "remove it",
        )),
        _ => Ok((found, required)),
    })
}

fn has_private(scope: &Scope<'_>) -> bool {
    scope.roots.params.properties.values().any(|schema| schema.private)
}

fn indexed<'a>(
    node: &IdedExpr,
    operand: &IdedExpr,
    index: &IdedExpr,
    scope: &Scope<'a>,
) -> Result<Place<'a>, ExpressionError> {
    if let Some(field) = key(index) {
        let (found, required) = property(operand, field, scope)?;
        guarded(node, required, scope)?;
        return Ok(found);
    }
    walk(index, scope)?;
    match place(operand, scope)? {
        Some(Place::Value(schema)) if schema.kind() == Some(Kind::Array) => {
            present::not_null(operand, schema, scope)?;
            Ok(schema.items.as_ref().map_or(Place::Unknown, |items| Place::Value(items)))
        }
        Some(Place::States(_) | Place::Value(_)) => Err(error(
            format!("`{}` is not a list, so its index must be a literal name", shown(operand)),
            "write the property's name",
        )),
        Some(Place::Unknown) => Ok(Place::Unknown),
        None => walk(operand, scope).map(|()| Place::Unknown),
    }
}

fn undeclared(operand: &IdedExpr, field: &str, within: Place<'_>) -> ExpressionError {
    let names: Vec<&str> = match within {
        Place::States(states) => states.keys().map(String::as_str).collect(),
        Place::Value(schema) => schema.properties.keys().map(String::as_str).collect(),
        Place::Unknown => {
            let what = format!("the type of the value that `.{field}` is read from is not known");
            return error(
                what,
                "read properties from `params`, `pre`, `post` or the elements of a declared array",
            );
        }
    };
    let what = format!("`{}.{field}` is not declared by the contract", shown(operand));
    let remedy = if names.is_empty() {
        "it has no properties".into()
    } else {
        format!("its properties are `{}`", names.join("`, `"))
    };
    error(what, &remedy)
}
