//! What people are told if an upstream refuses a credential (RFC 9110 sections 15.5.2 and 15.5.4). A contract names the
//! permission that each request needs, because few answers name it.

use std::collections::BTreeSet;

use crate::contract::Contract;
use crate::contract::template::Rule;
use crate::exchange::{Exchange, Fate};

/// Whether the status means that the credential is not valid or lacks a permission.
fn is_denial(status: u16) -> bool {
    matches!(status, 401 | 403)
}

/// The end of a reason for a state that cannot be read because an answer to this rule has this status; empty if the
/// status does not concern the credential.
pub(super) fn of_look(rule: Option<&Rule>, status: u16) -> String {
    let Some(rule) = rule.filter(|_| is_denial(status)) else { return String::new() };
    let named: BTreeSet<&str> = rule.permission.as_deref().into_iter().collect();
    lacks("read", &rule.upstream, &named)
}

/// The end of a reason for writes that were refused; empty if no refusal concerns the credential. An exchange does not
/// say which rule it belongs to, so the permissions of all rules with its upstream, method and name are named.
pub(super) fn of_writes(contract: &Contract, writes: &[&Exchange]) -> String {
    let denied = writes.iter().find_map(|one| match one.fate {
        Fate::Answered { status } if is_denial(status) => Some(&one.request),
        _ => None,
    });
    let Some(sent) = denied else { return String::new() };
    let is_same = |rule: &&Rule| {
        let method = rule.request.split(' ').next().unwrap_or_default();
        rule.upstream == sent.upstream && method == sent.method && rule.name == sent.name
    };
    let rules = contract.perform.http.iter().filter(is_same);
    let named: BTreeSet<&str> = rules.filter_map(|rule| rule.permission.as_deref()).collect();
    lacks("write", &sent.upstream, &named)
}

fn lacks(credential: &str, upstream: &str, named: &BTreeSet<&str>) -> String {
    let named: Vec<String> = named.iter().map(|permission| format!("`{permission}`")).collect();
    let permission = if named.is_empty() {
        "a permission".to_owned()
    } else {
        format!("the permission {}", named.join(" or "))
    };
    format!(
        "; the `{credential}` credential of upstream `{upstream}` is not valid, or lacks {permission}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{contract, exchange};

    fn rule(permission: Option<&str>) -> Rule {
        let (upstream, request) = ("idp".to_owned(), "PATCH /Users/{user_id}".to_owned());
        Rule { upstream, request, permission: permission.map(str::to_owned), ..Rule::default() }
    }

    #[test]
    fn only_401_and_403_concern_the_credential() {
        let named = rule(Some("users:read"));
        for status in [401, 403] {
            let said = of_look(Some(&named), status);
            assert!(said.ends_with("or lacks the permission `users:read`"), "{said}");
        }
        for status in [400, 404, 409, 500] {
            assert_eq!(of_look(Some(&named), status), "");
        }
        assert!(of_look(Some(&rule(None)), 403).ends_with("or lacks a permission"));
    }

    #[test]
    fn a_refused_write_names_the_permission_of_its_rule() {
        let mut contract = contract("observable", "");
        contract.perform.http = vec![rule(Some("users:write"))];
        let denied = exchange("PATCH", "/Users/1", Fate::Answered { status: 403 });
        let said = of_writes(&contract, &[&denied]);
        assert!(said.contains("the `write` credential of upstream `idp`"), "{said}");
        assert!(said.ends_with("or lacks the permission `users:write`"), "{said}");
        let other = exchange("PATCH", "/Users/1", Fate::Answered { status: 400 });
        assert_eq!(of_writes(&contract, &[&other]), "");
    }
}
