//! Forgeries by a lying host, which uses its receipt key and its log key to sign and log events that did not happen.

use deed_record::bundle::{ACTION, CHAIN, Files, LATER, POST, PRE, RECEIPT, REHEARSAL};
use deed_spec::json::canonical;
use serde_json::{Value, json};

use crate::class::Sink;
use crate::forge::{
    about_itself, chain, is_a_persons, kind, payload, receipt_line, rehashed, relog, restated,
};
use crate::samples::Sample;
use crate::word;

pub(super) fn claims(sink: &mut Sink<'_>, sample: &Sample) {
    let n = receipt_line(&chain(&sample.files));
    let right = payload(&chain(&sample.files)[n]);
    let mut made: Vec<(String, Value)> = Vec::new();
    let mut claim = |what: &str, edit: &dyn Fn(&mut Value)| {
        let mut statement = right.clone();
        edit(&mut statement["predicate"]);
        if statement != right {
            made.push((format!("receipt says {what}"), statement));
        }
    };
    judged(&mut claim);
    decided(&mut claim, right["predicate"].get("decision").is_some());
    let keys = &sink.bench.keys;
    let forged: Vec<_> = made
        .into_iter()
        .map(|(what, statement)| {
            (what, restated(&sample.files, n, &statement, &keys.receipt, &keys.log))
        })
        .collect();
    for (what, files) in forged.into_iter().chain(looked(sink, sample)) {
        sink.files(&word::pattern(sample.kind, &what), &files);
    }
}

/// Forges bundles in which an observation or a plan counts although its run failed or requested more than its grant allows.
fn looked(sink: &Sink<'_>, sample: &Sample) -> Vec<(String, Files)> {
    let keys = &sink.bench.keys;
    let mut made = Vec::new();
    for name in [PRE, POST, LATER, REHEARSAL] {
        let Some(text) = sample.files.get(name) else { continue };
        let look: Value = serde_json::from_slice(text).unwrap();
        if look.get("problem").is_some() {
            continue;
        }
        for (what, member, value) in [
            ("trapped", "claim", json!({"trapped": "unreachable"})),
            ("was lost", "claim", json!("lost")),
            ("was refused", "refused", json!(["GET /elsewhere"])),
        ] {
            let mut changed = look.clone();
            changed[member] = value;
            let bytes = canonical(&changed).unwrap();
            let files = rehashed(&sample.files, name, &bytes, &keys.receipt, &keys.log);
            made.push((format!("{name} says that its run {what}"), files));
        }
    }
    made
}

/// Registers a named false claim, which is a change to a receipt's predicate.
type Claim<'a> = dyn FnMut(&str, &dyn Fn(&mut Value)) + 'a;

/// False claims about the outcome and the approvals.
fn judged(claim: &mut Claim<'_>) {
    for outcome in ["verified", "mismatch", "failed", "denied", "expired", "cancelled", "rehearsed"]
    {
        claim(&format!("outcome {outcome}"), &|p| p["outcome"] = outcome.into());
    }
    claim("no changes", &|p| p["changes"] = json!([]));
    claim("another change", &|p| {
        let change = json!({"pointer": "/user/title", "new": "Boss"});
        p["changes"].as_array_mut().unwrap().push(change);
    });
    claim("nothing unexpected", &|p| p["unexpected"] = json!([]));
    claim("every check holds", &|p| {
        p["checks"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|check| check["holds"] = true.into());
    });
    claim("no checks", &|p| p["checks"] = json!([]));
    claim("no approvals", &|p| p["approvals"] = json!([]));
    claim("approvals that do not count", &|p| {
        p["approvals"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|one| one["counted"] = false.into());
    });
    claim("stale approvals that count", &|p| {
        p["approvals"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|one| one["counted"] = true.into());
    });
    claim("denials that approve", &|p| {
        p["approvals"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|one| one["decision"] = "approve".into());
    });
}

/// False claims about the decision, the grant, the observations and the attempts.
fn decided(claim: &mut Claim<'_>, was_decided: bool) {
    for field in ["decision", "question", "grant", "pre", "post", "rehearsal"] {
        claim(&format!("no {field}"), &|p| drop(p.as_object_mut().unwrap().remove(field)));
    }
    claim("no attempts", &|p| p["attempts"] = json!([]));
    claim("an attempt more", &|p| {
        let attempts = p["attempts"].as_array_mut().unwrap();
        attempts.extend(attempts.last().cloned());
    });
    claim("another guard", &|p| {
        let other = if p["guard"] == "etag" { "unguarded" } else { "etag" };
        p["guard"] = other.into();
    });
    if was_decided {
        for verdict in ["allow", "ask", "deny"] {
            claim(&format!("policy says {verdict}"), &|p| {
                p["decision"]["verdict"] = verdict.into();
            });
        }
        claim("other policies", &|p| p["decision"]["determining"] = json!(["nothing"]));
    }
}

pub(super) fn fields(sink: &mut Sink<'_>, sample: &Sample) {
    let keys = &sink.bench.keys;
    let lines = chain(&sample.files);
    let mut made: Vec<(String, Box<dyn Fn() -> Files + '_>)> = Vec::new();
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| !is_a_persons(line)) {
        for (pointer, mut changed) in leaves(&payload(line)) {
            if pointer.starts_with("/predicate") {
                about_itself(&mut changed);
            }
            let what = format!("{} {pointer}", kind(line));
            let forge = move || restated(&sample.files, n, &changed, &keys.receipt, &keys.log);
            made.push((what, Box::new(forge)));
        }
    }
    for (name, content) in &sample.files {
        let is_json = name.contains(".json") && name != RECEIPT && name != CHAIN;
        let Some(value) = is_json.then(|| serde_json::from_slice::<Value>(content).unwrap()) else {
            continue;
        };
        // If the action was approved, its bytes are left out here: an approval covers every byte of the action, and the
        // class `documents/approved` tests that.
        if name == ACTION && lines.iter().any(|line| kind(line) == "approval") {
            continue;
        }
        for (pointer, changed) in leaves(&value) {
            let bytes = canonical(&changed).unwrap();
            let forge = move || rehashed(&sample.files, name, &bytes, &keys.receipt, &keys.log);
            made.push((format!("{name} {pointer}"), Box::new(forge)));
        }
    }
    let count = made.len();
    for (what, forge) in made {
        if sink.picks(60, count) {
            sink.files(&word::pattern(sample.kind, &what), &forge());
        }
    }
}

pub(super) fn another_log(sink: &mut Sink<'_>, sample: &Sample) {
    let mut files = sample.files.clone();
    relog(&mut files, &sink.bench.keys.log);
    sink.files(&format!("{}: relogged", sample.kind), &files);
}

/// All variants of the value with one leaf changed, one member or element removed, or one element doubled. Each variant
/// is returned with the JSON pointer of its change.
pub(super) fn leaves(value: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for pointer in places(value, "") {
        let one = value.pointer(&pointer).unwrap();
        let mut changed = value.clone();
        *changed.pointer_mut(&pointer).unwrap() = other(one);
        if changed != *value {
            out.push((pointer.clone(), changed));
        }
        let Some((parent, key)) = pointer.rsplit_once('/') else { continue };
        let key = key.replace("~1", "/").replace("~0", "~");
        let mut gone = value.clone();
        match gone.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.remove(&key)),
            Value::Array(items) => {
                let at: usize = key.parse().unwrap();
                items.remove(at);
                let mut doubled = value.clone();
                let items = doubled.pointer_mut(parent).unwrap().as_array_mut().unwrap();
                items.insert(at, one.clone());
                out.push((format!("{pointer} doubled"), doubled));
            }
            _ => continue,
        }
        out.push((format!("{pointer} gone"), gone));
    }
    out
}

/// The pointers of all members and elements below a value.
pub(super) fn places(value: &Value, at: &str) -> Vec<String> {
    let mut out = if at.is_empty() { vec![] } else { vec![at.to_owned()] };
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                out.extend(places(below, &format!("{at}/{key}")));
            }
        }
        Value::Array(items) => {
            let below = items.iter().enumerate();
            out.extend(below.flat_map(|(n, below)| places(below, &format!("{at}/{n}"))));
        }
        _ => {}
    }
    out
}

/// Returns a different value of the same JSON type; objects and arrays are returned unchanged.
pub(super) fn other(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => (!truth).into(),
        Value::Number(number) => (number.as_i64().unwrap() + 1).into(),
        Value::String(text) => {
            let hex =
                text.len() >= 64 && text.bytes().rev().take(64).all(|b| b.is_ascii_hexdigit());
            match (hex, text.strip_suffix('0')) {
                (false, _) => format!("{text}x").into(),
                (true, Some(head)) => format!("{head}1").into(),
                (true, None) => format!("{}0", &text[..text.len() - 1]).into(),
            }
        }
        _ => value.clone(),
    }
}
