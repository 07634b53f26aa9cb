//! `[outputs]`: values of the state after the action that the receipt and the answer to the agent contain.
//!
//! An output is read by the host, like the state that contains it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of a value in the state after the action, such as `post.refund.id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Output(String);

impl Output {
    /// The JSON pointer to the value in the whole state.
    pub fn pointer(&self) -> String {
        let path = self.0.strip_prefix("post.").unwrap_or_default();
        let steps = path.split('.').map(|step| step.replace('~', "~0").replace('/', "~1"));
        steps.fold(String::new(), |pointer, step| pointer + "/" + &step)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
