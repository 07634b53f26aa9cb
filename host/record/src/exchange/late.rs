//! Values of the state before the action, in the body of a write. Unlike the rest of the request, these values are
//! known only after the host has read the state.

use deed_spec::json;
use serde_json::Value;

use super::Rendered;

/// A value of the state that a write sends, and that the state does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{method} {path}` sends `{value}`, but the state that was read before the action has no such value"
)]
pub struct NoValue {
    method: String,
    path: String,
    value: String,
}

impl Rendered {
    /// The request with the values of this whole state in its body.
    ///
    /// # Errors
    ///
    /// Fails when the state has no such value.
    pub fn with_state(&self, state: &Value) -> Result<Self, NoValue> {
        let mut filled = self.clone();
        for (place, source) in &self.pre {
            let value = json::pointer(state, source);
            let slot = filled.body.as_mut().and_then(|body| body.pointer_mut(place));
            match (slot, value) {
                (Some(slot), Some(value)) => *slot = value.clone(),
                _ => {
                    return Err(NoValue {
                        method: self.method.clone(),
                        path: self.path.clone(),
                        value: format!("pre{}", source.replace('/', ".")),
                    });
                }
            }
        }
        Ok(filled)
    }

    /// The request without the values of a state, as the contract renders it.
    #[must_use]
    pub fn without_state(&self) -> Self {
        let mut bare = self.clone();
        for place in self.pre.keys() {
            if let Some(slot) = bare.body.as_mut().and_then(|body| body.pointer_mut(place)) {
                *slot = Value::Null;
            }
        }
        bare
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::request;

    #[test]
    fn the_values_of_a_state_come_and_go_and_nothing_else_changes() {
        let bare = Rendered {
            body: Some(json!({"email": null, "note": "{pre.user.email}", "deep": [{"a/b": null}]})),
            pre: [("/email", "/user/email"), ("/deep/0/a~1b", "/user/level")]
                .map(|(place, source)| (place.to_owned(), source.to_owned()))
                .into(),
            ..request("PUT", "/u")
        };
        let state = json!({"user": {"email": "{action.id}", "level": 3}});
        let filled = bare.with_state(&state).unwrap();
        assert_eq!(
            filled.body,
            Some(json!({"email": "{action.id}", "note": "{pre.user.email}", "deep": [{"a/b": 3}]}))
        );
        assert_eq!(filled.without_state(), bare);
        for state in [json!({"user": {"email": "x"}}), json!({"user": null}), json!({})] {
            let missing = bare.with_state(&state).unwrap_err().to_string();
            assert!(missing.contains("`PUT /u` sends `pre.user."), "{missing}");
        }
    }
}
