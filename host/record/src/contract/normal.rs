//! Converts parameters and states to their normal form and to the form that policies read, and converts states to the
//! form in which they are compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::{Schema, SentAs, decimal, set};
use super::{Contract, check};

impl Contract {
    /// Gives every decimal of the parameters its canonical form, and leaves a value that is not a decimal unchanged.
    pub fn normal_params(&self, params: &mut Value) {
        if self.has_decimal_params() {
            *params = decimal::normal(&self.params_schema(), params);
        }
    }

    /// Gives every expected value the normal form of the state. A value that does not fit the schema of the state stays
    /// unchanged, so it differs from every observed value.
    pub(crate) fn normal_expect(&self, expect: &mut BTreeMap<String, Value>) {
        if !self.any_state(&|one| one.has_decimal() || one.has_set()) {
            return;
        }
        let states = self.state_schemas();
        for (pointer, value) in expect {
            let schema = check::schema_at(&states, pointer);
            let Some(schema) = schema else { continue };
            let normal = decimal::normal(schema, value);
            // A value with members that the contract does not declare stays unchanged, because the projection would
            // drop these members.
            let fits = schema.violations(&normal).is_empty();
            if let Some(sorted) = schema.project(&normal).ok().filter(|_| fits) {
                *value = sorted;
            }
        }
    }

    /// Converts a whole state for comparison: an unordered array becomes an object whose member names identify the
    /// elements.
    pub fn comparable<'v>(&self, state: &'v Value) -> Cow<'v, Value> {
        let Value::Object(states) = state else { return Cow::Borrowed(state) };
        if !self.any_state(&Schema::has_set) {
            return Cow::Borrowed(state);
        }
        let named = states.iter().map(|(name, state)| {
            let shape = self.state.get(name);
            let named = shape.map(|one| set::by_name(&one.schema(), state));
            (name.clone(), named.unwrap_or_else(|| state.clone()))
        });
        Cow::Owned(Value::Object(named.collect()))
    }

    /// The decimal parameters that are sent as numbers in a JSON body, although they are kept as text.
    pub(crate) fn numbers(&self) -> Vec<&str> {
        let properties = self.params.properties.iter();
        let sent = properties.filter(|(_, schema)| schema.sent_as == Some(SentAs::Number));
        sent.map(|(name, _)| name.as_str()).collect()
    }

    /// Converts parameters to the form that policies read.
    pub fn policy_params(&self, params: &Value) -> Value {
        if !self.has_decimal_params() {
            return params.clone();
        }
        decimal::for_policy(&self.params_schema(), params)
    }

    /// Converts a whole state to the form that policies read.
    pub fn policy_state(&self, state: Value) -> Value {
        if !self.any_state(&Schema::has_decimal) {
            return state;
        }
        let whole = Schema { properties: self.state_schemas(), ..Schema::default() };
        decimal::for_policy(&whole, &state)
    }

    fn has_decimal_params(&self) -> bool {
        self.params.properties.values().any(Schema::has_decimal)
    }

    /// Whether the predicate holds for a property of any state.
    fn any_state(&self, is: &dyn Fn(&Schema) -> bool) -> bool {
        self.state.values().any(|shape| shape.properties.values().any(is))
    }
}
