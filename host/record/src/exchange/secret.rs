//! Secrets that the answer to a write contains. The host takes them out of the answer before anything else sees it, and
//! stores each of them in a file of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum number of secrets in one answer.
pub const SECRETS_MAX: usize = 4;

/// One secret that an upstream created, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenSecret {
    /// The name in `secrets` of the rule.
    pub name: String,
    /// The file below the served directory that has the value; absent if the value could not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The commitment to the value, in the form of commitments to private parameters; absent if the answer has no value
    /// that the host can store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
    /// Why the value could not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl TakenSecret {
    pub fn is_stored(&self) -> bool {
        self.file.is_some()
    }
}

/// Such as `secret access_key stored`.
impl fmt::Display for TakenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.is_stored() { "" } else { "not " };
        write!(f, "secret {} {not}stored", self.name)
    }
}

/// The text that replaces a secret in an answer.
pub fn placeholder(name: &str) -> String {
    format!("secret {name}")
}

/// The name of the file that has a secret of an action. An action has each secret once.
pub fn file_name(action: &str, name: &str) -> String {
    format!("{action}-{name}")
}

/// Whether a file has the name that the host gives to a file with a secret.
pub fn is_file_name(name: &str) -> bool {
    name.split_once('-').is_some_and(|(action, name)| {
        let digits = action.strip_prefix("act_").unwrap_or_default();
        digits.len() == 26 && digits.bytes().all(|b| b.is_ascii_alphanumeric()) && !name.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_host_is_told_by_its_name() {
        let action = "act_0123456789abcdefghijklmnop";
        assert!(is_file_name(&file_name(action, "access-key")));
        for other in [action, "act_0-key", "key", "-key", "act_0123456789abcdefghijklmnop-"] {
            assert!(!is_file_name(other), "{other}");
        }
    }
}
