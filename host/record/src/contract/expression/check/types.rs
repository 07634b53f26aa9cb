//! Type checks of comparisons. A comparison of values that never have the same type has the same result for all values,
//! so it tests nothing.
//!
//! The type of an expression is known only if all its values have this type or are null. A comparison is accepted if
//! the type of one side is not known.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::path::{shown, spelled};
use super::{Place, Scope, place};
use crate::contract::expression::{ExpressionError, error};
use crate::contract::schema::{Kind, Schema};

/// The type of an expression's values.
#[derive(Clone, Copy)]
struct Type {
    /// The result of `dec()` is a decimal; a decimal without `dec()` is a string.
    kind: Kind,
    /// Whether a value may be null.
    nullable: bool,
}

impl Type {
    const fn of(kind: Kind) -> Self {
        Self { kind, nullable: false }
    }

    fn declared(schema: &Schema) -> Option<Self> {
        let kind = match schema.kind()? {
            Kind::Decimal => Kind::String,
            kind => kind,
        };
        Some(Self { kind, nullable: schema.nullable })
    }

    /// The type of values that have either of two types; `None` if the types differ.
    fn or(self, other: Self) -> Option<Self> {
        let nullable = self.nullable || other.nullable;
        (self.kind == other.kind).then_some(Self { kind: self.kind, nullable })
    }

    /// Whether no value of one type is equal to a value of the other type. Two values that are null are equal.
    fn is_disjoint(self, other: Self) -> bool {
        self.kind != other.kind && !(self.nullable && other.nullable)
    }
}

/// Rejects a comparison of values that never have the same type.
pub(super) fn refuse(call: &CallExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    let [left, right] = call.args.as_slice() else { return Ok(()) };
    if !scope.roots.types {
        return Ok(());
    }
    let result = match call.func_name.as_str() {
        operators::IN => return refuse_in(left, right, scope),
        operators::EQUALS => "never holds",
        operators::NOT_EQUALS => "always holds",
        operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS => "cannot be evaluated",
        _ => return Ok(()),
    };
    match (type_of(left, scope), type_of(right, scope)) {
        (Some(one), Some(other)) if one.is_disjoint(other) => {
            let (sign, left, right) =
                (call.func_name.trim_matches('_'), written(left), written(right));
            let (one, other) = (one.kind, other.kind);
            let types = format!("{} with {}", one.name(), other.name());
            let what = format!("`{left} {sign} {right}` compares {types}, so it {result}");
            Err(error(what, remedy(one, other)))
        }
        _ => Ok(()),
    }
}

fn refuse_in(left: &IdedExpr, right: &IdedExpr, scope: &Scope<'_>) -> Result<(), ExpressionError> {
    let (Some(item), Some(within)) = (type_of(left, scope), type_of(right, scope)) else {
        return Ok(());
    };
    let (why, remedy) = match within.kind {
        Kind::Array => match elements(right, scope) {
            Some(element) if item.is_disjoint(element) => {
                let (item, element) = (item.kind, element.kind);
                let what = format!("an array of {} for {}", plural(element), item.name());
                (format!("{what}, so it never holds"), remedy_in(item, element))
            }
            _ => return Ok(()),
        },
        Kind::Object if item.kind == Kind::String => return Ok(()),
        Kind::Object => (
            format!("an object for {}, so it never holds", item.kind.name()),
            "write the name of a property, which is a string, before `in`",
        ),
        Kind::String => {
            ("a string, so it cannot be evaluated".to_owned(), "use `contains` for a string")
        }
        other => {
            (format!("{}, so it cannot be evaluated", other.name()), "compare the value with `==`")
        }
    };
    let what = format!("`{} in {}` searches {why}", written(left), written(right));
    Err(error(what, remedy))
}

/// The type of all values of an expression that passed the other checks; `None` if it is not known.
fn type_of(node: &IdedExpr, scope: &Scope<'_>) -> Option<Type> {
    match &node.expr {
        Expr::Select(select) if select.test => Some(Type::of(Kind::Boolean)),
        Expr::Literal(literal) => of_literal(literal),
        Expr::List(_) => Some(Type::of(Kind::Array)),
        Expr::Comprehension(comprehension) => of_loop(comprehension, scope),
        _ if spelled(node).is_some() => match place(node, scope).ok()?? {
            Place::States(_) => Some(Type::of(Kind::Object)),
            Place::Value(schema) => Type::declared(schema),
            Place::Unknown => None,
        },
        Expr::Call(call) => of_call(call, scope),
        _ => None,
    }
}

fn of_literal(literal: &LiteralValue) -> Option<Type> {
    match literal {
        LiteralValue::Boolean(_) => Some(Type::of(Kind::Boolean)),
        LiteralValue::Int(_) => Some(Type::of(Kind::Integer)),
        LiteralValue::String(_) => Some(Type::of(Kind::String)),
        _ => None,
    }
}

fn of_call(call: &CallExpr, scope: &Scope<'_>) -> Option<Type> {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | "contains"
            | "startsWith"
            | "endsWith"
            | "matches"
            | "bool",
            _,
        ) => Some(Type::of(Kind::Boolean)),
        ("size" | "int", _) => Some(Type::of(Kind::Integer)),
        ("string", _) => Some(Type::of(Kind::String)),
        ("dec", _) => Some(Type::of(Kind::Decimal)),
        (operators::NEGATE, [one]) => type_of(one, scope),
        (
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO,
            [left, right],
        ) => type_of(left, scope)?.or(type_of(right, scope)?),
        (operators::CONDITIONAL, [condition, yes, no]) => {
            let yes = type_of(yes, &scope.given(condition, true))?;
            yes.or(type_of(no, &scope.given(condition, false))?)
        }
        _ => None,
    }
}

/// The type of a macro's result: a boolean for `all`, `exists` and `exists_one`, an array for `map` and `filter`. The
/// result is the accumulator or, for `exists_one`, a comparison.
fn of_loop(comprehension: &ComprehensionExpr, scope: &Scope<'_>) -> Option<Type> {
    match (&comprehension.result.expr, &comprehension.accu_init.expr) {
        (Expr::Ident(_), Expr::Literal(LiteralValue::Boolean(_))) => Some(Type::of(Kind::Boolean)),
        (Expr::Ident(_), Expr::List(_)) => Some(Type::of(Kind::Array)),
        (Expr::Call(call), _) => of_call(call, scope),
        _ => None,
    }
}

/// The type of all elements of an array; `None` if it is not known.
fn elements(node: &IdedExpr, scope: &Scope<'_>) -> Option<Type> {
    if let Expr::List(list) = &node.expr {
        let mut types = list.elements.iter().map(|one| type_of(one, scope));
        let first = types.next()??;
        return types.try_fold(first, |all, one| all.or(one?));
    }
    spelled(node)?;
    match place(node, scope).ok()?? {
        Place::Value(schema) => schema.items.as_deref().and_then(Type::declared),
        Place::States(_) | Place::Unknown => None,
    }
}

/// An expression as text, for error messages.
fn written(node: &IdedExpr) -> String {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => format!("'{}'", text.inner().escape_debug()),
        Expr::Literal(LiteralValue::Int(number)) => number.inner().to_string(),
        Expr::Literal(LiteralValue::Boolean(truth)) => truth.inner().to_string(),
        Expr::Select(select) if select.test => format!("has({})", shown(node)),
        Expr::List(list) => {
            let items: Vec<String> = list.elements.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Expr::Call(CallExpr { func_name, target, args }) => {
            match (func_name.as_str(), target, args.as_slice()) {
                ("size" | "int" | "string" | "bool" | "dec", None, [one]) => {
                    format!("{func_name}({})", written(one))
                }
                ("size", Some(one), []) => format!("{}.size()", written(one)),
                _ => shown(node),
            }
        }
        _ => shown(node),
    }
}

fn remedy(one: Kind, other: Kind) -> &'static str {
    match (one, other) {
        (Kind::Array, _) | (_, Kind::Array) => {
            "test the elements of the array with `in`, `exists` or `all`"
        }
        (Kind::Object, _) | (_, Kind::Object) => "compare a property of the object",
        (Kind::Boolean, _) | (_, Kind::Boolean) => {
            "compare values of one type; write `true` and `false` without quotes"
        }
        _ => {
            "compare values of one type; write an integer without quotes, or convert a value with `int()` or `string()`"
        }
    }
}

fn remedy_in(item: Kind, element: Kind) -> &'static str {
    match (item, element) {
        (_, Kind::Object) => "compare a property of the elements with `exists` or `all`",
        (Kind::Array, _) => "test the elements of the first array with `exists` or `all`",
        _ => remedy(item, element),
    }
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "objects",
        Kind::Array => "arrays",
        Kind::String => "strings",
        Kind::Integer => "integers",
        Kind::Boolean => "booleans",
        Kind::Decimal => "decimals",
    }
}

#[cfg(test)]
mod tests;
