//! Forgeries of several parts at once, by a host that makes every digest and every summary of an exchange fit.

use std::collections::BTreeMap;

use deed_record::bundle::{ACTION, EXCHANGES, Files, GRANT, LATER, POST, PRE, REHEARSAL, REQUEST};
use deed_record::exchange::Exchange;
use deed_spec::digest::Digest;
use deed_spec::json::canonical;
use serde_json::Value;

use super::{
    Renamed, about_itself, bindings, chain, put_chain, receipt_line, relog, rename, replaced,
    resigned,
};
use crate::samples::Keys;

/// The changed parts of a forgery by name.
pub(crate) type Parts = BTreeMap<&'static str, Value>;

/// Changes these parts, and everything that contains their digests or summarizes their exchanges, as far as the host
/// can sign. Statements of persons are unchanged.
pub(crate) fn rebuilt(files: &Files, parts: &Parts, keys: &Keys) -> Files {
    let mut out = files.clone();
    let mut renamed = Renamed::new();
    for (name, value) in parts {
        let bytes = canonical(value).unwrap();
        rename(&mut renamed, &files[*name], &bytes);
        if *name == GRANT {
            bindings(&mut renamed, &files[GRANT], &bytes);
        }
        if *name == REHEARSAL {
            let plan = |rehearsal: &Value| canonical(&rehearsal["plan"]).unwrap();
            rename(&mut renamed, &plan(&read(&files[REHEARSAL])), &plan(value));
        }
        out.insert((*name).to_owned(), bytes);
    }
    for name in [GRANT, ACTION, REQUEST] {
        let Some(old) = out.get(name) else { continue };
        let new = replaced(old, &renamed);
        rename(&mut renamed, &files[name], &new);
        out.insert(name.to_owned(), new);
    }
    let grant = out.get(GRANT).map(|bytes| read(bytes));
    let lines = resigned(&chain(files), renamed, &keys.receipt, |statement| {
        if let (Some(grant), Some(_)) = (&grant, statement["predicate"].get("grant")) {
            statement["predicate"]["grant"] = grant.clone();
        }
        in_order(statement);
        about_itself(statement);
        about_state(&out, statement);
        summarized(&out, statement);
    });
    put_chain(&mut out, &lines, receipt_line(&chain(files)));
    relog(&mut out, &keys.log);
    out
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Sorts the contracts of an activation, because the digest of a changed contract has another place.
fn in_order(statement: &mut Value) {
    let granted = statement.pointer_mut("/predicate/granted").and_then(Value::as_array_mut);
    if let Some(granted) = granted {
        granted.sort_by_key(|one| one["contract"].as_str().unwrap_or_default().to_owned());
    }
}

/// States whether the question to policy is about the state or the plan.
fn about_state(files: &Files, statement: &mut Value) {
    let Some(bytes) = files.get(REQUEST) else { return };
    let request = read(bytes);
    let digest = Digest::of(bytes).to_string();
    let question = statement.pointer_mut("/predicate/question");
    if let Some(question) = question.filter(|one| one["request_sha256"] == digest) {
        let is_asked = |pointer: &str| request.pointer(pointer).is_some();
        question["about_state"] =
            Value::Bool(is_asked("/context/pre") || is_asked("/context/plan"));
    }
}

/// Summarizes the exchanges of the evidence in a statement that names the evidence by its digest.
fn summarized(files: &Files, statement: &mut Value) {
    for (name, place) in [(PRE, "pre"), (POST, "post"), (LATER, "look"), (REHEARSAL, "rehearsal")] {
        let Some(bytes) = files.get(name) else { continue };
        let digest = Digest::of(bytes).to_string();
        let look = statement.pointer_mut(&format!("/predicate/{place}"));
        if let Some(look) = look.filter(|look| look["evidence_sha256"] == digest) {
            look["exchanges"] = summaries(&read(bytes)["exchanges"]);
        }
    }
    let attempts = read(&files[EXCHANGES]);
    for (n, attempt) in attempts.as_array().into_iter().flatten().enumerate() {
        if let Some(short) = statement.pointer_mut(&format!("/predicate/attempts/{n}")) {
            short["exchanges"] = summaries(&attempt["exchanges"]);
        }
    }
}

fn summaries(exchanges: &Value) -> Value {
    let exchanges: Vec<Exchange> = serde_json::from_value(exchanges.clone()).unwrap();
    let short: Vec<_> = exchanges.iter().map(Exchange::summary).collect();
    serde_json::to_value(short).unwrap()
}
