//! Plans that the contract does not allow, and attempts that do not follow their plan. Signatures, digests and summaries
//! fit. The forged bundles of the host have no approval, because an approval covers the plan.

use deed_record::bundle::{ACTION, EXCHANGES, Files, REHEARSAL, REQUEST};
use deed_record::exchange::Rendered;
use deed_record::plan::Plan;
use serde_json::{Value, from_value, json};

use super::{all, forge, part};
use crate::class::Sink;
use crate::classes::host::leaves;
use crate::forge::{Parts, chain, kind, payload, rebuilt, receipt_line, restated};
use crate::samples::Sample;

/// The writes of the plan; empty if the action was not rehearsed.
fn planned(sample: &Sample) -> Vec<Value> {
    let rehearsal = part(sample, REHEARSAL);
    rehearsal.pointer("/plan/writes").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn is_approved(sample: &Sample) -> bool {
    chain(&sample.files).iter().any(|line| kind(line) == "approval")
}

pub(crate) fn plans(sink: &mut Sink<'_>, sample: &Sample) {
    if planned(sample).is_empty() || is_approved(sample) {
        return;
    }
    let made = [plan_leaves(sample), computed(sample), lists(sample), sent(sample), asked(sample)];
    let made = made.concat();
    forge(sink, sample, made);
    let made = [unsent(sink, sample), rehearsed(sink, sample)].concat();
    all(sink, made);
}

/// A change of the writes of the plan and of the attempts.
type Change<'a> = &'a dyn Fn(&mut Vec<Value>);

/// The parts with this change of the plan and, separately, of the exchanges of each attempt.
fn changed(sample: &Sample, plan: Change<'_>, run: Change<'_>) -> Parts {
    let (mut rehearsal, mut attempts) = (part(sample, REHEARSAL), part(sample, EXCHANGES));
    plan(rehearsal.pointer_mut("/plan/writes").unwrap().as_array_mut().unwrap());
    for attempt in attempts.as_array_mut().unwrap() {
        run(attempt["exchanges"].as_array_mut().unwrap());
    }
    Parts::from([(REHEARSAL, rehearsal), (EXCHANGES, attempts)])
}

/// Every value of the plan, one at a time, if the result can still be read as a plan. The attempts stay as they are.
fn plan_leaves(sample: &Sample) -> Vec<(String, Parts)> {
    let rehearsal = part(sample, REHEARSAL);
    let plan = |(pointer, plan): (String, Value)| {
        let mut changed = rehearsal.clone();
        changed["plan"] = plan;
        (format!("plan{pointer}"), Parts::from([(REHEARSAL, changed)]))
    };
    let plans = leaves(&rehearsal["plan"]);
    let plans = plans.into_iter().filter(|(_, plan)| from_value::<Plan>(plan.clone()).is_ok());
    plans.map(plan).collect()
}

/// Values that do not satisfy the schema of their part, in the plan and in the attempts, which send the writes of the
/// plan in order.
fn computed(sample: &Sample) -> Vec<(String, Parts)> {
    let mut made = Vec::new();
    for (n, write) in planned(sample).iter().enumerate() {
        for place in write["request"]["any"].as_object().into_iter().flatten().map(|(at, _)| at) {
            let set = |request: &mut Value| {
                *request["body"].pointer_mut(place).unwrap() = json!({"undeclared": true});
            };
            let parts = changed(sample, &|writes| set(&mut writes[n]["request"]), &|run| {
                if let Some(one) = run.get_mut(n) {
                    set(&mut one["request"]);
                }
            });
            made.push((format!("write {n} with another value at {place}"), parts));
        }
    }
    made
}

/// Writes that are missing or doubled, and a write before the one whose answer it contains, in the plan and in the
/// attempts.
fn lists(sample: &Sample) -> Vec<(String, Parts)> {
    let mut made = Vec::new();
    for n in 0..planned(sample).len() {
        let cut = |list: &mut Vec<Value>| {
            if n < list.len() {
                list.remove(n);
            }
        };
        let double = |list: &mut Vec<Value>| {
            if n < list.len() {
                list.insert(n, list[n].clone());
            }
        };
        made.push((format!("write {n} in no place"), changed(sample, &cut, &cut)));
        made.push((format!("write {n} twice"), changed(sample, &double, &double)));
    }
    let swap = |list: &mut Vec<Value>| {
        if list.len() > 1 {
            list.swap(0, 1);
        }
    };
    made.push(("the first two writes exchanged".to_owned(), changed(sample, &swap, &swap)));
    made
}

/// Attempts that left out, repeated or exchanged writes of the plan, or that sent other values.
fn sent(sample: &Sample) -> Vec<(String, Parts)> {
    let none: Change<'_> = &|_| ();
    let mut made = Vec::new();
    for n in 0..planned(sample).len() {
        made.push((
            format!("write {n} not sent"),
            changed(sample, none, &|run| {
                run.retain(|one| one["request"] != at(&run_of(sample), n));
            }),
        ));
        made.push((
            format!("write {n} sent twice"),
            changed(sample, none, &|run| {
                if n < run.len() {
                    run.insert(n, run[n].clone());
                }
            }),
        ));
        made.push((
            format!("write {n} sent after the next one"),
            changed(sample, none, &|run| {
                if n + 1 < run.len() {
                    run.swap(n, n + 1);
                }
            }),
        ));
    }
    made.extend(sent_leaves(sample));
    made
}

/// The exchanges of the last attempt.
fn run_of(sample: &Sample) -> Value {
    let attempts = part(sample, EXCHANGES);
    let last = attempts.as_array().and_then(|all| all.last()).cloned();
    last.map(|attempt| attempt["exchanges"].clone()).unwrap_or_default()
}

/// The request of the exchange at a position.
fn at(run: &Value, n: usize) -> Value {
    run.get(n).map(|one| one["request"].clone()).unwrap_or_default()
}

/// Every value of the requests of the last attempt, one at a time.
fn sent_leaves(sample: &Sample) -> Vec<(String, Parts)> {
    let attempts = part(sample, EXCHANGES);
    let Some(last) = attempts.as_array().and_then(|all| all.len().checked_sub(1)) else {
        return vec![];
    };
    let mut made = Vec::new();
    let count = attempts[last]["exchanges"].as_array().unwrap().len();
    for n in 0..count {
        for (pointer, request) in leaves(&attempts[last]["exchanges"][n]["request"]) {
            // Only a request that can be read can be summarized.
            if from_value::<Rendered>(request.clone()).is_err() {
                continue;
            }
            let mut changed = attempts.clone();
            changed[last]["exchanges"][n]["request"] = request;
            made.push((format!("sent write {n}{pointer}"), Parts::from([(EXCHANGES, changed)])));
        }
    }
    made
}

/// Questions to policy without the state, without the plan, and without both. The question about an action that was
/// denied before it was observed has neither.
fn asked(sample: &Sample) -> Vec<(String, Parts)> {
    let request = part(sample, REQUEST);
    let without = |names: &[&str]| {
        let mut request = request.clone();
        let context = request["context"].as_object_mut().unwrap();
        for name in names {
            context.remove(*name);
        }
        (format!("policy asked without {}", names.join(" and ")), Parts::from([(REQUEST, request)]))
    };
    vec![without(&["pre"]), without(&["plan"]), without(&["pre", "plan"])]
}

/// Other lists of unsent writes in the receipt.
fn unsent(sink: &Sink<'_>, sample: &Sample) -> Vec<(String, Files)> {
    let keys = &sink.bench.keys;
    let lines = chain(&sample.files);
    let n = receipt_line(&lines);
    let right = payload(&lines[n]);
    let list = right["predicate"].get("unsent").cloned().unwrap_or_else(|| json!([]));
    let first = &planned(sample)[0]["request"];
    let mut more = list.clone();
    let one =
        json!({"write": 1, "method": first["method"], "path": first["path"], "optional": false});
    more.as_array_mut().unwrap().insert(0, one);
    let lists = leaves(&list).into_iter().chain([(" with another write".to_owned(), more)]);
    let made = lists.map(|(what, list)| {
        let mut statement = right.clone();
        statement["predicate"]["unsent"] = list;
        let files = restated(&sample.files, n, &statement, &keys.receipt, &keys.log);
        (format!("{}: unsent{what}", sample.kind), files)
    });
    made.collect()
}

/// An action that ran, said to be a dry run. A dry run said to be another action.
fn rehearsed(sink: &Sink<'_>, sample: &Sample) -> Vec<(String, Files)> {
    let keys = &sink.bench.keys;
    let mut action = part(sample, ACTION);
    let is_dry = action["dry_run"] == true;
    let members = action.as_object_mut().unwrap();
    if is_dry {
        members.remove("dry_run");
    } else {
        members.insert("dry_run".to_owned(), json!(true));
    }
    let other = rebuilt(&sample.files, &Parts::from([(ACTION, action)]), keys);
    let lines = chain(&other);
    let n = receipt_line(&lines);
    let mut statement = payload(&lines[n]);
    statement["predicate"]["outcome"] = json!("rehearsed");
    let claimed = restated(&other, n, &statement, &keys.receipt, &keys.log);
    vec![
        (format!("{}: another `dry_run`", sample.kind), other),
        (format!("{}: `rehearsed` with another `dry_run`", sample.kind), claimed),
    ]
}
