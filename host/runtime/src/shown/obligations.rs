//! What people still have to do for an action.

use deed_record::policy::CONFIRM;

use crate::api::view::View;

/// The roles in obligations such as `approve:1:support-lead`, without duplicates. A person who confirms an action names
/// `confirm` in place of a role.
pub(crate) fn roles<'a>(view: &'a View, verb: &str) -> Vec<&'a str> {
    let role = |obligation: &'a String| {
        if obligation == CONFIRM {
            return (verb == "approve").then_some(CONFIRM);
        }
        let (word, rest) = obligation.split_once(':')?;
        rest.split_once(':').filter(|_| word == verb).map(|(_, role)| role)
    };
    let mut roles: Vec<&str> = view.obligations.iter().filter_map(role).collect();
    roles.dedup();
    roles
}
