//! The plan of a test case, as far as policies see it.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::contract::Contract;
use deed_record::plan::Computed;
use deed_spec::digest::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{partial, places};

/// What a case says about the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPlan {
    /// The number of writes.
    count: u32,
    /// The methods of the writes.
    methods: BTreeSet<String>,
    /// The values that the adapter computes, by the names of their parts. A part of a repeated write has a list.
    #[serde(default)]
    any: BTreeMap<String, Value>,
}

impl GivenPlan {
    /// The plan as policies see it.
    ///
    /// # Errors
    ///
    /// Fails when no plan under the contract looks like this.
    pub(super) fn seen(&self, contract: &Contract) -> Result<Value, String> {
        let name = &contract.action.name;
        let Some(computed) = contract.computed() else {
            return Err(format!("contract `{name}` is closed, so there is no `plan`"));
        };
        self.check_methods(contract)?;
        let mut values = Vec::new();
        for (name, value) in &self.any {
            let part = computed.get(name).ok_or_else(|| unknown(name, &computed))?;
            values.extend(of_part(name, part, value)?.into_iter().map(|one| (name, one)));
        }
        // No policy can know the digest of a plan before the plan exists.
        Ok(json!({
            "sha256": Digest::of(b""),
            "count": self.count,
            "methods": self.methods,
            "any": contract.policy_parts(values),
        }))
    }

    fn check_methods(&self, contract: &Contract) -> Result<(), String> {
        let rules = contract.perform.http.iter();
        let known: BTreeSet<&str> =
            rules.filter_map(|rule| rule.request.split_whitespace().next()).collect();
        match self.methods.iter().find(|method| !known.contains(method.as_str())) {
            None => Ok(()),
            Some(method) => {
                let known: Vec<&str> = known.into_iter().collect();
                let known = known.join("`, `");
                Err(format!("`plan/methods` has `{method}`; the contract has `{known}`"))
            }
        }
    }
}

fn unknown(name: &str, computed: &BTreeMap<String, Computed>) -> String {
    let known: Vec<&str> = computed.keys().map(String::as_str).collect();
    let known = known.join("`, `");
    format!("`plan/any` has `{name}`, which the contract does not declare; it declares `{known}`")
}

/// The values of a part, whose members may be missing.
fn of_part(name: &str, part: &Computed, value: &Value) -> Result<Vec<Value>, String> {
    let values = match value {
        Value::Array(list) if part.is_repeated => list.clone(),
        _ if part.is_repeated => {
            return Err(format!(
                "`plan/any/{name}` must be a list, because its write may be sent several times"
            ));
        }
        one => vec![one.clone()],
    };
    let schema = partial(&part.schema);
    for value in &values {
        let violations = schema.violations(value);
        if !violations.is_empty() {
            return Err(places(&format!("plan/any/{name}"), &violations));
        }
    }
    Ok(values)
}
