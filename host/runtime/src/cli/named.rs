//! Finds the agent or the person of `deed.toml` that an argument names.

use super::out::Failure;
use crate::config::{NamedAgent, NamedPerson};

/// What `deed.toml` names in a table of a tenant. Several tenants can use the same name.
pub(super) trait Named {
    /// What it is, and the same word with its article.
    const WORD: &'static str;
    const ONE: &'static str;
    /// How `deed.toml` names one.
    const TABLE: &'static str;

    fn tenant(&self) -> &str;
    fn name(&self) -> &str;
}

impl Named for NamedAgent {
    const WORD: &'static str = "agent";
    const ONE: &'static str = "an agent";
    const TABLE: &'static str = "[tenant.NAME.agent.AGENT]";

    fn tenant(&self) -> &str {
        &self.tenant
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for NamedPerson {
    const WORD: &'static str = "person";
    const ONE: &'static str = "a person";
    const TABLE: &'static str = "[tenant.NAME.person.PERSON]";

    fn tenant(&self) -> &str {
        &self.tenant
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The one with this name, in this tenant or in any. Fails with the names that there are when none has the name, and
/// with the tenants to choose from when several have it.
pub(super) fn find<'a, T: Named>(
    all: &'a [T],
    name: &str,
    tenant: Option<&str>,
) -> Result<&'a T, Failure> {
    let is_it = |one: &&T| one.name() == name && tenant.is_none_or(|own| one.tenant() == own);
    let found: Vec<&T> = all.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(unknown(all, name, tenant)),
        several => {
            let tenants = several.iter().map(|one| one.tenant());
            Err(ambiguous(&format!("have {} `{name}`", T::ONE), tenants))
        }
    }
}

/// The error for a name that several tenants use.
pub(super) fn ambiguous<'a>(have: &str, tenants: impl Iterator<Item = &'a str>) -> Failure {
    let tenants: Vec<String> = tenants.map(|tenant| format!("`{tenant}`")).collect();
    let tenants = tenants.join(", ");
    Failure::usage(format!("several tenants {have}: {tenants}; choose one with --tenant"))
}

fn unknown<T: Named>(all: &[T], name: &str, tenant: Option<&str>) -> Failure {
    let whose = tenant.map_or(String::new(), |tenant| format!(" of tenant `{tenant}`"));
    let names: Vec<String> =
        all.iter().map(|one| format!("`{}` ({})", one.name(), one.tenant())).collect();
    let remedy = if names.is_empty() {
        format!("it names none; add {}", T::TABLE)
    } else {
        format!("it names {}", names.join(", "))
    };
    Failure::Failed(format!("deed.toml has no {} `{name}`{whose}; {remedy}", T::WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(tenant: &str, name: &str) -> NamedPerson {
        NamedPerson { tenant: tenant.to_owned(), name: name.to_owned(), passkeys: Vec::new() }
    }

    #[test]
    fn a_name_is_found_in_its_tenant_or_refused_with_those_that_there_are() {
        let all = [person("acme", "bob"), person("globex", "bob"), person("acme", "carol")];
        assert_eq!(find(&all, "carol", None).unwrap().tenant, "acme");
        assert_eq!(find(&all, "bob", Some("globex")).unwrap(), &all[1]);
        for (name, tenant, wanted) in [
            (
                "bob",
                None,
                "error: several tenants have a person `bob`: `acme`, `globex`; choose one with --tenant",
            ),
            (
                "dave",
                Some("acme"),
                "error: deed.toml has no person `dave` of tenant `acme`; it names `bob` (acme), `bob` (globex), \
                 `carol` (acme)",
            ),
        ] {
            assert_eq!(find(&all, name, tenant).unwrap_err().to_string(), wanted);
        }
        let none: [NamedAgent; 0] = [];
        let said = find(&none, "helpdesk", None).unwrap_err().to_string();
        let wanted = "error: deed.toml has no agent `helpdesk`; it names none; add [tenant.NAME.agent.AGENT]";
        assert_eq!(said, wanted);
    }
}
