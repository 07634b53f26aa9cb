//! Forgeries by a lying host that break a rule of version 2 (docs/formats.md, section 10). Signatures, digests and
//! summaries fit, so that only the rule itself is broken.

mod answers;
mod confirmations;
mod contract;
mod plans;

use deed_record::bundle::{ACTION, CONTRACT, Files, GRANT, LATER, POST, PRE};
use deed_spec::digest::Digest;
use deed_spec::json::canonical;
use serde_json::{Value, json};

use super::host::{leaves, places};
use crate::class::Sink;
use crate::forge::{Parts, chain, kind, payload, rebuilt, replaced_by, restated, sign_value};
use crate::samples::Sample;

pub(super) use self::answers::{answers, meanings, paths};
pub(super) use self::confirmations::confirmations;
pub(super) use self::contract::{contracts, searches};
pub(super) use self::plans::plans;

/// The parts with an observation.
const LOOKS: [&str; 3] = [PRE, POST, LATER];

/// A JSON part of the bundle; null if the bundle does not have it.
fn part(sample: &Sample, name: &str) -> Value {
    let text = sample.files.get(name);
    text.map(|text| serde_json::from_slice(text).unwrap()).unwrap_or_default()
}

/// Whether the bundle is of version 2, of an action that was granted a run.
fn ran_as_two(sample: &Sample) -> bool {
    is_two(sample) && sample.files.contains_key(GRANT)
}

/// Whether the bundle is of version 2.
fn is_two(sample: &Sample) -> bool {
    part(sample, ACTION)["v"] == 2
}

/// Forges a bundle for each set of changed parts. A set that changes nothing is left out.
fn forge(sink: &mut Sink<'_>, sample: &Sample, made: Vec<(String, Parts)>) {
    for (what, parts) in made {
        if parts.iter().any(|(name, value)| part(sample, name) != *value) {
            let files = rebuilt(&sample.files, &parts, &sink.bench.keys);
            sink.files(&format!("{}: {what}", sample.kind), &files);
        }
    }
}

/// States that do not follow from the exchanges.
pub(super) fn states(sink: &mut Sink<'_>, sample: &Sample) {
    if !is_two(sample) {
        return;
    }
    let mut made = Vec::new();
    for name in LOOKS {
        let look = part(sample, name);
        let state = &look["state"];
        for (pointer, state) in leaves(state).into_iter().chain(forms(state)) {
            let mut look = look.clone();
            look["state"] = state;
            made.push((format!("{name} state{pointer}"), Parts::from([(name, look)])));
        }
    }
    forge(sink, sample, made);
}

/// The same values in a form that is not normal: a decimal with a further zero, or a list in another order.
fn forms(state: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for pointer in places(state, "") {
        let form: Value = match state.pointer(&pointer).unwrap() {
            Value::String(text) if text.parse::<f64>().is_ok() => {
                let zero = if text.contains('.') { "0" } else { ".0" };
                format!("{text}{zero}").into()
            }
            Value::Array(items) => items.iter().rev().cloned().collect(),
            _ => continue,
        };
        let mut changed = state.clone();
        *changed.pointer_mut(&pointer).unwrap() = form;
        out.push((format!("{pointer} in another form"), changed));
    }
    out
}

/// Outputs that differ, are missing, or are not declared.
pub(super) fn outputs(sink: &mut Sink<'_>, sample: &Sample) {
    if !is_two(sample) {
        return;
    }
    let keys = &sink.bench.keys;
    let mut made = Vec::new();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        if !["receipt", "reconciliation"].contains(&kind(line).as_str()) {
            continue;
        }
        let right = payload(line);
        let outputs = right["predicate"].get("outputs").cloned().unwrap_or_else(|| json!({}));
        let mut more = outputs.clone();
        more["more"] = json!("x");
        for (what, outputs) in leaves(&outputs).into_iter().chain([("/more".to_owned(), more)]) {
            let mut statement = right.clone();
            statement["predicate"]["outputs"] = outputs;
            let files = restated(&sample.files, n, &statement, &keys.receipt, &keys.log);
            made.push((format!("{}: {} outputs{what}", sample.kind, kind(line)), files));
        }
    }
    all(sink, made);
}

/// Verifies bundles that are complete.
fn all(sink: &mut Sink<'_>, made: Vec<(String, Files)>) {
    for (what, files) in made {
        sink.files(&what, &files);
    }
}

/// Approvals of other values than those that the contract names, signed by the approver.
pub(super) fn approvals(sink: &mut Sink<'_>, sample: &Sample) {
    let contract = part(sample, CONTRACT);
    let state = part(sample, PRE)["state"].clone();
    let Some(pointers) = contract.pointer("/approval/depends_on").and_then(Value::as_array) else {
        return;
    };
    let keys = &sink.bench.keys;
    let mut made = Vec::new();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        let right = payload(line);
        if kind(line) != "approval" || right["predicate"]["person"] != "bob" {
            continue;
        }
        for (what, approved) in others(&state, pointers) {
            let mut statement = right.clone();
            let digest = Digest::of(&canonical(&approved).unwrap());
            statement["predicate"]["pre_state"] = digest.to_string().into();
            if statement == right {
                continue;
            }
            let line = sign_value(&statement, &keys.bob);
            let files = replaced_by(&sample.files, n, line, &keys.receipt, &keys.log);
            made.push((format!("{}: an approval of {what}", sample.kind), files));
        }
        for (what, statement) in other_plans(&right) {
            let line = sign_value(&statement, &keys.bob);
            let files = replaced_by(&sample.files, n, line, &keys.receipt, &keys.log);
            made.push((format!("{}: an approval of {what}", sample.kind), files));
        }
    }
    all(sink, made);
}

/// The approval of another plan and of no plan; nothing if it is not of a plan.
fn other_plans(right: &Value) -> Vec<(&'static str, Value)> {
    if right["predicate"].get("plan").is_none() {
        return vec![];
    }
    let (mut other, mut none) = (right.clone(), right.clone());
    other["predicate"]["plan"] = Digest::of(b"another plan").to_string().into();
    none["predicate"].as_object_mut().unwrap().remove("plan");
    vec![("another plan", other), ("no plan", none)]
}

/// The whole state, and what an approval of this state contains with one change.
fn others(state: &Value, pointers: &[Value]) -> Vec<(String, Value)> {
    let pointers = pointers.iter().filter_map(Value::as_str);
    let values = pointers.filter_map(|at| Some((at.to_owned(), state.pointer(at)?.clone())));
    let exists = state.as_object().into_iter().flatten();
    let exists = exists.map(|(name, value)| (name.clone(), Value::from(!value.is_null())));
    let (exists, values): (Value, Value) = (exists.collect(), values.collect());
    let approved = json!({"exists": exists, "values": values});
    let changed = leaves(&approved).into_iter().map(|(at, value)| (format!("{at} changed"), value));
    [("the whole state".to_owned(), state.clone())].into_iter().chain(changed).collect()
}
