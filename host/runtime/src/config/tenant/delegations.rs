//! Roles that persons may use for other persons until a time.

use std::collections::BTreeMap;

use deed_record::statement::resolution::ROLE as OPERATOR;

use super::{Builder, Person};
use crate::config::{moment, raw};

/// The maximum number of delegations of one person.
const DELEGATIONS_MAX: usize = 16;
/// The maximum number of characters of a reason.
const REASON_MAX: usize = 500;

/// A role that a person may use for another person until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    pub role: String,
    /// The person who has the role.
    pub from: String,
    /// Unix milliseconds.
    pub until_ms: i64,
    pub reason: String,
}

impl Delegation {
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms <= now_ms
    }
}

impl Builder<'_> {
    /// Gives persons the roles that are delegated to them, and reports those that nobody could use.
    pub(super) fn delegate(&mut self, persons: &mut BTreeMap<String, Person>) {
        let tables = self.raw;
        for (name, raw) in &tables.person {
            if raw.delegations.len() > DELEGATIONS_MAX {
                let what = format!("a person can have at most {DELEGATIONS_MAX} `delegations`");
                self.fault("person", name, "delegations", &what);
                continue;
            }
            let mut made = Vec::new();
            for one in &raw.delegations {
                match delegation(name, raw, one, &tables.person) {
                    Ok(delegation) => made.push(delegation),
                    Err(what) => self.fault("person", name, "delegations", &what),
                }
            }
            if let Some(person) = persons.get_mut(name) {
                person.delegations = made;
            }
        }
    }
}

/// The roles of the delegator are those of the table, because a delegated role cannot be delegated again.
fn delegation(
    name: &str,
    person: &raw::Person,
    one: &raw::Delegation,
    persons: &BTreeMap<String, raw::Person>,
) -> Result<Delegation, String> {
    let raw::Delegation { role, from, until, reason } = one;
    if from == name {
        return Err(format!("`from` is `{name}` itself; name the person whose role `{name}` uses"));
    }
    let Some(delegator) = persons.get(from) else {
        return Err(format!("`from` names `{from}`, and the tenant has no such person"));
    };
    if !delegator.roles.contains(role) {
        return Err(format!(
            "`{from}` does not have the role `{role}`, so nobody can use it for `{from}`; a role that is delegated \
             cannot be delegated again"
        ));
    }
    if person.roles.contains(role) {
        return Err(format!("`{name}` has the role `{role}` already; remove the delegation"));
    }
    if role == OPERATOR {
        return Err(format!("the role `{OPERATOR}` cannot be delegated; add it to `roles`"));
    }
    let Some(until_ms) = moment::parse(until) else {
        return Err(
            "`until` must be a date such as 2027-03-01, or a time in UTC such as 2027-03-01T09:00:00Z"
                .to_owned(),
        );
    };
    let length = reason.trim().chars().count();
    if length == 0 || length > REASON_MAX {
        return Err(format!("`reason` must have 1 to {REASON_MAX} characters"));
    }
    let (role, from, reason) = (role.clone(), from.clone(), reason.trim().to_owned());
    Ok(Delegation { role, from, until_ms, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(fields: &str) -> Result<Delegation, String> {
        let text = format!(
            "[bob]\nroles = [\"lead\", \"operator\"]\n[dave]\nroles = [\"auditor\"]\n\
             [carol]\nroles = [\"auditor\"]\ndelegations = [{{ {fields} }}]\n"
        );
        let persons: BTreeMap<String, raw::Person> = toml::from_str(&text).unwrap();
        let carol = &persons["carol"];
        delegation("carol", carol, &carol.delegations[0], &persons)
    }

    #[test]
    fn a_delegation_names_a_role_of_another_person_an_end_and_a_reason() {
        let good = "role = \"lead\", from = \"bob\", until = \"2026-12-24T00:00:00Z\", reason = \" away \"";
        let made = tried(good).unwrap();
        assert_eq!(
            (made.role.as_str(), made.from.as_str(), made.reason.as_str()),
            ("lead", "bob", "away")
        );
        assert!(made.is_over(made.until_ms) && !made.is_over(made.until_ms - 1));
        for (from, to, why) in [
            ("\"bob\"", "\"carol\"", "itself"),
            ("\"bob\"", "\"eve\"", "no such person"),
            ("\"bob\"", "\"dave\"", "does not have the role `lead`"),
            ("role = \"lead\"", "role = \"operator\"", "cannot be delegated"),
            ("2026-12-24T00:00:00Z", "soon", "`until` must be a date"),
            ("2026-12-24T00:00:00Z", "2026-12-24T00:00:00+01:00", "`until` must be a date"),
            ("\" away \"", "\" \"", "`reason` must have"),
        ] {
            let refused = tried(&good.replace(from, to)).unwrap_err();
            assert!(refused.contains(why), "{to}: {refused}");
        }
        let own = good.replace("lead", "auditor").replace("\"bob\"", "\"dave\"");
        assert!(tried(&own).unwrap_err().contains("already"));
    }
}
