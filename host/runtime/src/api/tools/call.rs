//! Turns the arguments of a call into a proposal. The engine checks the proposal again, as it checks every proposal.

use std::collections::BTreeMap;

use deed_record::action::{Proposal, Source};
use deed_record::contract::Contract;
use deed_record::contract::schema::Violation;
use deed_spec::json::{self, child};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::input::{EXPECT, INTENT, KEY, PARAMS, SOURCES, is_nested, needs_key};
use crate::api::KEY_MAX;

/// What a call proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub proposal: Proposal,
    pub idempotency_key: Option<String>,
}

/// The arguments of a call do not fit. The pointers lead into the arguments as the caller wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the arguments do not fit the tool: {}", lines(.0))]
pub struct ArgumentsError(pub Vec<Violation>);

fn lines(violations: &[Violation]) -> String {
    violations.iter().map(Violation::to_string).collect::<Vec<_>>().join("; ")
}

/// Splits the arguments of a call into a proposal and its idempotency key.
///
/// A key that the caller sent in another place must be added to the arguments before.
///
/// # Errors
///
/// Fails with every fault of the arguments.
pub fn split(
    contract: &Contract,
    mut arguments: Map<String, Value>,
) -> Result<Call, ArgumentsError> {
    let mut faults = Vec::new();
    let intent = required(INTENT, arguments.remove(INTENT), &mut faults);
    let sources = sources(contract, arguments.remove(SOURCES), &mut faults);
    let expect: Option<BTreeMap<String, Value>> =
        read(EXPECT, arguments.remove(EXPECT), &mut faults);
    let idempotency_key = key(contract, arguments.remove(KEY), &mut faults);
    let params = parameters(contract, arguments, &mut faults);
    if !faults.is_empty() {
        return Err(ArgumentsError(faults));
    }
    let proposal = Proposal {
        dry_run: false,
        contract: contract.action.name.clone(),
        params,
        intent: intent.unwrap_or_default(),
        reasoning: None,
        on_behalf_of: None,
        sources,
        environment: None,
        expect: expect.unwrap_or_default(),
    };
    Ok(Call { proposal, idempotency_key })
}

/// The pointer into the arguments that corresponds to a pointer into the proposal, such as `/user_id` for
/// `/params/user_id`.
pub fn as_written(contract: &Contract, pointer: &str) -> String {
    let inner =
        pointer.strip_prefix("/params").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    inner.filter(|_| !is_nested(contract)).unwrap_or(pointer).to_owned()
}

/// The parameters as the caller wrote them. They are checked in their normal form, as the engine does.
fn parameters(
    contract: &Contract,
    mut arguments: Map<String, Value>,
    faults: &mut Vec<Violation>,
) -> Value {
    let params = if is_nested(contract) {
        let params = arguments.remove(PARAMS).unwrap_or_else(|| Value::Object(Map::new()));
        faults.extend(arguments.keys().map(|name| Violation {
            pointer: child("", name),
            reason:
                "is not an argument of this tool; parameters are members of `params`".to_owned(),
        }));
        params
    } else {
        Value::Object(arguments)
    };
    let mut normal = params.clone();
    contract.normal_params(&mut normal);
    let violations = contract.params_schema().violations(&normal).into_iter();
    faults.extend(violations.map(|violation| Violation {
        pointer: as_written(contract, &format!("/params{}", violation.pointer)),
        reason: violation.reason,
    }));
    params
}

/// The sources. Without enough of them, the action would be denied.
fn sources(contract: &Contract, value: Option<Value>, faults: &mut Vec<Violation>) -> Vec<Source> {
    let absent = value.is_none();
    let sources: Option<Vec<Source>> = read(SOURCES, value, faults);
    let count = sources.as_ref().map(Vec::len).or(absent.then_some(0));
    let wanted = contract.evidence.sources;
    if let Some(count) = count.filter(|count| *count < wanted) {
        let reason =
            format!("the contract requires {wanted} source(s), but the call names {count}");
        faults.push(fault(SOURCES, reason));
    }
    sources.unwrap_or_default()
}

fn key(contract: &Contract, value: Option<Value>, faults: &mut Vec<Violation>) -> Option<String> {
    if value.is_none() && !needs_key(contract) {
        return None;
    }
    let key = required(KEY, value, faults)?;
    let fits = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        faults.push(fault(KEY, "must be 1 to 128 visible ASCII characters".to_owned()));
    }
    Some(key)
}

fn required(name: &str, value: Option<Value>, faults: &mut Vec<Violation>) -> Option<String> {
    if value.is_none() {
        faults.push(fault(name, "is required but absent".to_owned()));
    }
    read(name, value, faults)
}

/// Reads one argument, and notes why it cannot be read.
fn read<T: DeserializeOwned>(
    name: &str,
    value: Option<Value>,
    faults: &mut Vec<Violation>,
) -> Option<T> {
    match json::from_value(value?) {
        Ok(read) => Some(read),
        Err(error) => {
            let pointer = format!("{}{}", child("", name), error.pointer);
            faults.push(Violation { pointer, reason: error.reason });
            None
        }
    }
}

fn fault(name: &str, reason: String) -> Violation {
    Violation { pointer: child("", name), reason }
}
