//! What people still have to do for an action.

use crate::api::view::View;

/// The roles in obligations such as `approve:1:support-lead`, without duplicates.
pub(crate) fn roles<'a>(view: &'a View, verb: &str) -> Vec<&'a str> {
    let role = |obligation: &'a String| {
        let (word, rest) = obligation.split_once(':')?;
        rest.split_once(':').filter(|_| word == verb).map(|(_, role)| role)
    };
    let mut roles: Vec<&str> = view.obligations.iter().filter_map(role).collect();
    roles.dedup();
    roles
}
