//! The fields of `context` that one parsed policy reads.
//!
//! The search fails if it would have to guess: if a policy uses `context` as a whole, or if the policy cannot be
//! converted to JSON.

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
    let tree = policy.to_json().map_err(|error| Unclear::Unreadable(error.to_string()))?;
    let mut fields = BTreeSet::new();
    tree.get("conditions").map_or(Ok(()), |conditions| collect(conditions, &mut fields))?;
    Ok(fields)
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
