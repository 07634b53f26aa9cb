//! What people still have to do, in words.

use std::collections::BTreeMap;

use crate::policy::CONFIRM;

/// Obligations that are not met, such as `approve:2:support-lead`, in words. `given` is the number of approvals that
/// count, by role. The words contain names of roles. An obligation of another form stays as it is.
pub fn missing(obligations: &[String], given: &BTreeMap<String, u32>) -> Vec<String> {
    let words = |obligation: &String| match obligation.as_str() {
        CONFIRM => Some("a confirmation by the responsible person".to_owned()),
        other => words(other, given),
    };
    obligations.iter().map(|one| words(one).unwrap_or_else(|| one.clone())).collect()
}

fn words(obligation: &str, given: &BTreeMap<String, u32>) -> Option<String> {
    let (verb, rest) = obligation.split_once(':')?;
    let (count, role) = rest.split_once(':')?;
    let count: u32 = count.parse().ok()?;
    match verb {
        "approve" => Some(approvals(count, given.get(role).copied().unwrap_or(0), role)),
        "resolve" => Some(format!("a resolution by {role}")),
        _ => None,
    }
}

fn approvals(count: u32, given: u32, role: &str) -> String {
    let left = count.saturating_sub(given);
    let noun = if left == 1 { "approval" } else { "approvals" };
    match given {
        0 => format!("{left} {noun} by {role}"),
        1 => format!("{left} more {noun} by {role} (1 of {count} is there)"),
        _ => format!("{left} more {noun} by {role} ({given} of {count} are there)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_obligation_says_how_many_approvals_are_missing() {
        for (obligation, given, expected) in [
            ("approve:1:support-lead", 0, "1 approval by support-lead"),
            ("approve:2:support-lead", 0, "2 approvals by support-lead"),
            ("approve:2:support-lead", 1, "1 more approval by support-lead (1 of 2 is there)"),
            ("approve:4:support-lead", 2, "2 more approvals by support-lead (2 of 4 are there)"),
            ("confirm", 0, "a confirmation by the responsible person"),
            ("resolve:1:operator", 0, "a resolution by operator"),
            ("approve:x:support-lead", 0, "approve:x:support-lead"),
            ("other:1:a:b", 0, "other:1:a:b"),
            ("", 0, ""),
        ] {
            let given = BTreeMap::from([("support-lead".to_owned(), given)]);
            assert_eq!(missing(&[obligation.to_owned()], &given), [expected], "{obligation}");
        }
    }

    #[test]
    fn approvals_of_another_role_do_not_count() {
        let given = BTreeMap::from([("other".to_owned(), 1)]);
        assert_eq!(missing(&["approve:2:a:b".to_owned()], &given), ["2 approvals by a:b"]);
    }
}
