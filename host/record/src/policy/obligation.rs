//! What a policy asks of people before an action may run: approvals by other people, or a confirmation by the person who
//! is responsible for the agent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The obligation that the responsible person meets, as in `@obligation("confirm")`. The word is in the place of a role
/// in obligations, answers and counts of approvals, so no role can have this name.
pub const CONFIRM: &str = "confirm";

/// The requirement that `count` distinct persons approve in `role`, as in `@obligation("approve:2:lead")`, or, with the
/// role [`CONFIRM`], that the responsible person confirms the action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// The number of persons; 1 for a confirmation.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub count: u32,
    /// The role, or `confirm` for a confirmation.
    pub role: String,
    /// The policy that requires the approvals or the confirmation.
    pub policy: String,
}

impl Obligation {
    /// Whether the responsible person meets the obligation, and nobody else.
    pub fn is_confirmation(&self) -> bool {
        self.role == CONFIRM
    }
}

/// The text in the annotation of the policy.
impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_confirmation() {
            return f.write_str(CONFIRM);
        }
        write!(f, "approve:{}:{}", self.count, self.role)
    }
}

/// Why an action with these obligations waits.
pub(super) fn reason(obligations: &[Obligation]) -> String {
    let approvals = obligations.iter().filter(|one| !one.is_confirmation());
    let approvals: Vec<String> =
        approvals.map(|one| format!("{} × `{}`", one.count, one.role)).collect();
    let wanted = format!("approval is wanted: {}", approvals.join(", "));
    match (approvals.len() < obligations.len(), approvals.is_empty()) {
        (false, _) => wanted,
        (true, true) => "the responsible person must confirm it".to_owned(),
        (true, false) => format!("{wanted}; the responsible person must confirm it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(count: u32, role: &str) -> Obligation {
        Obligation { count, role: role.to_owned(), policy: "p".to_owned() }
    }

    #[test]
    fn an_obligation_has_the_text_of_its_annotation() {
        assert_eq!(one(1, CONFIRM).to_string(), "confirm");
        assert_eq!(one(2, "lead").to_string(), "approve:2:lead");
    }

    #[test]
    fn a_reason_says_whether_an_approval_or_a_confirmation_is_missing() {
        let (confirm, lead) = (one(1, CONFIRM), one(2, "lead"));
        assert_eq!(reason(std::slice::from_ref(&lead)), "approval is wanted: 2 × `lead`");
        assert_eq!(
            reason(std::slice::from_ref(&confirm)),
            "the responsible person must confirm it"
        );
        assert_eq!(
            reason(&[confirm, lead]),
            "approval is wanted: 2 × `lead`; the responsible person must confirm it"
        );
    }
}
