//! What policies see of a plan.
//!
//! A verifier that has the plan computes the same view again, so the view depends on nothing but the contract and the
//! plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Computed, Plan};
use crate::contract::Contract;
use crate::contract::schema::decimal;

impl Contract {
    /// The parts of writes that the adapter computes, by name; `None` if the contract is closed.
    pub fn computed(&self) -> Option<BTreeMap<String, Computed>> {
        if !self.is_open() {
            return None;
        }
        let parts = self.perform.http.iter().flat_map(|rule| {
            let is_repeated = rule.calls.is_some_and(|calls| calls > 1);
            // Parts that cannot be read are found when the contract is loaded.
            let parts = rule.open_parts().unwrap_or_default();
            parts
                .into_iter()
                .map(move |part| (part.name, Computed { schema: part.schema, is_repeated }))
        });
        Some(parts.collect())
    }

    /// The plan as policies see it: `{sha256, count, methods, any}`.
    ///
    /// A plan without a canonical form has no `sha256`. Every schema of policies requires this member, so such a plan
    /// denies the action.
    pub fn policy_plan(&self, plan: &Plan) -> Value {
        let methods: BTreeSet<&str> =
            plan.writes.iter().map(|write| write.request.method.as_str()).collect();
        let values = plan.writes.iter().flat_map(|write| {
            let mut parts = write.request.parts();
            let named = write.request.any.iter();
            let named = named.filter_map(|(pointer, name)| Some((name, parts.remove(pointer)?)));
            named.collect::<Vec<_>>()
        });
        let mut view = json!({
            "count": plan.writes.len(),
            "methods": methods,
            "any": self.policy_parts(values),
        });
        if let (Ok(digest), Some(members)) = (plan.digest(), view.as_object_mut()) {
            members.insert("sha256".to_owned(), json!(digest));
        }
        view
    }

    /// Computed values by the names of their parts, in the form that policies read. A part of a repeated write has the
    /// list of all its values, without duplicates; any other part has its only value. Values of parts that the contract
    /// does not declare are left out.
    pub fn policy_parts<'n>(&self, values: impl IntoIterator<Item = (&'n String, Value)>) -> Value {
        let computed = self.computed().unwrap_or_default();
        let mut parts = Map::new();
        for (name, value) in values {
            // Cedar has no null, so a part that is null is absent.
            let Some(part) = computed.get(name).filter(|_| !value.is_null()) else { continue };
            add(&mut parts, name, part, &value);
        }
        Value::Object(parts)
    }
}

/// Adds a value of a part. Different texts of the same decimal are one value.
fn add(parts: &mut Map<String, Value>, name: &str, part: &Computed, value: &Value) {
    let normal = decimal::normal(&part.schema, value);
    let value = decimal::for_policy(&part.schema, &normal);
    if !part.is_repeated {
        parts.insert(name.to_owned(), value);
        return;
    }
    let list = parts.entry(name).or_insert_with(|| json!([]));
    if let Value::Array(list) = list
        && !list.contains(&value)
    {
        list.push(value);
    }
}

#[cfg(test)]
mod tests;
