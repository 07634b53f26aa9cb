//! Contracts that lack what the requests and the outcome rest on. The forged bundles have no approval, because an
//! approval covers the contract.

use deed_record::bundle::{CONTRACT, EXCHANGES, GRANT, LATER, POST, PRE};
use serde_json::{Value, json};

use super::{LOOKS, forge, is_two, part, ran_as_two};
use crate::class::Sink;
use crate::forge::{Parts, chain, kind};
use crate::samples::Sample;

/// Members of a rule that its rendered request contains, too.
const MEMBERS: [&str; 9] = [
    "absent",
    "accepted",
    "codec",
    "created",
    "guard",
    "optional",
    "refused_when",
    "throttled",
    "where",
];

/// Contracts without one member of a rule: only the contract, the contract and the grant, or both and all requests.
pub(crate) fn contracts(sink: &mut Sink<'_>, sample: &Sample) {
    let is_approved = chain(&sample.files).iter().any(|line| kind(line) == "approval");
    if !ran_as_two(sample) || is_approved {
        return;
    }
    let contract = part(sample, CONTRACT);
    let mut made = Vec::new();
    for (run, n, rule) in rules(&contract) {
        for member in MEMBERS.into_iter().filter(|member| rule.get(*member).is_some()) {
            let what = format!("{run} rule {n} without `{member}`");
            let mut lacking = contract.clone();
            remove(&mut lacking[run]["http"][n], member);
            if member == "where" {
                // A contract with `complete` and without `where` is not valid.
                remove(&mut lacking[run]["http"][n], "complete");
            }
            let mut parts = Parts::from([(CONTRACT, lacking)]);
            made.push((format!("{what} in the contract"), parts.clone()));
            let rule = granted(sample, &contract, run, n);
            parts.insert(GRANT, without(part(sample, GRANT), &rule, member));
            made.push((format!("{what} in contract and grant"), parts.clone()));
            if decides(sample, run, member) {
                for name in [PRE, POST, LATER, EXCHANGES] {
                    if sample.files.contains_key(name) {
                        parts.insert(name, without(part(sample, name), &rule, member));
                    }
                }
                made.push((format!("{what} anywhere"), parts));
            }
        }
    }
    forge(sink, sample, made);
}

/// Each rule with its table and its position.
fn rules(contract: &Value) -> Vec<(&'static str, usize, &Value)> {
    let of = |run: &'static str| {
        let rules = contract[run]["http"].as_array().into_iter().flatten().enumerate();
        rules.map(move |(n, rule)| (run, n, rule))
    };
    of("observe").chain(of("perform")).collect()
}

/// The rendered request of a rule. The contracts have one upstream, whose binding lists the requests in the order of
/// the rules.
fn granted(sample: &Sample, contract: &Value, run: &str, n: usize) -> Value {
    let before = if run == "perform" {
        contract["observe"]["http"].as_array().map_or(0, Vec::len)
    } else {
        0
    };
    let upstream = contract[run]["http"][n]["upstream"].as_str().unwrap();
    part(sample, GRANT)["upstreams"][upstream]["rules"][before + n].clone()
}

/// Whether the outcome could not be the same without this member: the state would be another one, a throttled answer
/// would be a refusal, or a refusal would be a success.
fn decides(sample: &Sample, run: &str, member: &str) -> bool {
    match member {
        "where" => true,
        "throttled" => sample.kind == "refunded",
        "refused_when" => run == "perform" && sample.kind == "declined",
        _ => false,
    }
}

fn remove(object: &mut Value, member: &str) {
    object.as_object_mut().unwrap().remove(member);
}

/// Removes a member from every copy of this request.
fn without(mut value: Value, request: &Value, member: &str) -> Value {
    if value == *request {
        remove(&mut value, member);
        return value;
    }
    let below = |value: Value| without(value, request, member);
    match value {
        Value::Array(items) => items.into_iter().map(below).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, below(value))).collect(),
        other => other,
    }
}

/// Searches without `reads`, searches that write or have another method, and other queries.
pub(crate) fn searches(sink: &mut Sink<'_>, sample: &Sample) {
    if !is_two(sample) {
        return;
    }
    let contract = part(sample, CONTRACT);
    let mut made = Vec::new();
    for (run, n, rule) in rules(&contract) {
        if rule.get("reads").is_some() {
            let mut lacking = contract.clone();
            remove(&mut lacking[run]["http"][n], "reads");
            made.push(("a search without `reads`".to_owned(), Parts::from([(CONTRACT, lacking)])));
        }
    }
    for name in LOOKS {
        let look = part(sample, name);
        for (n, exchange) in look["exchanges"].as_array().into_iter().flatten().enumerate() {
            if exchange["request"]["method"] != "POST" {
                continue;
            }
            for (member, value) in [
                ("writes", json!(true)),
                ("method", json!("PUT")),
                ("body", json!({"query": "mutation { close }"})),
            ] {
                let mut look = look.clone();
                look["exchanges"][n]["request"][member] = value;
                made.push((
                    format!("{name} search with another {member}"),
                    Parts::from([(name, look)]),
                ));
            }
        }
    }
    forge(sink, sample, made);
}
