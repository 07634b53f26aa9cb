//! What the condition of a policy says after partial evaluation: the results that it can have, and the facts that it
//! reads. The condition is an expression in Cedar's JSON form.
//!
//! An expression whose meaning this module does not know can have every result.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every fact that is unknown before a proposal. They are reported if the facts that a condition reads cannot be
/// determined.
pub(super) const EVERY_FACT: [&str; 8] =
    ["approvals", "on_behalf_of", "params", "plan", "pre", "resource", "sources", "time"];

/// Operators that do not fail if their operands can be evaluated and have the types of the schema.
const SAFE: [&str; 19] = [
    "!",
    "==",
    "!=",
    "in",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "contains",
    "containsAll",
    "containsAny",
    "isEmpty",
    "has",
    "like",
    "is",
    "if-then-else",
    "Set",
];

/// The members of an operator that are expressions.
const OPERANDS: [&str; 7] = ["left", "right", "arg", "if", "then", "else", "in"];

/// What is known about the approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approvals {
    Unknown,
    /// Nobody has approved yet.
    None,
}

/// The results that a condition can have. More results may be noted than the condition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Results {
    pub(super) holds: bool,
    pub(super) fails: bool,
    pub(super) errs: bool,
}

impl Results {
    const ANY: Self = Self { holds: true, fails: true, errs: true };

    fn only(result: bool) -> Self {
        Self { holds: result, fails: !result, errs: false }
    }

    /// Whether the condition holds in every case.
    pub(super) fn is_true(self) -> bool {
        self.holds && !self.fails && !self.errs
    }

    /// Whether the condition can be evaluated and does not hold in every case.
    pub(super) fn is_false(self) -> bool {
        !self.holds && !self.errs
    }

    fn not(self) -> Self {
        Self { holds: self.fails, fails: self.holds, errs: self.errs }
    }

    /// The results of `if self then one else other`.
    fn choose(self, one: Self, other: Self) -> Self {
        let any = |of: fn(Self) -> bool| self.holds && of(one) || self.fails && of(other);
        Self {
            holds: any(|results| results.holds),
            fails: any(|results| results.fails),
            errs: self.errs || any(|results| results.errs),
        }
    }
}

/// The results that the condition can have.
pub(super) fn results(node: &Value, approvals: Approvals) -> Results {
    let Some((operator, operand)) = operation(node) else { return Results::ANY };
    let of = |name: &str| operand.get(name).map_or(Results::ANY, |inner| results(inner, approvals));
    match operator {
        "Value" => operand.as_bool().map_or(Results::ANY, Results::only),
        "!" => of("arg").not(),
        // Operators are evaluated from left to right, and the right operand only if it decides.
        "&&" => of("left").choose(of("right"), Results::only(false)),
        "||" => of("left").choose(Results::only(true), of("right")),
        "if-then-else" => of("if").choose(of("then"), of("else")),
        _ => {
            let at_first = before_approvals(operator, operand)
                .filter(|_| approvals == Approvals::None)
                .map(Results::only);
            at_first.unwrap_or(Results { errs: may_err(node), ..Results::ANY })
        }
    }
}

/// The facts that the condition reads, such as `params.user_id`.
pub(super) fn facts(condition: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(condition, &mut found);
    let is_within = |inner: &String, outer: &String| {
        inner.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    // Whether `pre.user` exists is asked before `pre.user.active` is read. The resource itself is a fact of its own.
    let covered = |name: &String| found.iter().any(|other| is_within(other, name));
    let all = found.iter().filter(|name| name.as_str() == "resource" || !covered(name));
    all.cloned().collect()
}

fn collect(node: &Value, found: &mut BTreeSet<String>) {
    match (path(node), operation(node)) {
        (Some(names), _) if !names.is_empty() => {
            found.insert(names.join("."));
        }
        (None, Some((operator, operand))) => {
            for inner in operands(operator, operand) {
                collect(inner, found);
            }
        }
        // The condition uses `context` as a whole, or has an unknown form.
        _ => found.extend(EVERY_FACT.map(str::to_owned)),
    }
}

/// The only member of an expression: its operator, with the operands.
fn operation(node: &Value) -> Option<(&str, &Value)> {
    let members = node.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(operator, operand)| (operator.as_str(), operand))
}

/// The operands that are expressions. Literal values are data, and a variable has no operands.
fn operands<'v>(operator: &str, operand: &'v Value) -> Vec<&'v Value> {
    match operand {
        _ if ["Value", "Var", "Slot"].contains(&operator) => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) if operator == "Record" => members.values().collect(),
        other => OPERANDS.iter().filter_map(|name| other.get(*name)).collect(),
    }
}

/// The names that lead to the value that the expression reads or whose existence it tests. They start at the context;
/// for the resource, they start with `resource`. `None` for any other expression.
fn path(node: &Value) -> Option<Vec<&str>> {
    let (operator, operand) = operation(node)?;
    match operator {
        "Var" if operand == "context" => Some(Vec::new()),
        "Var" if operand == "resource" => Some(vec!["resource"]),
        "." | "has" => {
            let mut names = path(operand.get("left")?)?;
            match operand.get("attr")? {
                Value::String(name) => names.push(name),
                Value::Array(more) => names.extend(more.iter().filter_map(Value::as_str)),
                _ => return None,
            }
            Some(names)
        }
        _ => None,
    }
}

/// The result of `context.approvals.ROLE >= N`, or of its opposite with `<`, before anybody has approved; `None` for
/// any other expression. Obligations compare with `>=`.
fn before_approvals(operator: &str, operand: &Value) -> Option<bool> {
    let names = path(operand.get("left")?)?;
    let wanted = operand.pointer("/right/Value")?.as_i64()?;
    let is_count = names.len() == 2 && names.first() == Some(&"approvals");
    match operator {
        "<" if is_count => Some(0 < wanted),
        ">=" if is_count => Some(0 >= wanted),
        _ => None,
    }
}

/// Whether the evaluation of the expression can fail. Arithmetic can overflow, and functions can refuse their
/// arguments. The context and the resource have the attributes that the validated policies read; other entities may not
/// exist.
fn may_err(node: &Value) -> bool {
    let Some((operator, operand)) = operation(node) else { return true };
    let is_safe = match operator {
        "Value" | "Var" | "Record" => true,
        "." => path(node).is_some(),
        operator => SAFE.contains(&operator),
    };
    !is_safe || operands(operator, operand).into_iter().any(may_err)
}
