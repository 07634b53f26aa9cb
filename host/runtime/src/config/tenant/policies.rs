//! Resource attributes and policies of a tenant. The policies are compiled against the names that the tenant's grants,
//! roles and resource attributes define.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use deed_record::policy::{self, ActionShape, AttributeType, Policies, Vocabulary};
use deed_spec::json;
use deed_system::files::{FileError, TEXT_MAX};
use serde_json::Value;

use super::{Agent, Builder, Granted, Person};

impl Builder<'_> {
    pub(super) fn resources(
        &mut self,
    ) -> (BTreeMap<String, BTreeMap<String, Value>>, BTreeMap<String, AttributeType>) {
        let (mut resources, mut types) = (BTreeMap::new(), BTreeMap::new());
        for (name, attributes) in &self.raw.resource {
            let mut values = BTreeMap::new();
            for (key, value) in attributes {
                // Names that start with `__` are refused, because `__entity` and `__extn` have a special meaning in
                // Cedar's JSON format.
                if key.starts_with("__") {
                    let what = format!(
                        "attribute name `{key}` is reserved; a name must not start with `__`"
                    );
                    self.fault("resource", name, key, &what);
                    continue;
                }
                let Some((value, kind)) = attribute(value) else {
                    self.fault(
                        "resource",
                        name,
                        key,
                        &format!(
                            "`{key}` must be a text, a whole number within ±(2^53−1) or true/false"
                        ),
                    );
                    continue;
                };
                if types.insert(key.clone(), kind).is_some_and(|other| other != kind) {
                    self.fault(
                        "resource",
                        name,
                        key,
                        &format!("`{key}` has another type in another resource"),
                    );
                }
                values.insert(key.clone(), value);
            }
            resources.insert(name.clone(), values);
        }
        (resources, types)
    }

    pub(super) fn policies(
        &mut self,
        agents: &BTreeMap<String, Agent>,
        persons: &BTreeMap<String, Person>,
        grants: &BTreeMap<String, Granted>,
        attributes: BTreeMap<String, AttributeType>,
    ) -> Option<Policies> {
        let mut sources = Vec::new();
        for name in &self.raw.policies {
            match self.files.text(name, TEXT_MAX) {
                Ok(text) => sources.push((name.clone(), text)),
                Err(e) => self.unread_policy(name, &e),
            }
        }
        // The policies are not compiled if a grant has a fault: the fault was already reported, and policies that name
        // the grant would only cause further errors.
        if grants.len() < self.raw.grant.len() {
            return None;
        }
        let vocabulary = vocabulary(agents, persons, grants, attributes);
        policy::compile(&sources, &vocabulary).map_err(|e| self.faults.push(e.into())).ok()
    }

    /// Reports an unreadable policy file at the line of this tenant that names the file, because several tenants may
    /// name it.
    fn unread_policy(&mut self, file: &str, error: &FileError) {
        let remedy = match error.kind() {
            Some(ErrorKind::NotFound) => "; put the file there or correct `policies`",
            Some(ErrorKind::PermissionDenied) => "; let the host's user read it",
            Some(_) => "; put a readable file there or correct `policies`",
            // The error text already contains the remedy.
            None => "",
        };
        let what = format!("`policies` of tenant `{}`: {error}{remedy}", self.name);
        let table = format!("[tenant.{}]", self.name);
        let has_table = self.here.text.lines().any(|line| line.trim() == table);
        let fault = if has_table {
            self.here.fault_in(&table, file, &what)
        } else {
            self.here.fault(file, &what)
        };
        self.faults.push(fault);
    }
}

/// The names that policies may use, collected from the tenant's agents, persons, grants and resources.
pub(super) fn vocabulary(
    agents: &BTreeMap<String, Agent>,
    persons: &BTreeMap<String, Person>,
    grants: &BTreeMap<String, Granted>,
    attributes: BTreeMap<String, AttributeType>,
) -> Vocabulary {
    let shape = |granted: &Granted| ActionShape {
        params: granted.contract.params_schema(),
        state: granted.contract.state_schemas(),
        plan: granted.contract.computed(),
    };
    let roles =
        agents.values().flat_map(|a| &a.roles).chain(persons.values().flat_map(|p| &p.roles));
    Vocabulary {
        actions: grants.iter().map(|(name, granted)| (name.clone(), shape(granted))).collect(),
        roles: roles.cloned().collect(),
        attributes,
    }
}

fn attribute(value: &toml::Value) -> Option<(Value, AttributeType)> {
    match value {
        toml::Value::String(text) => Some((Value::from(text.clone()), AttributeType::String)),
        // A number beyond ±(2^53−1) has no canonical JSON form and cannot be signed.
        toml::Value::Integer(number)
            if number.unsigned_abs() <= json::MAX_INTEGER.unsigned_abs() =>
        {
            Some((Value::from(*number), AttributeType::Long))
        }
        toml::Value::Boolean(flag) => Some((Value::from(*flag), AttributeType::Bool)),
        _ => None,
    }
}
