//! Answers that do not give the recorded states, paths and meanings.

use deed_record::bundle::{CONTRACT, EXCHANGES, GRANT};
use serde_json::{Value, json};

use super::{LOOKS, all, forge, is_two, part, ran_as_two};
use crate::class::Sink;
use crate::classes::host::other;
use crate::forge::{Parts, chain, payload, receipt_line, restated};
use crate::samples::Sample;

/// The exchanges of an observation or of an attempt.
fn exchanges(value: &Value) -> &[Value] {
    value["exchanges"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Answers from which the recorded state does not follow.
pub(crate) fn answers(sink: &mut Sink<'_>, sample: &Sample) {
    if !ran_as_two(sample) {
        return;
    }
    let sources = sources(sample);
    let mut made = Vec::new();
    for name in LOOKS {
        let look = part(sample, name);
        for (n, exchange) in exchanges(&look).iter().enumerate() {
            if !sources.iter().any(|rule| is_of(&exchange["request"], rule)) {
                continue;
            }
            let mut with = |what: &str, edit: &dyn Fn(&mut Value)| {
                let mut look = look.clone();
                edit(&mut look["exchanges"]);
                made.push((format!("{name} exchange {n} {what}"), Parts::from([(name, look)])));
            };
            with("left out", &|all| drop(all.as_array_mut().unwrap().remove(n)));
            with("with status 500", &|all| all[n]["fate"] = json!({"answered": {"status": 500}}));
            if exchange["fate"]["answered"]["status"] == 200 {
                with("without an answer", &|all| {
                    drop(all[n].as_object_mut().unwrap().remove("response"));
                });
                with("with an empty answer", &|all| all[n]["response"] = json!({}));
            }
        }
    }
    forge(sink, sample, made);
}

/// The rendered rules from whose answers states are read.
fn sources(sample: &Sample) -> Vec<Value> {
    let contract = part(sample, CONTRACT);
    let shapes = contract["state"].as_object().unwrap().values();
    let from: Vec<&Value> = shapes
        .flat_map(|shape| match &shape["from"] {
            Value::Array(pages) => pages.iter().collect::<Vec<_>>(),
            one => vec![one],
        })
        .collect();
    let rules = contract["observe"]["http"].as_array().unwrap();
    let grant = part(sample, GRANT);
    let rendered = |(n, rule): (usize, &Value)| {
        let upstream = rule["upstream"].as_str().unwrap();
        from.contains(&&rule["request"]).then(|| grant["upstreams"][upstream]["rules"][n].clone())
    };
    rules.iter().enumerate().filter_map(rendered).collect()
}

/// Whether a request was sent from this rule, possibly with a value of an answer in its path.
fn is_of(request: &Value, rule: &Value) -> bool {
    let mut filled = rule.clone();
    if rule["path"].as_str().unwrap().contains('{') {
        filled["path"] = request["path"].clone();
    }
    filled == *request
}

/// The values of `meaning`; without a value, the status alone gives the meaning. The first value can be excluded without
/// an evaluation of `refused_when`, so that a verifier without CEL detects the first mutation, which is the test vector.
const MEANINGS: [Option<&str>; 5] =
    [Some("accepted"), Some("open"), Some("done"), Some("refused"), None];

/// Other meanings of an answer than those that the contract gives it, in the receipt.
pub(crate) fn meanings(sink: &mut Sink<'_>, sample: &Sample) {
    if !is_two(sample) {
        return;
    }
    let keys = &sink.bench.keys;
    let lines = chain(&sample.files);
    let receipt = receipt_line(&lines);
    let right = payload(&lines[receipt]);
    let mut made = Vec::new();
    for (n, attempt) in right["predicate"]["attempts"].as_array().unwrap().iter().enumerate() {
        for (m, exchange) in exchanges(attempt).iter().enumerate() {
            for meaning in MEANINGS {
                if exchange.get("meaning").and_then(Value::as_str) == meaning {
                    continue;
                }
                let mut statement = right.clone();
                let changed = &mut statement["predicate"]["attempts"][n]["exchanges"][m];
                match meaning {
                    Some(meaning) => changed["meaning"] = meaning.into(),
                    None => drop(changed.as_object_mut().unwrap().remove("meaning")),
                }
                let files = restated(&sample.files, receipt, &statement, &keys.receipt, &keys.log);
                let what = meaning.unwrap_or("nothing");
                made.push((format!("{}: write {n}.{m} means {what}", sample.kind), files));
            }
        }
    }
    all(sink, made);
}

/// Paths that do not contain the value of the answer, and answers that do not have the value of the path.
pub(crate) fn paths(sink: &mut Sink<'_>, sample: &Sample) {
    if !ran_as_two(sample) {
        return;
    }
    let mut made = Vec::new();
    let late: Vec<Value> = sources(sample)
        .into_iter()
        .filter(|rule| rule["path"].as_str().unwrap().contains('{'))
        .collect();
    for name in LOOKS {
        let look = part(sample, name);
        for (n, exchange) in exchanges(&look).iter().enumerate() {
            if late.iter().any(|rule| is_of(&exchange["request"], rule)) {
                let mut look = look.clone();
                let path = format!("{}0", exchange["request"]["path"].as_str().unwrap());
                look["exchanges"][n]["request"]["path"] = path.into();
                made.push((format!("{name} has another path"), Parts::from([(name, look)])));
            }
        }
    }
    if !late.is_empty() {
        made.extend(told(sample));
    }
    forge(sink, sample, made);
}

/// Other values in the answers to the named writes: another location, or another member that the contract names.
fn told(sample: &Sample) -> Vec<(String, Parts)> {
    let contract = part(sample, CONTRACT);
    let rules = contract["perform"]["http"].as_array().unwrap();
    let members: Vec<&String> = rules
        .iter()
        .filter_map(|rule| rule["answer"].as_object())
        .flat_map(serde_json::Map::keys)
        .collect();
    let attempts = part(sample, EXCHANGES);
    let mut made = Vec::new();
    for (n, attempt) in attempts.as_array().unwrap().iter().enumerate() {
        for (m, exchange) in exchanges(attempt).iter().enumerate() {
            let places = members.iter().map(|member| format!("/response/{member}"));
            for place in places.chain(["/headers/location".to_owned()]) {
                let Some(value) = exchange.pointer(&place).map(number_or_text) else { continue };
                let mut changed = attempts.clone();
                *changed[n]["exchanges"][m].pointer_mut(&place).unwrap() = value;
                made.push((format!("another {place}"), Parts::from([(EXCHANGES, changed)])));
            }
        }
    }
    made
}

/// Another value that still has the form of an id or of a location.
fn number_or_text(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => format!("{text}0").into(),
        None => other(value),
    }
}
