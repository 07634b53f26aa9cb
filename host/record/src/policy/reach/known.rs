//! Replaces the members of the context that are known before a proposal, because partial evaluation takes the context
//! only as a whole.

use cedar_policy::Policy;
use serde_json::{Value, json};

/// The members of the context that are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) environment: &'a str,
    pub(super) verb: &'a str,
    pub(super) mode: &'a str,
}

impl Known<'_> {
    /// The policy with these values in place of the members. Partial evaluation validates the result against the schema
    /// again.
    ///
    /// # Errors
    ///
    /// Fails when the policy has no JSON form.
    pub(super) fn put_into(self, policy: &Policy) -> Result<Policy, String> {
        let mut tree = policy.to_json().map_err(|error| error.to_string())?;
        let has_changed = tree.get_mut("conditions").is_some_and(|tree| self.replace(tree));
        if !has_changed {
            return Ok(policy.clone());
        }
        Policy::from_json(Some(policy.id().clone()), tree).map_err(|error| error.to_string())
    }

    /// Replaces every expression that reads a known member; returns whether there is one.
    fn replace(self, tree: &mut Value) -> bool {
        if let Some(value) = self.value(tree) {
            *tree = value;
            return true;
        }
        let mut is_changed = false;
        match tree {
            Value::Array(items) => {
                for item in items {
                    is_changed |= self.replace(item);
                }
            }
            Value::Object(node) => {
                // Literal values are data.
                for (_, operand) in node.iter_mut().filter(|(operator, _)| *operator != "Value") {
                    is_changed |= self.replace(operand);
                }
            }
            _ => {}
        }
        is_changed
    }

    /// The literal for `context.NAME`; `None` for any other expression.
    fn value(self, node: &Value) -> Option<Value> {
        let operand = node.get(".")?;
        if operand.pointer("/left/Var")?.as_str()? != "context" {
            return None;
        }
        let text = match operand.get("attr")?.as_str()? {
            "environment" => self.environment,
            "verb" => self.verb,
            "mode" => self.mode,
            _ => return None,
        };
        Some(json!({"Value": text}))
    }
}
