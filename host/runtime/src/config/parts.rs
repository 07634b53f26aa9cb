//! The parts of a configuration, each with a digest, so that two configurations can be compared without their texts.
//!
//! The host writes the digests to `state/`. They are digests of tables of `deed.toml` and of files that are not secret,
//! and never of the value of a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::statement::activation::relying_party_digest;
use deed_record::statement::approver::ApproverKey;
use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Tenant;

/// The digest of each part, by the name of the part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(BTreeMap<String, Digest>);

/// The fields of tables of a tenant that have no effect on actions, each after the kind of its table.
const ABOUT: [(&str, &str); 3] = [("upstream", "test"), ("secret", "expires"), ("person", "email")];

/// How one part of a configuration differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartChange {
    pub part: String,
    /// `added`, `changed` or `removed`.
    pub change: String,
}

impl Parts {
    /// The parts of a configuration with this text of `deed.toml`.
    pub(super) fn of(text: &str, tenants: &BTreeMap<String, Arc<Tenant>>) -> Self {
        let mut parts = Self::default();
        let tables: Map<String, Value> = toml::from_str(text).unwrap_or_default();
        for (name, value) in &tables {
            match value {
                Value::Object(tenants) if name == "tenant" => parts.tenants(tenants),
                value => parts.put(shown(name, value), value),
            }
        }
        for tenant in tenants.values() {
            parts.files(tenant);
        }
        parts
    }

    /// What differs between this configuration and another one that replaces it, sorted by the names of the parts.
    pub fn changes(&self, next: &Self) -> Vec<PartChange> {
        let names: BTreeSet<&String> = self.0.keys().chain(next.0.keys()).collect();
        let change = |name: &String| match (self.0.get(name), next.0.get(name)) {
            (None, _) => Some("added"),
            (_, None) => Some("removed"),
            (Some(was), Some(is)) => (was != is).then_some("changed"),
        };
        let changes = names.into_iter().filter_map(|name| Some((name, change(name)?)));
        changes
            .map(|(part, how)| PartChange { part: part.clone(), change: how.to_owned() })
            .collect()
    }

    /// The names of upstreams of a tenant that differ in the next configuration, in their table or in their TLS roots.
    pub fn other_upstreams(&self, next: &Self, tenant: &str) -> BTreeSet<String> {
        let (table, roots) = (format!("[tenant.{tenant}.upstream."), tls_roots(tenant));
        let name = |part: &str| {
            let table = part.strip_prefix(&table).and_then(|rest| rest.strip_suffix(']'));
            table.or_else(|| part.strip_prefix(&roots)).map(str::to_owned)
        };
        self.changes(next).iter().filter_map(|one| name(&one.part)).collect()
    }

    /// The names of secrets and tokens of a tenant whose table differs in the next configuration.
    pub fn other_secrets(&self, next: &Self, tenant: &str) -> BTreeSet<String> {
        let tables = ["secret", "token"].map(|kind| format!("[tenant.{tenant}.{kind}."));
        let name = |part: &str| {
            let rest = tables.iter().find_map(|table| part.strip_prefix(table.as_str()))?;
            rest.strip_suffix(']').map(str::to_owned)
        };
        self.changes(next).iter().filter_map(|one| name(&one.part)).collect()
    }

    /// The digest of all parts.
    pub fn digest(&self) -> Digest {
        let lines: Vec<String> =
            self.0.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
        Digest::of(lines.concat().as_bytes())
    }

    fn tenants(&mut self, tenants: &Map<String, Value>) {
        for (tenant, members) in
            tenants.iter().filter_map(|(name, one)| Some((name, one.as_object()?)))
        {
            for (kind, value) in members {
                let table = format!("tenant.{tenant}.{kind}");
                match value {
                    Value::Object(entries) => {
                        for (entry, value) in entries {
                            self.entry(kind, &format!("[{table}.{entry}]"), value);
                        }
                    }
                    value => self.put(format!("`{kind}` of [tenant.{tenant}]"), value),
                }
            }
        }
    }

    /// A table of a tenant. A field that has no effect on actions is a part of its own, so that the rest of the table
    /// counts as unchanged when only this field changes.
    fn entry(&mut self, kind: &str, table: &str, value: &Value) {
        let about = ABOUT.iter().find(|(of, _)| *of == kind).map(|(_, field)| *field);
        let (Some(field), Value::Object(members)) = (about, value) else {
            return self.put(table.to_owned(), value);
        };
        let mut members = members.clone();
        if let Some(value) = members.remove(field) {
            self.put(format!("`{field}` of {table}"), &value);
        }
        self.put(table.to_owned(), &Value::Object(members));
    }

    /// The files of a tenant, as the host understood them.
    fn files(&mut self, tenant: &Tenant) {
        let name = &tenant.name;
        self.0.insert(format!("policies of {name}"), tenant.policies.digest());
        for (contract, granted) in &tenant.grants {
            self.0.insert(format!("contract {contract} of {name}"), granted.digest);
            self.0.insert(format!("adapter for {contract} of {name}"), granted.adapter);
        }
        for (upstream, digest) in &tenant.tls_roots {
            self.0.insert(format!("{}{upstream}", tls_roots(name)), *digest);
        }
        for (person, known) in tenant.persons.iter().filter(|(_, known)| !known.keys.is_empty()) {
            let mut ids: Vec<String> = known.keys.iter().filter_map(described).collect();
            ids.sort();
            self.0.insert(
                format!("keys of {person} of {name}"),
                Digest::of(ids.join(" ").as_bytes()),
            );
        }
    }

    fn put(&mut self, name: String, value: &Value) {
        // A value without a canonical form, such as a date, is compared by its text.
        let bytes = json::canonical(value).unwrap_or_else(|_| value.to_string().into_bytes());
        self.0.insert(name, Digest::of(&bytes));
    }
}

/// The ID of a key, and for a passkey the digest of where it may be used.
fn described(key: &ApproverKey) -> Option<String> {
    let id = key.id().ok()?;
    match key.passkey() {
        None => Some(id),
        Some(passkey) => {
            let party = relying_party_digest(&passkey.relying_party).ok()?;
            Some(format!("{id} {party}"))
        }
    }
}

/// A field or a table of the host, as a message names it.
fn shown(name: &str, value: &Value) -> String {
    if value.is_object() { format!("[{name}]") } else { format!("`{name}`") }
}

fn tls_roots(tenant: &str) -> String {
    format!("TLS roots of {tenant}: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        Parts::of(text, &BTreeMap::new())
    }

    const BEFORE: &str = "environment = \"production\"\n[limits]\nruns = 4\n[tenant.acme]\npolicies = []\n\
                          [tenant.acme.agent.helpdesk]\nperson = \"alice\"\n[tenant.acme.upstream.idp]\ntimeout = \"1s\"\n";

    #[test]
    fn each_table_and_field_is_a_part_of_its_own() {
        let before = parts(BEFORE);
        assert_eq!(before.changes(&before), []);
        for (from, to, part, change) in [
            ("runs = 4", "runs = 5", "[limits]", "changed"),
            ("policies = []", "policies = [\"a\"]", "`policies` of [tenant.acme]", "changed"),
            ("\"alice\"", "\"bob\"", "[tenant.acme.agent.helpdesk]", "changed"),
            ("environment = \"production\"\n", "", "`environment`", "removed"),
            ("[limits]", "[approval]\nexpires = \"1h\"\n[limits]", "[approval]", "added"),
        ] {
            let after = parts(&BEFORE.replace(from, to));
            let expected = PartChange { part: part.to_owned(), change: change.to_owned() };
            assert_eq!(before.changes(&after), [expected], "{from}");
            assert_ne!(before.digest(), after.digest());
        }
    }

    #[test]
    fn the_order_of_a_file_and_its_comments_make_no_difference() {
        let (first, rest) = BEFORE.split_once("[limits]\nruns = 4\n").unwrap();
        let after = parts(&format!("# a comment\n{first}{rest}[limits]\nruns = 4\n"));
        assert_eq!(parts(BEFORE), after);
    }

    #[test]
    fn a_secret_or_token_differs_by_its_table_only_for_its_own_tenant() {
        let text = format!(
            "{BEFORE}[tenant.acme.secret.pin]\nfile = \"secrets/pin\"\n[tenant.acme.token.job]\nkey = \"a\"\n"
        );
        let (before, after) = (parts(&text), parts(&text.replace("secrets/pin", "secrets/other")));
        assert_eq!(before.other_secrets(&after, "acme"), BTreeSet::from(["pin".to_owned()]));
        assert!(before.other_secrets(&after, "acm").is_empty());
        let after = parts(&text.replace("key = \"a\"", "key = \"b\""));
        assert_eq!(before.other_secrets(&after, "acme"), BTreeSet::from(["job".to_owned()]));
    }

    #[test]
    fn a_field_without_an_effect_on_actions_is_a_part_of_its_own() {
        let text = format!(
            "{BEFORE}test = \"GET /a\"\n[tenant.acme.secret.pin]\nexpires = \"2027-03-01\"\n"
        );
        let before = parts(&text);
        for (from, to, part) in [
            ("GET /a", "GET /b", "`test` of [tenant.acme.upstream.idp]"),
            ("2027", "2028", "`expires` of [tenant.acme.secret.pin]"),
        ] {
            let after = parts(&text.replace(from, to));
            let expected = PartChange { part: part.to_owned(), change: "changed".to_owned() };
            assert_eq!(before.changes(&after), [expected]);
            assert!(before.other_upstreams(&after, "acme").is_empty());
            assert!(before.other_secrets(&after, "acme").is_empty());
        }
    }

    #[test]
    fn an_upstream_differs_by_its_table_only_for_its_own_tenant() {
        let (before, after) = (parts(BEFORE), parts(&BEFORE.replace("\"1s\"", "\"2s\"")));
        assert_eq!(before.other_upstreams(&after, "acme"), BTreeSet::from(["idp".to_owned()]));
        assert!(before.other_upstreams(&after, "acm").is_empty());
        assert!(before.other_upstreams(&before, "acme").is_empty());
    }
}
