//! The parts of the state that may change: JSON pointers, which may name an element of an array by its key.
//!
//! In format 2 a parameter may stand for the key, as in `/group/members/{user_id}`.

use deed_spec::json::child;
use serde_json::Value;

use super::fault::Fault;
use super::schema::{Kind, Schema};
use super::template::text::Format;
use super::{Contract, check};

/// The pointers of `may_change` with the values of their parameters filled in. A pointer whose parameter is absent
/// allows no change.
pub fn allowed(contract: &Contract, params: &Value) -> Vec<String> {
    let written = contract.verify.may_change.iter();
    if contract.templates() == Format::One {
        return written.cloned().collect();
    }
    written.filter_map(|pointer| filled(pointer, params)).collect()
}

fn filled(pointer: &str, params: &Value) -> Option<String> {
    pointer.split('/').skip(1).try_fold(String::new(), |done, token| match parameter(token) {
        Some(name) => match params.get(name)? {
            Value::String(text) => Some(child(&done, text)),
            Value::Number(number) => Some(child(&done, &number.to_string())),
            _ => None,
        },
        None => Some(format!("{done}/{token}")),
    })
}

/// Checks every pointer of `may_change`. Fails at the first pointer that leads outside the declared state.
pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    let states = contract.state_schemas();
    for pointer in &contract.verify.may_change {
        let named = contract.templates() == Format::Two && pointer.split('/').any(is_parameter);
        if check::in_state(&states, pointer) && !named {
            continue;
        }
        let mut tokens = pointer.split('/').skip(1);
        let state = tokens.next().and_then(|name| states.get(name));
        match state.filter(|_| contract.templates() == Format::Two && pointer.starts_with('/')) {
            Some(state) => element(contract, state, tokens, pointer)?,
            None => return Err(Fault::at(pointer, outside(pointer))),
        }
    }
    Ok(())
}

/// Checks a pointer that names elements by their keys.
fn element<'p>(
    contract: &Contract,
    state: &Schema,
    tokens: impl Iterator<Item = &'p str>,
    pointer: &str,
) -> Result<(), Fault> {
    let mut schema = state;
    for token in tokens {
        let key = schema.key_name().zip(schema.items.as_deref());
        let Some((key, items)) = key else {
            let name = token.replace("~1", "/").replace("~0", "~");
            let inner = schema.properties.get(&name).filter(|_| !is_parameter(token));
            schema = inner.ok_or_else(|| Fault::at(pointer, outside(pointer)))?;
            continue;
        };
        if let Some(name) = parameter(token) {
            let kind = items.properties.get(&key).and_then(Schema::kind);
            is_key(contract, name, kind, pointer)?;
        }
        schema = items;
    }
    Ok(())
}

/// Checks that a parameter that stands for a key is required, has the key's type and is not private.
fn is_key(contract: &Contract, name: &str, kind: Option<Kind>, pointer: &str) -> Result<(), Fault> {
    let required = contract.params.required.iter().any(|one| one == name);
    let schema = contract.params.properties.get(name);
    if required && schema.is_some_and(|one| one.kind() == kind && !one.private) {
        return Ok(());
    }
    let kind = kind.map_or("a string", Kind::name);
    let what = format!(
        "`{{{name}}}` in `{pointer}` must be a required parameter that is {kind} and not private"
    );
    Err(Fault::at(pointer, what))
}

fn parameter(token: &str) -> Option<&str> {
    token.strip_prefix('{')?.strip_suffix('}')
}

fn is_parameter(token: &str) -> bool {
    parameter(token).is_some()
}

fn outside(pointer: &str) -> String {
    format!(
        "`{pointer}` is outside the declared state; use a pointer to a property under [state], or to an element of an array \
         with `key`, such as `/group/members/{{user_id}}`"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract(may_change: &str) -> Result<Contract, String> {
        let text = format!(
            r#"
format = 2
[action]
name = "idp.add_member"
version = "1.0.0"
title = "Add"
verb = "update"
mode = "write"
effect = "observable"
resource = "groups/{{group}}"
adapter = "declared"
[params]
required = ["group", "user"]
properties.group = {{ type = "string", pattern = "^[a-z]+$" }}
properties.user = {{ type = "string" }}
properties.other = {{ type = "string" }}
properties.count = {{ type = "integer" }}
[state.group]
from = "GET /g/{{group}}"
[state.group.properties.members]
type = "array"
key = "/value"
items = {{ required = ["value"], properties = {{ value = {{ type = "string" }}, role = {{ type = "string" }} }} }}
[[observe.http]]
upstream = "idp"
request = "GET /g/{{group}}"
[[perform.http]]
upstream = "idp"
request = "PATCH /g/{{group}}"
[verify]
after = ["has(post.group.members)"]
may_change = [{may_change:?}]
"#
        );
        Contract::from_toml("c.toml", &text).map_err(|e| e.to_string())
    }

    #[test]
    fn a_parameter_stands_for_the_key_of_one_element() {
        let whole = contract("/group/members/{user}").unwrap();
        assert_eq!(allowed(&whole, &json!({"user": "a/b~c"})), ["/group/members/a~1b~0c"]);
        let part = contract("/group/members/{user}/role").unwrap();
        assert_eq!(allowed(&part, &json!({"user": "u"})), ["/group/members/u/role"]);
        assert_eq!(allowed(&part, &json!({})), Vec::<String>::new());
        assert_eq!(
            allowed(&contract("/group/members/x").unwrap(), &json!({})),
            ["/group/members/x"]
        );
    }

    #[test]
    fn other_pointers_are_refused() {
        for (pointer, why) in [
            ("/group/members/{other}", "must be a required parameter"),
            ("/group/members/{count}", "that is a string"),
            ("/group/members/{none}", "must be a required parameter"),
            ("/group/members/{user}/level", "outside the declared state"),
            ("/group/{user}", "outside the declared state"),
            ("/team/members", "outside the declared state"),
            ("group/members/{user}", "outside the declared state"),
        ] {
            let refused = contract(pointer).unwrap_err();
            assert!(refused.contains(why), "{pointer}: {refused}");
        }
    }
}
