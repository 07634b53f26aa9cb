//! The fields of `context` that one parsed policy reads, and the names below them.
//!
//! The search for fields fails if it would have to guess: if a policy uses `context` as a whole, or if the policy
//! cannot be converted to JSON.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::Value;

/// Why the fields that a policy reads cannot be determined.
#[derive(Debug)]
pub(super) enum Unclear {
    /// The policy uses `context` as a whole.
    Whole,
    /// The policy cannot be converted to JSON.
    Unreadable(String),
}

/// The field names after `context.` and `context has`.
pub(super) fn read_by(policy: &Policy) -> Result<BTreeSet<String>, Unclear> {
    let conditions = conditions(policy).map_err(Unclear::Unreadable)?;
    let mut fields = BTreeSet::new();
    collect(&conditions, &mut fields)?;
    Ok(fields)
}

/// The names after `context` in each access and each `has`, such as `plan`, `any` and `owner`. Names after an
/// expression that only results in `context` are not found. Fails when the policy cannot be converted to JSON.
pub(super) fn paths(policy: &Policy) -> Result<BTreeSet<Vec<String>>, String> {
    let mut found = BTreeSet::new();
    add_paths(&conditions(policy)?, &mut found);
    Ok(found)
}

fn conditions(policy: &Policy) -> Result<Value, String> {
    let tree = policy.to_json().map_err(|error| error.to_string())?;
    Ok(tree.get("conditions").cloned().unwrap_or_default())
}

fn add_paths(tree: &Value, found: &mut BTreeSet<Vec<String>>) {
    found.extend(path(tree));
    match tree {
        Value::Array(items) => items.iter().for_each(|item| add_paths(item, found)),
        Value::Object(node) => {
            for (operator, operand) in node {
                match (operator.as_str(), operand) {
                    // Literal values are data, so their keys are not searched.
                    ("Value", _) => {}
                    ("Record", Value::Object(members)) => {
                        members.values().for_each(|value| add_paths(value, found));
                    }
                    _ => add_paths(operand, found),
                }
            }
        }
        _ => {}
    }
}

/// The names by which an expression is reached from `context`; `None` for any other expression.
fn path(tree: &Value) -> Option<Vec<String>> {
    if is_context(tree) {
        return Some(Vec::new());
    }
    let node = tree.as_object().filter(|node| node.len() == 1)?;
    let operand = node.get(".").or_else(|| node.get("has"))?;
    let mut names = path(operand.get("left")?)?;
    match operand.get("attr")? {
        Value::String(name) => names.push(name.clone()),
        Value::Array(more) => {
            names.extend(more.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => return None,
    }
    Some(names)
}

fn collect(tree: &Value, fields: &mut BTreeSet<String>) -> Result<(), Unclear> {
    match tree {
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, fields)),
        Value::Object(node) if is_context(tree) && node.len() == 1 => Err(Unclear::Whole),
        Value::Object(node) => {
            node.iter().try_for_each(|(operator, operand)| match operator.as_str() {
                "." | "has" if operand.get("left").is_some_and(is_context) => {
                    fields.insert(field(operand).ok_or(Unclear::Whole)?.to_owned());
                    Ok(())
                }
                // Literal values are data, so their keys are not searched.
                "Value" => Ok(()),
                "Record" => operand
                    .as_object()
                    .into_iter()
                    .flatten()
                    .try_for_each(|(_, value)| collect(value, fields)),
                _ => collect(operand, fields),
            })
        }
        _ => Ok(()),
    }
}

/// In Cedar's JSON, the member `attr` is a name, or a list of names for an expression such as `context has pre.user`.
fn field(operand: &Value) -> Option<&str> {
    let attr = operand.get("attr")?;
    attr.as_str().or_else(|| attr.get(0)?.as_str())
}

fn is_context(tree: &Value) -> bool {
    tree.get("Var").and_then(Value::as_str) == Some("context")
}
