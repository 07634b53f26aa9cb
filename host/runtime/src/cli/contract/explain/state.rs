//! The states of `--state`, in the form in which the host keeps what it reads.

use std::fs;

use deed_record::contract::{Contract, StateShape};
use deed_spec::json;
use serde_json::{Map, Value};

use super::super::super::out::Failure;
use super::super::super::proposal::split;

/// Reads the `--state` arguments, each `NAME=JSON` or `NAME=@FILE`, and returns the states by name.
pub(super) fn given(contract: &Contract, list: &[String]) -> Result<Value, Failure> {
    let mut states = Map::new();
    for pair in list {
        let (name, text) = split("--state", pair, "NAME=JSON or NAME=@FILE")?;
        let shape = contract.state.get(name).ok_or_else(|| {
            let known: Vec<&str> = contract.state.keys().map(String::as_str).collect();
            let known = known.join("`, `");
            Failure::usage(format!("--state {name}: the contract declares the states `{known}`"))
        })?;
        let value = kept(contract, shape, &read(name, text)?);
        let value = value.map_err(|why| Failure::usage(format!("--state {name}: {why}")))?;
        if states.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--state names `{name}` twice; keep one")));
        }
    }
    Ok(Value::Object(states))
}

/// The JSON of an argument, or of the file that the argument names.
fn read(name: &str, text: &str) -> Result<Value, Failure> {
    let text = match text.strip_prefix('@') {
        Some(file) => fs::read_to_string(file)
            .map_err(|error| Failure::Failed(format!("--state {name}: `{file}`: {error}")))?,
        None => text.to_owned(),
    };
    json::parse(text.as_bytes()).map_err(|error| {
        Failure::usage(format!("--state {name} is not strict JSON: {error}; strings need quotes"))
    })
}

/// The declared part of a state; null if the state does not exist. Fails when the value does not fit the contract.
fn kept(contract: &Contract, shape: &StateShape, value: &Value) -> Result<Value, String> {
    if value.is_null() {
        return if contract.may_be_absent(shape) {
            Ok(Value::Null)
        } else {
            Err("the contract does not allow that this state does not exist".to_owned())
        };
    }
    let missing = shape.schema().missing(value);
    if let Some(first) = missing.first() {
        return Err(format!("`{first}` is required"));
    }
    shape.project(value).map_err(|violation| violation.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract() -> Contract {
        let text = "format = 2\n[action]\nname = \"a.b\"\nversion = \"1.0.0\"\ntitle = \"Try\"\nverb = \"read\"\n\
             mode = \"read\"\neffect = \"idempotent\"\nresource = \"a/x\"\nadapter = \"declared\"\n[params]\n\
             [state.fee]\nfrom = \"GET /fee\"\nrequired = [\"amount\"]\n\
             properties.amount = { type = \"decimal\" }\n\
             properties.tags = { type = \"array\", unordered = true, items = { type = \"string\" } }\n\
             [[observe.http]]\nupstream = \"a\"\nrequest = \"GET /fee\"\n";
        Contract::from_toml("c.toml", text).unwrap()
    }

    fn states(list: &[&str]) -> Result<Value, String> {
        let list: Vec<String> = list.iter().map(|one| (*one).to_owned()).collect();
        given(&contract(), &list).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_state_has_the_form_in_which_the_host_keeps_it() {
        let text = r#"fee={"amount":10.50,"tags":["b","a"],"more":1}"#;
        assert_eq!(states(&[text]), Ok(json!({"fee": {"amount": "10.5", "tags": ["a", "b"]}})));
        let file = std::env::temp_dir().join(format!("deed-state-{}.json", std::process::id()));
        fs::write(&file, "{\"amount\": 1}").unwrap();
        let argument = format!("fee=@{}", file.display());
        assert_eq!(states(&[&argument]), Ok(json!({"fee": {"amount": "1"}})));
        fs::remove_file(file).unwrap();
        assert_eq!(states(&[]), Ok(json!({})));
    }

    #[test]
    fn what_is_no_state_of_the_contract_is_refused() {
        for (list, why) in [
            (vec!["fee"], "write NAME=JSON or NAME=@FILE"),
            (vec!["free={}"], "the contract declares the states `fee`"),
            (vec!["fee={"], "is not strict JSON"),
            (vec!["fee=null"], "does not allow that this state does not exist"),
            (vec!["fee={}"], "`/amount` is required"),
            (vec!["fee={\"amount\":0.00001}"], "--state fee: "),
            (vec!["fee={\"amount\":1}", "fee={\"amount\":1}"], "names `fee` twice"),
            (vec!["fee=@/no/such/file"], "`/no/such/file`"),
        ] {
            let refused = states(&list).unwrap_err();
            assert!(refused.contains(why), "{list:?}: {refused}");
        }
    }
}
